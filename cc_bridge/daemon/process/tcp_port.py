"""The TCP ports on which the daemon listens: a crowd of new peers does not stop the reactor."""

from typing import cast

from twisted.internet.interfaces import IAddress, IProtocolFactory, IReactorCore
from twisted.internet.tcp import Port

__all__ = ["ACCEPTED_AT_ONCE", "TcpPort"]

# Connections that the kernel keeps until they are accepted. With Twisted's 50, some of 1,000 peers that
# connect within a second wait a second or longer.
_BACKLOG = 1024
ACCEPTED_AT_ONCE = 20  # takes about 3 ms


class TcpPort(Port):
    """A listening TCP port that accepts at most 20 connections in one iteration of the reactor.

    Twisted's own port accepts 20 more in each iteration for as long as peers connect faster than they are
    accepted. Meanwhile, the reactor does nothing else: callers in a survey wait.

    `host` is an IPv4 or IPv6 address. If `port` is 0, the system chooses a port. `startListening` raises
    CannotListenError if the port is in use.
    """

    def __init__(self, host: str, port: int, factory: IProtocolFactory, reactor: IReactorCore) -> None:
        super().__init__(port, factory, _BACKLOG, host, reactor)

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        """Accept connections that wait in the kernel."""
        self.numberAccepts = min(self.numberAccepts, ACCEPTED_AT_ONCE)
        super().doRead()  # type: ignore[no-untyped-call]

    def getHost(self) -> IAddress:  # noqa: N802 - Twisted's name
        """Return the address on which the port listens."""
        return cast("IAddress", super().getHost())  # type: ignore[no-untyped-call]
