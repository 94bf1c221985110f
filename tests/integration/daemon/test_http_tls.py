"""The daemon's own port with TLS: real clients, a renewed certificate, and peers that do not speak TLS."""

import socket
import ssl

import pytest
from click.testing import CliRunner
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.logger import formatEvent

from cc_bridge.cli import main
from cc_bridge.config import Config
from cc_bridge.daemon.bridge import Bridge
from cc_bridge.web.own_client import read_page
from cc_bridge.web.tls_site import TlsSite
from support.reactor_loop import result_of, until
from support.webhook_receiver import certificate

TOKEN = "a-token-of-the-house"


@pytest.fixture
def options(tmp_path):
    certificate(tmp_path)
    return {
        "pbx": {"name": "main"},
        "ami": {"port": 1, "secret": "s"},
        "agi": {"port": 0},
        "http": {
            "port": 0, "token": TOKEN, "request_timeout_seconds": 1, "metrics_need_token": True,
            "tls_certificate": tmp_path / "server.pem", "tls_key": tmp_path / "server.pem",
        },
        "run": {"shutdown_timeout_seconds": 0},
        "storage": {"url": f"sqlite:///{tmp_path / 'calls.sqlite'}"},
    }  # fmt: skip


@pytest.fixture
def bridge(options):
    until(lambda: True)  # starts the reactor
    bridge = Bridge(Config(**options), reactor)
    bridge.startService()
    yield bridge
    result_of(bridge.stopService(), 30)


def port(bridge):
    return int(bridge.http_address.rpartition(":")[2])


def in_thread(work, *given, **named):
    return result_of(deferToThread(work, *given, **named), 30)


def exchanged(bridge, request, ca):
    """Send a request over TLS, verify the certificate, and return its serial number and the answer."""
    context = ssl.create_default_context(cafile=ca)
    with (
        socket.create_connection(("127.0.0.1", port(bridge)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        tls.sendall(request.encode())
        answer = b"".join(iter(lambda: tls.recv(65_536), b""))
        return tls.getpeercert()["serialNumber"], answer.decode("latin-1")


def test_pages_come_over_tls_and_their_cookies_stay_there(bridge, tmp_path):
    request = f"GET /wallboard?token={TOKEN} HTTP/1.0\r\nHost: localhost\r\n\r\n"
    _, answer = in_thread(exchanged, bridge, request, tmp_path / "ca.pem")
    assert " 200 " in answer.partition("\r\n")[0]
    assert "; Secure" in answer
    assert answer.endswith("</html>\n")


def negotiated(bridge, ca):
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", port(bridge)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        return tls.selected_alpn_protocol(), tls.version()


def test_a_browser_that_speaks_http_2_is_answered_by_http_1(bridge, tmp_path):
    assert in_thread(negotiated, bridge, tmp_path / "ca.pem") == ("http/1.1", "TLSv1.3")


def test_a_renewed_certificate_is_used_after_a_reload_and_a_faulty_one_is_not(
    bridge, options, tmp_path, logged
):
    request = "GET /healthz HTTP/1.0\r\n\r\n"
    first, _ = in_thread(exchanged, bridge, request, tmp_path / "ca.pem")
    certificate(tmp_path)
    assert bridge.reconfigure(Config(**options)) == []
    second, answer = in_thread(exchanged, bridge, request, tmp_path / "ca.pem")
    assert first != second
    assert " 200 " in answer
    (tmp_path / "server.pem").write_text("cut off")
    bridge.reconfigure(Config(**options))
    assert in_thread(exchanged, bridge, request, tmp_path / "ca.pem")[0] == second
    (line,) = [line for line in map(formatEvent, logged) if "stays in force" in line]
    assert "http.tls_certificate" in line


def unencrypted(port, data):
    """Return what a peer without TLS gets, until the daemon closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(data)
        try:
            return b"".join(iter(lambda: plain.recv(65_536), b""))
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize(
    "data", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 600]
)
def test_a_peer_that_does_not_speak_tls_is_closed_and_harms_nobody(bridge, tmp_path, data):
    answer = in_thread(unencrypted, port(bridge), data)
    assert b"HTTP/" not in answer
    until(lambda: bridge.http.site.connections == 0)
    assert " 200 " in in_thread(exchanged, bridge, "GET /healthz HTTP/1.0\r\n\r\n", tmp_path / "ca.pem")[1]


def test_commands_on_this_machine_find_the_daemon(bridge, tmp_path):
    here = {"tls": True, "seconds": 10}
    assert in_thread(read_page, "127.0.0.1", port(bridge), "/healthz", **here)[0] == 200
    assert in_thread(read_page, "127.0.0.1", port(bridge), "/metrics", **here)[0] == 401
    status, text = in_thread(read_page, "127.0.0.1", port(bridge), "/metrics", token=TOKEN, **here)
    assert (status, "cc_bridge_" in text) == (200, True)
    file = tmp_path / "cc-bridge.toml"
    pem = tmp_path / "server.pem"
    file.write_text(f'[http]\nport = {port(bridge)}\ntls_certificate = "{pem}"\ntls_key = "{pem}"\n')
    done = in_thread(CliRunner().invoke, main, ["health", "--config", str(file)])
    assert (done.exit_code, '"ok": true' in done.output) == (0, True)


def test_a_site_without_room_gets_no_tls(tmp_path):
    class Full:
        def buildProtocol(self, addr):
            return None

    certificate(tmp_path)
    pem = tmp_path / "server.pem"
    options = Config(http={"tls_certificate": pem, "tls_key": pem}).http.certificate()
    assert TlsSite(options, Full(), reactor).buildProtocol(None) is None
