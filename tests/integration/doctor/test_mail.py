"""`cc-bridge doctor` and the mail server of digests: a real server on loopback, one fault at a time."""

import socket
import subprocess
import sys

import pytest

from cc_bridge.config import Config
from cc_bridge.doctor import config_and_secrets, mail
from cc_bridge.doctor.check_result import CheckStatus
from support.mail_server import PASSWORD, USER, mail_server, mail_servers

__all__ = ["mail_server", "mail_servers"]

# aiosmtpd regards only STARTTLS as TLS.
BY_IMPLICIT_TLS = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


def check(there, **changes):
    """Return the doctor's finding about the mail server. It must not contain the password."""
    given = {
        "recipients": ["sara@example.com"], "sender": "bridge@example.com", "smtp_host": "localhost",
        "smtp_port": there.port, "tls": there.tls, "tls_ca_file": there.ca_file, "username": USER,
        "password": PASSWORD, "response_timeout_seconds": 2,
    }  # fmt: skip
    (finding,) = mail.check(Config(digest=given | changes).digest)
    assert finding.name == "digest.mail"
    assert PASSWORD not in finding.seen + finding.advice
    assert bool(finding.advice) == (finding.level is not CheckStatus.OK)
    return finding


class NoServer:
    """A port without a mail server."""

    tls, ca_file = "starttls", None

    def __init__(self, port):
        self.port = port


def test_it_is_let_in_and_sends_no_mail(mail_server):
    finding = check(mail_server)
    assert (finding.level, finding.seen) == (
        CheckStatus.OK, f"localhost:{mail_server.port} accepts the login over TLS (no mail was sent)"
    )  # fmt: skip
    assert mail_server.commands == ["EHLO", "EHLO", "AUTH"]
    assert mail_server.mails == []


@BY_IMPLICIT_TLS
def test_over_tls_from_the_start(mail_servers):
    there = mail_servers(tls="implicit")
    assert check(there).level is CheckStatus.OK
    assert "AUTH" in there.commands


def test_a_server_of_this_machine_needs_neither(mail_servers):
    there = mail_servers(tls="none", auth=False)
    finding = check(there, username="", password="")
    assert (finding.level, "unencrypted, on this machine" in finding.seen) == (CheckStatus.OK, True)
    assert there.commands == ["EHLO"]


def test_in_plain_through_a_network(monkeypatch):
    monkeypatch.setattr(mail, "try_out", lambda _server: None)
    no_server = NoServer(25)
    finding = check(no_server, smtp_host="mail.example.com", tls="none", username="", password="")
    assert (finding.level, "not encrypted" in finding.seen) == (CheckStatus.WARN, True)


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        finding = check(NoServer(taken.getsockname()[1]), smtp_host="127.0.0.1")
    assert (finding.level, "refused" in finding.seen) == (CheckStatus.FAIL, True)
    assert "check that the server runs" in finding.advice


def test_a_name_that_nobody_knows():
    assert "correct digest.smtp_host" in check(NoServer(25), smtp_host="mail.invalid").advice


def test_a_server_that_says_nothing():
    """A server for implicit TLS waits for the client, while the client waits for the server's banner."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        finding = check(NoServer(silent.getsockname()[1]), smtp_host="127.0.0.1", response_timeout_seconds=1)
    assert "no reply in time" in finding.seen
    assert "465 for implicit" in finding.advice


def test_a_server_without_starttls_hears_no_password(mail_servers):
    there = mail_servers(tls="none", auth=False)
    finding = check(there, tls="starttls")
    assert (finding.level, "offers no STARTTLS" in finding.seen) == (CheckStatus.FAIL, True)
    assert "set another digest.smtp_port" in finding.advice
    assert there.commands == ["EHLO"]


def test_tls_from_the_start_where_it_begins_in_plain(mail_server):
    finding = check(mail_server, tls="implicit")
    assert (finding.level, "offers no TLS on this port" in finding.advice) == (CheckStatus.FAIL, True)


@BY_IMPLICIT_TLS
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_for_another_host(mail_servers, tls):
    there = mail_servers(tls=tls, host="other.example")
    finding = check(there)
    assert (finding.level, "certificate" in finding.seen) == (CheckStatus.FAIL, True)
    assert "the certificate must match digest.smtp_host" in finding.advice
    assert "AUTH" not in there.commands


def test_a_certificate_of_nobody_known(mail_server):
    assert "tls_ca_file" in check(mail_server, tls_ca_file=None).advice
    assert "AUTH" not in mail_server.commands


def test_a_wrong_password(mail_server):
    finding = check(mail_server, password="wrong-one")
    assert (finding.level, "login rejected" in finding.seen) == (CheckStatus.FAIL, True)
    assert "digest.password_file" in finding.advice
    assert "wrong-one" not in finding.seen + finding.advice


def test_a_server_that_takes_no_log_in(mail_servers):
    assert "accepts no login" in check(mail_servers(tls="none", auth=False)).advice


def test_a_secret_that_cannot_be_read(mail_server, tmp_path):
    finding = check(mail_server, password="", password_file=tmp_path / "none")
    assert (finding.level, "digest.password_file" in finding.seen) == (CheckStatus.FAIL, True)
    assert mail_server.commands == []


@pytest.mark.parametrize(("mode", "level"), [(0o644, CheckStatus.WARN), (0o600, CheckStatus.OK)])
def test_a_secret_that_everyone_can_read(tmp_path, mode, level):
    secret = tmp_path / "mail-secret"
    secret.write_text(PASSWORD)
    secret.chmod(mode)
    config = Config(ami={"secret": "s3cret"}, digest={"username": USER, "password_file": secret})
    (finding,) = [
        each for each in config_and_secrets.check(config, None) if each.name == "secrets.permissions"
    ]
    assert finding.level is level


RUN = """
import sys
from cc_bridge.cli import main
main(["doctor", "-c", sys.argv[1]], standalone_mode=False)
print("loaded:", "smtplib" in sys.modules)
"""


@pytest.mark.parametrize("wanted", [True, False])
def test_the_whole_command_looks_only_if_mails_are_configured(mail_server, tmp_path, wanted):
    ports = []
    for _ in range(2):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            ports.append(taken.getsockname()[1])
    file = tmp_path / "cc-bridge.toml"
    digest = f"""
[digest]
recipients = ["sara@example.com"]
sender = "bridge@example.com"
smtp_host = "localhost"
smtp_port = {mail_server.port}
tls_ca_file = "{mail_server.ca_file}"
username = "{USER}"
password = "{PASSWORD}"
"""
    file.write_text(
        f'[ami]\nport = {ports[0]}\nsecret = "s3cret"\n[http]\nport = {ports[1]}\n'
        f'[storage]\nurl = "sqlite:///{tmp_path}/calls.sqlite"\n{digest if wanted else ""}'
    )
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(file)], capture_output=True, text=True, check=False, timeout=60
    )
    assert ("ok    digest.mail" in done.stdout) == wanted, done.stdout + done.stderr
    assert f"loaded: {wanted}" in done.stdout
    assert mail_server.commands == (["EHLO", "EHLO", "AUTH"] if wanted else [])
