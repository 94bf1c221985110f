"""Days that are over are counted once, for views and reports of years; on PostgreSQL.

The table `settled` has one row: the days before its `until` are counted (`tables.py` has to what). For them
v_agent_day and the reports read what was counted, for all later ones the rows themselves. All of it comes
from the rows, so nothing of it need be copied or kept.

The traps: rows come late (an absence is written when it ends, a journal's after an outage, an import's
years after). A trigger then takes `until` back to their day, and that is counted again. Both hold one lock,
so that no row slips in while its day is counted. A row of the last hour passes without: by the same server's
clock its day is not settled yet. What is deleted leaves a settled day as it was; who deletes old rows must
`forget`.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import DDL, Connection, Engine, ExecutableDDLElement, Table, delete, select, text
from sqlalchemy.schema import CreateTable, DropTable, SetColumnComment, SetTableComment

from cc_bridge.storage.rollups.tables import COUNTED, counting, metadata, rated_calls, settled
from cc_bridge.storage.views.words import in_words

__all__ = ["creation", "forget", "removal", "settle", "settled_until"]

_DAY = timedelta(1)
_LOCK_NUMBER = 0x63635F736574  # "cc_set"
# What triggers let through, and after how much more a day is settled: no transaction takes an hour.
_FRESH = "1 hour"
_SETTLED_AFTER = "2 hours"

# The path, since pg_restore of data alone looks for no table without its schema.
_FUNCTION = """\
CREATE FUNCTION cc_bridge_unsettle_{table}() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    its_day date := {{day[LEAST(OLD.{at}, NEW.{at})]}};
BEGIN
    IF OLD IS DISTINCT FROM NEW THEN
        PERFORM pg_advisory_xact_lock_shared({lock});
        UPDATE settled SET until = its_day WHERE until > its_day;
    END IF;
    RETURN NULL;
END $$"""
_TRIGGER = """\
CREATE TRIGGER cc_bridge_unsettle AFTER INSERT OR UPDATE ON {table} FOR EACH ROW
WHEN (NEW.{at} < now() - INTERVAL '{fresh}' AND {which}) EXECUTE FUNCTION cc_bridge_unsettle_{table}()"""

_FIRST = ", ".join(f"(SELECT MIN({at}) FROM {table})" for table, (at, _) in COUNTED.items())  # noqa: S608 - words of ours
_FIRST_DAY = in_words(f"SELECT {{day[LEAST({_FIRST})]}}", "postgresql")
_SETTLED_BY_NOW = in_words(f"SELECT {{day[(now() - INTERVAL '{_SETTLED_AFTER}')]}}", "postgresql")
_COUNT = {table: text(sql) for table, sql in counting().items()}


def creation(dialect: str) -> Iterator[ExecutableDDLElement]:
    """Yield the statements that make it all, with no day settled."""
    if dialect != "postgresql":
        return
    for table in metadata.tables.values():
        yield CreateTable(table)
        yield SetTableComment(table)
        for column in table.columns:
            yield SetColumnComment(column)
    yield _ddl("INSERT INTO settled VALUES ('1970-01-01')")
    for name, (at, which) in COUNTED.items():
        yield _ddl(in_words(_FUNCTION.format(table=name, at=at, lock=_LOCK_NUMBER), dialect))
        yield _ddl(_TRIGGER.format(table=name, at=at, fresh=_FRESH, which=which))


def removal(dialect: str) -> Iterator[ExecutableDDLElement]:
    """Yield the statements that take it all away."""
    if dialect != "postgresql":
        return
    for name in COUNTED:
        yield _ddl(f"DROP TRIGGER cc_bridge_unsettle ON {name}")
        yield _ddl(f"DROP FUNCTION cc_bridge_unsettle_{name}()")
    for table in metadata.tables.values():
        yield DropTable(table)


def settle(
    engine: Engine, before: date | None = None, pause: Callable[[float], bool] = lambda _seconds: False
) -> int:
    """Count the days that are over, those before `before` if told; return how many.

    `pause` gets the seconds that each took, and tells whether to stop.
    """
    days = 0
    if engine.dialect.name != "postgresql":
        return days
    while True:
        began = monotonic()
        with engine.begin() as connection:
            if not _settle_next(connection, before):
                return days
        days += 1
        if pause(monotonic() - began):
            return days


def _settle_next(connection: Connection, before: date | None) -> bool:
    _lock(connection)
    first = connection.scalar(text(_FIRST_DAY))
    until = connection.scalar(select(settled.c.until))
    before = before or connection.scalar(text(_SETTLED_BY_NOW))
    if first is None or until is None or (day := max(first, until)) >= before:
        return False
    for table in _COUNT:
        connection.execute(delete(table).where(table.c.day > day))  # of before `until` was taken back
    _count(connection, day, _COUNT)
    connection.execute(settled.update().values(until=day + _DAY))
    return True


def _count(connection: Connection, day: date, tables: Iterable[Table[Any]]) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    its = {"day": day, "midnight": midnight, "next_midnight": midnight + _DAY}
    for table in tables:
        connection.execute(delete(table).where(table.c.day == day))
        connection.execute(_COUNT[table], its)


def forget(engine: Engine, pbx: str, calls: float | None, ratings: float | None) -> None:
    """Let what was counted follow the rows of a PBX that were deleted, those before two instants.

    `calls` and `ratings` are UTC seconds since the epoch; None: none went. The day within which the rest
    begins is counted again.
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
            if before < settled_until(connection):
                _count(connection, day, tables)


def _lock(connection: Connection) -> None:
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})"))


def settled_until(connection: Connection) -> float:
    """Return when the first day begins that is not settled, UTC seconds since the epoch; 0: none is."""
    if connection.dialect.name != "postgresql":
        return 0.0
    until: date = connection.execute(select(settled.c.until)).scalar_one()
    return datetime(until.year, until.month, until.day, tzinfo=UTC).timestamp()


def _ddl(statement: str) -> Any:
    return DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call] # as SQLAlchemy 2.1 has it
