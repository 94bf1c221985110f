"""The HTTP site: the pages, and the limits of its connections."""

from collections import Counter
from collections.abc import Iterator
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

# A connection is not closed for another one earlier than this after its start, so that its request can be
# read, and after its last answer. This also limits how many connections are replaced in a second.
_GRACE_SECONDS = 0.1


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
        # By peer: its connections, with the time of the start or the last answer; the earliest comes first.
        self._connections: dict[str, dict[HttpConnection, float]] = {}
        self._busy_lines = LogLimiter(self.reactor.seconds)

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return sum(map(len, self._connections.values()))

    def room(self) -> int:
        """Return how many connections can be accepted now, from whatever peers.

        If the limit of connections is reached, this is the number of idle connections, which can be closed
        for new ones. `buildProtocol` may find room for more, depending on the peer.
        """
        free = self.limits.connections - self.connections
        return free if free > 0 else sum(1 for _ in self._idle())

    def protocol(self) -> HttpConnection:  # type: ignore[override]
        """Return a new connection, which speaks HTTP/1.1."""
        return HttpConnection()

    def buildProtocol(self, addr: IAddress | None) -> HttpConnection | None:  # type: ignore[override]
        """Return the protocol of a new connection from `addr`; None, which closes it, if there is no room.

        If the limit of connections is reached, another connection is closed for the new one. This is an idle
        one: for 0.1 s it has had no complete request without an answer. If there is none, it is one of a peer
        with at least two connections more than the new one's peer. Without such a peer, there is no room.

        Of several such connections, one of the peer with the most connections is closed. Of these, it is the
        one that was answered longest ago.
        """
        peer = getattr(addr, "host", "?")
        if self.connections >= self.limits.connections and not self._make_room(peer):
            return None
        self.timeOut = self.limits.request_seconds
        connection: HttpConnection = super().buildProtocol(addr)  # type: ignore[no-untyped-call]
        connection.peer = peer
        self._connections.setdefault(peer, {})[connection] = self.reactor.seconds()
        return connection

    def acceptableProtocols(self) -> list[bytes]:  # noqa: N802
        """Return the protocols that TLS may negotiate: not HTTP/2, which `HttpConnection` does not speak."""
        return [b"http/1.1"]

    def moved(self, connection: HttpConnection) -> None:
        """Note that a request on this connection was answered."""
        connections = self._connections.get(connection.peer, {})
        if connections.pop(connection, None) is not None:
            connections[connection] = self.reactor.seconds()

    def closed(self, connection: HttpConnection) -> None:
        """Note that a connection has ended."""
        connections = self._connections.get(connection.peer, {})
        connections.pop(connection, None)
        if not connections:
            self._connections.pop(connection.peer, None)

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
        victim = next(self._idle(), None) or self._of_greedier_peer(peer)
        if victim is None:
            return False
        self.closed(victim)
        victim.abort()
        return True

    def _idle(self) -> Iterator[HttpConnection]:
        """Yield the idle connections: those that have had no complete request without an answer for 0.1 s.

        A connection with half a request is idle too, because attackers hold such connections open.
        The connections of the peer with the most connections come first.
        """
        before = self.reactor.seconds() - _GRACE_SECONDS
        for connections in sorted(self._connections.values(), key=len, reverse=True):
            for each, since in connections.items():
                if not each.answering and since <= before:
                    yield each

    def _of_greedier_peer(self, peer: str) -> HttpConnection | None:
        """Return a connection of the peer with the most connections, the one that was answered longest ago.

        Return None if this peer has not at least two connections more than `peer`. With only one more, `peer`
        would be the greedier one after the exchange.
        """
        greediest = max(self._connections.values(), key=len, default={})
        if len(greediest) <= len(self._connections.get(peer, {})) + 1:
            return None
        return next(iter(greediest))
