"""A mail to one address, by a server that proves who it is.

`delivery.py` calls it in a thread. smtplib of the standard library, and not twisted.mail: a blocking client
is what the command needs too, where no reactor runs.

The trap: once the server has been given the text, a line that breaks leaves open whether the mail goes on. So
the caller is told before, by `on_text`, and then that it is UNCLEAR; a mail is never sent twice for fear.
"""

import contextlib
import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from cc_bridge.errors import ConfigError, MailError

__all__ = ["MailFailed", "MailOutcome", "MailServer", "Tls", "send", "try_out"]

Tls = Literal["starttls", "implicit", "none"]

_GOOD, _PERMANENT = 250, 500  # replies; from 500 on the same again is of no use
_LONGEST_REPLY = 200
_ADDRESS = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")  # visible characters without < and >


class MailOutcome(StrEnum):
    """What became of a mail that could not be sent."""

    LATER = "later"  # worth trying again
    REFUSED = "refused"  # for good
    UNCLEAR = "unclear"  # it may have been sent


class MailFailed(MailError):
    """Why a mail was not sent, or perhaps not."""

    def __init__(self, why: str, outcome: MailOutcome) -> None:
        super().__init__(why)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class MailServer:
    """Who takes our mails, and how to be let in."""

    host: str
    port: int
    tls: Tls
    ca_file: Path | None  # None: this machine's authorities
    username: str  # empty: without
    password: str
    seconds: float  # that each answer may take


def send(server: MailServer, sender: str, address: str, mail: bytes, on_text: Callable[[], None]) -> None:
    """Hand a mail over. Raises MailFailed with one line that says why, ConfigError for a file."""
    for each in (sender, address):
        if not _ADDRESS.fullmatch(each):  # smtplib would make something of it
            raise MailFailed(f"{each!r} is no address", MailOutcome.REFUSED)
    try:
        client = _connected(server)
    except (OSError, smtplib.SMTPException) as error:  # ssl's errors are OSErrors
        raise MailFailed(f"{server.host}:{server.port}: {_why(error)}", MailOutcome.LATER) from error
    try:
        _hand_over(client, sender, address, mail, on_text)
    except (OSError, smtplib.SMTPException) as error:
        raise MailFailed(f"{server.host}:{server.port}: {_why(error)}", MailOutcome.LATER) from error
    finally:
        client.close()


def try_out(server: MailServer) -> None:
    """Be let in as `send` would be, and leave without a mail. Raises as `send` does."""
    try:
        client = _connected(server)
        try:
            client.ehlo_or_helo_if_needed()
            client.quit()
        finally:
            client.close()
    except (OSError, smtplib.SMTPException) as error:
        raise MailFailed(f"{server.host}:{server.port}: {_why(error)}", MailOutcome.LATER) from error


def _connected(server: MailServer) -> smtplib.SMTP:
    """Return a session that is encrypted as wished and logged in; nothing secret goes before that."""
    if server.tls == "implicit":
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=server.seconds, context=_context(server.ca_file)
        )
    else:
        client = smtplib.SMTP(server.host, server.port, timeout=server.seconds)
    try:
        if server.tls == "starttls":
            client.starttls(context=_context(server.ca_file))  # raises if the server does not offer it
        if server.username:
            client.login(server.username, server.password)
    except BaseException:
        client.close()
        raise
    return client


def _hand_over(
    client: smtplib.SMTP, sender: str, address: str, mail: bytes, on_text: Callable[[], None]
) -> None:
    client.ehlo_or_helo_if_needed()
    _accepted(client.mail(sender), MailOutcome.LATER)  # what it has against the sender can be set right
    _accepted(client.rcpt(address))
    on_text()
    try:
        reply = client.data(mail)
    except smtplib.SMTPDataError as error:  # it never said go ahead
        reply = error.smtp_code, _bytes(error.smtp_error)
    except Exception as error:  # whatever it is, part of the text may be there
        raise MailFailed(
            f"the line broke while the text went, so it may have been sent: {_why(error)}",
            MailOutcome.UNCLEAR,
        ) from error
    _accepted(reply)
    with contextlib.suppress(OSError, smtplib.SMTPException):  # it has the mail
        client.quit()


def _accepted(reply: tuple[int, bytes], else_: MailOutcome | None = None) -> None:
    code, text = reply
    if code in (_GOOD, _GOOD + 1):
        return
    outcome = else_ or (MailOutcome.REFUSED if code >= _PERMANENT else MailOutcome.LATER)
    raise MailFailed(f"the server says {code} {_readable(text)}", outcome)


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except OSError as error:
        raise ConfigError(f"digest.tls_ca_file = {str(ca_file)!r}: cannot be read: {error}") from error


def _why(error: Exception) -> str:
    """Return what went wrong in one line; never what was sent."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"it does not let us in: {error.smtp_code} {_readable(_bytes(error.smtp_error))}"
    if isinstance(error, smtplib.SMTPNotSupportedError) and "STARTTLS" in str(error):
        return "it offers no STARTTLS, and nothing is sent in plain: set digest.tls"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the server says {error.smtp_code} {_readable(_bytes(error.smtp_error))}"
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return "no answer in time"
    return _readable(str(error).encode()) or type(error).__name__


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _readable(reply: bytes) -> str:
    text = reply.decode("utf-8", "replace")
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:_LONGEST_REPLY]
