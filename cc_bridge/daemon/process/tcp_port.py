"""The TCP ports on which the daemon listens: a crowd of new peers does not stop the reactor."""

from collections.abc import Callable
from typing import cast

from twisted.internet.interfaces import IAddress, IProtocolFactory, IReactorTime
from twisted.internet.tcp import Port

__all__ = ["ACCEPTED_AT_ONCE", "TcpPort"]

# Connections that the kernel keeps until they are accepted. With Twisted's 50, some of 1,000 peers that
# connect within a second wait a second or longer.
_BACKLOG = 1024
ACCEPTED_AT_ONCE = 20  # takes about 3 ms
_PAUSE_SECONDS = 0.05  # in which some answers end


class TcpPort(Port):
    """A listening TCP port that accepts at most 20 connections in one iteration of the reactor.

    While peers connect faster than they are accepted, Twisted's own port accepts 20 more in each iteration
    than in the one before. The reactor has then no time for anything else: callers in a survey wait.

    `host` is an IPv4 or IPv6 address. If `port` is 0, the system chooses a port. `startListening` raises
    CannotListenError if the port is in use. `room` returns how many connections the factory has room for.

    Without room, new connections wait in the kernel, and the port accepts only one in 50 ms. The factory
    refuses this one, or closes another connection for it. It decides by the peer, which is not known before.
    """

    def __init__(
        self,
        host: str,
        port: int,
        factory: IProtocolFactory,
        reactor: IReactorTime,
        room: Callable[[], int] = lambda: ACCEPTED_AT_ONCE,
    ) -> None:
        super().__init__(port, factory, _BACKLOG, host, reactor)
        self._clock = reactor
        self._room = room
        self._paused = False

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        """Accept connections that wait in the kernel, as far as there is room for them."""
        room = self._room()
        if room <= 0 and not self._paused:
            self._paused = True
            self.stopReading()  # type: ignore[no-untyped-call]
            self._clock.callLater(_PAUSE_SECONDS, self._resume)
            return
        self._paused = False
        self.numberAccepts = max(1, min(self.numberAccepts, ACCEPTED_AT_ONCE, room))
        super().doRead()  # type: ignore[no-untyped-call]

    def getHost(self) -> IAddress:  # noqa: N802 - Twisted's name
        """Return the address on which the port listens."""
        return cast("IAddress", super().getHost())  # type: ignore[no-untyped-call]

    def _resume(self) -> None:
        """Accept connections again, unless the port was closed meanwhile."""
        if self.connected and not self.disconnecting:
            self.startReading()  # type: ignore[no-untyped-call]
