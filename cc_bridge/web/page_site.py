"""The HTTP site: its connections are limited in number, and its answers take at most half of the time.

While a request is answered, the reactor does nothing else: callers in a survey wait. So of many requests that
arrive together, one is answered, and the next one after as much time as this answer took.
"""

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Site

from cc_bridge.logs import Occasionally
from cc_bridge.web.connection import HttpConnection, PageRequest
from cc_bridge.web.proxies import TrustedProxies

__all__ = ["HttpLimits", "PageSite", "Turns"]

_log = Logger()


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The limits of the HTTP server.

    connections: largest number of open connections
    request_seconds: time within which a whole request must arrive
    """

    connections: int = 200
    request_seconds: float = 10.0


class Turns:
    """The turns of requests: one request is answered at a time, and between two answers is a pause.

    The pause is as long as the answer before it took, at least until the next turn of the reactor. `reactor`
    is None outside a daemon; there is no pause then, and each request is answered at once.
    """

    def __init__(self, reactor: IReactorTime | None) -> None:
        self._reactor = reactor
        self._waiting: dict[Hashable, Callable[[], None]] = {}
        self._paused = False

    def take(self, who: Hashable, answer: Callable[[], None]) -> None:
        """Call `answer` now if nothing else is being answered, otherwise in its turn.

        `who` identifies the request for `drop`.
        """
        if self._reactor is None:
            answer()
        elif self._paused:
            self._waiting[who] = answer
        else:
            self._paused = True
            began_at = self._reactor.seconds()
            try:
                answer()
            finally:
                self._reactor.callLater(max(0.0, self._reactor.seconds() - began_at), self._next)

    def drop(self, who: Hashable) -> None:
        """Do not answer the request of `who` any more, if it still waits."""
        self._waiting.pop(who, None)

    def _next(self) -> None:
        self._paused = False
        if self._waiting:
            who = next(iter(self._waiting))
            self.take(who, self._waiting.pop(who))


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
        self._busy_lines = Occasionally(self.reactor.seconds)

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._connections)

    def protocol(self) -> HttpConnection:  # type: ignore[override]
        """Return a new connection, which speaks HTTP/1.1."""
        return HttpConnection()

    def buildProtocol(self, addr: IAddress | None) -> HttpConnection | None:  # type: ignore[override]
        """Return the protocol of a new connection from `addr`; None, which closes it, if there are too many.

        Before a new connection is closed, an old one without a request in progress is, or one of a greedier
        peer.
        """
        peer = getattr(addr, "host", "?")
        if self.connections >= self.limits.connections and not self._make_room(peer):
            return None
        self.timeOut = self.limits.request_seconds
        connection: HttpConnection = super().buildProtocol(addr)  # type: ignore[no-untyped-call]
        self._connections[connection] = peer
        return connection

    def moved(self, connection: HttpConnection) -> None:
        """Note that a request on this connection was answered."""
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
                "HTTP: all {most} connections are in use; {times} were closed since the last such line, those"
                " without a request first; see http.max_connections",
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
        """Return the oldest connection of the peer with the most connections; None if that is `peer`."""
        counts = Counter(self._connections.values())
        greediest = max(counts, key=counts.__getitem__, default=peer)
        if counts[greediest] <= counts[peer] + 1:
            return None
        return next(each for each, of in self._connections.items() if of == greediest)
