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
from cc_bridge.daemon.process.port_holder import PortHolder
from cc_bridge.doctor import daemon as doctor
from cc_bridge.doctor.check_result import CheckStatus
from cc_bridge.setup.pbx_kind import PbxKind

FREEPBX, GATEWAYD = 4573, 19531
AGI, HTTP = Config().agi.port, Config().http.port
PROGRAM = Path(sys.executable).with_name("cc-bridge")
SECONDS = 30


class FastAgi(StreamRequestHandler):
    """A FastAGI server that reads the environment and sends one AGI command."""

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
    """Listen on a port and yield True. If another program already has the port, yield False."""
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
    """Run both other servers. Yield, by port, whether the server on it is the test's own."""
    with (
        listening(ThreadingTCPServer, FREEPBX, FastAgi) as agi,
        listening(ThreadingHTTPServer, GATEWAYD, Journal) as http,
    ):
        yield {FREEPBX: agi, GATEWAYD: http}


@pytest.fixture
def daemon(neighbours, tmp_path):  # noqa: ARG001 - they listen first
    """Run a daemon with its default ports."""
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
    """Return the status and the body of a page."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECONDS) as page:
            return page.status, page.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def agi_command(port, script):
    """Return the first command that a FastAGI server sends to a script's caller."""
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
    assert done.returncode == 1
    told = done.stderr.splitlines()[-1]
    assert told.startswith(f"Error: cannot listen on 127.0.0.1:{port}, where ")
    assert f"(process {os.getpid()}, user " in told
    assert told.endswith(f"set another {option}.port")


SERVER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def freepbx(tmp_path):
    """Run a program that /proc shows as FreePBX's FastAGI server; yield its port."""
    script = tmp_path / "modules/core/node/fastagi-server.js"
    script.parent.mkdir(parents=True)
    script.write_text(SERVER)
    with subprocess.Popen(
        ["node", script],
        executable=os.path.realpath(sys.executable),
        env=os.environ | {"PYTHONHOME": sys.base_prefix},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        yield int(server.stdout.readline())
        server.stdin.close()


def test_a_daemon_names_freepbxs_server_where_it_cannot_listen(freepbx, tmp_path):
    variables = {
        "CC_BRIDGE_AGI__PORT": str(freepbx),
        "CC_BRIDGE_HTTP__PORT": "0",
        "CC_BRIDGE_AMI__SECRET": "word",
        "CC_BRIDGE_STORAGE__URL": f"sqlite:///{tmp_path}/calls.sqlite",
        "CC_BRIDGE_STORAGE__JOURNAL_FILE": f"{tmp_path}/journal.sqlite",
    }
    done = subprocess.run(
        [PROGRAM, "run"], env=os.environ | variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    told = done.stderr.splitlines()[-1]
    assert f"127.0.0.1:{freepbx}, where FreePBX's FastAGI server core-fastagi `node " in told
    assert told.endswith("set another agi.port")
    config = Config(agi={"port": freepbx}, http={"port": HTTP})
    (found,) = [each for each in doctor.check(config) if each.name == "agi.port"]
    assert found.level is CheckStatus.FAIL
    assert "another program listens on" in found.seen
    assert "core-fastagi" in found.seen
    assert "agi.port = 14573" in found.advice


@pytest.mark.parametrize("marked", [True, False])
def test_the_doctor_knows_whose_port_it_is_though_we_came_first(monkeypatch, marked):
    kind = PbxKind.FREEPBX if marked else PbxKind.ASTERISK
    monkeypatch.setattr(doctor, "pbx_kind", lambda: kind)
    monkeypatch.setattr(doctor, "port_holder", lambda _port: None)
    monkeypatch.setattr(doctor, "is_listening", lambda _port: True)
    fault = "another program's AGI calls reach cc-bridge (dialparties.agi)"
    ready = json.dumps({"checks": {"ami": "ok", "agi": fault}})
    monkeypatch.setattr(doctor, "_get", lambda _http, _path: (503, ready))
    findings = {each.name: each for each in doctor.check(Config(agi={"port": FREEPBX}))}
    assert findings["daemon"].level is CheckStatus.FAIL
    assert "these are calls for FreePBX's own FastAGI server core-fastagi" in findings["daemon"].seen
    assert findings["agi.port"].level is (CheckStatus.FAIL if marked else CheckStatus.OK)


def test_the_doctor_knows_freepbxs_server_beside_a_daemon_that_is_well(monkeypatch):
    theirs = PortHolder(FREEPBX, "asterisk", 12, "node /x/core/node/fastagi-server.js")
    monkeypatch.setattr(doctor, "port_holder", lambda port: theirs if port == FREEPBX else None)
    monkeypatch.setattr(doctor, "is_listening", lambda _port: True)
    monkeypatch.setattr(doctor, "_get", lambda _http, _path: (200, '{"checks": {}}'))
    findings = {each.name: each for each in doctor.check(Config())}
    assert findings["agi.port"].level is CheckStatus.OK
    assert findings["agi.port"].seen.startswith("14573, used by the daemon; 4573 belongs to FreePBX's")


@pytest.mark.usefixtures("daemon")
def test_freepbxs_calls_that_reach_our_port_are_shown_by_readyz_and_named_by_the_doctor():
    def ready():
        return json.loads(get(HTTP, "/readyz")[1])["checks"]["agi"]

    assert ready() == "ok"
    with suppress(OSError):  # the daemon closes the connection
        agi_command(AGI, "dialparties.agi")
    status, _ = get(HTTP, "/readyz")
    assert status == 503
    assert "dialparties.agi" in ready()
    (found,) = [each for each in doctor.check(Config()) if each.name == "daemon"]
    assert found.level is CheckStatus.FAIL
    assert "these are calls for FreePBX's own FastAGI server core-fastagi" in found.seen
    assert "agi.port = 14573" in found.advice
