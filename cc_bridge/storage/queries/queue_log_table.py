"""Asterisk's queue_log as a database table: the realtime queue_log, which most clusters use.

The database belongs to another program, so it is only read; an SQLite file is opened read-only.

The table has no order of its own. Its column `time` has microseconds in newer Asterisks and whole seconds in
older ones. An `id` column, which many installations add, keeps lines of the same second in order.
"""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from math import isinf

from sqlalchemy import MetaData, Table, create_engine, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchTableError

from cc_bridge.errors import StorageError
from cc_bridge.queue_log.parse import LineCounts, QueueLogLine, of_row
from cc_bridge.storage.engine import make_engine

__all__ = ["read_table"]

_COLUMNS = ("time", "callid", "queuename", "agent", "event", "data1", "data2", "data3", "data4", "data5")
_AROUND = timedelta(days=1)  # a visit may start long before the span; time zones differ by less than a day
_ROWS = 1_000  # rows fetched at a time


def read_table(
    url: str, since: float, until: float, zone: tzinfo | None, counts: LineCounts
) -> Iterator[QueueLogLine]:
    """Yield the lines from about a day before `since` to about a day after `until`.

    `zone` is the time zone of the PBX; None: this machine's. Raises StorageError if the table is missing or
    cannot be read.
    """
    try:
        where = make_url(url)
    except ArgumentError:  # its text may quote the URL, with its password
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
            table = Table("queue_log", MetaData(), autoload_with=connection)
            missing = [name for name in _COLUMNS if name not in table.c]
            if missing:
                raise StorageError(f"the table queue_log lacks the column {missing[0]}")
            rows = select(*(table.c[name] for name in _COLUMNS))
            if not isinf(since):
                rows = rows.where(table.c.time >= _local(since, zone, -_AROUND))
            if not isinf(until):
                rows = rows.where(table.c.time <= _local(until, zone, _AROUND))
            rows = rows.order_by(table.c.time, *([table.c.id] if "id" in table.c else []))
            for row in connection.execute(rows):
                line = of_row(row, zone)
                counts.saw(line)
                if line is not None:
                    yield line
    except NoSuchTableError as error:
        raise StorageError(f"there is no table {error} in that database") from error
    except DBAPIError as error:
        raise StorageError(f"the queue_log table: {' '.join(str(error.orig).split())}") from error
    finally:
        engine.dispose()


def _local(at: float, zone: tzinfo | None, plus: timedelta) -> str:
    local = datetime.fromtimestamp(at, UTC).astimezone(zone) + plus
    return local.strftime("%Y-%m-%d %H:%M:%S")
