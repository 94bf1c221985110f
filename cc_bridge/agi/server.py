"""The FastAGI listener: accepts calls from Asterisk within limits, and runs a coroutine for each call.

Asterisk waits without a time limit until cc_bridge closes the connection, and the caller hears silence in the
meantime. Every error here therefore closes the connection, so that the dialplan continues.

When a call exceeds its time limit or the daemon stops, its AGI connection is closed first. The running
command and all further ones then raise AGIHangup, and the handler can still store its progress. The handler
is cancelled only if it does not finish within LAST_WORDS_SECONDS.

A connection is pending until its header has arrived. Pending connections have a limit of their own, above
which the oldest one is closed. So programs that send no header cannot take the places of callers.
"""

import hmac
from collections import Counter
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
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
from cc_bridge.web.rate_limit import LogLimiter

__all__ = ["AgiLimits", "FastAgiFactory", "Handler"]

_log = Logger()

Handler = Callable[[Request, AgiChannel], Coroutine[Any, Any, None]]

# Rejections that a peer can cause at any rate, with their log lines.
_LOGGED = {
    "pending_limit": "FastAGI: {times} connections were closed before their header arrived, because"
    " agi.max_pending_connections is reached; the last peer is {peer}: does a program other than Asterisk"
    " reach agi.port?",
    "wrong_secret": "FastAGI: {times} requests without the secret of agi.secret were rejected, the last from"
    " {peer}: set CCB_AGI_SECRET in the dialplan's global variables; calls continue without their script",
    "invalid_header": "FastAGI: {times} connections with an invalid header were rejected and closed, the last"
    " from {peer}: {why}; its call continues in the dialplan",
}

LAST_WORDS_SECONDS = 15.0  # from the close of the connection to the cancellation: two stores of 5 s fit


@dataclass(frozen=True, slots=True)
class AgiLimits:
    """The limits of the FastAGI server. A survey takes 20 to 40 s; a header has 25 lines and 1 KB.

    callers: largest number of calls whose script runs at the same time
    pending: largest number of connections whose header has not arrived yet
    call_seconds: longest time in seconds that a script may take for one call
    secret: the secret that each request must contain; empty: no secret is required
    """

    callers: int = 100
    pending: int = 1000
    call_seconds: float = 90.0
    max_header_lines: int = 100
    max_header_bytes: int = 16384
    header_timeout_seconds: float = 5.0
    secret: str = field(default="", repr=False)


class FastAgiFactory(Factory):
    """The factory of AGI connections; it also counts the connections by their results.

    `scripts` holds the names of the scripts of cc_bridge. A request for another script is closed immediately
    and counted in `foreign`.
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
        self.accepted = 0  # calls passed to the handler
        # By reason: busy, invalid_header, header_timeout, pending_limit, stopping, wrong_secret.
        self.refused: Counter[str] = Counter()
        self.foreign = ForeignRequests(clock.seconds)
        self.failed = 0  # calls whose handler raised
        self.terminated: Counter[str] = Counter()  # by reason: time_limit, shutdown
        self.stopping = False
        self.calls: set[_FastAgiProtocol] = set()
        self.pending: dict[_FastAgiProtocol, None] = {}  # without a header yet, the oldest first
        self._lines = {reason: LogLimiter(clock.seconds) for reason in _LOGGED}

    @property
    def in_progress(self) -> int:
        """The number of calls whose script is running."""
        return len(self.calls)

    def buildProtocol(self, addr: IAddress | None) -> "_FastAgiProtocol":  # noqa: ARG002 (Twisted passes it)
        """Return the protocol of a new connection."""
        return _FastAgiProtocol(self)

    def add_pending(self, connection: "_FastAgiProtocol") -> None:
        """Add a connection whose header has not arrived yet; close the oldest ones above the limit."""
        self.pending[connection] = None
        while len(self.pending) > self.limits.pending:
            next(iter(self.pending)).refuse("pending_limit")

    def note_refused(self, reason: str, peer: str, why: str = "") -> None:
        """Count a rejected connection by its reason. Log each reason in `_LOGGED`, at most once a minute.

        `peer` is the network address of the connection's other end. `why` is the fault of an invalid header.
        """
        self.refused[reason] += 1
        if reason in _LOGGED and (times := self._lines[reason].note()):
            _log.warn(_LOGGED[reason], peer=peer, times=times, why=why)

    async def stop(self, seconds: float) -> None:
        """Accept no new callers, let the running calls finish within `seconds`, then end them.

        Return after every handler has ended. The port must be closed before this method runs. The storage
        must be closed only after it returns, because handlers still store records.
        """
        self.stopping = True
        for connection in list(self.pending):
            connection.refuse("stopping")
        calls = list(self.calls)
        timers = [self.clock.callLater(seconds, call.terminate, "shutdown") for call in calls]
        await DeferredList([call.over for call in calls])
        for timer in timers:
            if timer.active():
                timer.cancel()


class _FastAgiProtocol(Protocol):
    """One AGI connection: it reads Asterisk's header lines (the head), runs the handler, and closes.

    The Deferred `over` fires when the connection has ended.
    """

    transport: ITCPTransport

    def __init__(self, factory: FastAgiFactory) -> None:
        self.over: Deferred[None] = Deferred()
        self._factory = factory
        self._head: AgiEnvironmentReader | None = None
        self._channel: AgiChannel | None = None
        self._handling: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """Start to read the head (Asterisk's header lines), with a timeout.

        Reject the connection if the daemon is stopping.
        """
        limits, factory = self._factory.limits, self._factory
        if factory.stopping:
            self.refuse("stopping")
            return
        self._head = AgiEnvironmentReader(limits.max_header_lines, limits.max_header_bytes)
        self._timer = factory.clock.callLater(limits.header_timeout_seconds, self.refuse, "header_timeout")
        factory.add_pending(self)

    def dataReceived(self, data: bytes) -> None:
        """Pass bytes to the channel, or to the parser of the header lines before the channel exists."""
        if self._channel is not None:
            self._channel.received(data)
            return
        if self._head is None:
            return  # the connection was rejected, so its bytes are ignored
        try:
            head = self._head.feed(data)
        except BadAgiEnvironment as error:
            self.refuse("invalid_header", str(error))
            return
        if head is not None:
            self._begin(*head)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002 (Twisted passes it)
        """End the call, because the connection was lost; a running command raises AGIHangup."""
        if self._channel is not None:
            self._channel.connection_lost()
        else:
            self._end()

    def terminate(self, because: str) -> None:
        """End the call for the reason `because`. The handler has LAST_WORDS_SECONDS to store its progress."""
        if self.over.called or self._channel is None:
            return
        self._factory.terminated[because] += 1
        self._start_timer(LAST_WORDS_SECONDS, self._give_up)
        self._channel.close(because)

    def refuse(self, reason: str, why: str = "") -> None:
        """Count a rejected connection by its reason, and close it.

        `why` is the fault of an invalid header.
        """
        self._factory.note_refused(reason, self._peer(), why)
        self._end()

    # -- inside

    def _begin(self, request: Request, rest: bytes) -> None:
        """Start the handler of a request. `rest` holds the bytes that arrived after the header lines.

        Reject the request if the daemon is stopping, if cc_bridge has no script of the requested name, if the
        secret is wrong, or if the largest number of simultaneous calls is reached.
        """
        factory = self._factory
        if factory.stopping:
            self.refuse("stopping")
            return
        if request.script not in factory.scripts:
            factory.foreign.note(request.script, self._peer())
            self._end()
            return
        secret = factory.limits.secret
        if secret and not hmac.compare_digest(request.secret.encode(), secret.encode()):
            self.refuse("wrong_secret")
            return
        if factory.in_progress >= factory.limits.callers:
            self.refuse("busy")
            return
        factory.pending.pop(self, None)
        factory.calls.add(self)
        factory.accepted += 1
        self._start_timer(factory.limits.call_seconds, self.terminate, "time_limit")
        self._head = None
        self._channel = AgiChannel(self.transport, self._factory.clock)
        self._handling = Deferred.fromCoroutine(self._factory.handler(request, self._channel))
        self._handling.addErrback(self._failed, request)
        self._handling.addBoth(lambda _: self._end())
        if rest:
            self._channel.received(rest)

    def _failed(self, failure: Failure, request: Request) -> None:
        """Count and log an error of the handler. A hang-up or a cancellation is not an error."""
        if failure.check(AGIHangup, CancelledError):
            return  # the caller hung up, or the ended call is already counted as terminated
        self._factory.failed += 1
        _log.failure(
            "AGI script {script} failed for channel {uniqueid!r}; the call continues without it",
            failure,
            script=request.script,
            uniqueid=request.uniqueid,
        )

    def _give_up(self) -> None:
        """Cancel the handler, because it did not end in time after its connection was closed."""
        if self._handling is not None:
            self._handling.cancel()

    def _peer(self) -> str:
        return getattr(self.transport.getPeer(), "host", "?")

    def _start_timer(self, seconds: float, then: Callable[..., None], *arguments: str) -> None:
        """Call `then` with `arguments` after `seconds`.

        A connection has only one timer, so an earlier timer is stopped.
        """
        self._stop_timer()
        self._timer = self._factory.clock.callLater(seconds, then, *arguments)

    def _stop_timer(self) -> None:
        """Stop the timer, if one runs."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _end(self) -> None:
        """Close the connection, and fire the Deferred `over`, which reports the end of the connection."""
        self._stop_timer()
        self._head = None
        self._factory.calls.discard(self)
        self._factory.pending.pop(self, None)
        self.transport.loseConnection()
        if not self.over.called:
            self.over.callback(None)
