"""Takes events out of the outbox and sends them, again and again until they are taken or given up.

Deliveries run in the reactor, and every read of the outbox in a thread. Events of one call go to one receiver
one after the other, those of other calls beside them, `AT_ONCE` at a time. `retry_policy.py` decides what a
failure means.

An event leaves the outbox after its receiver took it. A daemon that is killed between the two sends it
again, with the same id: at least once, and never lost.

`_turn` makes reads and notes of the outbox one after the other. An event counts as running until its result
is noted, else a read that began before would send it again, after a later one of its call.
"""

from collections import Counter as Tally
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, DeferredList, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from cc_bridge.webhooks.retry_policy import (
    DeliveryOutcome,
    ReceiverHealth,
    RetryPolicy,
    WebhookReply,
    verdict,
)
from cc_bridge.webhooks.signing import headers

__all__ = ["Endpoint", "EventStore", "PendingEvent", "WebhookDeliveries"]

_log = Logger()

_NOTE_AGAIN_SECONDS = 1.0
_TIDY_EVERY = 30  # looks at the clock's bidding; it reads all that is there


class PendingEvent(Protocol):
    """An event that is due, as the outbox gives it."""

    @property
    def endpoint(self) -> str: ...
    @property
    def event_id(self) -> str: ...
    @property
    def created_at(self) -> float: ...
    @property
    def body(self) -> str: ...
    @property
    def attempts(self) -> int: ...


class EventCount(Protocol):
    """What waits for one receiver."""

    @property
    def pending(self) -> int: ...
    @property
    def oldest_at(self) -> float: ...
    @property
    def dead(self) -> int: ...


class EventStore(Protocol):
    """What is asked of the outbox, in a thread."""

    def due(self, endpoint: str, now: float, limit: int) -> Sequence[PendingEvent]: ...
    def counts(self) -> Mapping[str, EventCount]: ...
    def tidy(self, limits: Mapping[str, int], now: float) -> Mapping[str, int]: ...
    def delivered(self, endpoint: str, event_id: str, now: float) -> None: ...
    def failed(
        self, endpoint: str, event_id: str, attempts: int, next_attempt_at: float | None, reason: str
    ) -> None: ...
    def back(self, endpoint: str) -> None: ...


class WebhookClient(Protocol):
    """What sends to one address."""

    async def post(self, headers: Mapping[str, str], body: bytes) -> WebhookReply: ...
    def close(self) -> Deferred[None]: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who is told; up to `max_pending` events may wait for it, and as many may be dead."""

    name: str
    keys: tuple[bytes, ...]
    client: WebhookClient
    rules: RetryPolicy
    max_pending: int


class WebhookDeliveries:
    """Sends what is in an outbox. `in_thread` calls a function in a thread and fires in the reactor.

    For the metrics:
    results: by receiver and result: delivered, failed (goes again), dead (given up), dropped (no room)
    """

    def __init__(
        self,
        outbox: EventStore,
        receivers: Sequence[Endpoint],
        in_thread: Callable[..., Deferred[Any]],
        clock: IReactorTime,
        now: Callable[[], float],
        random: Callable[[], float],
        poll_seconds: float = 1.0,
    ) -> None:
        self.results: Tally[tuple[str, str]] = Tally()
        self._outbox = outbox
        self._receivers = {receiver.name: receiver for receiver in receivers}
        self._health = dict.fromkeys(self._receivers, ReceiverHealth())
        self._in_thread = in_thread
        self._clock = clock
        self._now = now
        self._random = random
        self._counts: Mapping[str, EventCount] = {}
        self._running: dict[tuple[str, str], Deferred[None]] = {}  # by receiver and event
        self._posts: dict[
            tuple[str, str], Deferred[WebhookReply]
        ] = {}  # of these, which wait for their answer
        self._turn = DeferredLock()
        self._queued = False  # a look is
        self._thorough = False  # the next look counts too, and tidies at times
        self._polls = 0  # of these
        self._unreadable = False  # the outbox cannot be read
        self._stopping = False
        self._poll_seconds = poll_seconds
        self._loop = LoopingCall(self._poll_thoroughly)
        self._loop.clock = clock

    # -- for the metrics

    @property
    def receivers(self) -> Collection[str]:
        return self._receivers

    def pending(self, receiver: str) -> int:
        return self._counts[receiver].pending if receiver in self._counts else 0

    def oldest_seconds(self, receiver: str) -> float:
        """How long the oldest event has waited; 0 when there is none."""
        return max(0.0, self._now() - self._counts[receiver].oldest_at) if self.pending(receiver) else 0.0

    def dead(self, receiver: str) -> int:
        return self._counts[receiver].dead if receiver in self._counts else 0

    # -- life

    def start(self) -> None:
        self._loop.start(self._poll_seconds)

    async def stop(self) -> None:
        """Break off what runs; it goes again at the next start."""
        self._stopping = True
        if self._loop.running:
            self._loop.stop()
        for post in list(self._posts.values()):
            post.cancel()
        await DeferredList(list(self._running.values()))
        await self._turn.acquire()  # behind the last look
        self._turn.release()
        for receiver in self._receivers.values():
            await receiver.client.close()

    # -- inside

    def _poll_thoroughly(self) -> None:
        self._thorough = True
        self._wake()

    def _wake(self) -> None:
        """Look soon, once, however often this is called."""
        if not self._queued and not self._stopping:
            self._queued = True
            self._turn.run(self._poll).addErrback(self._cannot_read)

    def _cannot_read(self, failure: Any) -> None:
        if not self._unreadable:
            self._unreadable = True
            _log.error("the outbox cannot be read, events wait: {why}", why=failure.getErrorMessage())

    def _poll(self) -> Deferred[None]:
        self._queued = False
        return Deferred.fromCoroutine(self._send_what_is_due())

    async def _send_what_is_due(self) -> None:
        thorough, self._thorough = self._thorough, False
        dropped, due = await self._in_thread(self._read, self._now(), dict(self._room()), thorough)
        for receiver, n in dropped.items():
            self.results[receiver, "dropped"] += n
        if self._unreadable:
            self._unreadable = False
            _log.info("the outbox can be read again")
        for waiting in due:
            key = (waiting.endpoint, waiting.event_id)
            if key not in self._running and not self._stopping:
                done: Deferred[None] = Deferred.fromCoroutine(self._deliver(waiting))
                if not done.called:
                    self._running[key] = done

    def _room(self) -> list[tuple[str, tuple[int, int]]]:
        """Return how many heads of calls to read for each receiver: those that run are among them."""
        now, found = self._now(), []
        for name in self._receivers:
            running = sum(receiver == name for receiver, _ in self._running)
            if room := self._health[name].room(now, running):
                found.append((name, (room, running)))
        return found

    def _read(
        self, now: float, rooms: Mapping[str, tuple[int, int]], thorough: bool
    ) -> tuple[Mapping[str, int], list[PendingEvent]]:
        """Return how many events were dropped, and what is due; in a thread."""
        dropped: Mapping[str, int] = {}
        if thorough:
            self._counts = self._outbox.counts()
            self._polls += 1
        if thorough and self._polls % _TIDY_EVERY == 1:
            dropped = self._outbox.tidy(
                {name: each.max_pending for name, each in self._receivers.items()}, now
            )
        due: list[PendingEvent] = []
        for receiver, (room, running) in rooms.items():
            heads = self._outbox.due(receiver, now, room + running)
            due += [head for head in heads if (receiver, head.event_id) not in self._running][:room]
        return dropped, due

    async def _deliver(self, waiting: PendingEvent) -> None:
        receiver = self._receivers[waiting.endpoint]
        body = waiting.body.encode()
        key = (waiting.endpoint, waiting.event_id)
        try:
            signed = headers(receiver.keys, waiting.event_id, int(self._now()), body)
            self._posts[key] = Deferred.fromCoroutine(receiver.client.post(signed, body))
            reply = await self._posts[key]
            await self._turn.run(lambda: Deferred.fromCoroutine(self._note(receiver, waiting, reply)))
        except CancelledError:  # by `stop`
            pass
        finally:
            self._posts.pop(key, None)
            self._running.pop(key, None)
            self._wake()

    async def _note(self, receiver: Endpoint, waiting: PendingEvent, reply: WebhookReply) -> None:
        """Keep what came of it, however long the disk is away."""
        now, random = self._now(), self._random()
        attempts = waiting.attempts + 1
        before = self._health[receiver.name]
        after = self._health[receiver.name] = before.after(reply, now, receiver.rules, random)
        self._log_transition(receiver.name, before, after, reply)
        fate = verdict(reply, attempts, now - waiting.created_at, receiver.rules)
        if fate is DeliveryOutcome.DELIVERED:
            await self._note_until_stored(self._outbox.delivered, receiver.name, waiting.event_id, now)
        else:
            next_attempt_at = (
                now + receiver.rules.pause(attempts, random) if fate is DeliveryOutcome.AGAIN else None
            )
            noted = (receiver.name, waiting.event_id, attempts, next_attempt_at, reply.reason)
            await self._note_until_stored(self._outbox.failed, *noted)
        if before.away and not after.away:
            await self._note_until_stored(self._outbox.back, receiver.name)
        words = {
            DeliveryOutcome.DELIVERED: "delivered",
            DeliveryOutcome.AGAIN: "failed",
            DeliveryOutcome.DEAD: "dead",
        }
        self.results[receiver.name, words[fate]] += 1
        if fate is DeliveryOutcome.DEAD:
            _log.error(
                "event {event} for {receiver} is given up after {attempts} attempts: {reason}",
                event=waiting.event_id,
                receiver=receiver.name,
                attempts=attempts,
                reason=reply.reason,
            )

    async def _note_until_stored(self, note: Callable[..., None], *args: object) -> None:
        logged = False
        while True:
            try:
                await self._in_thread(note, *args)
            except Exception as error:
                if self._stopping:
                    return  # the event goes again
                if not logged:
                    logged = True
                    _log.error("the outbox cannot be written, deliveries wait: {error!r}", error=error)
                await deferLater(self._clock, _NOTE_AGAIN_SECONDS)
            else:
                return

    def _log_transition(
        self, name: str, before: ReceiverHealth, after: ReceiverHealth, reply: WebhookReply
    ) -> None:
        if after.away and not before.away:
            _log.warn("webhook receiver {name} is away: {reason}", name=name, reason=reply.reason)
        elif before.away and not after.away:
            _log.info("webhook receiver {name} is back", name=name)
