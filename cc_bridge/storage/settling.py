"""Days that are over are counted once, for views and reports of years; on PostgreSQL.

`settle` counts what agents did on a day (`agent_facts`, by the SQL of the view v_agent_day) and when they
were there (`agent_presence`). `settled` has one row: the days before its `until` are counted. For them the
view and the reports read these tables, for all later ones the rows themselves. Everything here comes from
the rows, so nothing of it need be copied or kept.

The traps: rows come late (an absence is written when it ends, a journal's after an outage, an import's
years after). A trigger then takes `until` back to their day, and that is counted again. Both hold one lock,
so that no row slips in while its day is counted. A row of the last hour passes without: by the same server's
clock its day is not settled yet. What is deleted leaves a settled day as it was, until `forget`.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Connection,
    Date,
    Engine,
    ExecutableDDLElement,
    MetaData,
    Table,
    delete,
    select,
    text,
)
from sqlalchemy.schema import CreateTable, DropTable, SetColumnComment, SetTableComment

from cc_bridge.records import AWAY
from cc_bridge.storage.columns import CleanText, Instant, Seconds
from cc_bridge.storage.views.agent_day import LIVE_FACTS, OVER_A_DAY, OVER_MIDNIGHT, WHOLE_DAYS
from cc_bridge.storage.views.words import in_words

__all__ = ["QUARTER", "agent_facts", "agent_presence", "creation", "forget", "removal", "settle", "settled",
           "settled_until"]  # fmt: skip

QUARTER = 900  # seconds; where clocks differ from UTC, they differ by quarters of an hour
_DAY = timedelta(1)
_LOCK_NUMBER = 0x63635F736574  # "cc_set"
# What triggers let through, and after how much more a day is settled: no transaction takes an hour.
_FRESH = "1 hour"
_SETTLED_AFTER = "2 hours"

_metadata = MetaData()


def _key(name: str, length: int, comment: str) -> Column[str]:
    return Column(name, CleanText(length), primary_key=True, comment=comment)


# Days first: that is how they are counted, asked for and forgotten.
agent_facts = Table(
    "agent_facts",
    _metadata,
    Column("day", Date, primary_key=True, comment="Day, from midnight to midnight UTC, that is settled"),
    _key("pbx", 64, "Name of the PBX in the configuration"),
    _key("agent", 128, "Name of the agent"),
    _key("fact", 64, "talk, partial (a talk seen in part), ring, state"),
    _key("word", 64, "Of talks direct or queue, of rings the outcome, of states the state"),
    Column("n", BigInteger, nullable=False, comment="How many; 0 of states"),
    Column("amount", Seconds(), nullable=False, comment="Sum of the talks or the state, seconds"),
    Column("hold_seconds", Seconds(), nullable=False, comment="Sum of the holds, seconds"),
    comment="What agents did on the days that are settled, for v_agent_day and reports",
)
agent_presence = Table(
    "agent_presence",
    _metadata,
    Column("at", Instant(), primary_key=True, comment="When a quarter of an hour began, UTC"),
    _key("pbx", 64, "Name of the PBX in the configuration"),
    Column("seconds", Seconds(), nullable=False, comment="Sum of what all agents were there in it, seconds"),
    comment="When agents were there on the days that are settled, for reports",
)
settled = Table(
    "settled",
    _metadata,
    Column("until", Date, primary_key=True, comment="The first day that is not settled"),
    comment="One row: which days agent_facts and agent_presence have",
)
_TABLES = (agent_facts, agent_presence, settled)

# What is counted, by the column that tells the first day that a row touches.
_COUNTED = {"agent_intervals": "started_at", "rings": "started_at", "talks": "answered_at"}

_TRIGGER = """\
CREATE FUNCTION cc_bridge_unsettle_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    its_day date := {{day[LEAST(OLD.{at}, NEW.{at})]}};
BEGIN
    IF OLD IS DISTINCT FROM NEW THEN
        PERFORM pg_advisory_xact_lock_shared({lock});
        UPDATE settled SET until = its_day WHERE until > its_day;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cc_bridge_unsettle AFTER INSERT OR UPDATE ON {table} FOR EACH ROW
WHEN (NEW.{at} < now() - INTERVAL '{fresh}') EXECUTE FUNCTION cc_bridge_unsettle_{table}()"""

_FIRST_OF = ", ".join(f"(SELECT MIN({{day[{at}]}}) FROM {table})" for table, at in _COUNTED.items())  # noqa: S608 - nothing but words of ours
_FIRST_DAY = in_words(f"SELECT LEAST({_FIRST_OF})", "postgresql")
_SETTLED_BY_NOW = in_words(f"SELECT {{day[(now() - INTERVAL '{_SETTLED_AFTER}')]}}", "postgresql")
_COUNT_FACTS = in_words(
    f"""\
INSERT INTO agent_facts (day, pbx, agent, fact, word, n, amount, hold_seconds)
{WHOLE_DAYS}SELECT day, pbx, agent, fact, word, SUM(n), SUM(amount), SUM(hold_seconds)
FROM ({LIVE_FACTS}) AS facts WHERE day = :day GROUP BY day, pbx, agent, fact, word""",  # noqa: S608 - as above
    "postgresql",
)
_COUNT_PRESENCE = in_words(
    f"""\
INSERT INTO agent_presence (at, pbx, seconds)
SELECT quarter, pbx, SUM(EXTRACT(EPOCH FROM
    LEAST(ended_at, quarter + INTERVAL '{QUARTER} seconds') - GREATEST(started_at, quarter)))
FROM (
    SELECT * FROM agent_intervals WHERE {{day[started_at]}} = :day
    UNION ALL
    SELECT * FROM agent_intervals WHERE {OVER_MIDNIGHT.where} AND {{day[ended_at]}} = :day
    UNION ALL
    SELECT * FROM agent_intervals
    WHERE {OVER_A_DAY.where} AND {{day[ended_at]}} > :day AND {{day[started_at]}} < :day
) AS states
CROSS JOIN generate_series(
    date_bin(INTERVAL '{QUARTER} seconds', GREATEST(started_at, :midnight), TIMESTAMPTZ 'epoch'),
    LEAST(ended_at, :next_midnight) - INTERVAL '1 microsecond', INTERVAL '{QUARTER} seconds'
) AS quarter
WHERE state NOT IN ({", ".join(f"'{state}'" for state in AWAY)}) GROUP BY quarter, pbx""",  # noqa: S608 - as above
    "postgresql",
)


def creation(dialect: str) -> Iterator[ExecutableDDLElement]:
    """Yield the statements that make it all, with no day settled."""
    if dialect != "postgresql":
        return
    for table in _TABLES:
        yield CreateTable(table)
        yield SetTableComment(table)
        for column in table.columns:
            yield SetColumnComment(column)
    yield _ddl("INSERT INTO settled VALUES ('1970-01-01')")
    for table_name, at in _COUNTED.items():
        made = _TRIGGER.format(table=table_name, at=at, lock=_LOCK_NUMBER, fresh=_FRESH)
        for statement in in_words(made, dialect).split(";\nCREATE TRIGGER"):
            yield _ddl(statement if statement.startswith("CREATE") else f"CREATE TRIGGER{statement}")


def removal(dialect: str) -> Iterator[ExecutableDDLElement]:
    """Yield the statements that take it all away."""
    if dialect != "postgresql":
        return
    for table_name in _COUNTED:
        yield _ddl(f"DROP TRIGGER cc_bridge_unsettle ON {table_name}")
        yield _ddl(f"DROP FUNCTION cc_bridge_unsettle_{table_name}()")
    for table in _TABLES:
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
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})"))
    first = connection.scalar(text(_FIRST_DAY))
    until = connection.scalar(select(settled.c.until))
    before = before or connection.scalar(text(_SETTLED_BY_NOW))
    if first is None or until is None or (day := max(first, until)) >= before:
        return False
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    spans = {"day": day, "midnight": midnight, "next_midnight": midnight + _DAY}
    connection.execute(delete(agent_facts).where(agent_facts.c.day >= day))
    connection.execute(delete(agent_presence).where(agent_presence.c.at >= midnight.timestamp()))
    connection.execute(text(_COUNT_FACTS), {"day": day})
    connection.execute(text(_COUNT_PRESENCE), spans)
    connection.execute(settled.update().values(until=day + _DAY))
    return True


def forget(engine: Engine, pbx: str, before: float) -> None:
    """Delete what a PBX's days that ended before an instant, UTC seconds since the epoch, were counted to."""
    if engine.dialect.name != "postgresql":
        return
    day = datetime.fromtimestamp(before, UTC).date()
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    facts, presence = agent_facts.c, agent_presence.c
    with engine.begin() as connection:
        connection.execute(delete(agent_facts).where(facts.day < day, facts.pbx == pbx))
        connection.execute(delete(agent_presence).where(presence.at < midnight, presence.pbx == pbx))


def settled_until(connection: Connection) -> float:
    """Return when the first day begins that is not settled, UTC seconds since the epoch."""
    if connection.dialect.name != "postgresql":
        return 0.0
    until: date = connection.execute(select(settled.c.until)).scalar_one()
    return datetime(until.year, until.month, until.day, tzinfo=UTC).timestamp()


def _ddl(statement: str) -> Any:
    return DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call] # as SQLAlchemy 2.1 has it
