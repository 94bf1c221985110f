"""The one thread that writes records to local disk, in batches.

The wiring makes one, feeds it every record from the reactor and stops it at shutdown. `put` never waits;
its record is on disk `GROUP_SECONDS` and a transaction later. `commit` is for an answer whose caller is
on the line: its Deferred fires once the record is on disk. In batches a record costs about 0.06 ms of
CPU, hardly more than one executemany of all; a deferToThread a row took three to five times that.

Its sink is the SQLite database itself, or the journal when the database is a server. When the sink fails
it is opened again with growing pauses for as long as it takes. A record that it refuses by itself is set
aside, so that it does not block the rest.

The trap: a commit waits as long as the sink is away, so whoever has a caller on the line puts a timeout of
their own on it; the record is written all the same.
"""

from collections.abc import Callable, Iterable, Sequence
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

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between attempts; a caller may be waiting for the next one

_log = Logger()


def no_extra_rows(_record: Record) -> Iterable[TableRow]:
    return ()


class Writer:
    """Writes records to a sink, which works in the writer's thread alone; see the module.

    `call_from_thread` is the reactor's. `bound` is the longest backlog, in records; a sink that is full
    counts like a full backlog. `extra_rows` gives rows that are written with a record, in one transaction; it
    is called in the writer's thread, again when the record is written again.

    For the metrics, readable from any thread:
    written: records on disk, by table
    batches: transactions
    rejected: records that the sink rejected; a line in the log is all that is left of them
    """

    def __init__(
        self,
        sink: Sink,
        call_from_thread: Callable[..., object],
        bound: int = 100_000,
        extra_rows: Callable[[Record], Iterable[TableRow]] = no_extra_rows,
    ) -> None:
        self.written = {table.name: 0 for table in TABLES.values()}
        self.batches = self.rejected = 0
        self._sink = sink
        self._extra_rows = extra_rows
        self._call_from_thread = call_from_thread
        self._backlog = RecordQueue(bound, lambda: sink.full)
        self._outage = Backoff(_log, "storage", FIRST_PAUSE, LONGEST_PAUSE)
        self._thread = Thread(target=self._run, name="storage-writer", daemon=True)
        self._deadline: Timer | None = None
        self._stopped: Deferred[int] | None = None

    @property
    def alive(self) -> bool:
        return self._thread.is_alive() and not self._backlog.closed

    @property
    def backlog(self) -> int:
        """How many records are not on disk yet."""
        return len(self._backlog)

    @property
    def oldest_seconds(self) -> float:
        """How long the oldest of the backlog has waited; 0 without a backlog."""
        return self._backlog.oldest_seconds

    @property
    def failures(self) -> int:
        """Attempts that failed with the sink."""
        return self._outage.failures

    @property
    def dropped(self) -> int:
        """Records lost: backlog or disk was full, or the writer ended before they were written."""
        return self._backlog.dropped

    def start(self) -> None:
        self._thread.start()

    def put(self, record: Record, *, last: bool = True) -> None:
        """Write the record soon, or drop and count it: the backlog is full, or the writer has stopped.

        One that is not the `last` of its cut waits for that, or for `seal_batch`: all are written in one
        transaction.
        """
        self._backlog.add(record, last=last)

    def seal_batch(self) -> None:
        """Let what was put be written."""
        self._backlog.seal_batch()

    def commit(self, record: Record) -> Deferred[None]:
        """Write the record at once, after all earlier ones; fires in the reactor when it is on disk.

        Fails with StorageError when the sink refuses the record, or when the writer ends first.
        """
        done: Deferred[None] = Deferred()
        if self._backlog.add(record, done):
            return done
        return fail(StorageError("the storage writer has stopped"))

    def stop(self, deadline: float) -> Deferred[int]:
        """Write what is left, end the thread, fire with the number of records that were not written.

        Fires after `deadline` seconds at the latest, whatever the sink does. Called once, from the
        reactor.
        """
        stopped: Deferred[int] = Deferred()
        self._stopped = stopped  # first: from here on, whoever ends the writer fires it
        if self._backlog.closed:
            return succeed(0)
        if self._thread.is_alive():
            # A timer, because the thread itself may hang in a call to a server that is gone.
            self._deadline = Timer(deadline, self._end)
            self._deadline.daemon = True
            self._deadline.start()
            self._backlog.drain()
        else:  # never started
            self._end()
        return stopped

    # The thread's own part.

    def _run(self) -> None:
        try:
            while batch := self._backlog.next_batch():
                try:
                    self._write(batch)
                    self._outage.over(self.backlog)
                except Exception as error:  # whatever it is, the thread goes on
                    self._sink.close()
                    self._backlog.pause(self._outage.failed(error, self.backlog))
        finally:
            self._sink.close()
            self._end()

    def _write(self, batch: list[QueuedRecord]) -> None:
        """Write the head of the backlog."""

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
            "storage rejected a record: {table} {key} ({cause})",
            table=table.name,
            key={name: getattr(record, name) for name in loggable_key_columns(table)},
            cause=rejection,
        )
        self._fire(alone, StorageError("storage rejected the record"))

    # The end: the thread's last act, or the deadline's.

    def _end(self) -> None:
        left = self._backlog.close()
        if left is None:
            return
        if self._deadline:
            self._deadline.cancel()
        if left:
            _log.error("the storage writer ended with {left} records not known to be on disk", left=len(left))
        self._fire(left, StorageError("the storage writer ended before the record was known to be on disk"))
        if self._stopped:
            self._in_reactor(self._stopped.callback, len(left))

    def _fire(self, batch: Sequence[QueuedRecord], error: StorageError | None) -> None:
        if waited_for := [waiting.done for waiting in batch if waiting.done is not None]:
            self._in_reactor(_fire, waited_for, error)

    def _in_reactor(self, function: Callable[..., object], *args: object) -> None:
        try:
            self._call_from_thread(function, *args)
        except Exception as error:  # a reactor that is gone must not end the thread
            _log.error("the reactor took no call: {error!r}", error=error)


def _fire(waited_for: list[Deferred[None]], error: StorageError | None) -> None:
    for done in waited_for:
        if error is None:
            done.callback(None)  # nothing happens when it was cancelled by somebody who could not wait
        else:
            done.errback(error)
