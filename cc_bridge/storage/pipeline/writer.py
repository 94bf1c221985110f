"""The writer: the one thread that writes records to local disk, in batches.

`put` never waits. A record is on disk about 0.2 s later (`GROUP_SECONDS`), because other records may share
its transaction. The Deferred of `commit` fires once the record is on disk. A record in a batch costs 0.06 ms
of CPU; one deferToThread per row took three to five times as long.

The sink is the SQLite database, or the journal when the database is a server. After a failure the writer
reopens the sink and retries, with growing pauses. A record that the sink rejects is dropped with a log line.

Note: while the sink fails, the Deferred of `commit` does not fire. Code that a caller waits for needs a
timeout.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from threading import Thread, Timer

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from cc_bridge.errors import StorageError
from cc_bridge.records import Record
from cc_bridge.storage.pipeline.backoff import Backoff
from cc_bridge.storage.pipeline.record_queue import QueuedRecord, RecordQueue
from cc_bridge.storage.pipeline.sql_sink import (
    RecordRejected,
    Sink,
    TableRow,
    loggable_key_columns,
    write_bisecting,
)
from cc_bridge.storage.schema.tables import TABLES, row_of

__all__ = ["Writer", "no_extra_rows"]

_ROOM_FOR_CHECKPOINTS = 0.9  # used part of the limits above which the backlog gets no checkpoints
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between attempts; a caller may wait on the line

_log = Logger()


def no_extra_rows(_record: Record) -> Iterable[TableRow]:
    """Return no rows. This function is the default of the writer's argument `extra_rows`."""
    return ()


class Writer:
    """A thread that writes records to a sink (a database or the journal); only this thread uses the sink.

    The backlog is the records that are not on disk yet; `bound` is the greatest number of them, `max_bytes`
    the largest memory that they may use. A full sink counts as a full backlog. `call_from_thread` makes the
    reactor's thread run a function. `extra_rows` returns rows that are written in the same transaction as a
    record. It runs in the writer's thread, and again at each retry.

    The metrics read three counters from any thread: `written` (records on disk, by table), `batches`
    (transactions) and `rejected` (records that the sink rejected; each one remains only as a log line).
    """

    def __init__(
        self,
        sink: Sink,
        call_from_thread: Callable[..., object],
        bound: float = inf,
        extra_rows: Callable[[Record], Iterable[TableRow]] = no_extra_rows,
        max_bytes: float = inf,
    ) -> None:
        self.written = {table.name: 0 for table in TABLES.values()}
        self.batches = self.rejected = 0
        self._sink = sink
        self._extra_rows = extra_rows
        self._call_from_thread = call_from_thread
        self._backlog = RecordQueue(bound, lambda: sink.full, max_bytes)
        self._outage = Backoff(_log, "storage", FIRST_PAUSE, LONGEST_PAUSE)
        self._thread = Thread(target=self._run, name="storage-writer", daemon=True)
        self._deadline: Timer | None = None
        self._stopped: Deferred[int] | None = None

    @property
    def alive(self) -> bool:
        return self._thread.is_alive() and not self._backlog.closed

    @property
    def backlog(self) -> int:
        """The number of records that are not on disk yet."""
        return len(self._backlog)

    @property
    def backlog_bytes(self) -> int:
        """An estimate of the memory that the backlog needs, in bytes."""
        return self._backlog.bytes

    @property
    def max_backlog_bytes(self) -> float:
        """The memory that the backlog may need, in bytes. If it is reached, most records are lost.

        Only these are still accepted: the records of `commit`, survey answers, survey attempts and opt-outs.
        """
        return self._backlog.max_bytes

    @property
    def fill_ratio(self) -> float:
        """The used part of the backlog's limit of records or of memory, whichever is greater.

        It is 1 or more while the backlog or the disk is full.
        """
        return max(self._backlog.fill_ratio, float(self._sink.full))

    @property
    def has_room_for_checkpoints(self) -> bool:
        """Whether the backlog has room for the changed checkpoints of all open calls."""
        return self._backlog.fill_ratio < _ROOM_FOR_CHECKPOINTS

    @property
    def lost(self) -> Mapping[str, int]:
        """The number of lost records, by the name of their class."""
        return self._backlog.lost

    @property
    def oldest_seconds(self) -> float:
        """The time that the oldest record of the backlog has waited, in seconds; 0 without a backlog."""
        return self._backlog.oldest_seconds

    @property
    def failures(self) -> int:
        """The number of failed attempts to write to the sink since the start of the daemon."""
        return self._outage.failures

    @property
    def dropped(self) -> int:
        """The number of lost records.

        A record is lost if the backlog or the disk was full, or if the writer ended before it had written
        the record.
        """
        return self._backlog.dropped

    def start(self) -> None:
        self._thread.start()

    def put(self, record: Record, *, last: bool = True) -> None:
        """Queue a record for the next batch.

        The record is dropped and counted if the backlog is full or the writer has stopped.

        A group is the records that are written in one transaction; `last` is True if the record ends its
        group. With `last=False` the record waits until the last record of its group is put or `seal_batch` is
        called.
        """
        self._backlog.add(record, last=last)

    def seal_batch(self) -> None:
        """Mark the record that was put last as the end of its group, so that the group can be written.

        A group is the records that are written in one transaction.
        """
        self._backlog.seal_batch()

    def commit(self, record: Record) -> Deferred[None]:
        """Queue a record that is to be written immediately, after the records that were queued before it.

        The Deferred fires in the reactor once the record is on disk. It fails with StorageError if the sink
        rejects the record, or if the writer ends before it has written the record.
        """
        done: Deferred[None] = Deferred()
        if self._backlog.add(record, done):
            return done
        return fail(StorageError("the storage writer has stopped"))

    def stop(self, deadline: float) -> Deferred[int]:
        """Write the remaining records and end the thread.

        The Deferred fires with the number of records that were not written. It fires after `deadline` seconds
        at the latest. Call this method once, from the reactor.
        """
        stopped: Deferred[int] = Deferred()
        self._stopped = stopped  # set first: from now on `_end` fires it, in whichever thread it runs
        if self._backlog.closed:
            return succeed(0)
        if self._thread.is_alive():
            # A timer, because the thread may hang in a call of the sink.
            self._deadline = Timer(deadline, self._end)
            self._deadline.daemon = True
            self._deadline.start()
            self._backlog.drain()
        else:  # never started
            self._end()
        return stopped

    # Methods that run in the writer's thread.

    def _run(self) -> None:
        try:
            while batch := self._backlog.next_batch():
                try:
                    self._write(batch)
                    self._outage.over(self.backlog)
                except Exception as error:  # no error may end the thread
                    self._sink.close()
                    self._backlog.pause(self._outage.failed(error, self.backlog))
        finally:
            self._sink.close()
            self._end()

    def _write(self, batch: list[QueuedRecord]) -> None:
        """Write `batch`, the first records of the backlog, to the sink and remove them from the backlog.

        If the sink rejects a record, the batch is written in parts, so that only the rejected record is lost.
        """

        def write(some: Sequence[QueuedRecord]) -> None:
            try:
                records = [waiting.record for waiting in some]
                rows = [row for record in records for row in (row_of(record), *self._extra_rows(record))]
            except (ArithmeticError, TypeError, ValueError) as error:
                raise RecordRejected(type(error).__name__) from error
            self._sink.write(rows)

        for part, rejection in write_bisecting(batch, write):
            if self._backlog.written(part):
                if rejection is None:
                    self._ack(part)
                else:
                    self._reject(part, rejection)

    def _ack(self, part: Sequence[QueuedRecord]) -> None:
        self.batches += 1
        for waiting in part:
            self.written[TABLES[type(waiting.record)].name] += 1
        self._fire(part, None)

    def _reject(self, alone: Sequence[QueuedRecord], rejection: RecordRejected) -> None:
        self.rejected += 1
        record = alone[0].record
        table = TABLES[type(record)]
        # Neither the row nor the error's text: both may hold the caller's number.
        _log.error(
            "storage rejected a record for the table {table}, key {key}: {cause}; the record is lost",
            table=table.name,
            key={name: getattr(record, name) for name in loggable_key_columns(table)},
            cause=rejection,
        )
        self._fire(alone, StorageError("storage rejected the record"))

    # The end of the writer: called by its thread, or by the timer at the deadline.

    def _end(self) -> None:
        left = self._backlog.close()
        if left is None:
            return
        if self._deadline:
            self._deadline.cancel()
        if left:
            _log.error(
                "the storage writer ended before it had written all records; {left} records may be lost",
                left=len(left),
            )
        self._fire(left, StorageError("the storage writer ended before the record was known to be on disk"))
        if self._stopped:
            what = "it has ended; the shutdown of the daemon waits for this until its time limit"
            self._in_reactor(what, self._stopped.callback, len(left))

    def _fire(self, batch: Sequence[QueuedRecord], error: StorageError | None) -> None:
        if waited_for := [waiting.done for waiting in batch if waiting.done is not None]:
            what = "records are on disk; surveys and web requests that wait for them are not notified"
            self._in_reactor(what, _fire, waited_for, error)

    def _in_reactor(self, what: str, function: Callable[..., object], *args: object) -> None:
        """Let the reactor run a function. If the reactor has stopped, log an error with `what`.

        `what` says what the reactor does not learn then, and what follows from it.
        """
        try:
            self._call_from_thread(function, *args)
        except Exception as error:  # a stopped reactor must not end the thread with an error
            _log.error(
                "the storage writer cannot report to the reactor ({error!r}): {what}", what=what, error=error
            )


def _fire(waited_for: list[Deferred[None]], error: StorageError | None) -> None:
    for done in waited_for:
        if error is None:
            done.callback(None)  # no effect if a timeout has cancelled it
        else:
            done.errback(error)
