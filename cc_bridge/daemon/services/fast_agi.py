"""The FastAGI server: it answers agi://.../<script> requests of the PBX.

The section `[agi]` of the configuration sets its limits, such as the number of callers.
"""

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred

from cc_bridge.agi.channel import AgiChannel
from cc_bridge.agi.request import Request
from cc_bridge.agi.server import AgiLimits, FastAgiFactory
from cc_bridge.config import Config
from cc_bridge.daemon.process.open_files import shares
from cc_bridge.daemon.service import Context
from cc_bridge.daemon.services.listening_service import ListeningService

__all__ = ["AgiScript", "FastAgi"]

AgiScript = Callable[[Request, AgiChannel], Awaitable[None]]


class FastAgi(ListeningService):
    """The FastAGI server. It runs the scripts that `add_script` added, and rejects all other requests."""

    taken_over = ("agi.max_*", "agi.header_timeout_seconds")

    def __init__(self, context: Context) -> None:
        agi, self._scripts = context.config.agi, dict[str, AgiScript]()
        self._secret = agi.request_secret()
        limits = self._limits(context.config)
        self.factory = FastAgiFactory(self._serve, limits, context.reactor, self._scripts)
        super().__init__(context, agi.host, agi.port, self.factory)

    @property
    def in_progress(self) -> int:
        """The number of callers with a running script."""
        return self.factory.in_progress

    @property
    def stopping(self) -> bool:
        """Whether the server accepts no new callers because the daemon shuts down."""
        return self.factory.stopping

    def add_script(self, name: str, script: AgiScript) -> None:
        """Serve agi://.../<name> with this script."""
        self._scripts[name] = script

    def reconfigure(self, config: Config) -> None:
        super().reconfigure(config)
        self.factory.limits = self._limits(config)

    def stop(self) -> Deferred[None]:
        """Accept no new callers, and let the present callers finish within `run.shutdown_timeout_seconds`.

        The scripts of callers who are still there after this time are ended. The Deferred fires when no
        caller is left.
        """
        return Deferred.fromCoroutine(self._finish(super().stop()))

    async def _finish(self, closed: Deferred[None]) -> None:
        await closed
        await self.factory.stop(self.config.run.shutdown_timeout_seconds)

    async def _serve(self, request: Request, channel: AgiChannel) -> None:
        await self._scripts[request.script](request, channel)

    def _limits(self, config: Config) -> AgiLimits:
        agi = config.agi
        return AgiLimits(
            agi.max_callers,
            shares(config).pending,
            agi.max_session_seconds,
            agi.max_header_lines,
            agi.max_header_bytes,
            agi.header_timeout_seconds,
            self._secret,
        )
