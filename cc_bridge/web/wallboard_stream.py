"""The stream of the wallboard: whole at first, then what has changed, as server-sent events.

Subscribers are the browsers and programs that receive the events. A `board` event has the whole wallboard. A
`change` event has the change since the event before it (`wallboard_changes.py`). Both have a number, one more
than the event before. So a browser that misses an event notices that, connects again, and gets a whole
wallboard. A `beat` event with only the time is sent every few seconds; a browser that does not receive it
marks its figures as old.

Each event is made once for all subscribers. With 50 queues and 200 agents, a whole wallboard has 55 kB, and
the change of a second about 1 kB.
"""

from collections import Counter
from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import Request

from cc_bridge.web.event_subscriber import EventSubscriber
from cc_bridge.web.proxies import peer_of
from cc_bridge.web.server_sent_event import ServerSentEvent
from cc_bridge.web.wallboard_changes import change

__all__ = ["EventStream"]

Json = Mapping[str, object]

_BEAT_SECONDS = 3.0
# A browser reconnects this long after a lost connection.
_RETRY_MILLISECONDS = 2000
# A subscriber that reads nothing for this time is disconnected.
_SLOW_SECONDS = 15.0


class EventStream:
    """The stream of the wallboard's events to the subscribed browsers and programs.

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
        self._board: Json = {}  # as it was published last
        self._whole: ServerSentEvent | None = None  # the last published wallboard; None until it is needed
        self._beat_at = 0.0
        self._listeners: dict[EventSubscriber, str] = {}  # with their peers, the oldest first

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
        """Send the wallboard `board` to all subscribers: what has changed, or the whole wallboard.

        The whole is sent if `change` returns None, or to a subscriber that wants it. The caller must not
        modify `board` afterwards.
        """
        before, self._board = self._board, board
        self._id += 1
        self._whole = None
        patch = change(before, board) if before and self._listeners else None
        changed = None if patch is None else ServerSentEvent("change", patch, self._id)
        for listener in list(self._listeners):
            listener.take(self._newest() if changed is None or listener.whole else changed)

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
            beat = ServerSentEvent("beat", {"at": at})
            for listener in list(self._listeners):
                listener.beat(beat)

    def listen(self, request: Request, *, whole: bool = False, compresses: bool = False) -> None:
        """Add the sender of the request as a subscriber, and send the last published wallboard.

        With `whole`, the subscriber gets whole wallboards only. With `compresses`, the events are sent as a
        gzip stream.
        """
        self._renew()
        listener = EventSubscriber(
            request, self._clock.seconds, self._newest, whole=whole, compresses=compresses
        )
        self._listeners[listener] = peer_of(request)

        def remove(_: Failure | None) -> None:
            self._listeners.pop(listener, None)

        request.notifyFinish().addBoth(remove)
        listener.start(b"retry: %d\n\n" % _RETRY_MILLISECONDS)

    def close(self) -> None:
        """Disconnect all subscribers; their browsers reconnect after the daemon's next start."""
        for listener in list(self._listeners):
            listener.drop()

    def _newest(self) -> ServerSentEvent:
        """Return the event with the whole wallboard that was published last."""
        if self._whole is None:
            self._whole = ServerSentEvent("board", self._board, self._id)
        return self._whole
