"""The daemon's messages to systemd, received by a socket of the test."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import globalLogPublisher

from cc_bridge.daemon import main
from cc_bridge.daemon.process.sd_notify import SdNotify
from pbx.asterisk import free_port

DEADLINE = 60.0


class Systemd:
    """A socket in place of systemd's, which receives messages as mappings."""

    def __init__(self, address):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(DEADLINE)
        self.name = f"@{address[1:]}" if address.startswith("\0") else address

    def hears(self):
        return dict(line.split("=", 1) for line in self._socket.recv(4096).decode().split("\n"))

    def hears_next(self, key):
        """Return the next message except watchdog signals. It must have this key."""
        while (message := self.hears()) == {"WATCHDOG": "1"}:
            pass
        assert key in message, message
        return message

    def silent_for(self, seconds):
        self._socket.settimeout(seconds)
        try:
            return not self._socket.recv(4096)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(DEADLINE)

    def close(self):
        self._socket.close()


@pytest.fixture(params=["file", "abstract"])
def systemd(request, tmp_path):
    address = str(tmp_path / "notify@1") if request.param == "file" else f"\0{tmp_path}"
    with contextlib.closing(Systemd(address)) as found:
        yield found


def test_what_it_says(systemd):
    notify = SdNotify({"NOTIFY_SOCKET": systemd.name})
    notify.ready("pages on 127.0.0.1:1")
    assert systemd.hears() == {"READY": "1", "STATUS": "pages on 127.0.0.1:1"}
    before = time.monotonic_ns() // 1000
    notify.reloading()
    told = systemd.hears()
    assert told.keys() == {"RELOADING", "MONOTONIC_USEC"}
    assert before <= int(told["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    notify.alive()
    assert systemd.hears() == {"WATCHDOG": "1"}
    notify.stopping()
    assert systemd.hears() == {"STOPPING": "1"}


def test_the_watchdog_watches_the_process_that_it_names():
    assert SdNotify({"WATCHDOG_USEC": "30000000"}).watchdog_seconds == 30
    assert SdNotify({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}).watchdog_seconds == 30
    assert SdNotify({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}).watchdog_seconds == 0
    assert SdNotify({}).watchdog_seconds == 0


def test_without_systemd_it_says_nothing_and_nothing_goes_wrong():
    told = []
    globalLogPublisher.addObserver(told.append)
    try:
        SdNotify({}).ready("")
        assert told == []
        SdNotify({"NOTIFY_SOCKET": "/no/such/socket"}).ready("")
    finally:
        globalLogPublisher.removeObserver(told.append)
    assert [event["message"] for event in told] == ["READY=1\nSTATUS="]


def test_when_a_part_has_ended_there_is_no_sign_of_life(systemd, monkeypatch):
    reactor = MemoryReactorClock()
    monkeypatch.setattr(main, "reactor", reactor)
    parts = {"writer": ""}
    environment = {"NOTIFY_SOCKET": systemd.name, "WATCHDOG_USEC": "10000000"}
    main._notify_systemd(SdNotify(environment), "", lambda: parts)
    assert systemd.hears() == {"WATCHDOG": "1"}
    reactor.advance(5)
    assert systemd.hears() == {"WATCHDOG": "1"}
    parts["writer"] = "the storage writer has ended"
    reactor.advance(50)
    assert systemd.silent_for(0.01)


# The daemon itself, as systemd would run it

HANG = """
import threading
from cc_bridge.daemon import main as daemon
from cc_bridge.cli import main
def hung_here():
    threading.Event().wait()
daemon.reactor.callWhenRunning(daemon.reactor.callLater, 1, hung_here)
main()
"""


@pytest.fixture
def started(systemd, tmp_path):
    """Yield a function that starts the daemon under `systemd`, with a watchdog in seconds.

    The daemon ends with the test.
    """
    with contextlib.ExitStack() as ending:

        def start(*arguments, watchdog=0.0):
            environment = os.environ | {
                "NOTIFY_SOCKET": systemd.name,
                "CC_BRIDGE_AMI__SECRET": "word",
                "CC_BRIDGE_AMI__PORT": str(free_port(socket.SOCK_STREAM)),  # a closed port
                "CC_BRIDGE_HTTP__PORT": "0",
                "CC_BRIDGE_AGI__PORT": "0",
                "CC_BRIDGE_STORAGE__URL": f"sqlite:///{tmp_path}/calls.sqlite",
            }
            if watchdog:
                environment["WATCHDOG_USEC"] = str(round(watchdog * 1e6))
            log = ending.enter_context((tmp_path / "log").open("wb"))
            config = tmp_path / "cc-bridge.toml"
            config.write_text('[log]\nlevel = "info"\n')
            command = [sys.executable, *arguments, "run", "--config", str(config)]
            main = ending.enter_context(subprocess.Popen(command, env=environment, stderr=log))
            ending.callback(main.kill)
            return main

        yield start


def test_the_daemon_tells_its_life(systemd, started, tmp_path):
    main = started("-m", "cc_bridge", watchdog=0.5)
    ready = systemd.hears_next("READY")
    assert re.fullmatch(r"pages on 127\.0\.0\.1:\d+, surveys on 127\.0\.0\.1:\d+", ready["STATUS"])
    assert systemd.hears() == systemd.hears() == {"WATCHDOG": "1"}

    main.send_signal(signal.SIGHUP)
    systemd.hears_next("RELOADING")
    assert systemd.hears_next("READY") == ready

    (tmp_path / "cc-bridge.toml").write_text('[pbx]\nname = "a b"\n[log]\nlevel = "loud"\n')
    main.send_signal(signal.SIGHUP)
    systemd.hears_next("RELOADING")
    assert systemd.hears_next("READY") == ready

    main.terminate()
    systemd.hears_next("STOPPING")
    assert main.wait(DEADLINE) == 0
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    refused = [line["message"].partition(": ")[2] for line in lines if line["level"] == "error"]
    assert [fault.partition(" = ")[0] for fault in refused] == ["pbx.name", "log.level"]


def test_a_hung_daemon_falls_silent_and_shows_where_it_hung(systemd, started, tmp_path):
    main = started("-c", HANG, watchdog=0.5)
    systemd.hears_next("READY")
    while not systemd.silent_for(1.0):  # twice the watchdog's time
        pass
    main.send_signal(signal.SIGABRT)  # systemd's reaction
    assert main.wait(DEADLINE) == -signal.SIGABRT
    assert "in hung_here" in (tmp_path / "log").read_text()
