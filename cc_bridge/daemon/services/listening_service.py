"""A service that listens at a TCP address; the number of its port is known once it listens."""

from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint

from cc_bridge.daemon.service import Context, DaemonService

if TYPE_CHECKING:
    from twisted.python.failure import Failure

__all__ = ["ListeningService"]

_BACKLOG = 50  # Twisted's own


class ListeningService(DaemonService):
    """Listens from `privilegedStartService` on, which raises CannotListenError for a port that is taken."""

    def __init__(
        self, context: Context, host: str, port: int, factory: IProtocolFactory, backlog: int = _BACKLOG
    ) -> None:
        super().__init__(context)
        endpoint = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
        self._endpoint: IStreamServerEndpoint = endpoint(context.reactor, port, backlog, host)
        self._factory = factory
        self._port: IListeningPort | None = None

    @property
    def address(self) -> str:
        """Where it listens, as in a URL."""
        assert self._port is not None
        address: Any = self._port.getHost()  # IPv4Address or IPv6Address
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"{host}:{address.port}"

    def privilegedStartService(self) -> None:
        Service.privilegedStartService(self)
        faults: list[Failure] = []
        # A TCP endpoint listens, or fails, before it returns.
        self._endpoint.listen(self._factory).addCallbacks(self._listens, faults.append)
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

    def _listens(self, port: IListeningPort) -> None:
        self._port = port
