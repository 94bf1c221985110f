"""The FastAGI listener: takes calls from Asterisk, within limits, and gives each to a coroutine.

The wiring listens with a `FastAgiFactory`; metrics read its counters. The trap: Asterisk waits for our
close for ever, and the caller hears silence meanwhile. So whatever goes wrong here closes the connection,
and the dialplan goes on.

A call over its limit, or cut by `stop`, first loses its channel: the running command raises AGIHangup and
the handler can still store how far it came. It is cancelled only if that takes too long.
"""

from collections import Counter
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Any

from asterisk.agi import AGIHangup
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from cc_bridge.agi.channel import AgiChannel
from cc_bridge.agi.foreign_requests import ForeignRequests
from cc_bridge.agi.request import AgiEnvironmentReader, BadAgiEnvironment, Request

__all__ = ["BACKLOG", "AgiLimits", "FastAgiFactory", "Handler"]

_log = Logger()

Handler = Callable[[Request, AgiChannel], Coroutine[Any, Any, None]]

BACKLOG = 1024  # callers who wait to be accepted; of 1,000 a second, Twisted's 50 let some wait for a second
LAST_WORDS_SECONDS = 15.0  # between the loss of the channel and the cancelling: two slow stores of 5 s fit in


@dataclass(frozen=True, slots=True)
class AgiLimits:
    """What one PBX may ask of us. A survey takes 20 to 40 s, a head 25 lines and 1 KB."""

    callers: int = 100
    call_seconds: float = 90.0
    max_header_lines: int = 100
    max_header_bytes: int = 16384
    header_timeout_seconds: float = 5.0


class FastAgiFactory(Factory):
    """Makes a connection for each caller and keeps the counts.

    `scripts` are the paths that we serve; a request for any other one is closed at once and is `foreign`.
    """

    noisy = False

    def __init__(
        self,
        handler: Handler,
        limits: AgiLimits,
        clock: IReactorTime,
        scripts: Collection[str] = frozenset({"survey"}),
    ) -> None:
        self.handler = handler
        self.limits = limits
        self.clock = clock
        self.scripts = scripts
        self.accepted = 0  # calls given to the handler
        self.refused: Counter[str] = Counter()  # by reason: busy, invalid_header, header_timeout, stopping
        self.foreign = ForeignRequests(clock.seconds)
        self.failed = 0  # calls whose handler raised
        self.terminated: Counter[str] = Counter()  # by reason: time_limit, shutdown
        self.stopping = False
        self.calls: set[_FastAgiProtocol] = set()

    @property
    def in_progress(self) -> int:
        return len(self.calls)

    def buildProtocol(self, addr: IAddress | None) -> "_FastAgiProtocol":  # noqa: ARG002 (Twisted passes it)
        return _FastAgiProtocol(self)

    async def stop(self, seconds: float) -> None:
        """Take no new callers, let the running ones finish within `seconds`, then cut them.

        Returns once every handler has ended; the wiring closes the port before and the storage after it.
        """
        self.stopping = True
        calls = list(self.calls)
        timers = [self.clock.callLater(seconds, call.terminate, "shutdown") for call in calls]
        await DeferredList([call.over for call in calls])
        for timer in timers:
            if timer.active():
                timer.cancel()


class _FastAgiProtocol(Protocol):
    """One connection: the head is read, then the handler runs, then we close."""

    transport: ITCPTransport

    def __init__(self, factory: FastAgiFactory) -> None:
        self.over: Deferred[None] = Deferred()
        self._factory = factory
        self._head: AgiEnvironmentReader | None = None
        self._channel: AgiChannel | None = None
        self._handling: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        limits, factory = self._factory.limits, self._factory
        if factory.stopping:
            self._refuse("stopping")
        elif factory.in_progress >= limits.callers:
            self._refuse("busy")
        else:
            factory.calls.add(self)
            self._head = AgiEnvironmentReader(limits.max_header_lines, limits.max_header_bytes)
            self._timer = factory.clock.callLater(
                limits.header_timeout_seconds, self._refuse, "header_timeout"
            )

    def dataReceived(self, data: bytes) -> None:
        if self._channel is not None:
            self._channel.received(data)
            return
        if self._head is None:
            return  # refused; what was under way is of no interest
        try:
            head = self._head.feed(data)
        except BadAgiEnvironment as error:
            _log.warn("an AGI connection was refused: {error}", error=error)
            self._refuse("invalid_header")
            return
        if head is not None:
            self._begin(*head)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002 (Twisted passes it)
        if self._channel is not None:
            self._channel.connection_lost()
        else:
            self._end()

    def terminate(self, because: str) -> None:
        """End the call from our side. The handler keeps the time for its last words."""
        if self.over.called:
            return
        if self._channel is None:
            self._refuse("stopping")
            return
        self._factory.terminated[because] += 1
        self._start_timer(LAST_WORDS_SECONDS, self._give_up)
        self._channel.close(because)

    # -- inside

    def _begin(self, request: Request, rest: bytes) -> None:
        if self._factory.stopping:
            self._refuse("stopping")
            return
        if request.script not in self._factory.scripts:
            self._factory.foreign.note(request.script, getattr(self.transport.getPeer(), "host", "?"))
            self._end()
            return
        self._factory.accepted += 1
        self._start_timer(self._factory.limits.call_seconds, self.terminate, "time_limit")
        self._head = None
        self._channel = AgiChannel(self.transport, self._factory.clock)
        self._handling = Deferred.fromCoroutine(self._factory.handler(request, self._channel))
        self._handling.addErrback(self._failed, request)
        self._handling.addBoth(lambda _: self._end())
        if rest:
            self._channel.received(rest)

    def _failed(self, failure: Failure, request: Request) -> None:
        if failure.check(AGIHangup, CancelledError):
            return  # the caller's right, or a cut that is counted already
        self._factory.failed += 1
        _log.failure(
            "the AGI script {script} failed for channel {uniqueid!r}",
            failure,
            script=request.script,
            uniqueid=request.uniqueid,
        )

    def _give_up(self) -> None:
        if self._handling is not None:
            self._handling.cancel()

    def _refuse(self, reason: str) -> None:
        self._factory.refused[reason] += 1
        self._end()

    def _start_timer(self, seconds: float, then: Callable[..., None], *arguments: str) -> None:
        self._stop_timer()
        self._timer = self._factory.clock.callLater(seconds, then, *arguments)

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _end(self) -> None:
        self._stop_timer()
        self._head = None
        self._factory.calls.discard(self)
        self.transport.loseConnection()
        if not self.over.called:
            self.over.callback(None)
