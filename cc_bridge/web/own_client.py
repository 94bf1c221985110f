"""The client with which commands on this machine read a page of the daemon."""

import ssl
from http.client import HTTPConnection, HTTPSConnection

__all__ = ["read_page"]

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound


def read_page(
    host: str, port: int, path: str, *, tls: bool, token: str = "", seconds: float
) -> tuple[int, str]:
    """Return status and body of the daemon's answer to a GET request.

    `host` is the address on which the daemon listens. `token` is sent if it is not empty. With `tls`, the
    certificate is not verified: it is for the name that browsers use, not for the address of this machine.
    Raises OSError or HTTPException.
    """
    host = _ANYWHERE.get(host, host)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: HTTPConnection = HTTPSConnection(host, port, timeout=seconds, context=context)
    else:
        connection = HTTPConnection(host, port, timeout=seconds)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()
