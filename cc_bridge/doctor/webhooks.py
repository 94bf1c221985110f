"""Check of a webhook receiver: host name, connection and certificate. The check blocks and sends no event."""

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from cc_bridge.config import WebhookConfig
from cc_bridge.doctor.check_result import CheckResult, fail, ok

__all__ = ["check"]

_SECONDS = 5.0


def check(webhook: WebhookConfig) -> Iterator[CheckResult]:
    """Yield the result of a test connection to a webhook's receiver.

    With https, the receiver's certificate is checked too.
    """
    name = f"webhooks.{webhook.name}"
    url = urlsplit(webhook.url)
    host, secure = str(url.hostname), url.scheme == "https"
    port = url.port or (443 if secure else 80)
    try:
        with socket.create_connection((host, port), timeout=_SECONDS) as connection:
            if secure:
                trusted = ssl.create_default_context(cafile=webhook.tls_ca_file)
                trusted.wrap_socket(connection, server_hostname=host).close()
    except socket.gaierror as error:
        yield fail(
            name,
            f"{host}: {error.strerror}",
            f"correct the url of the webhook {webhook.name!r}, or check the name server",
        )
    except ssl.SSLError as error:
        yield fail(
            name,
            f"{host}:{port}: {getattr(error, 'verify_message', '') or error.reason}",
            "the receiver needs a valid certificate; set tls_ca_file for a private CA",
        )
    except OSError as error:
        yield fail(
            name,
            f"{host}:{port}: {error.strerror or error}",
            "check that the receiver runs, and the firewall",
        )
    else:
        yield ok(name, f"{host}:{port} answers{', with a valid certificate' if secure else ''}")
