"""The one thread that writes records to the database, in batches.

The wiring makes one, feeds it every record from the reactor and stops it at shutdown. `put` never waits;
its record is on disk `GROUP_SECONDS` and a transaction later. `commit` is for an answer whose caller is
on the line: its Deferred fires once the record is on disk. In batches a record costs about 0.06 ms of
CPU, hardly more than one executemany of all; a deferToThread a row took three to five times that.

When the database fails, the engine is opened again with growing pauses for as long as it takes. A record
that the database refuses by itself is set aside, so that it does not block the rest.

The trap: a commit waits as long as the database is away, so whoever has a caller on the line puts a
timeout of their own on it; the record is written all the same. Doing a batch or a part of it again is
harmless, because every row is an upsert by its key.
"""

from collections.abc import Callable, Iterable
from threading import Thread, Timer
from typing import Any

from sqlalchemy import Engine, Table
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from cc_bridge.errors import StorageError
from cc_bridge.records import Record
from cc_bridge.storage.backlog import Backlog, Waiting
from cc_bridge.storage.schema import TABLES, row_of
from cc_bridge.storage.upsert import upsert

__all__ = ["Writer"]

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between attempts; a caller may be waiting for the next one

_log = Logger()


class Writer:
    """Writes records to the database that `open_engine` opens; see the module.

    `open_engine` runs in the writer's thread, at first and after each failure; what it raises counts as
    a failure. `call_from_thread` is the reactor's. `bound` is the longest backlog, in records.

    For the metrics, readable from any thread:
    written: records on disk, by table
    batches: transactions
    failures: attempts that failed with the database
    set_aside: records that the database refused; a line in the log is all that is left of them
    """

    def __init__(
        self,
        open_engine: Callable[[], Engine],
        call_from_thread: Callable[..., object],
        bound: int = 100_000,
    ) -> None:
        self.written = {table.name: 0 for table in TABLES.values()}
        self.batches = self.failures = self.set_aside = 0
        self._open_engine = open_engine
        self._call_from_thread = call_from_thread
        self._backlog = Backlog(bound)
        self._engine: Engine | None = None  # the thread's own
        self._pause = 0.0  # the thread's own: seconds, 0 while all is well
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
    def dropped(self) -> int:
        """Records lost: the backlog was full, or the writer ended before they were written."""
        return self._backlog.dropped

    def start(self) -> None:
        self._thread.start()

    def put(self, record: Record) -> None:
        """Write the record soon, or drop and count it: the backlog is full, or the writer has stopped."""
        self._backlog.add(record)

    def commit(self, record: Record) -> Deferred[None]:
        """Write the record at once, after all earlier ones; fires in the reactor when it is on disk.

        Fails with StorageError when the database refuses the record, or when the writer ends first.
        """
        done: Deferred[None] = Deferred()
        if self._backlog.add(record, done):
            return done
        return fail(StorageError("the storage writer has stopped"))

    def stop(self, deadline: float) -> Deferred[int]:
        """Write what is left, end the thread, fire with the number of records that were not written.

        Fires after `deadline` seconds at the latest, whatever the database does. Called once, from the
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
                    self._recovered()
                except Exception as error:  # whatever it is, the thread goes on
                    self._failed(error)
        finally:
            self._forget_engine()
            self._end()

    def _write(self, batch: list[Waiting]) -> None:
        """Write the head of the backlog; halve it until what the database refuses stands alone."""
        refusal = self._transact([waiting.record for waiting in batch])
        if refusal is None:
            self._settle(batch)
        elif len(batch) == 1:
            self._set_aside(batch, refusal)
        else:
            middle = len(batch) // 2
            self._write(batch[:middle])
            self._write(batch[middle:])

    def _transact(self, records: Iterable[Record]) -> Exception | None:
        """Write all or nothing; return the error when it is about the data, not about the database."""
        if self._engine is None:
            self._engine = self._open_engine()
        try:
            rows: dict[Table[Any], list[dict[str, Any]]] = {}
            for record in records:
                table, row = row_of(record)
                rows.setdefault(table, []).append(row)
            with self._engine.begin() as connection:
                for table, of_table in rows.items():
                    connection.execute(upsert(table, self._engine.dialect.name), of_table)
        except Exception as error:
            if _is_refusal(error):
                return error
            raise
        return None

    def _settle(self, batch: list[Waiting]) -> None:
        if self._backlog.written(batch):
            self.batches += 1
            for waiting in batch:
                self.written[TABLES[type(waiting.record)].name] += 1
            self._fire(batch, None)

    def _set_aside(self, alone: list[Waiting], refusal: Exception) -> None:
        if self._backlog.written(alone):
            self.set_aside += 1
            record = alone[0].record
            table = TABLES[type(record)]
            # Neither the row nor the error's text: both may hold the caller's number.
            _log.error(
                "the database refused a record, set aside: {table} {key} ({cause})",
                table=table.name,
                key={column.name: getattr(record, column.name) for column in table.primary_key},
                cause=type(getattr(refusal, "orig", None) or refusal).__name__,
            )
            self._fire(alone, StorageError("the database refused the record"))

    def _recovered(self) -> None:
        if self._pause:
            self._pause = 0.0
            _log.info("the database is back, {backlog} records to write", backlog=self.backlog)

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        if not self._pause:
            _log.error(
                "the database failed, {backlog} records wait for it to come back: {cause!r}",
                backlog=self.backlog,
                cause=getattr(error, "orig", None) or error,
            )
        self._forget_engine()
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self._backlog.pause(self._pause)

    def _forget_engine(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            try:
                engine.dispose()
            except Exception as error:  # a broken connection may fail to close in any way
                _log.warn("the database connection did not close: {error!r}", error=error)

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

    def _fire(self, batch: list[Waiting], error: StorageError | None) -> None:
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


def _is_refusal(error: Exception) -> bool:
    """Tell whether the database, or its driver, will never take this data."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError | IntegrityError)
    # Raised while the rows were made ready: NaN, a number that the driver cannot hold, a wrong type.
    return isinstance(error, StatementError | ArithmeticError | TypeError | ValueError)
