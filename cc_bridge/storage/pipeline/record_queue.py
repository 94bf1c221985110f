"""The records between the reactor and the writer's thread; all that the two threads share.

`writer.py` fills it from the reactor and empties it in its own thread. Every method may be called from
any thread, none waits but `next_batch` and `pause`, and the lock is never held during I/O.

Records can be put together: those of one cut (see daemon/services/record_pipeline.py) are never written
without each other.

The trap: a record stays at the head until `written` takes it off, so that whatever fails meanwhile, the
backlog is exactly what is left to do.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Condition
from time import monotonic

from twisted.internet.defer import Deferred

from cc_bridge.records import Answer, OpenStateRecord, OptOut, Record, SurveyAttempt

__all__ = ["BATCH", "GROUP_SECONDS", "QueuedRecord", "RecordQueue"]

GROUP_SECONDS = 0.2  # how long the first record of a batch waits for company
BATCH = 1_000  # records a transaction: a commit that comes after them waits some 60 ms
DRAINING_PAUSE = 0.1  # seconds between attempts once the deadline runs


@dataclass(slots=True)
class QueuedRecord:
    """A record that is not on disk yet."""

    record: Record
    since: float  # monotonic seconds
    done: Deferred[None] | None  # somebody waits for it
    last: bool  # of its cut; it is written with those before it, up to the end of another cut


class RecordQueue:
    """Open, then draining (takes no more records), then closed (empty for ever)."""

    def __init__(self, bound: int, full: Callable[[], bool] = lambda: False) -> None:
        """`bound` is in records; `full` tells whether the disk that they go to is full."""
        self.dropped = 0  # records that were not taken
        self._bound = bound
        self._full = full
        self._wake = Condition()
        self._queue: deque[QueuedRecord] = deque()
        self._urgent = 0  # how many in the queue somebody waits for
        self._ready = 0  # how many at its head are of whole cuts
        self._draining = self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def oldest_seconds(self) -> float:
        """How long the first record has waited; 0 when there is none."""
        with self._wake:
            return monotonic() - self._queue[0].since if self._queue else 0.0

    def add(self, record: Record, done: Deferred[None] | None = None, *, last: bool = True) -> bool:
        """Take a record, or count it as dropped and return False. `last`: it ends its cut.

        At the bound, and with a full disk, only what somebody waits for is taken, and what callers said:
        that is little, and they took the trouble. What goes on takes no more room on a disk than before.
        """
        if not isinstance(record, Record):
            raise TypeError(f"not a record: {type(record).__name__}")
        with self._wake:
            length = len(self._queue)
            said = done is not None or isinstance(record, Answer | SurveyAttempt | OptOut)
            no_room = length >= self._bound or (self._full() and not isinstance(record, OpenStateRecord))
            if (not said and no_room) or self._draining or self._closed:
                self.dropped += 1
                return False
            self._queue.append(QueuedRecord(record, monotonic(), done, last))
            if done is not None:
                self._urgent += 1
            if last:
                self._whole()
            return True

    def seal_batch(self) -> None:
        """End the cut with the record that was taken last."""
        with self._wake:
            if len(self._queue) > self._ready:
                self._queue[-1].last = True
                self._whole()

    def _whole(self) -> None:
        """All that is there can be written."""
        before, self._ready = self._ready, len(self._queue)
        if self._urgent or before == 0 or before < BATCH <= self._ready:  # else the thread wakes in time
            self._wake.notify()

    def next_batch(self) -> list[QueuedRecord]:
        """Wait for the next batch and return it, still at the head; an empty one is the end."""
        with self._wake:
            while not (self._ready or self._draining or self._closed):
                self._wake.wait()
            while not (self._urgent or self._draining or self._closed or self._ready >= BATCH):
                left = self._queue[0].since + GROUP_SECONDS - monotonic()
                if left <= 0:
                    break
                self._wake.wait(left)
            return list(islice(self._queue, self._end_of_batch()))

    def written(self, batch: Sequence[QueuedRecord]) -> bool:
        """Take a batch off the head; False when it was given up by `close` meanwhile."""
        with self._wake:
            if self._closed:
                return False
            for _ in batch:
                self._urgent -= self._queue.popleft().done is not None
            self._ready = max(0, self._ready - len(batch))
            return True

    def _end_of_batch(self) -> int:
        """Return how many records of whole cuts make a batch; when draining no cut will get any longer."""
        ready = len(self._queue) if self._draining else self._ready
        return next((n for n in range(BATCH, ready) if self._queue[n - 1].last), ready)

    def pause(self, seconds: float) -> None:
        """Wait before another attempt; when draining begins the next one is due, when closed none is."""
        with self._wake:
            if self._draining:
                self._wake.wait_for(lambda: self._closed, min(seconds, DRAINING_PAUSE))
            else:
                self._wake.wait_for(lambda: self._closed or self._draining, seconds)

    def drain(self) -> None:
        """Take no more records; what is there goes without waiting for company."""
        with self._wake:
            self._draining = True
            self._wake.notify()

    def close(self) -> list[QueuedRecord] | None:
        """Give up what is left and return it, counted as dropped; None when it was closed before."""
        with self._wake:
            if self._closed:
                return None
            self._closed = True
            left = list(self._queue)
            self._queue.clear()
            self.dropped += len(left)
            self._wake.notify()
            return left
