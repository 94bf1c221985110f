"""The refresh of roll-ups: counts of past days for views and reports; PostgreSQL only.

The table `rollup_watermark` has one row with the day `refreshed_until`. The tables of `tables.py` hold the
counts of earlier days. Views and reports read them, and count the rows of later days. Some figures of
a day depend on later days (`LATER_DAYS`). These are counted when the last of these days is rolled up.

Rows may come late, as by an import. A trigger moves the watermark back to the day of the row, and that
day is rolled up again. Trigger and refresh take the same lock, so no row is missed. Rows of the last hour
fire no trigger: their day is not rolled up. Deletions fire no trigger; `prune` then corrects the
roll-ups.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import DDL, Connection, Engine, ExecutableDDLElement, Table, delete, select, text
from sqlalchemy.schema import CreateIndex, CreateTable, SetColumnComment, SetTableComment

from cc_bridge.storage.hash_joins import hash_joins
from cc_bridge.storage.rollups.tables import (
    COUNTED,
    LATER_DAYS,
    counting,
    lost_calls,
    metadata,
    rated_calls,
    rollup_watermark,
)
from cc_bridge.storage.views.dialects import in_dialect

__all__ = ["creation", "prune", "refresh", "refreshed_until"]

_DAY = timedelta(1)
_LOCK_NUMBER = 0x63635F736574  # spells "cc_set"
# A row younger than _FRESH fires no trigger. A day is rolled up _REFRESHED_AFTER its end. The difference
# between them is an hour, and no transaction takes that long.
_FRESH = "1 hour"
_REFRESHED_AFTER = "2 hours"

# The function sets its search path, because pg_restore of data alone runs with an empty one.
_FUNCTION = """\
CREATE FUNCTION cc_bridge_invalidate_rollup_{table}() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    its_day date := {{day[LEAST(OLD.{at}, NEW.{at})]}};
BEGIN
    IF OLD IS DISTINCT FROM NEW THEN
        PERFORM pg_advisory_xact_lock_shared({lock});
        UPDATE rollup_watermark SET refreshed_until = its_day WHERE refreshed_until > its_day;
    END IF;
    RETURN NULL;
END $$"""
_TRIGGER = """\
CREATE TRIGGER cc_bridge_invalidate_rollup AFTER INSERT OR UPDATE ON {table} FOR EACH ROW
WHEN (NEW.{at} < now() - INTERVAL '{fresh}' AND {which})
EXECUTE FUNCTION cc_bridge_invalidate_rollup_{table}()"""

_FIRST = ", ".join(f"(SELECT MIN({at}) FROM {table})" for table, (at, _) in COUNTED.items())  # noqa: S608 - our own names
_FIRST_DAY = in_dialect(f"SELECT {{day[LEAST({_FIRST})]}}", "postgresql")
_REFRESHABLE_BY_NOW = in_dialect(f"SELECT {{day[(now() - INTERVAL '{_REFRESHED_AFTER}')]}}", "postgresql")
_COUNT = {table: text(sql) for table, sql in counting().items()}


def creation(dialect: str) -> Iterator[ExecutableDDLElement]:
    """Yield the statements that create roll-up tables and triggers; none for a database without roll-ups.

    Only PostgreSQL has roll-ups. The new tables are empty: no day is rolled up yet.
    """
    if dialect != "postgresql":
        return
    for table in metadata.tables.values():
        yield CreateTable(table)
        yield SetTableComment(table)
        yield from map(SetColumnComment, table.columns)
        yield from map(CreateIndex, table.indexes)
    yield _ddl("INSERT INTO rollup_watermark VALUES ('1970-01-01')")
    for name, (at, which) in COUNTED.items():
        yield _ddl(in_dialect(_FUNCTION.format(table=name, at=at, lock=_LOCK_NUMBER), dialect))
        yield _ddl(_TRIGGER.format(table=name, at=at, fresh=_FRESH, which=which))


def refresh(
    engine: Engine, before: date | None = None, pause: Callable[[float], bool] = lambda _seconds: False
) -> int:
    """Roll up the days before `before` that are not rolled up yet; return the number of days.

    Without `before`, all days are rolled up that ended at least two hours ago. `pause` is called after each
    day with the seconds that the day took; if it returns True, no more days follow. Only PostgreSQL has
    roll-ups; the result is 0 on other databases.
    """
    days = 0
    if engine.dialect.name != "postgresql":
        return days
    while True:
        began = monotonic()
        with engine.begin() as connection:
            if not _refresh_next(connection, before):
                return days
        days += 1
        if pause(monotonic() - began):
            return days


def _refresh_next(connection: Connection, before: date | None) -> bool:
    _lock(connection)
    first = connection.scalar(text(_FIRST_DAY))
    until = connection.scalar(select(rollup_watermark.c.refreshed_until))
    before = before or connection.scalar(text(_REFRESHABLE_BY_NOW))
    if first is None or until is None or (day := max(first, until)) >= before:
        return False
    for table in _COUNT:
        its_day = day - timedelta(LATER_DAYS.get(table, 0))
        connection.execute(
            delete(table).where(table.c.day > its_day)
        )  # left from before the watermark moved back
        _count(connection, table, its_day)
    connection.execute(rollup_watermark.update().values(refreshed_until=day + _DAY))
    return True


def _count(connection: Connection, table: Table[Any], day: date) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    connection.execute(delete(table).where(table.c.day == day))
    its = {"day": day, "midnight": midnight, "next_midnight": midnight + _DAY}
    with hash_joins(connection) if table is lost_calls else nullcontext():
        connection.execute(_COUNT[table], its)


def prune(engine: Engine, pbx: str, calls: float | None, ratings: float | None) -> None:
    """Correct the roll-ups of one PBX after old rows were deleted.

    The deleted rows are calls that started before the instant `calls`, and answers that were given before the
    instant `ratings`. Both instants are UTC seconds since the epoch; None means that no such row was deleted.
    The roll-ups of days before the instant are deleted. The day of the instant is rolled up again from its
    remaining rows. A lost call of another PBX may have its result from a call that is now deleted, such as a
    callback. On days before the instant `calls`, such a lost call keeps its result.
    """
    if engine.dialect.name != "postgresql":
        return
    for before, tables in ((calls, tuple(_COUNT)), (ratings, (rated_calls,))):
        if before is None:
            continue
        day = datetime.fromtimestamp(before, UTC).date()
        with engine.begin() as connection:
            _lock(connection)
            for table in tables:
                connection.execute(delete(table).where(table.c.day < day, table.c.pbx == pbx))
            if before < refreshed_until(connection):
                for table in tables:
                    _count(connection, table, day)


def _lock(connection: Connection) -> None:
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})"))


def refreshed_until(connection: Connection) -> float:
    """Return the start of the first day that is not rolled up, in UTC seconds since the epoch.

    The result is 0 if no day is rolled up, and on databases other than PostgreSQL.
    """
    if connection.dialect.name != "postgresql":
        return 0.0
    until: date = connection.execute(select(rollup_watermark.c.refreshed_until)).scalar_one()
    return datetime(until.year, until.month, until.day, tzinfo=UTC).timestamp()


def _ddl(statement: str) -> Any:
    return DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call] # as SQLAlchemy 2.1 has it
