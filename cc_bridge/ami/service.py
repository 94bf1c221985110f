"""The AMI link: logs in, requests a snapshot, passes events on, and reconnects when the session ends.

In each session, the methods of the `Listener` are called in this order: `ami_up` with the snapshot, then
`ami_event` for each event, then `ami_down`.

Asterisk does not repeat events. Events that arrive before the snapshot is complete are kept and passed on
after it. The listener must accept an event that the snapshot already includes. Asterisk's lists are empty
while it boots, so no list is requested before `FullyBooted`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol as Shape

from twisted.application.internet import backoffPolicy
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from cc_bridge.ami.client import AmiClient, AmiTimeouts
from cc_bridge.ami.codec import Codec, EventSpec
from cc_bridge.ami.header_numbers import is_plausible
from cc_bridge.ami.messages import MessageCounts
from cc_bridge.ami.pbx_clock import PbxClock
from cc_bridge.errors import AmiError, AmiLinkLost, AmiTimeout

__all__ = ["AmiService", "Listener", "ReconnectPolicy"]

_log = Logger()

# Timeout of FullyBooted after a login. A large Asterisk takes a minute to load its modules, and accepts
# logins before that.
_BOOT_SECONDS = 300.0


class Listener(Shape):
    """The interface of an object that receives the snapshots and events of the AMI link."""

    def ami_item(self, item: Any, taken_at: float) -> Any:
        """Convert an item of the list QueueStatus or CoreShowChannels into the value to keep in the snapshot.

        `taken_at` is the time at which the snapshot was requested, by the PBX's clock.
        """

    def ami_up(self, items: Sequence[Any], taken_at: float) -> None:
        """Process the first snapshot of a session.

        `items` are the values that `ami_item` returned. `taken_at` is the time at which the snapshot was
        requested, by the PBX's clock.
        """

    def ami_event(self, event: Any) -> None:
        """Process one AMI event."""

    def ami_checked(self, items: Sequence[Any], taken_at: float) -> None:
        """Process a snapshot that was requested later in the session.

        `items` are the values that `ami_item` returned. `taken_at` is the time at which the snapshot was
        requested, by the PBX's clock. Some events may have arrived while Asterisk sent the snapshot.
        """

    def ami_down(self, why: str, at: float) -> None:
        """Process the end of the session; `why` is the reason.

        `at` is the time up to which all events were received, by the PBX's clock: the time in the last answer
        to a ping.
        """


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """The pauses between connection attempts, in seconds.

    The pause doubles with each attempt, up to `longest`. Then a random part of it, up to half, is subtracted,
    so that the daemons of a site do not all reconnect to a restarted Asterisk at the same time.
    """

    first: float = 0.5
    longest: float = 30.0

    def after(self, attempts: int, random: float) -> float:
        """Return the pause after `attempts` failed attempts; `random` is a random number from 0 to 1."""
        # Twisted's own jitter is not used, because it adds the same to a short pause as to a long one.
        return backoffPolicy(self.first, self.longest, 2, jitter=float)(attempts) * (0.5 + random / 2)


class AmiService:
    """The service that keeps one AMI session connected.

    up: the PBX is observed now
    down_reason: the reason why the PBX is not observed; empty while it is
    on_clock_set: called when the PBX's clock was set, with the step in seconds (negative: the clock was set
        back)
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        credentials: tuple[str, str],
        listener: Listener,
        wanted: Mapping[str, EventSpec],
        clock: IReactorTime,
        wall_clock: Callable[[], float],
        random: Callable[[], float],
        timeouts: AmiTimeouts | None = None,
        pauses: ReconnectPolicy | None = None,
    ) -> None:
        self.up = False
        self.down_reason = "not connected yet"
        self.logins = 0  # successful logins; each one after the first is a reconnection
        self.counts = MessageCounts()
        self.last_event_at = 0.0  # UTC seconds since the epoch by this machine's clock
        self.started_at = 0.0  # start of Asterisk by its clock, in whole seconds; 0 if unknown
        self._endpoint = endpoint
        self._credentials = credentials
        self._listener = listener
        self._wanted = wanted
        self._clock = clock
        self._wall_clock = wall_clock
        self._random = random
        self._timeouts = timeouts or AmiTimeouts()
        self._pauses = pauses or ReconnectPolicy()
        self._running: Deferred[None] | None = None
        self._stopping = False
        self._checking: Deferred[None] | None = None
        self._client: AmiClient | None = None
        self._pbx_clock = PbxClock()
        self.on_clock_set: Callable[[float], None] = lambda _seconds: None
        self._booted: Deferred[None] = Deferred()
        self._early: list[Any] = []  # events that arrived before the snapshot was complete

    def pbx_now(self) -> float:
        """Return the time of the PBX's clock in UTC seconds since the epoch, as in all records."""
        offset = self._pbx_clock.offset
        return self._wall_clock() if offset is None else self._clock.seconds() + offset

    @property
    def clock_offset(self) -> float:
        """Seconds that the PBX's clock is ahead of this machine's, by the answers to pings."""
        return self.pbx_now() - self._wall_clock()

    def note_instant(self, at: float, earlier: float) -> None:
        """Note the instant `at` of an event. If it shows that the PBX's clock was set, report the step.

        `earlier` is the instant of the event before this one.
        """
        self._report_step(self._pbx_clock.event_seen(at, earlier, self._clock.seconds()))

    @property
    def synced_until(self) -> float:
        """Instant by the PBX's clock, in UTC seconds, up to which no event is missing; 0 if unknown."""
        return self._client.synced_until if self._client else 0.0

    def start(self) -> None:
        """Start to connect. A lost session is followed by a new one until `stop` is called."""
        self._running = Deferred.fromCoroutine(self._stay_connected())
        self._running.addErrback(lambda failure: failure.trap(CancelledError) and None)

    def stop(self) -> None:
        """End the session; the listener's `ami_down` is called if the link was up."""
        # A cancelled connection attempt fails with any error of the endpoint. The flag then ends the loop.
        self._stopping = True
        if self._running is not None:
            self._running.cancel()

    def flush(self) -> Deferred[bool]:
        """Send a ping, so that Asterisk sends the events that it holds back.

        The Deferred fires with True when Asterisk has answered the ping; all events that Asterisk sent before
        the answer have been handled then. It fires with False if the link is down or is lost before the
        answer.
        """
        answered: Deferred[bool] = Deferred()
        if self.up and self._client is not None:
            self._client.flush().addCallbacks(
                lambda _: answered.callback(True), lambda _: answered.callback(False)
            )
        else:
            answered.callback(False)
        return answered

    def check(self) -> None:
        """Request a snapshot and pass it to the listener's `ami_checked`.

        Do nothing if the link is down, or if the previous request is still in progress.
        """
        if self.up and self._client is not None and self._checking is None:
            self._checking = Deferred.fromCoroutine(self._check(self._client))

    async def _stay_connected(self) -> None:
        """Run one session after the other, with a pause in between, until the service stops."""
        failures = 0
        while not self._stopping:
            logins = self.logins
            try:
                self.down_reason = await self._session()
            except AmiError as error:
                self.down_reason = str(error)
            except Exception as error:  # an error of this code or the listener must not end the link for good
                if not self._stopping:
                    _log.failure(
                        "an internal error ended the AMI session; the daemon connects to Asterisk again"
                    )
                self.down_reason = repr(error)
                logins = self.logins  # the error may repeat, so this login does not reset the pause
            if self._stopping:
                return
            failures = 0 if self.logins > logins else failures + 1
            pause = self._pauses.after(failures, self._random())
            _log.warn(
                "no link to Asterisk: {why}; retrying in {pause:.1f} s", why=self.down_reason, pause=pause
            )
            await deferLater(self._clock, pause)

    def ask(self, *, channels: bool, queues: Collection[str] | None) -> Deferred[list[Any]]:
        """Request the list of channels, if `channels` is true, and the status of queues.

        `queues` has the names of the queues; None means all. Asterisk answers with an event for each channel,
        queue, member and caller. The Deferred fires with the values that the listener's `ami_item` returned
        for these events. It fails with AmiError if Asterisk does not answer.
        """
        return Deferred.fromCoroutine(self._ask(channels, queues))

    async def _ask(self, channels: bool, queues: Collection[str] | None) -> list[Any]:
        """Request the lists from Asterisk; return what the listener's `ami_item` returned for each item."""
        if self._client is None or not self.up:
            raise AmiLinkLost("not connected")
        items: list[Any] = []
        now = self.pbx_now()

        def keep(item: Any) -> None:
            items.append(self._listener.ami_item(item, now))

        if channels:
            await self._client.list_items("CoreShowChannels", keep)
        if queues is None:
            await self._client.list_items("QueueStatus", keep)
        for queue in queues or ():
            with suppress(ValueError):  # no name of a queue: it cannot be a header of an action
                await self._client.list_items("QueueStatus", keep, Queue=queue)
        return items

    async def _session(self) -> str:
        """Run one session: connect, log in, request the snapshot and pass events on.

        Return the reason why the session ended. Raises AmiError if the connection or the login fails.
        """
        self._early, self._booted = [], Deferred()
        ended: Deferred[str] = Deferred()  # awaited instead of `client.lost`, which `stop` must not cancel
        client = AmiClient(Codec(self._wanted, self.counts), self._keep_event, self._clock, self._timeouts)
        client.on_pong, client.on_batch = self._pong, self._note_events
        client.lost.addCallback(self._lost).addCallback(ended.callback)
        try:
            await connectProtocol(self._endpoint, client)
        except Exception as error:  # refused, unreachable, no such host: Twisted has no common base for them
            raise AmiLinkLost(str(error) or type(error).__name__) from error
        self._client = client
        try:
            await client.login(*self._credentials)
            self.logins += 1
            await self._booted.addTimeout(_BOOT_SECONDS, self._clock, _not_booted)
            await client.flush()  # the answer sets the PBX's clock, by which the snapshot is dated
            snapshot = await self._snapshot(client)
            self.up, self.down_reason = True, ""
            _log.info(
                "linked to Asterisk (AMI version {version}); calls are observed now",
                version=client.codec.banner,
            )
            self._listener.ami_up(*snapshot)
            early, self._early = self._early, []
            for event in early:
                self._listener.ami_event(event)
            client.on_event = self._listener.ami_event
            return await ended
        finally:
            client.close("stopped")

    async def _snapshot(self, client: AmiClient) -> tuple[list[Any], float]:
        """Request the lists of queues and channels from Asterisk.

        Return the values that the listener's `ami_item` returned for the items, and the time of the request
        by the PBX's clock.
        """
        taken_at = self.pbx_now()
        items: list[Any] = []
        for action in ("QueueStatus", "CoreShowChannels"):
            await client.list_items(
                action, lambda item: items.append(self._listener.ami_item(item, taken_at))
            )
        return items, taken_at

    async def _check(self, client: AmiClient) -> None:
        """Request a snapshot and pass it to the listener; log a failure."""
        try:
            self._listener.ami_checked(*await self._snapshot(client))
        except AmiError as error:
            _log.warn(
                "periodic snapshot of calls and queues failed: {error}; it is requested again within a"
                " minute",
                error=error,
            )
        finally:
            self._checking = None

    def _pong(self, stamp: float, sent: float, received: float) -> None:
        """Note the answer to a ping, and report a step of the PBX's clock."""
        self._report_step(self._pbx_clock.answered(stamp, sent, received))

    def _report_step(self, step: float) -> None:
        """Log a step of the PBX's clock, and call `on_clock_set`; do nothing if `step` is 0."""
        if step:
            _log.warn(
                "the PBX's clock was set by {step:+.1f} s; the times of open calls and agents' states are"
                " moved by the same amount",
                step=step,
            )
            self.on_clock_set(step)

    def _note_events(self) -> None:
        """Store the present time as the time of the newest event."""
        self.last_event_at = self._wall_clock()

    def _keep_event(self, event: Any) -> None:
        """Keep an event until the first snapshot is complete."""
        if event.name == "FullyBooted" and not self._booted.called:
            self.started_at = self._asterisk_start(event.headers.get("Uptime"))
            self._booted.callback(None)
        self._early.append(event)

    def _asterisk_start(self, uptime: Any) -> float:
        """Return the instant at which Asterisk started, `uptime` seconds before now.

        The result is 0 if `uptime` is missing or implausible.
        """
        try:
            started_at = self.pbx_now() - int(uptime)
        except (TypeError, ValueError, OverflowError):
            return 0.0
        return started_at if is_plausible(started_at) else 0.0

    def _lost(self, why: str) -> str:
        """End the session because the connection was lost; return the reason `why` unchanged.

        Call the listener's `ami_down` if the link was up.
        """
        if not self._booted.called:
            self._booted.errback(Failure(AmiLinkLost(why)))
            self._booted.addErrback(lambda _: None)  # before the login, no code handles this error
        if self.up:
            self.up, self.down_reason = False, why
            # The time of the last answer, not the present: a dead link is noticed only by an unanswered ping.
            self._listener.ami_down(why, self.synced_until or self.pbx_now())
        return why


def _not_booted(_result: object, seconds: float) -> None:
    """Raise AmiTimeout, because Asterisk did not send FullyBooted."""
    raise AmiTimeout(f"no FullyBooted within {seconds:g} s: does the manager user have read=system?")
