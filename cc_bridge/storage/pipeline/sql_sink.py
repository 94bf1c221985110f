"""The SQL sink: it writes rows in one transaction, and finds the rows that the database rejects.

The writer uses it for an SQLite file, the forwarder for a database server. Each instance works in one thread.
`write_bisecting` isolates a row that the database can never store, so that it does not block the other rows
of its batch.

A batch, or a part of it, may be written twice without harm. This holds because each row is an upsert by its
key, and because rows with the same key keep their order.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Engine, Table, event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from twisted.logger import Logger

from cc_bridge.storage.files.unreadable_file import is_unreadable
from cc_bridge.storage.pipeline import checkpoints
from cc_bridge.storage.pipeline.duplicate_writer import DuplicateWriterCheck
from cc_bridge.storage.schema.upsert import upsert

__all__ = ["RecordRejected", "Sink", "SqlSink", "TableRow", "loggable_key_columns", "write_bisecting"]

_log = Logger()

_DAMAGED_WRITES = 5  # failed writes in a row after which a damaged file counts as unreadable

TableRow = tuple[Table[Any], dict[str, Any]]
_Item = TypeVar("_Item")

# MariaDB's error codes for a value that cannot be stored, which PyMySQL does not raise as DataError:
# 1292 incorrect value, 1118 row too long, 1071 value too long for a key.
_MYSQL_DATA_ERRORS = {1292, 1118, 1071}


class RecordRejected(Exception):
    """Raised by a sink that can never store the given rows, so that a retry is useless.

    The text names the cause but contains no value of a row, which may be personal data.
    """


class Sink(Protocol):
    """A place to which the writer writes rows: an SQL database or the journal.

    While `full` is True, the writer should write only answers, survey attempts and opt-outs.
    """

    full: bool

    def write(self, rows: Sequence[TableRow]) -> None:
        """Write all rows or none; they are on disk when this method returns.

        Raises RecordRejected if a row can never be stored, and any other error if a retry may succeed.
        """

    def close(self) -> None:
        """Close the connection; the next `write` opens another one."""


class SqlSink:
    """A sink that writes into an SQL database.

    `open_engine` returns the engine of the database. It runs at the first write, in the thread that writes.
    `on_unreadable` is called with the error after five writes in a row have failed because the content of an
    SQLite file is damaged. `reconnects` counts the connections that replaced a lost one.
    """

    full = False

    def __init__(
        self,
        open_engine: Callable[[], Engine],
        on_unreadable: Callable[[Exception], object] = lambda _error: None,
    ) -> None:
        self._open_engine = open_engine
        self._on_unreadable = on_unreadable
        self._unreadable = 0  # writes in a row that failed because of a damaged file
        self._engine: Engine | None = None
        self._duplicate_writer = DuplicateWriterCheck()
        self.reconnects = -1  # the first connection replaces none and makes it 0

    def write(self, rows: Sequence[TableRow]) -> None:
        if self._engine is None:
            self._engine = self._open_engine()
            self.reconnects += 1
            event.listen(self._engine, "connect", self._reconnected)
        rows, states = checkpoints.part(rows)
        # A row from an earlier version may lack columns. The database fills in their server defaults, as
        # the migration did for older rows. So rows are grouped by table and set of columns.
        alike: dict[tuple[Table[Any], tuple[str, ...]], list[dict[str, Any]]] = {}
        for table, row in rows:
            alike.setdefault((table, tuple(row)), []).append(row)
        try:
            with self._engine.begin() as connection:
                self._duplicate_writer.check(connection, rows)
                for (table, _), some in alike.items():
                    connection.execute(upsert(table, self._engine.dialect.name), some)
                checkpoints.keep(connection, states)
        except Exception as error:
            self._duplicate_writer.reset()  # the stored watermarks are unknown now
            self._note_damage(error)
            if _is_rejection(error):
                raise RecordRejected(type(getattr(error, "orig", None) or error).__name__) from error
            raise
        self._unreadable = 0

    def _note_damage(self, error: Exception) -> None:
        """Count a failed write that shows a damaged file; call `on_unreadable` after the fifth in a row."""
        self._unreadable = self._unreadable + 1 if is_unreadable(error) else 0
        if self._unreadable >= _DAMAGED_WRITES:
            self._unreadable = 0
            self.close()
            self._on_unreadable(error)

    def _reconnected(self, *_: object) -> None:
        self.reconnects += 1

    def close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            try:
                engine.dispose()
            except Exception as error:  # a broken connection may fail to close in any way
                _log.warn(
                    "closing the database connection failed: {error!r}; a new connection replaces it",
                    error=error,
                )


def write_bisecting(
    batch: Sequence[_Item], write: Callable[[Sequence[_Item]], None]
) -> Iterator[tuple[Sequence[_Item], RecordRejected | None]]:
    """Write a batch; if it is rejected, halve it again and again until the rejected items are found.

    Yield each part of the batch once it is settled: (part, None) if `write` has written it, or (part, error)
    for a single item that was rejected. Errors other than RecordRejected are not caught.
    """
    try:
        write(batch)
    except RecordRejected as refusal:
        if len(batch) == 1:
            yield batch, refusal
        else:
            middle = len(batch) // 2
            yield from write_bisecting(batch[:middle], write)
            yield from write_bisecting(batch[middle:], write)
    else:
        yield batch, None


def loggable_key_columns(table: Table[Any]) -> list[str]:
    """Return the names of the key columns that a log line may show.

    These are all key columns of the table except `caller_key`, which can be the caller's number.
    """
    return [column.name for column in table.primary_key if column.name != "caller_key"]


def _is_rejection(error: Exception) -> bool:
    """Return True if an error means that a row can never be stored, so that a retry is useless.

    The database or its driver has then rejected a value of the row.
    """
    if isinstance(error, DBAPIError):
        code = error.orig.args[0] if error.orig is not None and error.orig.args else None
        return isinstance(error, DataError | IntegrityError) or code in _MYSQL_DATA_ERRORS
    # Raised while the parameters were prepared: NaN, a number outside the driver's range, a wrong type.
    return isinstance(error, StatementError | ArithmeticError | TypeError | ValueError)
