"""The SMTP client: sends a mail to one address through an authenticated mail server. Blocking.

smtplib is used and not twisted.mail, because the command `digest send` has no reactor and needs a blocking
client.

Note: if the connection fails while or after the text of the mail is sent, the server may have accepted the
mail. The outcome is then UNCLEAR, and the mail must not be sent again. `send` calls `on_text` before it sends
the text, so that the program can store that the mail may have been sent.
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
from cc_bridge.safe_text.printable import one_line

__all__ = ["MailFailed", "MailOutcome", "MailServer", "Tls", "send", "try_out"]

Tls = Literal["starttls", "implicit", "none"]

_GOOD, _PERMANENT = 250, 500  # reply codes; from 500 on a retry is useless
_LONGEST_REPLY = 200
_ADDRESS = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")  # visible characters without < and >


class MailOutcome(StrEnum):
    """The outcome of a failed attempt to send a mail: retry later, refused for ever, or possibly sent."""

    LATER = "later"  # a temporary failure; retry
    REFUSED = "refused"  # a permanent failure
    UNCLEAR = "unclear"  # the mail may have been sent


class MailFailed(MailError):
    """Error: a mail was not sent, or it may have been sent in spite of an error; `outcome` says which."""

    def __init__(self, why: str, outcome: MailOutcome) -> None:
        super().__init__(why)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class MailServer:
    """The address of the mail server, its TLS mode, and the login and timeout for it."""

    host: str
    port: int
    tls: Tls
    ca_file: Path | None  # None: this machine's certificate authorities
    username: str  # empty: no login
    password: str
    seconds: float  # timeout of each reply


def send(server: MailServer, sender: str, address: str, mail: bytes, on_text: Callable[[], None]) -> None:
    """Send a mail to one address.

    `on_text` is called before the text of the mail is sent. Raise MailFailed, with the reason in one line, if
    the mail was not sent or if it is unclear whether it was sent. Raise ConfigError if the CA file cannot be
    read.
    """
    for each in (sender, address):
        if not _ADDRESS.fullmatch(each):  # smtplib would change such an address
            raise MailFailed(f"{each!r} is not a mail address", MailOutcome.REFUSED)
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
    """Check the mail server: connect and log in as `send` does, then disconnect without sending a mail.

    Raise the same errors as `send`.
    """
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
    """Return an SMTP session with the mail server, encrypted as configured and logged in.

    If encryption is configured, it starts before the password is sent.
    """
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
    _accepted(client.mail(sender), MailOutcome.LATER)  # a rejected sender can be corrected on the server
    _accepted(client.rcpt(address))
    on_text()
    try:
        reply = client.data(mail)
    except smtplib.SMTPDataError as error:  # the server rejected the DATA command
        reply = error.smtp_code, _bytes(error.smtp_error)
    except Exception as error:  # after any error, the server may have the text
        raise MailFailed(
            f"the connection failed while the text was sent, so the mail may have arrived: {_why(error)}",
            MailOutcome.UNCLEAR,
        ) from error
    _accepted(reply)
    with contextlib.suppress(OSError, smtplib.SMTPException):  # the server has accepted the mail
        client.quit()


def _accepted(reply: tuple[int, bytes], else_: MailOutcome | None = None) -> None:
    code, text = reply
    if code in (_GOOD, _GOOD + 1):
        return
    outcome = else_ or (MailOutcome.REFUSED if code >= _PERMANENT else MailOutcome.LATER)
    raise MailFailed(f"the server replied {code} {_readable(text)}", outcome)


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except OSError as error:
        raise ConfigError(f"digest.tls_ca_file = {str(ca_file)!r}: cannot be read: {error}") from error


def _why(error: Exception) -> str:
    """Return the reason of an error in one line.

    The text never contains the password or other data that was sent to the server.
    """
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"login rejected: {error.smtp_code} {_readable(_bytes(error.smtp_error))}"
    if isinstance(error, smtplib.SMTPNotSupportedError) and "STARTTLS" in str(error):
        return "the server offers no STARTTLS, and no mail is sent unencrypted: set digest.tls"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the server replied {error.smtp_code} {_readable(_bytes(error.smtp_error))}"
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return "no reply in time"
    return _readable(str(error).encode()) or type(error).__name__


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _readable(reply: bytes) -> str:
    return one_line(reply.decode("utf-8", "replace"))[:_LONGEST_REPLY]
