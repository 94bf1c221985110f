"""The base class of services that listen on a TCP port.

If the configured port is 0, the system chooses a port, which is known once the service listens.
"""

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IProtocolFactory

from cc_bridge.daemon.process.tcp_port import ACCEPTED_AT_ONCE, TcpPort
from cc_bridge.daemon.service import Context, DaemonService

__all__ = ["ListeningService"]


class ListeningService(DaemonService):
    """A service that listens on a TCP port.

    `privilegedStartService` opens the port; it raises CannotListenError if the port is in use. `room` returns
    how many connections the factory has room for; further ones wait.
    """

    def __init__(
        self,
        context: Context,
        host: str,
        port: int,
        factory: IProtocolFactory,
        room: Callable[[], int] = lambda: ACCEPTED_AT_ONCE,
    ) -> None:
        super().__init__(context)
        self._where = host, port, factory, context.reactor, room
        self._port: TcpPort | None = None

    @property
    def listens(self) -> bool:
        """Whether the port is open now."""
        return self._port is not None

    @property
    def address(self) -> str:
        """The address on which the service listens, as `host:port`, an IPv6 host in brackets."""
        assert self._port is not None
        address: Any = self._port.getHost()  # IPv4Address or IPv6Address
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"{host}:{address.port}"

    def privilegedStartService(self) -> None:
        Service.privilegedStartService(self)
        port = TcpPort(*self._where)
        port.startListening()
        self._port = port

    def start(self) -> None:
        if self._port is None:
            self.privilegedStartService()

    def stop(self) -> Deferred[None]:
        port, self._port = self._port, None
        return (
            succeed(None) if port is None else maybeDeferred(port.stopListening).addCallback(lambda _: None)
        )
