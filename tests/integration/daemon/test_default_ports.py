"""The default ports, beside FreePBX's FastAGI server (4573) and systemd-journal-gatewayd (19531)."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest

from cc_bridge.config import Config

FREEPBX, GATEWAYD = 4573, 19531
AGI, HTTP = Config().agi.port, Config().http.port
PROGRAM = Path(sys.executable).with_name("cc-bridge")
SECONDS = 30


class FastAgi(StreamRequestHandler):
    """Says one AGI command after the environment, as any FastAGI server."""

    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"VERBOSE FreePBX 1\n")
        self.rfile.readline()


class Journal(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"gatewayd")

    def log_message(self, *_):
        pass


@contextmanager
def listening(server, port, handler):
    """Listen on a port, or leave it to whoever already does; yield whether it is ours."""
    server.allow_reuse_address = True
    try:
        peer = server(("127.0.0.1", port), handler)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        yield False
        return
    threading.Thread(target=peer.serve_forever, daemon=True).start()
    yield True
    peer.shutdown()
    peer.server_close()


@pytest.fixture
def neighbours():
    """Have both neighbours listen; yield by port whether it is ours."""
    with (
        listening(ThreadingTCPServer, FREEPBX, FastAgi) as agi,
        listening(ThreadingHTTPServer, GATEWAYD, Journal) as http,
    ):
        yield {FREEPBX: agi, GATEWAYD: http}


@pytest.fixture
def daemon(neighbours, tmp_path):  # noqa: ARG001 - they listen first
    """Run a daemon that is told no port of its own."""
    for port in (AGI, HTTP):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                pytest.fail(f"this test needs the default port {port}, but another program has it: {error}")
    config = tmp_path / "cc-bridge.toml"
    config.write_text(
        f"""
        ami = {{ port = 1, secret = "word" }}
        storage = {{ url = "sqlite:///{tmp_path}/calls.sqlite", journal_file = "{tmp_path}/journal.sqlite" }}
        """
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CC_BRIDGE_")}
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(
            [PROGRAM, "run", "--config", config], stdout=log, stderr=log, env=environment
        )
    end = time.monotonic() + SECONDS
    while running.poll() is None and time.monotonic() < end:
        with suppress(OSError):
            get(HTTP, "/healthz")
            break
        time.sleep(0.1)
    else:
        running.kill()
        pytest.fail(f"the daemon did not start: {(tmp_path / 'log').read_text()}")
    yield running
    running.send_signal(signal.SIGTERM)
    assert running.wait(SECONDS) == 0


def get(port, path):
    """Return status and page."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECONDS) as page:
            return page.status, page.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def agi_command(port, script):
    """Return the first command of a FastAGI server."""
    environment = {
        "network": "yes",
        "network_script": script,
        "request": f"agi://127.0.0.1:{port}/{script}",
        "channel": "PJSIP/1-00000001",
        "uniqueid": "1700000000.1",
        "callerid": "0912",
        "arg_1": "queue",
        "arg_2": "sales",
    }
    lines = "".join(f"agi_{name}: {value}\n" for name, value in environment.items())
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.sendall(f"{lines}\n".encode())
        command = connection.makefile("rb").readline()
        connection.sendall(b"200 result=1\n")
    return command


def test_a_daemon_with_default_ports_runs_beside_its_neighbours(daemon, neighbours):
    assert (AGI, HTTP) == (14573, 14574)
    assert get(HTTP, "/healthz")[0] == 200
    assert json.loads(get(HTTP, "/readyz")[1])["checks"].keys() >= {"ami", "surveys"}
    assert agi_command(AGI, "survey").startswith(b"GET FULL VARIABLE ")
    for port, ours in neighbours.items():
        socket.create_connection(("127.0.0.1", port), SECONDS).close()
        if ours:
            answer = get(port, "/")[1] if port == GATEWAYD else agi_command(port, "freepbx")
            assert answer in {b"gatewayd", b"VERBOSE FreePBX 1\n"}
    assert daemon.poll() is None


@pytest.mark.usefixtures("neighbours")
@pytest.mark.parametrize("option", ["agi", "http"])
def test_a_daemon_told_a_neighbours_port_does_not_start(tmp_path, option):
    port = FREEPBX if option == "agi" else GATEWAYD
    variables = {
        f"CC_BRIDGE_{option.upper()}__PORT": str(port),
        f"CC_BRIDGE_{'HTTP' if option == 'agi' else 'AGI'}__PORT": "0",
        "CC_BRIDGE_AMI__SECRET": "word",
        "CC_BRIDGE_STORAGE__URL": f"sqlite:///{tmp_path}/calls.sqlite",
        "CC_BRIDGE_STORAGE__JOURNAL_FILE": f"{tmp_path}/journal.sqlite",
    }
    done = subprocess.run(
        [PROGRAM, "run"], env=os.environ | variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert str(port) in done.stderr
