"""The sink that is a database: a batch of rows in one transaction, and the rows that it rejects.

The writer uses it for an SQLite file, the forwarder for a server, each in its own thread. `write_bisecting`
finds the row that a database will never take, so that it does not block the thousand beside it.

To write a batch or a part of it again is harmless only because every row is an upsert by its key and rows of
one key go in their order.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Engine, Table, event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from twisted.logger import Logger

from cc_bridge.storage.pipeline import checkpoints
from cc_bridge.storage.pipeline.duplicate_writer import DuplicateWriterCheck
from cc_bridge.storage.schema.upsert import upsert

__all__ = ["RecordRejected", "Sink", "SqlSink", "TableRow", "loggable_key_columns", "write_bisecting"]

_log = Logger()

TableRow = tuple[Table[Any], dict[str, Any]]
_Item = TypeVar("_Item")

# Errors about a value that PyMySQL does not count as such: incorrect value, row too long, value too long
# for a key.
_MYSQL_DATA_ERRORS = {1292, 1118, 1071}


class RecordRejected(Exception):
    """The sink will never take the rows. The text names the cause, but never a value."""


class Sink(Protocol):
    """Where the writer's rows go; `full` when only what callers said should still be written."""

    full: bool

    def write(self, rows: Sequence[TableRow]) -> None:
        """Write all rows or none; they are on disk on return. Raises RecordRejected, or any other error."""

    def close(self) -> None:
        """Forget the connection; the next `write` opens another."""


class SqlSink:
    """The sink that is a database; `open_engine` runs in the thread that writes, when it first does.

    reconnects: connections that took the place of a lost one
    """

    full = False

    def __init__(self, open_engine: Callable[[], Engine]) -> None:
        self._open_engine = open_engine
        self._engine: Engine | None = None
        self._duplicate_writer = DuplicateWriterCheck()
        self.reconnects = -1  # the first one replaces none

    def write(self, rows: Sequence[TableRow]) -> None:
        if self._engine is None:
            self._engine = self._open_engine()
            self.reconnects += 1
            event.listen(self._engine, "connect", self._reconnected)
        rows, states = checkpoints.part(rows)
        # A row of an earlier version may lack columns: they get what the migration gave to rows of before.
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
            self._duplicate_writer.reset()  # nobody knows what is stored now
            if _is_rejection(error):
                raise RecordRejected(type(getattr(error, "orig", None) or error).__name__) from error
            raise

    def _reconnected(self, *_: object) -> None:
        self.reconnects += 1

    def close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            try:
                engine.dispose()
            except Exception as error:  # a broken connection may fail to close in any way
                _log.warn("the database connection did not close: {error!r}", error=error)


def write_bisecting(
    batch: Sequence[_Item], write: Callable[[Sequence[_Item]], None]
) -> Iterator[tuple[Sequence[_Item], RecordRejected | None]]:
    """Write a batch, halved until what is refused stands alone; yield each part when it is done with."""
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
    """Return the columns by which the log may name a row: a caller's key can be the number."""
    return [column.name for column in table.primary_key if column.name != "caller_key"]


def _is_rejection(error: Exception) -> bool:
    """Tell whether the database, or its driver, will never take this data."""
    if isinstance(error, DBAPIError):
        code = error.orig.args[0] if error.orig is not None and error.orig.args else None
        return isinstance(error, DataError | IntegrityError) or code in _MYSQL_DATA_ERRORS
    # Raised while the rows were made ready: NaN, a number that the driver cannot hold, a wrong type.
    return isinstance(error, StatementError | ArithmeticError | TypeError | ValueError)
