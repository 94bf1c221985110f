"""`cc-bridge health` as a container's health check runs it."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from click.testing import CliRunner

from cc_bridge.cli import main


@pytest.fixture
def health(monkeypatch, tmp_path):
    (tmp_path / "cc-bridge.toml").touch()

    def run(port, host="127.0.0.1"):
        monkeypatch.setenv("CC_BRIDGE_HTTP__PORT", str(port))
        monkeypatch.setenv("CC_BRIDGE_HTTP__HOST", host)
        return CliRunner().invoke(main, ["health", "--config", str(tmp_path / "cc-bridge.toml")])

    return run


@pytest.fixture
def daemon():
    """Yield an HTTP server in place of a daemon. Its `status` is the status of /healthz."""

    class Healthz(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(self.server.status if self.path == "/healthz" else 404)
            self.end_headers()
            self.wfile.write(b'{"ok": "perhaps"}\n')

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Healthz) as server:
        server.status = 200
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_daemon_that_is_alive(health, daemon, host):
    result = health(daemon.server_port, host)
    assert (result.exit_code, result.stdout) == (0, '{"ok": "perhaps"}\n')


def test_a_daemon_of_which_a_part_has_ended(health, daemon):
    daemon.status = 503
    result = health(daemon.server_port)
    assert (result.exit_code, result.stderr) == (1, 'Error: {"ok": "perhaps"}\n')


def test_no_daemon(health, daemon):
    daemon.shutdown()
    daemon.server_close()
    result = health(daemon.server_port)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: no answer from 127.0.0.1:{daemon.server_port}: ")
