"""The doctor's test of CCB_AGI by a nonce: this daemon, another daemon, FreePBX's server, or no server."""

import socket
import threading
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from cc_bridge.agi.doctor_script import DoctorScript
from cc_bridge.agi.server import AgiLimits, FastAgiFactory
from cc_bridge.config import Config
from cc_bridge.daemon.process.port_holder import PortHolder
from cc_bridge.doctor import agi_server
from cc_bridge.doctor.check_result import CheckStatus
from support.reactor_loop import result_of

NODE = "node /var/www/html/admin/modules/core/node/fastagi-server.js"


class Complaining(StreamRequestHandler):
    """A FastAGI server that answers as FreePBX's does for an unknown script."""

    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b'VERBOSE "doctor: no such script" 1\n')
        self.rfile.readline()


class Repeating(StreamRequestHandler):
    """A server that sends back each line that it receives."""

    def handle(self):
        for line in iter(self.rfile.readline, b"\n"):
            self.wfile.write(line)


class Silent(StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass


@contextmanager
def foreign(handler):
    with ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@contextmanager
def ours(pbx, callers=100, secret=""):
    limits = AgiLimits(callers=callers, secret=secret)
    factory = FastAgiFactory(DoctorScript(pbx).run, limits, reactor, {"doctor"})
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    yield port.getHost().port
    result_of(port.stopListening())
    result_of(deferToThread(lambda: None))


def check_result(ccb_agi, holder=None, **sections):
    """Return the only result of the check, which runs in a thread while the reactor runs."""
    config = Config(**sections)
    checking = deferToThread(lambda: list(agi_server.check(config, ccb_agi, holder_of=lambda _port: holder)))
    (found,) = result_of(checking, 20)
    assert found.name == "dialplan.CCB_AGI"
    return found


def test_this_daemon_answers_wherever_the_configuration_says_it_listens():
    with ours("north") as port:
        found = check_result(f"127.0.0.1:{port}", pbx={"name": "north"}, agi={"port": 9})
    assert (found.level, found.seen) == (CheckStatus.OK, f"127.0.0.1:{port}: this daemon answers")


def test_the_daemon_of_another_pbx():
    with ours("south") as port:
        found = check_result(f"127.0.0.1:{port}", pbx={"name": "north"}, agi={"port": port})
    assert found.level is CheckStatus.FAIL
    assert "the cc_bridge of another PBX answers, 'south'" in found.seen


def test_freepbxs_server_at_the_very_port_of_the_configuration():
    with foreign(Complaining) as port:
        holder = PortHolder(4573, "asterisk", 12, NODE)
        found = check_result(f"127.0.0.1:{port}", holder, agi={"port": port})
    assert found.level is CheckStatus.FAIL
    assert f"FreePBX's FastAGI server core-fastagi `{NODE}` (process 12, user asterisk) answers" in found.seen
    assert "globals_custom.conf" in found.advice


@pytest.mark.parametrize("handler", [Complaining, Repeating, Silent])
def test_any_other_program(handler):
    with foreign(handler) as port:
        found = check_result(f"127.0.0.1:{port}", agi={"port": port})
    assert found.level is CheckStatus.FAIL
    assert found.seen == f"127.0.0.1:{port}: another program answers, not cc_bridge"


def test_a_cc_bridge_that_has_no_room_or_is_older():
    with ours("north", callers=0) as port:
        holder = PortHolder(port, "cc-bridge", 12, "/opt/cc-bridge/bin/cc-bridge run")
        found = check_result(f"127.0.0.1:{port}", holder, pbx={"name": "north"})
    assert found.level is CheckStatus.WARN
    assert "does not identify itself" in found.seen
    assert "restart cc-bridge" in found.advice


def test_where_no_program_answers_the_addresses_are_compared():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert check_result(f"127.0.0.1:{port}", agi={"port": port}).level is CheckStatus.OK
    assert check_result(f"127.0.0.1:{port}").level is CheckStatus.FAIL


def test_loopback_of_another_machine_is_not_asked():
    with ours("pbx") as port:
        found = check_result(f"127.0.0.1:{port}", agi={"port": port}, ami={"host": "10.0.0.9"})
    assert found.level is CheckStatus.FAIL
    assert "is the PBX itself" in found.seen


def test_what_nobody_sees_or_needs():
    assert check_result(None).level is CheckStatus.SKIP
    assert list(agi_server.check(Config(survey={"enabled": False}), "")) == []


def test_the_doctor_knows_the_secret():
    secret = "0123456789abcdef"
    with ours("north", secret=secret) as port:
        north = {"pbx": {"name": "north"}}
        found = check_result(f"127.0.0.1:{port}", agi={"secret": secret}, **north)
        assert (found.level, found.seen) == (CheckStatus.OK, f"127.0.0.1:{port}: this daemon answers")
        assert check_result(f"127.0.0.1:{port}", **north).level is CheckStatus.FAIL


@pytest.mark.parametrize(
    ("secret", "host", "sent", "level", "seen"),
    [
        ("0123456789abcdef", "127.0.0.1", "0123456789abcdef", CheckStatus.OK, "the secret of agi.secret"),
        ("0123456789abcdef", "127.0.0.1", "0123456789abcdee", CheckStatus.FAIL, "another secret"),
        ("0123456789abcdef", "127.0.0.1", "", CheckStatus.FAIL, "not set, but agi.secret is"),
        ("0123456789abcdef", "127.0.0.1", None, CheckStatus.SKIP, "not visible"),
        ("", "127.0.0.1", "0123456789abcdef", CheckStatus.WARN, "set, but agi.secret is not"),
        (
            "",
            "10.0.0.8",
            "",
            CheckStatus.WARN,
            "no secret: a program that reaches 10.0.0.8:14573",
        ),
        ("", "10.0.0.8", None, CheckStatus.WARN, "no secret"),
    ],
)
def test_the_dialplans_secret_is_compared(secret, host, sent, level, seen):
    (found,) = agi_server.check_secret(Config(agi={"secret": secret, "host": host}), sent)
    assert (found.name, found.level) == ("dialplan.CCB_AGI_SECRET", level)
    assert seen in found.seen
    assert "0123456789" not in f"{found.seen} {found.advice}"


def test_where_no_secret_is_needed_none_is_missed():
    assert list(agi_server.check_secret(Config(), "")) == []
