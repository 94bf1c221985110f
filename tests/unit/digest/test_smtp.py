"""Mails to a real server: with TLS or not at all, and the result of each reply."""

import socket

import pytest

from cc_bridge.digest.smtp import MailFailed, MailOutcome, MailServer, send
from cc_bridge.errors import ConfigError
from support.mail_server import PASSWORD, USER, mail_server, mail_servers

__all__ = ["mail_server", "mail_servers"]

MAIL = (
    b"From: bridge@example.com\r\nTo: sara@example.com\r\nSubject: Hello\r\n\r\n.dots\r\n..\r\n.\r\nend\r\n"
)


def server_of(there, **changes):
    known = {
        "host": "localhost", "port": there.port, "tls": there.tls, "ca_file": there.ca_file,
        "username": USER, "password": PASSWORD, "seconds": 10.0,
    }  # fmt: skip
    return MailServer(**known | changes)


def sent(server, *, began=None):
    began = [] if began is None else began
    send(server, "bridge@example.com", "sara@example.com", MAIL, lambda: began.append(1))


def failed(server, outcome):
    with pytest.raises(MailFailed) as error:
        sent(server)
    assert error.value.outcome is outcome
    assert "\n" not in str(error.value)
    assert PASSWORD not in str(error.value)
    return str(error.value)


def test_a_mail_goes_over_starttls_after_the_login(mail_server):
    began = []
    sent(server_of(mail_server), began=began)
    ((address, mail),) = mail_server.mails
    assert (address, mail["Subject"]) == ("sara@example.com", "Hello")
    assert mail.get_payload() == ".dots\r\n..\r\n.\r\nend\r\n"
    assert mail_server.commands == ["EHLO", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
    assert began == [1]


# aiosmtpd regards only STARTTLS as TLS.
BY_IMPLICIT_TLS = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


@BY_IMPLICIT_TLS
def test_a_mail_goes_over_tls_from_the_start(mail_servers):
    there = mail_servers(tls="implicit")
    sent(server_of(there))
    assert len(there.mails) == 1


def test_without_a_password_nothing_is_asked_for_one(mail_servers):
    there = mail_servers(auth=False)
    sent(server_of(there, username="", password=""))
    assert "AUTH" not in there.commands
    assert len(there.mails) == 1


def test_a_server_without_starttls_gets_neither_mail_nor_password(mail_servers):
    there = mail_servers(tls="none", auth=False)
    assert "offers no STARTTLS" in failed(server_of(there, tls="starttls"), MailOutcome.LATER)
    assert there.commands == ["EHLO"]


@BY_IMPLICIT_TLS
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_for_another_host_is_refused(mail_servers, tls):
    there = mail_servers(tls=tls, host="other.example")
    assert "certificate" in failed(server_of(there), MailOutcome.LATER)
    assert not {"AUTH", "MAIL"} & set(there.commands)


def test_a_certificate_of_nobody_known_is_refused(mail_server):
    assert "certificate" in failed(server_of(mail_server, ca_file=None), MailOutcome.LATER)
    assert mail_server.commands == ["EHLO"]


def test_an_authority_that_cannot_be_read_is_a_fault_of_the_configuration(mail_server, tmp_path):
    with pytest.raises(ConfigError, match=r"digest\.tls_ca_file"):
        sent(server_of(mail_server, ca_file=tmp_path / "none.pem"))
    (tmp_path / "empty.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"digest\.tls_ca_file"):
        sent(server_of(mail_server, ca_file=tmp_path / "empty.pem"))


def test_a_wrong_password_says_so_without_saying_it(mail_server):
    told = failed(server_of(mail_server, password="wrong-one"), MailOutcome.LATER)
    assert "login rejected" in told
    assert "wrong-one" not in told


@pytest.mark.parametrize(
    ("stage", "reply", "outcome"),
    [
        ("RCPT", "450 greylisted, come back", MailOutcome.LATER),
        ("RCPT", "550 no such mailbox", MailOutcome.REFUSED),
        ("DATA", "451 try again later", MailOutcome.LATER),
        ("DATA", "554 looks like spam", MailOutcome.REFUSED),
        ("DATA", "hang up", MailOutcome.UNCLEAR),
    ],
)
def test_what_a_reply_comes_to(mail_server, stage, reply, outcome):
    mail_server.replies[stage].append(reply)
    told = failed(server_of(mail_server), outcome)
    assert reply in told or reply == "hang up"


def test_nobody_there_is_a_reason_to_try_again():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    assert "refused" in failed(
        MailServer("127.0.0.1", port, "starttls", None, "", "", 2.0), MailOutcome.LATER
    )


def test_a_server_that_says_nothing_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        told = failed(MailServer("127.0.0.1", port, "starttls", None, "", "", 0.2), MailOutcome.LATER)
    assert "no reply in time" in told


def test_nothing_is_sent_if_it_must_not_begin(mail_server):
    def taken():
        raise RuntimeError("another daemon has it")

    with pytest.raises(RuntimeError):
        send(server_of(mail_server), "bridge@example.com", "sara@example.com", MAIL, taken)
    assert mail_server.mails == []
    assert "DATA" not in mail_server.commands


@pytest.mark.parametrize("address", ["sara@example.com>\r\nRCPT TO:<evil@example.com", "a@b\nDATA"])
def test_an_address_is_one_line_of_smtp(mail_server, address):
    for pair in (("bridge@example.com", address), (address, "sara@example.com")):
        with pytest.raises(MailFailed, match="is not a mail address"):
            send(server_of(mail_server), *pair, MAIL, lambda: None)
    assert mail_server.commands == []
