"""What is kept of a day that is over, on PostgreSQL, and the SQL that counts it from the rows of the day.

`refresh.py` says when a day is counted, and again; the view v_agent_day and reports read it. Every table has
the day first: that is how it is counted, asked for and forgotten. Days are from midnight to midnight UTC;
reports of other clocks' days count the ends of their span from the rows.

The trap: a day is told by the rows that touch it, found by indexes of their first and last day; a state may
have begun days before.
"""

# ruff: noqa: S608 - all SQL here is nothing but words of ours

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, MetaData, Table

from cc_bridge.records import AWAY
from cc_bridge.storage.schema.column_types import CleanText, Seconds
from cc_bridge.storage.views.agent_day import LIVE_FACTS, OVER_A_DAY, OVER_MIDNIGHT, WHOLE_DAYS
from cc_bridge.storage.views.dialects import in_dialect

__all__ = ["COUNTED", "QUARTER", "SEVERAL", "agent_facts", "agent_presence", "counting", "metadata",
           "queue_talks", "rated_calls", "rollup_watermark"]  # fmt: skip

QUARTER = 900  # seconds; where clocks differ from UTC, they differ by quarters of an hour
SEVERAL = 3  # talks of one call; more are counted as so many

metadata = MetaData()


def _day() -> Column[Any]:
    return Column(
        "day", Date, primary_key=True, comment="Day, from midnight to midnight UTC, that is settled"
    )


def _text(name: str, length: int, comment: str) -> Column[str]:
    return Column(name, CleanText(length), primary_key=True, comment=comment)


def _number(name: str, comment: str) -> Column[int]:
    return Column(name, Integer, primary_key=True, autoincrement=False, comment=comment)


def _pbx() -> Column[str]:
    return _text("pbx", 64, "Name of the PBX in the configuration")


def _count(comment: str) -> Column[int]:
    return Column("n", BigInteger, nullable=False, comment=comment)


def _sum(name: str, comment: str) -> Column[float]:
    return Column(name, Seconds(), nullable=False, comment=f"{comment}, seconds")


agent_facts = Table(
    "agent_facts",
    metadata,
    _day(),
    _pbx(),
    _text("agent", 128, "Name of the agent"),
    _text("fact", 64, "talk, partial (a talk seen in part), ring, state"),
    _text("word", 64, "Of talks direct or queue, of rings the outcome, of states the state"),
    _count("How many; 0 of states"),
    _sum("amount", "Sum of the talks or the state"),
    _sum("hold_seconds", "Sum of the holds"),
    comment="What agents did, for v_agent_day and reports",
)
agent_presence = Table(
    "agent_presence",
    metadata,
    _day(),
    _pbx(),
    _number("quarter", "Quarter of an hour of the day, from 0"),
    _sum("seconds", "Sum of what all agents were there"),
    comment="When agents were there, for reports",
)
queue_talks = Table(
    "queue_talks",
    metadata,
    _day(),
    _pbx(),
    _text("queue", 128, "Queue"),
    Column("partial", Boolean, primary_key=True, comment="True of talks that were seen in part"),
    _count("How many"),
    _sum("talk_seconds", "Sum of the talks, hold included"),
    _sum("hold_seconds", "Sum of the holds"),
    Column("squares", Seconds(), nullable=False, comment="Sum of the squares of talk_seconds"),
    comment="Talks of queues, for reports",
)
rated_calls = Table(
    "rated_calls",
    metadata,
    _day(),
    _pbx(),
    _number("wait_seconds", "Wait of the call, rounded up, seconds"),
    _number("talks", f"Talks of the call; {SEVERAL} are as many or more"),
    _number("value", "Score from 1 to 5"),
    _count("How many answers; those whose call is not stored are in none"),
    comment="What callers who rated had gone through, for reports",
)
rollup_watermark = Table(
    "rollup_watermark",
    metadata,
    Column("refreshed_until", Date, primary_key=True, comment="The first day that is not rolled up"),
    comment="One row: days before it are counted in the other tables, which may also have later ones",
)

# What is counted, by the column that tells the first day that a row touches, and which rows.
COUNTED = {
    "agent_intervals": ("started_at", "TRUE"),
    "answers": ("answered_at", "NEW.kind = 'csat'"),
    "calls": ("started_at", "TRUE"),
    "rings": ("started_at", "TRUE"),
    "survey_attempts": ("started_at", "TRUE"),
    "talks": ("answered_at", "TRUE"),
}

_AWAY = ", ".join(f"'{state}'" for state in AWAY)
_COUNTING = {
    agent_facts: f"""\
(day, pbx, agent, fact, word, n, amount, hold_seconds)
{WHOLE_DAYS}SELECT day, pbx, agent, fact, word, SUM(n), SUM(amount), SUM(hold_seconds)
FROM ({LIVE_FACTS}) AS facts WHERE day = :day GROUP BY day, pbx, agent, fact, word""",
    agent_presence: f"""\
(day, pbx, quarter, seconds)
SELECT :day, pbx, EXTRACT(EPOCH FROM at - :midnight) / {QUARTER},
    SUM(EXTRACT(EPOCH FROM LEAST(ended_at, at + INTERVAL '{QUARTER} seconds') - GREATEST(started_at, at)))
FROM (
    SELECT * FROM agent_intervals WHERE {{day[started_at]}} = :day
    UNION ALL
    SELECT * FROM agent_intervals WHERE {OVER_MIDNIGHT.where} AND {{day[ended_at]}} = :day
    UNION ALL
    SELECT * FROM agent_intervals
    WHERE {OVER_A_DAY.where} AND {{day[ended_at]}} > :day AND {{day[started_at]}} < :day
) AS states
CROSS JOIN generate_series(
    date_bin(INTERVAL '{QUARTER} seconds', GREATEST(started_at, :midnight), :midnight),
    LEAST(ended_at, :next_midnight) - INTERVAL '1 microsecond', INTERVAL '{QUARTER} seconds'
) AS at
WHERE state NOT IN ({_AWAY}) GROUP BY at, pbx""",
    queue_talks: """\
(day, pbx, queue, partial, n, talk_seconds, hold_seconds, squares)
SELECT :day, pbx, queue, partial, COUNT(*), SUM(talk_seconds), SUM(hold_seconds),
    SUM(talk_seconds * talk_seconds)
FROM talks WHERE {day[answered_at]} = :day AND queue <> '' GROUP BY pbx, queue, partial""",
    rated_calls: f"""\
(day, pbx, wait_seconds, talks, value, n)
SELECT :day, pbx, CEIL(calls.wait_seconds) AS waited, LEAST(talks, {SEVERAL}) AS spoken, value, COUNT(*)
FROM answers JOIN survey_attempts USING (pbx, attempt_id) JOIN calls USING (pbx, call_id)
WHERE {{day[answered_at]}} = :day AND kind = 'csat' GROUP BY pbx, waited, spoken, value""",
}


def counting() -> dict[Table[Any], str]:
    """Return the statement that counts a `:day`, between `:midnight` and `:next_midnight`, by its table."""
    return {
        table: in_dialect(f"INSERT INTO {table.name} {sql}", "postgresql") for table, sql in _COUNTING.items()
    }
