"""The live wallboard as JSON: once at /api/live, and as server-sent events at /api/live/events.

Subscribers are the browsers that receive the events. A board is the content of the wallboard at one moment;
it is rendered once for all subscribers. Each `board` event has a whole board, so a browser that reconnects
needs only one event. A `beat` event with only the time is sent every few seconds; a browser that does not
receive it marks its figures as old.

A subscriber that reads slowly must not delay the reactor or fill its memory. For each subscriber, at most one
board waits besides the data in the transport's buffer: a newer board replaces it. A subscriber that reads
nothing for `_SLOW_SECONDS` is disconnected.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import Request
from zope.interface import implementer

from cc_bridge.web.proxies import peer_of
from cc_bridge.web.resources import NOT_DONE_YET, AccessCheck, LeafResource, fault

__all__ = ["EventStream", "WallboardEventsResource", "WallboardResource"]

Json = Mapping[str, object]

_BEAT_SECONDS = 3.0
# A browser reconnects this long after a lost connection.
_RETRY_MILLISECONDS = 2000
# A subscriber that reads nothing for this time is disconnected.
_SLOW_SECONDS = 15.0


class EventStream:
    """The stream of the wallboard's events to the subscribed browsers.

    It has the subscribers and the last content of the wallboard that was sent to them.
    """

    def __init__(
        self, most: Callable[[], int], renew: Callable[[], None], clock: IReactorTime, first_id: int
    ) -> None:
        """Set the limit of subscribers and the number of the first event.

        `most` returns the highest allowed number of subscribers. `renew` is called for a new subscriber; it
        publishes the current wallboard, unless the last published one is recent. Published wallboards are
        numbered upwards from `first_id`, which must be higher than all numbers that earlier daemons have
        sent.
        """
        self._most = most
        self._renew = renew
        self._clock = clock
        self._id = first_id
        self._board = b""  # the last event
        self._beat_at = 0.0
        self._listeners: dict[_EventSubscriber, str] = {}  # with their peers, the oldest first

    @property
    def listening(self) -> int:
        """The number of subscribers."""
        return len(self._listeners)

    @property
    def full(self) -> bool:
        """Whether the number of subscribers has reached its limit."""
        return self.listening >= self._most()

    def make_room(self, peer: str) -> bool:
        """Return whether `peer`, an address, may subscribe.

        If the limit of subscribers is reached, a subscriber must be disconnected for it: the oldest one of
        the peer with the most. Return False if that peer has not at least two subscribers more than `peer`.
        """
        if not self.full:
            return True
        counts = Counter(self._listeners.values())
        greediest = max(counts, key=counts.__getitem__)
        if counts[greediest] <= counts[peer] + 1:
            return False
        next(listener for listener, of in self._listeners.items() if of == greediest).drop()
        return True

    def publish(self, board: Json) -> None:
        """Send the whole content of the wallboard, `board`, to all subscribers."""
        self._id += 1
        self._board = _event("board", board, self._id)
        for listener in list(self._listeners):
            listener.take(self._board)

    def tick(self, at: float) -> None:
        """Send a `beat` event to all subscribers if it is due, and disconnect slow subscribers.

        `at` is the present instant of the PBX's clock, in UTC seconds since the epoch.
        """
        now = self._clock.seconds()
        for listener in list(self._listeners):
            if listener.slow_since is not None and now - listener.slow_since >= _SLOW_SECONDS:
                listener.drop()
        if now - self._beat_at >= _BEAT_SECONDS:
            self._beat_at = now
            beat = b": beat\n" + _event("beat", {"at": at})
            for listener in list(self._listeners):
                listener.take(beat, whole=False)

    def listen(self, request: Request) -> None:
        """Add the browser that sent the request as a subscriber.

        The browser gets the last published wallboard now, and each wallboard that is published later.
        """
        self._renew()
        listener = _EventSubscriber(request, self._clock)
        self._listeners[listener] = peer_of(request)

        def remove(_: Failure | None) -> None:
            self._listeners.pop(listener, None)

        request.notifyFinish().addBoth(remove)
        request.write(b"retry: %d\n\n" % _RETRY_MILLISECONDS + self._board)
        request.registerProducer(listener, True)

    def close(self) -> None:
        """Disconnect all subscribers; their browsers reconnect after the daemon's next start."""
        for listener in list(self._listeners):
            listener.drop()


@implementer(IPushProducer)
class _EventSubscriber:
    """One browser that receives the events of the wallboard.

    While the browser reads too slowly and the transport's buffer is full, only the newest content of the
    wallboard is kept for it.
    """

    def __init__(self, request: Request, clock: IReactorTime) -> None:
        self.slow_since: float | None = None
        self._request = request
        self._clock = clock
        self._missed = b""

    def take(self, event: bytes, *, whole: bool = True) -> None:
        """Send an event; `whole` is True if the event contains the whole content of the wallboard.

        While the transport's buffer is full, a whole event is kept and sent later. A later whole event
        replaces it. Other events are discarded.
        """
        if self.slow_since is None:
            self._request.write(event)
        elif whole:
            self._missed = event

    def drop(self) -> None:
        """Disconnect the browser immediately; unsent data is lost."""
        transport: Any = self._request.channel.transport
        transport.abortConnection()

    # -- called by the transport

    def pauseProducing(self) -> None:  # noqa: N802
        if self.slow_since is None:
            self.slow_since = self._clock.seconds()

    def resumeProducing(self) -> None:  # noqa: N802
        self.slow_since = None
        missed, self._missed = self._missed, b""
        if missed:
            self._request.write(missed)

    def stopProducing(self) -> None:  # noqa: N802
        self._missed = b""


class WallboardResource(LeafResource):
    """The page /api/live: the current wallboard as JSON."""

    content_type = "application/json"

    def __init__(self, current: Callable[[], Json], access: AccessCheck) -> None:
        super().__init__(access)
        self._current = current

    def answer(self, request: Request) -> bytes:  # noqa: ARG002
        return _text(self._current()) + b"\n"


class WallboardEventsResource(LeafResource):
    """The resource /api/live/events: sends each new wallboard to the browser as a server-sent event."""

    content_type = "text/event-stream"

    def __init__(self, stream: EventStream, access: AccessCheck) -> None:
        super().__init__(access)
        self._stream = stream

    def answer(self, request: Request) -> bytes | int:
        if request.method == b"HEAD":
            return b""
        if not self._stream.make_room(peer_of(request)):
            request.setHeader("retry-after", "10")
            return fault(request, 503, "wallboard.max_listeners is reached: close a wallboard or raise it")
        request.setHeader("x-accel-buffering", "no")  # otherwise nginx would delay events
        self._stream.listen(request)
        return NOT_DONE_YET


def _text(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _event(name: str, value: Json, number: int | None = None) -> bytes:
    head = b"" if number is None else b"id: %d\n" % number
    return head + b"event: %s\ndata: %s\n\n" % (name.encode(), _text(value))
