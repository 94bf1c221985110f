"""The receivers of webhooks: is the name known, is the certificate good. Nothing is delivered. Blocks."""

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from cc_bridge.config import WebhookConfig
from cc_bridge.doctor.check_result import CheckResult, fail, ok

__all__ = ["findings"]

_SECONDS = 5.0


def findings(webhook: WebhookConfig) -> Iterator[CheckResult]:
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
            f"mend the url of webhooks {webhook.name!r}, or the name server",
        )
    except ssl.SSLError as error:
        yield fail(
            name,
            f"{host}:{port}: {getattr(error, 'verify_message', '') or error.reason}",
            "the receiver's certificate must be valid; a CA of your own goes into tls_ca_file",
        )
    except OSError as error:
        yield fail(
            name,
            f"{host}:{port}: {error.strerror or error}",
            "is the receiver up, does a firewall let us out?",
        )
    else:
        yield ok(name, f"{host}:{port} answers{', with a good certificate' if secure else ''}")
