"""Check of the mail server that sends the digests: connection, encryption and login.

The check blocks. It sends no mail.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator

from cc_bridge.config import DigestConfig
from cc_bridge.digest.smtp import MailFailed, MailServer, try_out
from cc_bridge.doctor.check_result import CheckResult, fail, ok, warn
from cc_bridge.errors import ConfigError
from cc_bridge.web.access.token_auth import is_loopback

__all__ = ["check"]

_NAME = "digest.mail"
_SECONDS = 5.0  # for each response
_PORTS = "usually 587 for digest.tls = starttls, 465 for implicit"


def check(config: DigestConfig) -> Iterator[CheckResult]:
    """Yield the result of a login to the mail server."""
    try:
        server = MailServer(
            config.smtp_host,
            config.smtp_port,
            config.tls,
            config.tls_ca_file,
            config.username,
            config.smtp_password(),
            min(config.response_timeout_seconds, _SECONDS),
        )
        try_out(server)
    except ConfigError as error:
        yield fail(
            _NAME,
            str(error),
            "correct [digest]; the user who runs this command (root) must be able to read the file",
        )
    except MailFailed as error:
        yield fail(_NAME, str(error), _advice(error.__cause__))
    else:
        where = f"{server.host}:{server.port}"
        if server.tls == "none" and not is_loopback(server.host):
            yield warn(_NAME, f"mails to {where} are not encrypted", f"set digest.tls; {_PORTS}")
        else:
            how = "unencrypted, on this machine" if server.tls == "none" else "over TLS"
            yield ok(_NAME, f"{where} accepts the login {how} (no mail was sent)")


def _advice(cause: BaseException | None) -> str:
    """Return the remedy for a failed login to the mail server; `cause` is the error that occurred."""
    match cause:
        case socket.gaierror():
            return "correct digest.smtp_host, or check the name server"
        case ssl.SSLCertVerificationError():
            return "the certificate must match digest.smtp_host; set digest.tls_ca_file for a private CA"
        case ssl.SSLError():
            return f"the server offers no TLS on this port; set another digest.smtp_port: {_PORTS}"
        case smtplib.SMTPAuthenticationError():
            return "correct digest.username and digest.password_file"
        case smtplib.SMTPNotSupportedError() if "STARTTLS" in str(cause):
            return f"set another digest.smtp_port: {_PORTS}; the server may need a certificate first"
        case smtplib.SMTPNotSupportedError():
            return (
                f"the server accepts no login on this port: set digest.smtp_port ({_PORTS}), or no username"
            )
        case OSError() | smtplib.SMTPServerDisconnected():
            return f"check that the server runs, the firewall, and digest.smtp_port: {_PORTS}"
        case _:
            return "see the log of the mail server; it must accept mails from this machine"
