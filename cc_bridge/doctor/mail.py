"""The mail server of digests: does it let us in, as the configuration says. No mail is sent. Blocks.

The trap: the runner imports this only when mails are configured, so that nobody else needs what sends them.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator

from cc_bridge.config import DigestConfig
from cc_bridge.digest.smtp import MailFailed, MailServer, try_out
from cc_bridge.doctor.check_result import CheckResult, fail, ok, warn
from cc_bridge.errors import ConfigError
from cc_bridge.web.auth import is_loopback

__all__ = ["findings"]

_NAME = "digest.mail"
_SECONDS = 5.0  # for each answer
_PORTS = "587 is for digest.tls = starttls, 465 for implicit"


def findings(wishes: DigestConfig) -> Iterator[CheckResult]:
    try:
        server = MailServer(
            wishes.smtp_host,
            wishes.smtp_port,
            wishes.tls,
            wishes.tls_ca_file,
            wishes.username,
            wishes.smtp_password(),
            min(wishes.response_timeout_seconds, _SECONDS),
        )
        try_out(server)
    except ConfigError as error:
        yield fail(
            _NAME, str(error), "mend it in [digest]; the file must be readable for who runs this (root)"
        )
    except MailFailed as error:
        yield fail(_NAME, str(error), _advice(error.__cause__))
    else:
        where = f"{server.host}:{server.port}"
        if server.tls == "none" and not is_loopback(server.host):
            yield warn(_NAME, f"{where} gets the mails in plain", f"set digest.tls; {_PORTS}")
        else:
            how = "in plain, on this machine" if server.tls == "none" else "over TLS"
            yield ok(_NAME, f"{where} lets us in {how} (no mail was sent)")


def _advice(cause: BaseException | None) -> str:
    match cause:
        case socket.gaierror():
            return "mend digest.smtp_host, or the name server"
        case ssl.SSLCertVerificationError():
            return "its certificate must name digest.smtp_host; a CA of your own goes into digest.tls_ca_file"
        case ssl.SSLError():
            return f"it speaks no TLS there: {_PORTS}"
        case smtplib.SMTPAuthenticationError():
            return "digest.username and digest.password_file must be what the mail server knows"
        case smtplib.SMTPNotSupportedError() if "STARTTLS" in str(cause):
            return f"another digest.smtp_port: {_PORTS}; the server may need a certificate first"
        case smtplib.SMTPNotSupportedError():
            return f"it takes no log-in there: another digest.smtp_port ({_PORTS}), or no digest.username"
        case OSError() | smtplib.SMTPServerDisconnected():
            return f"is it up, does a firewall let us out, is digest.smtp_port right? {_PORTS}"
        case _:
            return "its own log says why; it must take mails from this machine"
