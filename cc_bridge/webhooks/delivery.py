"""The delivery of webhook events: it reads them from the outbox and sends them until accepted or given up.

Requests run in the reactor, reads and writes of the outbox in threads. An endpoint receives the events of one
call one by one, and events of up to `AT_ONCE` calls at the same time.

An event leaves the outbox after its endpoint accepted it. A daemon that is killed in between sends the event
again with the same id.

The outbox returns an event as due until its result is written. From the start of its delivery until then,
`_running` contains the event, so that it is not sent twice.
The lock `_turn` prevents simultaneous reads and writes. Otherwise a read could return an event that has just
left `_running`.
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

_STORE_RETRY_SECONDS = 1.0
_MISSED_POLLS = 3  # missed polls in a row that are a fault
_TIDY_EVERY = 30  # thorough polls between two clean-ups, each of which reads the whole outbox


class PendingEvent(Protocol):
    """The interface of an event that is due for delivery, as read from the outbox."""

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
    """The interface of an object with the numbers of one endpoint's pending and dead events in the outbox.

    A pending event waits for delivery. A dead event was given up.
    """

    @property
    def pending(self) -> int:
        """The number of events that wait for delivery."""

    @property
    def oldest_at(self) -> float:
        """The time at which the oldest pending event was created, UTC seconds."""

    @property
    def dead(self) -> int:
        """The number of events that were given up."""


class EventStore(Protocol):
    """The interface of the outbox; its methods block, so they are called in a thread."""

    def due(self, endpoint: str, now: float, limit: int) -> Sequence[PendingEvent]:
        """Return up to `limit` events that are due for an endpoint, at most one of each call."""

    def counts(self) -> Mapping[str, EventCount]:
        """Return the numbers of pending and dead events by endpoint."""

    def tidy(self, limits: Mapping[str, int], now: float) -> Mapping[str, int]:
        """Delete old events, and limit the number of each endpoint's events.

        Pending events wait for delivery, dead events were given up. `limits` has a number for each endpoint.
        If an endpoint has more pending events than this number, the oldest are given up. If it has more dead
        events than this number, the oldest are deleted. Return the number of deleted dead events by endpoint.
        """

    def delivered(self, endpoint: str, event_id: str, now: float) -> None:
        """Store that an endpoint accepted an event."""

    def failed(
        self, endpoint: str, event_id: str, attempts: int, next_attempt_at: float | None, reason: str
    ) -> None:
        """Store a failed attempt to send an event, with the reason.

        `attempts` is the number of attempts so far. The event is due again at `next_attempt_at`, in UTC
        seconds since the epoch. If it is None, the event is given up.
        """

    def back(self, endpoint: str) -> None:
        """Make all pending events of an endpoint due now."""


class WebhookClient(Protocol):
    """The interface of an HTTP client that sends requests to one URL."""

    async def post(self, headers: Mapping[str, str], body: bytes) -> WebhookReply:
        """Send a POST request and return the reply."""

    def close(self) -> Deferred[None]:
        """Close all idle connections."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook endpoint: one configured receiver of events.

    The outbox keeps up to `max_pending` pending events for it, and up to `max_pending` dead events (given
    up).
    """

    name: str
    keys: tuple[bytes, ...]
    client: WebhookClient
    rules: RetryPolicy
    max_pending: int


class WebhookDeliveries:
    """The deliveries from one outbox to all endpoints.

    `in_thread` calls a function in a thread; its Deferred fires in the reactor. `results` counts events by
    endpoint and result, for the metrics. The results are delivered, failed (an attempt that is retried), dead
    (given up) and dropped (a dead event was deleted, because there were too many or it was too old).
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
        # Deliveries in progress, and those of them that wait for a response; both by endpoint and event id.
        self._running: dict[tuple[str, str], Deferred[None]] = {}
        self._posts: dict[tuple[str, str], Deferred[WebhookReply]] = {}
        self._turn = DeferredLock()
        self._queued = False  # True: a poll of the outbox is queued
        self._thorough = False  # True: the next poll also counts the events, and sometimes cleans up
        self._polls = 0  # number of thorough polls
        self._unreadable = False  # True: the last read of the outbox failed
        self._stopping = False
        self._poll_seconds = poll_seconds
        self._polled_at = 0.0  # time of the clock at the last poll
        self._loop = LoopingCall(self._poll_thoroughly)
        self._loop.clock = clock

    # -- for the metrics

    @property
    def receivers(self) -> Collection[str]:
        """The names of all endpoints."""
        return self._receivers

    def pending(self, receiver: str) -> int:
        """Return the number of events that wait for delivery to the endpoint `receiver`.

        The number is from the last poll.
        """
        return self._counts[receiver].pending if receiver in self._counts else 0

    def oldest_seconds(self, receiver: str) -> float:
        """Return the age in seconds of the oldest pending event of the endpoint `receiver`; 0 if none."""
        return max(0.0, self._now() - self._counts[receiver].oldest_at) if self.pending(receiver) else 0.0

    def dead(self, receiver: str) -> int:
        """Return the number of events for the endpoint `receiver` that were given up, as of the last poll."""
        return self._counts[receiver].dead if receiver in self._counts else 0

    @property
    def fault(self) -> str:
        """A text that says for how long the outbox was not polled; empty if it is polled as it should be."""
        seconds = self._clock.seconds() - self._polled_at
        if self._stopping or not self._polled_at or seconds <= _MISSED_POLLS * self._poll_seconds:
            return ""
        return f"the webhook outbox was not polled for {seconds:.0f} s"

    # -- start and stop

    def start(self) -> None:
        """Start to poll the outbox once a second."""
        self._loop.start(self._poll_seconds)

    async def stop(self) -> None:
        """Cancel the requests in progress; their events are sent again after the next start."""
        self._stopping = True
        if self._loop.running:
            self._loop.stop()
        for post in list(self._posts.values()):
            post.cancel()
        await DeferredList(list(self._running.values()))
        await self._turn.acquire()  # waits for the last poll
        self._turn.release()
        for receiver in self._receivers.values():
            await receiver.client.close()

    # -- inside

    def _poll_thoroughly(self) -> None:
        self._polled_at = self._clock.seconds()
        self._thorough = True
        try:
            self._schedule_poll()
        except Exception:  # an exception would end the loop for good
            _log.failure("cannot poll the webhook outbox; the next poll is in {s:g} s", s=self._poll_seconds)

    def _schedule_poll(self) -> None:
        """Schedule one poll of the outbox, unless a poll is already scheduled."""
        if not self._queued and not self._stopping:
            self._queued = True
            self._turn.run(self._poll).addErrback(self._cannot_read)

    def _cannot_read(self, failure: Any) -> None:
        if not self._unreadable:
            self._unreadable = True
            _log.error(
                "cannot read the webhook outbox: {why}; no event is sent until a retry succeeds",
                why=failure.getErrorMessage(),
            )

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
            _log.info("webhook outbox recovered: it can be read again, deliveries continue")
        for waiting in due:
            key = (waiting.endpoint, waiting.event_id)
            if key not in self._running and not self._stopping:
                done: Deferred[None] = Deferred.fromCoroutine(self._deliver(waiting))
                if not done.called:
                    self._running[key] = done

    def _room(self) -> list[tuple[str, tuple[int, int]]]:
        """Return the endpoints to which a delivery may start now.

        Each endpoint's name is followed by two numbers: how many deliveries may start now, and how many are
        in progress.
        """
        now, found = self._now(), []
        for name in self._receivers:
            running = sum(receiver == name for receiver, _ in self._running)
            if room := self._health[name].room(now, running):
                found.append((name, (room, running)))
        return found

    def _read(
        self, now: float, rooms: Mapping[str, tuple[int, int]], thorough: bool
    ) -> tuple[Mapping[str, int], list[PendingEvent]]:
        """Return the number of deleted dead events by endpoint, and the events to send now.

        This runs in a thread. `rooms` is the result of `_room`. If `thorough` is True, the events in the
        outbox are also counted for the metrics. The first thorough call, and then every 30th, also deletes
        old and surplus events. Other calls delete nothing.
        """
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
            self._schedule_poll()

    async def _note(self, receiver: Endpoint, waiting: PendingEvent, reply: WebhookReply) -> None:
        """Store the result of an attempt to deliver the event `waiting` to the endpoint `receiver`.

        Also update the endpoint's health, the metrics and the log. While the result cannot be written to the
        disk, the write is retried.
        """
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
            DeliveryOutcome.AGAIN: "failed",  # the name of the result in the metrics
            DeliveryOutcome.DEAD: "dead",
        }
        self.results[receiver.name, words[fate]] += 1
        if fate is DeliveryOutcome.DEAD:
            _log.error(
                "webhook event {event} for endpoint {receiver} given up after {attempts} attempts: {reason};"
                " when the endpoint is fixed, send the event with `cc-bridge outbox retry {event}`",
                event=waiting.event_id,
                receiver=receiver.name,
                attempts=attempts,
                reason=reply.reason,
            )

    async def _note_until_stored(self, note: Callable[..., None], *args: object) -> None:
        """Call `note` in a thread; after an error, call it again every second until the deliveries stop."""
        logged = False
        while True:
            try:
                await self._in_thread(note, *args)
            except Exception as error:
                if self._stopping:
                    return  # the event is sent again after the next start
                if not logged:
                    logged = True
                    _log.error(
                        "cannot write to the webhook outbox: {error!r}; the result of a delivery is not"
                        " yet stored, the write is retried every second",
                        error=error,
                    )
                await deferLater(self._clock, _STORE_RETRY_SECONDS)
            else:
                return

    def _log_transition(
        self, name: str, before: ReceiverHealth, after: ReceiverHealth, reply: WebhookReply
    ) -> None:
        if after.away and not before.away:
            _log.warn(
                "webhook endpoint {name} is unreachable: {reason}; its events wait in the outbox and are"
                " retried",
                name=name,
                reason=reply.reason,
            )
        elif before.away and not after.away:
            _log.info("webhook endpoint {name} recovered: its waiting events are sent now", name=name)
