"""The live board as JSON: once at /api/live, and as server-sent events at /api/live/events.

Each change is rendered once for all subscribers. An event has the whole board, so that a browser which was
cut off has everything with the first one it gets. `beat` comes every few seconds with nothing but the time: a
browser that misses it knows that what it shows is old.

No subscriber may slow the reactor or fill its memory by reading slowly. Its unread data is at most one board
and the transport's buffer; boards in between are left out, and a subscriber that reads nothing for a while is
dropped.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import Request
from zope.interface import implementer

from cc_bridge.web.auth import TokenAuth
from cc_bridge.web.resources import NOT_DONE_YET, LeafResource, fault

__all__ = ["EventStream", "WallboardEventsResource", "WallboardResource"]

Json = Mapping[str, object]

_BEAT_SECONDS = 3.0
# A browser comes back this soon after a cut.
_RETRY_MILLISECONDS = 2000
# A listener whose network takes nothing for so long is gone.
_SLOW_SECONDS = 15.0


class EventStream:
    """Those who listen, at most `most` at a time, and the board that they have."""

    def __init__(
        self, most: Callable[[], int], renew: Callable[[], None], clock: IReactorTime, first_id: int
    ) -> None:
        """`renew` publishes a board for somebody who has none yet, unless the last one is new.

        `first_id`: from where on boards are numbered, higher than in any daemon before.
        """
        self._most = most
        self._renew = renew
        self._clock = clock
        self._id = first_id
        self._board = b""  # the last event
        self._beat_at = 0.0
        self._listeners: set[_EventSubscriber] = set()

    @property
    def listening(self) -> int:
        return len(self._listeners)

    @property
    def full(self) -> bool:
        return self.listening >= self._most()

    def publish(self, board: Json) -> None:
        """Send a board to all, now."""
        self._id += 1
        self._board = _event("board", board, self._id)
        for listener in list(self._listeners):
            listener.take(self._board)

    def tick(self, at: float) -> None:
        """Send a beat if one is due, and drop those who do not read. `at` is the PBX's clock."""
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
        """Answer a request with the board as it is, and all that come."""
        self._renew()
        listener = _EventSubscriber(request, self._clock)
        self._listeners.add(listener)

        def gone(_: Failure | None) -> None:
            self._listeners.discard(listener)

        request.notifyFinish().addBoth(gone)
        request.write(b"retry: %d\n\n" % _RETRY_MILLISECONDS + self._board)
        request.registerProducer(listener, True)

    def close(self) -> None:
        """End all connections; the browsers come back when there is a daemon again."""
        for listener in list(self._listeners):
            listener.drop()


@implementer(IPushProducer)
class _EventSubscriber:
    """One browser. While its transport is full it keeps the newest board only."""

    def __init__(self, request: Request, clock: IReactorTime) -> None:
        self.slow_since: float | None = None
        self._request = request
        self._clock = clock
        self._missed = b""

    def take(self, event: bytes, *, whole: bool = True) -> None:
        """Send an event; while that cannot be, one that is a whole board waits for its turn."""
        if self.slow_since is None:
            self._request.write(event)
        elif whole:
            self._missed = event

    def drop(self) -> None:
        """Close at once, what is on its way is lost."""
        transport: Any = self._request.channel.transport
        transport.abortConnection()

    # -- what the transport calls

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
    """The board of this moment."""

    content_type = "application/json"

    def __init__(self, current: Callable[[], Json], access: TokenAuth) -> None:
        super().__init__(access)
        self._current = current

    def answer(self, request: Request) -> bytes:  # noqa: ARG002
        return _text(self._current()) + b"\n"


class WallboardEventsResource(LeafResource):
    """The boards as they come."""

    content_type = "text/event-stream"

    def __init__(self, stream: EventStream, access: TokenAuth) -> None:
        super().__init__(access)
        self._stream = stream

    def answer(self, request: Request) -> bytes | int:
        if request.method == b"HEAD":
            return b""
        if self._stream.full:
            request.setHeader("retry-after", "10")
            return fault(request, 503, "as many listen as wallboard.max_listeners allows")
        request.setHeader("x-accel-buffering", "no")  # else nginx would keep events back
        self._stream.listen(request)
        return NOT_DONE_YET


def _text(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _event(name: str, value: Json, number: int | None = None) -> bytes:
    head = b"" if number is None else b"id: %d\n" % number
    return head + b"event: %s\ndata: %s\n\n" % (name.encode(), _text(value))
