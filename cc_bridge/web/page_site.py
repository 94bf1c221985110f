"""The HTTP site: the pages, and the limits of its connections."""

from collections import Counter
from typing import Any

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Site

from cc_bridge.web.connection import HttpConnection, HttpLimits, PageRequest
from cc_bridge.web.proxies import TrustedProxies
from cc_bridge.web.rate_limit import LogLimiter
from cc_bridge.web.turns import Turns

__all__ = ["PageSite"]

_log = Logger()


class PageSite(Site):
    """The HTTP site whose pages are below the resource `root`.

    It writes no request log, because URLs may contain tokens.

    limits: the limits of connections and requests, which may be replaced at any time
    proxies: the proxies whose X-Forwarded headers are believed
    refused: number of refused requests and closed connections by reason: busy, body_too_long, malformed,
        rate_limit, timeout
    """

    noisy = False

    def __init__(
        self,
        root: Resource,
        reactor: IReactorTime | None = None,
        limits: HttpLimits | None = None,
        proxies: TrustedProxies | None = None,
    ) -> None:
        super().__init__(root, PageRequest, reactor=reactor)  # type: ignore[no-untyped-call]
        self.displayTracebacks = False
        self.limits = limits or HttpLimits()
        self.proxies = proxies or TrustedProxies()
        self.refused: Counter[str] = Counter()
        self.turns = Turns(reactor)
        self._connections: dict[HttpConnection, str] = {}  # with its peer; served longest ago comes first
        self._busy_lines = LogLimiter(self.reactor.seconds)

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._connections)

    def protocol(self) -> HttpConnection:  # type: ignore[override]
        """Return a new connection, which speaks HTTP/1.1."""
        return HttpConnection()

    def buildProtocol(self, addr: IAddress | None) -> HttpConnection | None:  # type: ignore[override]
        """Return the protocol of a new connection from `addr`; None, which closes it, if there is no room.

        If the limit of connections is reached, another connection is closed for the new one: one without a
        request in progress, else one of a peer with at least two connections more than the new one's peer.
        Without such a connection, there is no room.
        """
        peer = getattr(addr, "host", "?")
        if self.connections >= self.limits.connections and not self._make_room(peer):
            return None
        self.timeOut = self.limits.request_seconds
        connection: HttpConnection = super().buildProtocol(addr)  # type: ignore[no-untyped-call]
        self._connections[connection] = peer
        return connection

    def acceptableProtocols(self) -> list[bytes]:  # noqa: N802
        """Return the protocols that TLS may negotiate: not HTTP/2, which `HttpConnection` does not speak."""
        return [b"http/1.1"]

    def moved(self, connection: HttpConnection) -> None:
        """Note that a request on this connection was answered.

        Of the connections without a request in progress, the one that was answered longest ago is closed
        first.
        """
        if connection in self._connections:
            self._connections[connection] = self._connections.pop(connection)

    def closed(self, connection: HttpConnection) -> None:
        """Note that a connection has ended."""
        self._connections.pop(connection, None)

    def getResourceFor(self, request: Any) -> Resource:  # noqa: N802
        if request.path == b"/":
            request.postpath = []
        resource: Resource = super().getResourceFor(request)  # type: ignore[no-untyped-call]
        return resource

    def log(self, request: Any) -> None:
        pass

    def _make_room(self, peer: str) -> bool:
        """Close a connection for a new one of `peer`; return whether there is room now."""
        self.refused["busy"] += 1
        if times := self._busy_lines.note():
            _log.warn(
                "HTTP: all {most} connections are in use; since the last such line, {times} connections"
                " were closed to make room for new ones, idle ones first; see http.max_connections",
                most=self.limits.connections,
                times=times,
            )
        victim = next((each for each in self._connections if not each.answering), None)
        victim = victim or self._of_greedier_peer(peer)
        if victim is None:
            return False
        self.closed(victim)
        victim.abort()
        return True

    def _of_greedier_peer(self, peer: str) -> HttpConnection | None:
        """Return a connection of the peer with the most connections, the one that was answered longest ago.

        Return None if this peer has not at least two connections more than `peer`. With only one more, `peer`
        would be the greedier one after the exchange.
        """
        counts = Counter(self._connections.values())
        greediest = max(counts, key=counts.__getitem__, default=peer)
        if counts[greediest] <= counts[peer] + 1:
            return None
        return next(each for each, of in self._connections.items() if of == greediest)
