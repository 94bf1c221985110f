"""The base class of services that listen on a TCP port.

If the configured port is 0, the system chooses a port, which is known once the service listens.
"""

from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint

from cc_bridge.daemon.service import Context, DaemonService

if TYPE_CHECKING:
    from twisted.python.failure import Failure

__all__ = ["ListeningService"]

_BACKLOG = 50  # Twisted's default


class ListeningService(DaemonService):
    """A service that listens on a TCP port.

    `privilegedStartService` opens the port; it raises CannotListenError if the port is in use.
    """

    def __init__(
        self, context: Context, host: str, port: int, factory: IProtocolFactory, backlog: int = _BACKLOG
    ) -> None:
        super().__init__(context)
        endpoint = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
        self._endpoint: IStreamServerEndpoint = endpoint(context.reactor, port, backlog, host)
        self._factory = factory
        self._port: IListeningPort | None = None

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
        faults: list[Failure] = []
        # The Deferred of a TCP endpoint has already fired when `listen` returns.
        self._endpoint.listen(self._factory).addCallbacks(self._opened, faults.append)
        if faults:
            faults[0].raiseException()

    def start(self) -> None:
        if self._port is None:
            self.privilegedStartService()

    def stop(self) -> Deferred[None]:
        port, self._port = self._port, None
        return (
            succeed(None) if port is None else maybeDeferred(port.stopListening).addCallback(lambda _: None)
        )

    def _opened(self, port: IListeningPort) -> None:
        self._port = port
