"""Asterisk's queue_log as a database table (the realtime queue_log), which most clusters use.

The database belongs to another program, so it is only read; an SQLite file is opened read-only.

The order of lines must be computed. The column `time` has microseconds in newer Asterisks and whole seconds
in older ones. A column `id`, which many installations add, keeps lines of the same second in order.

Sites differ in the name of the table and in the case of its columns. The fields are in data1 to data5, in
data1 to data4 only, or in one column `data` with `|` between them. The time may be text, a date or seconds
since the epoch.
"""

import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from math import isinf
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    MetaData,
    Numeric,
    String,
    Table,
    cast,
    create_engine,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchTableError

from cc_bridge.errors import StorageError
from cc_bridge.queue_log.parse import LineCounts, QueueLogLine, of_row
from cc_bridge.storage.engine import make_engine

__all__ = ["read_table"]

_TABLE = "queue_log"  # unless the URL names another
_NAMED = re.compile(r"(.*)#(?:([\w$]+)\.)?([\w$-]+)", re.DOTALL)
_COLUMNS = ("time", "callid", "queuename", "agent", "event")
_DATA = ("data1", "data2", "data3", "data4", "data5")
_SINGLE = "data"
_AROUND = timedelta(days=1)  # a visit may start long before the span; time zones differ by less than a day
_ROWS = 1_000  # rows fetched at a time


def read_table(
    url: str, since: float, until: float, zone: tzinfo | None, counts: LineCounts
) -> Iterator[QueueLogLine]:
    """Yield the lines of a queue_log table from a day before `since` to a day after `until`.

    The margin of a day allows for visits that started earlier. `url` may end with # and the name of the
    table, as in mysql+pymysql://user@host/asterisk#queuelog. The name may have a schema before it. `zone` is
    the time zone of the PBX; None means the time zone of this machine. `counts` is updated with each line.

    Raises StorageError if the table is missing or cannot be read.
    """
    named = _NAMED.fullmatch(url)  # a password may have a # too
    url, schema, name = named.groups() if named else (url, None, _TABLE)
    try:
        where = make_url(url)
    except (ArgumentError, ValueError):  # their texts may quote the URL, with its password
        raise StorageError(
            "the URL of the queue_log table is not valid: use for example mysql+pymysql://user@host/name"
        ) from None
    if where.get_backend_name() == "sqlite":
        file = f"file:{where.database}?mode=ro"
        engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(file, uri=True))
    else:
        engine = make_engine(where)
    try:
        with engine.connect().execution_options(stream_results=True, yield_per=_ROWS) as connection:
            table = Table(name, MetaData(), schema=schema, autoload_with=connection)
            columns = _columns(table)
            at = columns[0]
            rows = select(*columns)
            epoch = not isinstance(at.type, String | DateTime) or _is_epoch(connection, at)
            if not isinf(since):
                earliest = since - _AROUND.total_seconds()
                rows = rows.where(_cast(at, epoch) >= (earliest if epoch else _local(since, zone, -_AROUND)))
            if not isinf(until):
                latest = until + _AROUND.total_seconds()
                rows = rows.where(_cast(at, epoch) <= (latest if epoch else _local(until, zone, _AROUND)))
            order = [column for column in table.c if column.name.lower() == "id"]
            rows = rows.order_by(_cast(at, epoch), *order)
            for row in connection.execute(rows):
                line = of_row(row, zone)
                counts.count_bytes("" if line is None else "|".join(line[1:-1]))
                counts.saw(line)
                if line is not None:
                    yield line
    except NoSuchTableError as error:
        raise StorageError(f"there is no table {error} in that database") from error
    except DBAPIError as error:
        raise StorageError(f"the table {name}: {' '.join(str(error.orig).split())}") from error
    finally:
        engine.dispose()


def _columns(table: Table) -> list[Column[Any]]:
    """Return the columns of a queue_log table that are read, whatever the case of their names.

    The columns time, callid, queuename, agent and event come first. Then come data1 to data5 as far as they
    exist, or the single column `data`. Raises StorageError if a column is missing.
    """
    found = {column.name.lower(): column for column in table.c}
    missing = [name for name in _COLUMNS if name not in found]
    data = [name for name in _DATA if name in found] or [name for name in (_SINGLE,) if name in found]
    if missing or not data:
        raise StorageError(f"the table {table.fullname} lacks the column {(missing or _DATA)[0]}")
    return [found[name] for name in (*_COLUMNS, *data)]


def _is_epoch(connection: Connection, column: Column[Any]) -> bool:
    """Return True if a text column of times holds seconds since the epoch.

    The first value of the column decides.
    """
    first = connection.execute(select(column).where(column.is_not(None)).limit(1)).scalar()
    return isinstance(first, str) and first.strip().replace(".", "", 1).isdecimal()


def _cast(column: Column[Any], epoch: bool) -> ColumnElement[Any]:
    """Return a time column in a form that can be compared with a time.

    If the column is text and holds seconds since the epoch (`epoch`), the result is a cast to a number.
    Otherwise it is the column itself.
    """
    return cast(column, Numeric(20, 6)) if epoch and isinstance(column.type, String) else column


def _local(at: float, zone: tzinfo | None, plus: timedelta) -> str:
    local = datetime.fromtimestamp(at, UTC).astimezone(zone) + plus
    return local.strftime("%Y-%m-%d %H:%M:%S")
