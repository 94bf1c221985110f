"""The record queue between the reactor's thread and the writer's thread.

The queue is the only state that the two threads share. The reactor adds records; the writer's thread removes
them. Every method may be called from any thread. Only `next_batch` and `pause` wait. The queue's lock is
never held during I/O.

Records can form a group, such as the records of ended calls and the checkpoints of open calls. All records of
a group are written in one transaction.

A record stays in the queue until `written` removes it. After any failure the queue therefore still holds
every record that is not on disk.

The queue has two limits: the number of its records, and their memory. While the disk is full, only records
such as answers are accepted.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from math import inf
from threading import Condition
from time import monotonic
from typing import get_args

from twisted.internet.defer import Deferred

from cc_bridge.records import (
    Answer,
    ObservationWatermark,
    OpenStateRecord,
    OptOut,
    Record,
    SurveyAttempt,
)

__all__ = ["BATCH", "GROUP_SECONDS", "QueuedRecord", "RecordQueue"]

GROUP_SECONDS = 0.2  # wait time of the first record of a batch for further records
BATCH = 1_000  # records in a transaction: an urgent record behind a full batch waits about 60 ms
# Bytes in a transaction, by the estimate of their memory: the reserve of a full journal is greater.
BATCH_BYTES = 2 * 1024**2
DRAINING_PAUSE = 0.1  # longest pause between attempts while the queue drains, in seconds

# Bytes of memory for a record without its texts, for each of its fields, and for each character: measured
# with tracemalloc on Python 3.11, rounded up. A queue visit needs about 700 bytes, a checkpoint some KiB.
_RECORD_BYTES, _FIELD_BYTES, _CHARACTER_BYTES = 150, 40, 2

# The names of the fields of each class of records.
_FIELDS: dict[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind)) for kind in get_args(Record)
}


@dataclass(slots=True)
class QueuedRecord:
    """A record in the queue: it waits to be written and is not on disk yet."""

    record: Record
    since: float  # when it was added, monotonic seconds
    done: Deferred[None] | None  # fires when the record is on disk; None: no caller waits for it
    last: bool  # True: the record ends its group
    size: int  # estimate of its memory in bytes


class RecordQueue:
    """The queue of the records that wait to be written to disk.

    Its state is open, draining or closed. A draining queue accepts no more records, and the remaining ones
    are written. A closed queue is empty for good.
    """

    def __init__(
        self, bound: float = inf, full: Callable[[], bool] = lambda: False, max_bytes: float = inf
    ) -> None:
        """Set the two limits of the queue and a function.

        `bound` is the greatest number of records, and `max_bytes` the greatest size of them in memory, in
        bytes. `full` returns True while the disk is full.
        """
        self.max_bytes = max_bytes
        self.bytes = 0  # estimate of the memory of all records
        self.lost: Counter[str] = Counter()  # discarded records, by the name of their class
        self._bound = bound
        self._full = full
        self._wake = Condition()
        self._queue: deque[QueuedRecord] = deque()
        self._urgent = 0  # number of records whose `done` is set
        self._ready = 0  # number of records at the head that form complete groups
        self._draining = self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def dropped(self) -> int:
        """The number of records that were discarded."""
        return self.lost.total()

    @property
    def fill_ratio(self) -> float:
        """The used part of the limit of records or of memory, whichever is greater.

        It is 1 or more while the queue is full.
        """
        return max(len(self._queue) / self._bound, self.bytes / self.max_bytes)

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def oldest_seconds(self) -> float:
        """The time that the oldest record has waited, in seconds; 0 when the queue is empty."""
        with self._wake:
            return monotonic() - self._queue[0].since if self._queue else 0.0

    def add(self, record: Record, done: Deferred[None] | None = None, *, last: bool = True) -> bool:
        """Add a record. Return False if the queue does not accept it.

        `last` is True if the record ends its group; all records of a group are written in one transaction.
        `done` fires once the record is on disk; None means that no code waits for it.

        A draining or closed queue accepts no record. While the queue or the disk is full, only these records
        are accepted: records with `done`, survey answers, survey attempts and opt-outs. If only the disk is
        full, checkpoints are accepted too. A checkpoint replaces the earlier one on disk, so it needs no more
        space.

        A record that is not accepted is counted as dropped, except for checkpoints and observation
        watermarks, because a later one replaces them.
        """
        if not isinstance(record, Record):
            raise TypeError(f"not a record: {type(record).__name__}")
        with self._wake:
            size = _size(record)
            queued = QueuedRecord(record, monotonic(), done, last, size)
            kept = _is_kept(queued) if self.fill_ratio >= 1 else not self._full() or _fits_full_disk(queued)
            if not kept or self._draining or self._closed:
                self._count_lost(record)
                return False
            self.bytes += size
            self._queue.append(queued)
            if done is not None:
                self._urgent += 1
            if last:
                self._whole()
            return True

    def seal_batch(self) -> None:
        """Mark the record that was added last as the end of its group, so that the group can be written.

        A group is the records that are written in one transaction.
        """
        with self._wake:
            if len(self._queue) > self._ready:
                self._queue[-1].last = True
                self._whole()

    def _whole(self) -> None:
        """Mark all records in the queue as ready to be written, because the newest of them ends its group.

        A group is the records that are written in one transaction. The writer's thread is notified if code
        waits for a record, if no record was ready before, or if the ready records now fill a batch. In other
        cases its wait ends after a short timeout.
        """
        before, self._ready = self._ready, len(self._queue)
        if self._urgent or before == 0 or before < BATCH <= self._ready:  # else its wait ends in time
            self._wake.notify()

    def next_batch(self) -> list[QueuedRecord]:
        """Wait for the next batch of records and return it; its records stay in the queue.

        An empty list means that the queue is closed, or that it accepts no more records and has none left.
        """
        with self._wake:
            self._discard_if_full()
            while not (self._ready or self._draining or self._closed):
                self._wake.wait()
            while not (self._urgent or self._draining or self._closed or self._ready >= BATCH):
                left = self._queue[0].since + GROUP_SECONDS - monotonic()
                if left <= 0:
                    break
                self._wake.wait(left)
            return list(islice(self._queue, self._end_of_batch()))

    def written(self, batch: Sequence[QueuedRecord]) -> bool:
        """Remove a written batch from the head of the queue.

        Return False if `close` has discarded the batch already.
        """
        with self._wake:
            if self._closed:
                return False
            for _ in batch:
                first = self._queue.popleft()
                self._urgent -= first.done is not None
                self.bytes -= first.size
            self._ready = max(0, self._ready - len(batch))
            return True

    def _end_of_batch(self) -> int:
        """Return the number of records in the next batch.

        A batch ends where a group ends, because the records of a group are written in one transaction. It
        ends with the first group that makes it large enough. While the queue drains, no records are added, so
        an incomplete last group is written too.
        """
        ready = len(self._queue) if self._draining else self._ready
        size = 0
        for n, queued in enumerate(islice(self._queue, ready), 1):
            size += queued.size
            if queued.last and (n >= BATCH or size >= BATCH_BYTES):
                return n
        return ready

    def _discard_if_full(self) -> None:
        """If the disk is full, discard the ready records that it no longer accepts.

        They came before it was full. They would use up the space that is reserved for survey answers.
        """
        if not self._ready or not self._full():
            return
        ready = [self._queue.popleft() for _ in range(self._ready)]
        kept = [queued for queued in ready if _fits_full_disk(queued)]
        for queued in ready:
            if not _fits_full_disk(queued):
                self.bytes -= queued.size
                self._count_lost(queued.record)
        if kept:
            kept[-1].last = True
        self._queue.extendleft(reversed(kept))
        self._ready = len(kept)

    def _count_lost(self, record: Record) -> None:
        if not isinstance(record, OpenStateRecord | ObservationWatermark):
            self.lost[type(record).__name__] += 1

    def pause(self, seconds: float) -> None:
        """Wait `seconds` before the next attempt to write; `drain` and `close` end the wait early.

        While the queue drains, the wait is at most 0.1 s.
        """
        with self._wake:
            if self._draining:
                self._wake.wait_for(lambda: self._closed, min(seconds, DRAINING_PAUSE))
            else:
                self._wake.wait_for(lambda: self._closed or self._draining, seconds)

    def drain(self) -> None:
        """Accept no more records, and let the remaining ones be written immediately."""
        with self._wake:
            self._draining = True
            self._wake.notify()

    def close(self) -> list[QueuedRecord] | None:
        """Discard the remaining records, count them as dropped and return them.

        Return None if the queue is closed already.
        """
        with self._wake:
            if self._closed:
                return None
            self._closed = True
            left = list(self._queue)
            self._queue.clear()
            self.bytes = 0
            self.lost.update(type(waiting.record).__name__ for waiting in left)
            self._wake.notify()
            return left


def _is_kept(queued: QueuedRecord) -> bool:
    """Return whether a record is accepted even if the queue is full.

    A survey or a request waits until the record is stored, or it has something that a caller entered.
    """
    return queued.done is not None or isinstance(queued.record, Answer | SurveyAttempt | OptOut)


def _fits_full_disk(queued: QueuedRecord) -> bool:
    """Return whether a record is accepted while the disk is full. A checkpoint replaces the earlier one."""
    return _is_kept(queued) or isinstance(queued.record, OpenStateRecord)


def _size(record: Record) -> int:
    """Return an estimate of the bytes of memory that a record needs in the queue."""
    names = _FIELDS[type(record)]
    characters = sum(len(value) for name in names if isinstance(value := getattr(record, name), str))
    return _RECORD_BYTES + _FIELD_BYTES * len(names) + _CHARACTER_BYTES * characters
