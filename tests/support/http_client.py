"""HTTP requests to a daemon's site over a transport in memory, for tests of its pages."""

import json

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

__all__ = ["Browsing", "Response", "Transport", "sent"]

_HOST = "localhost:14574"


class Transport(StringTransport):
    """A transport in memory. Aborting it also ends its protocol's connection."""

    protocol = None

    def abortConnection(self):  # noqa: N802
        super().abortConnection()
        self.end()

    def end(self):
        """Report to the protocol that the peer has closed the connection."""
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def take(self):
        data = self.value()
        self.clear()
        return data


class Response:
    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        _, code, self.phrase = status.split(" ", 2)
        self.code = int(code)
        self.headers, self.cookies = {}, {}  # a cookie is its value and its rules
        for line in lines:
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value
            if name.lower() == "set-cookie":
                (cookie, value), *rules = (each.partition("=")[::2] for each in value.split("; "))
                self.cookies[cookie] = value, {rule.lower(): given for rule, given in rules}


def sent(site, request, fields, body=b"", address="127.0.0.1"):
    """Send a request and return the transport. `request` is the request line without its line end."""
    head = "".join(f"{name}: {value}\r\n" for name, value in ({"Host": _HOST} | fields).items())
    transport = Transport(peerAddress=IPv4Address("TCP", address, 5))
    transport.protocol = site.buildProtocol(None)
    transport.protocol.makeConnection(transport)
    transport.protocol.dataReceived(f"{request}\r\n{head}\r\n".encode("latin-1") + body)
    return transport


class Browsing:
    """A remote client of `site`. `path`, `token` and `address` are the defaults of its requests."""

    site = None
    path = ""
    token = ""
    address = "192.0.2.7"

    def send(self, path=None, method="GET", body=b"", token=None, address=None, **headers):
        """Send a request and return the transport. A body that is not bytes is sent as JSON."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"Content-Length": len(body)} | headers
        if token := self.token if token is None else token:
            fields["Authorization"] = f"Bearer {token}"
        return sent(
            self.site, f"{method} {path or self.path} HTTP/1.1", fields, body, address or self.address
        )

    def ask(self, *arguments, **options):
        transport = self.send(*arguments, **options)
        response = Response(transport.take())
        transport.loseConnection()
        return response
