"""The roll-up tables on PostgreSQL, with the figures of past days, and the SQL that fills them.

`refresh.py` decides when a day is rolled up. Every table has a column with the day, because days are counted,
read and deleted one by one. A day is from midnight to midnight UTC. If a report uses another time zone, the
first and the last UTC day are only partly in its time span; these parts are counted from the rows.

A day is counted from all rows that overlap it, even from an agent's state that started days earlier. Indexes
by the first and last day of a state find these rows.

The table `lost_calls` has a row for each lost call, because reports show the median time until a callback.
"""

# ruff: noqa: S608 - the SQL here contains no outside values

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, MetaData, Table

from cc_bridge.customers.lost_calls import LOST
from cc_bridge.records import AWAY
from cc_bridge.storage.schema.column_types import CleanText, Instant, Seconds
from cc_bridge.storage.views.agent_day import LIVE_FACTS, OVER_A_DAY, OVER_MIDNIGHT, WHOLE_DAYS
from cc_bridge.storage.views.dialects import in_dialect

__all__ = ["COUNTED", "LATER_DAYS", "QUARTER", "SEVERAL", "agent_facts", "agent_presence", "counting",
           "lost_calls", "metadata", "queue_talks", "queue_waits", "rated_calls",
           "rollup_watermark"]  # fmt: skip

QUARTER = 900  # seconds; today's time zones differ from UTC by multiples of it
SEVERAL = 3  # talks of one call; a call with more talks is counted like one with 3

metadata = MetaData()


def _day() -> Column[Any]:
    return Column("day", Date, primary_key=True, comment="Past day, from midnight to midnight UTC")


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
    _text("fact", 64, "Kind of fact: talk, partial (a talk seen in part), ring, state"),
    _text("word", 64, "Detail: direct or queue of a talk, the outcome of a ring, the state"),
    _count("Number of talks or rings; 0 for states"),
    _sum("amount", "Sum of talk time or of time in the state"),
    _sum("hold_seconds", "Sum of hold time"),
    comment="Talks, rings and states of each agent by day, for v_agent_day and reports",
)
agent_presence = Table(
    "agent_presence",
    metadata,
    _day(),
    _pbx(),
    _number("quarter", "Quarter of an hour of the day, 0 to 95"),
    _sum("seconds", "Sum of the time for which agents were logged in and reachable"),
    comment="Presence of agents by quarter of an hour, for reports",
)
lost_calls = Table(
    "lost_calls",
    metadata,
    Column(
        "day",
        Date,
        nullable=False,
        comment="Past day of the first queue visit, from midnight to midnight UTC",
    ),
    Column("pbx", CleanText(64), nullable=False, comment="Name of the PBX in the configuration"),
    Column("call_id", CleanText(150), nullable=False, comment="Linkedid of the call"),
    Column("queue", CleanText(128), nullable=False, comment="Last queue of the call"),
    Column("entered_at", Instant, nullable=False, comment="Start of the first queue visit"),
    Column("lost_at", Instant, nullable=False, comment="End of the last queue visit"),
    Column(
        "answered_at", Instant, comment="First answer to the caller in the 24 h after lost_at; NULL: none"
    ),
    Column("recalled", Boolean, nullable=False, comment="True: that answer was to a call from an agent"),
    Index("ix_lost_calls_day", "day"),
    comment="Lost calls of known callers and their results by day, for reports",
)
queue_talks = Table(
    "queue_talks",
    metadata,
    _day(),
    _pbx(),
    _text("queue", 128, "Queue"),
    Column("partial", Boolean, primary_key=True, comment="True: talks that were seen in part"),
    _count("Number of talks"),
    _sum("talk_seconds", "Sum of talk time, hold included"),
    _sum("hold_seconds", "Sum of hold time"),
    Column("squares", Seconds(), nullable=False, comment="Sum of the squares of talk_seconds"),
    comment="Talks of each queue by day, for reports",
)
queue_waits = Table(
    "queue_waits",
    metadata,
    _day(),
    _pbx(),
    _text("queue", 128, "Queue"),
    _text("outcome", 64, "Outcome of the visits"),
    Column("partial", Boolean, primary_key=True, comment="True: visits whose wait time is not exact"),
    _number("second", "Wait time, rounded up, seconds"),
    _count("Number of visits"),
    Column("below", BigInteger, nullable=False, comment="Visits with a wait shorter than second"),
    Column("ringing", BigInteger, nullable=False, comment="Visits with an agent's phone ringing at the end"),
    _sum("wait_seconds", "Sum of the wait times"),
    Column("squares", Seconds(), nullable=False, comment="Sum of the squares of the wait times"),
    Column("longest", Seconds(), nullable=False, comment="Longest wait time, seconds"),
    comment="Visits of each queue by day, outcome and wait time, for reports",
)
rated_calls = Table(
    "rated_calls",
    metadata,
    _day(),
    _pbx(),
    _number("wait_seconds", "Wait time of the call, rounded up, seconds"),
    _number("talks", f"Number of talks in the call; {SEVERAL} means {SEVERAL} or more"),
    _number("value", "csat score, 1 to 5"),
    _count("Number of answers; answers whose call is not stored are not counted"),
    comment="csat answers by wait time and talks of the call, for reports",
)
rollup_watermark = Table(
    "rollup_watermark",
    metadata,
    Column("refreshed_until", Date, primary_key=True, comment="First day that is not rolled up"),
    comment="One row: earlier days are final in the roll-up tables, which may also have rows of later days",
)

# Counted table -> the column with the first day that a row belongs to, and the condition for its rows.
COUNTED = {
    "agent_intervals": ("started_at", "TRUE"),
    "answers": ("answered_at", "NEW.kind = 'csat'"),
    "calls": ("started_at", "TRUE"),
    "queue_visits": ("entered_at", "TRUE"),
    "rings": ("started_at", "TRUE"),
    "survey_attempts": ("started_at", "TRUE"),
    "talks": ("answered_at", "TRUE"),
}

# Table -> the number of days after a day on which its figures depend; 0 for the other tables. The longest
# call ends a day after its start, and a day later the result of a lost call is final.
LATER_DAYS = {lost_calls: 2}

_LOST = ", ".join(f"'{outcome}'" for outcome in sorted(LOST))
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
    # The formulas are those of `reports/lost_calls.py`.
    lost_calls: f"""\
(day, pbx, call_id, queue, entered_at, lost_at, answered_at, recalled)
WITH contacts AS (
    SELECT caller_key, pbx, call_id, 'in' AS direction, queue, entered_at, left_at, outcome
    FROM queue_visits
    WHERE entered_at >= :midnight - INTERVAL '24 hours' AND entered_at < :next_midnight + INTERVAL '48 hours'
        AND caller_key <> ''
    UNION ALL
    SELECT caller_key, pbx, call_id, direction, talks.queue, answered_at, answered_at, 'answered'
    FROM talks JOIN calls USING (pbx, call_id)
    WHERE answered_at >= :midnight - INTERVAL '24 hours'
        AND answered_at < :next_midnight + INTERVAL '48 hours'
        AND started_at >= :midnight - INTERVAL '192 hours'
        AND started_at < :next_midnight + INTERVAL '48 hours'
        AND talks.queue = '' AND caller_key <> '' AND direction IN ('in', 'out')
),
joined AS (
    SELECT lost.caller_key, lost.pbx, lost.call_id, lost.queue, lost.entered_at, lost.left_at, lost.outcome,
        contact.entered_at AS began_at, contact.left_at AS answered_at, contact.direction = 'out' AS is_out,
        (contact.pbx, contact.call_id) = (lost.pbx, lost.call_id) AS is_same,
        contact.outcome = 'answered' AND contact.left_at > lost.left_at
            AND contact.left_at <= lost.left_at + INTERVAL '24 hours' AS is_reached,
        contact.outcome = 'answered'
            OR (contact.entered_at, contact.queue) > (lost.entered_at, lost.queue) AS is_more
    FROM (SELECT * FROM contacts WHERE entered_at >= :midnight AND outcome IN ({_LOST})) AS lost
    JOIN contacts AS contact USING (caller_key)
)
SELECT :day, pbx, call_id, queue, MIN(began_at) FILTER (WHERE is_same), left_at,
    MIN(answered_at) FILTER (WHERE is_reached),
    COALESCE(
        MIN(answered_at) FILTER (WHERE is_reached AND is_out) = MIN(answered_at) FILTER (WHERE is_reached),
        FALSE
    )
FROM joined WHERE is_same OR is_reached
GROUP BY caller_key, pbx, call_id, queue, entered_at, left_at, outcome
HAVING NOT BOOL_OR(is_same AND is_more) AND MIN(began_at) FILTER (WHERE is_same) >= :midnight
    AND MIN(began_at) FILTER (WHERE is_same) < :next_midnight""",
    queue_talks: """\
(day, pbx, queue, partial, n, talk_seconds, hold_seconds, squares)
SELECT :day, pbx, queue, partial, COUNT(*), SUM(talk_seconds), SUM(hold_seconds),
    SUM(talk_seconds * talk_seconds)
FROM talks WHERE {day[answered_at]} = :day AND queue <> '' GROUP BY pbx, queue, partial""",
    queue_waits: """\
(day, pbx, queue, outcome, partial, second, n, below, ringing, wait_seconds, squares, longest)
SELECT :day, pbx, queue, outcome, partial, CEIL(wait_seconds) AS up, COUNT(*),
    COUNT(*) FILTER (WHERE wait_seconds < CEIL(wait_seconds)), COUNT(*) FILTER (WHERE ringing),
    SUM(wait_seconds), SUM(wait_seconds * wait_seconds), MAX(wait_seconds)
FROM queue_visits WHERE entered_at >= :midnight AND entered_at < :next_midnight
GROUP BY pbx, queue, outcome, partial, up""",
    rated_calls: f"""\
(day, pbx, wait_seconds, talks, value, n)
SELECT :day, pbx, CEIL(calls.wait_seconds) AS waited, LEAST(talks, {SEVERAL}) AS spoken, value, COUNT(*)
FROM answers JOIN survey_attempts USING (pbx, attempt_id) JOIN calls USING (pbx, call_id)
WHERE {{day[answered_at]}} = :day AND kind = 'csat' GROUP BY pbx, waited, spoken, value""",
}


def counting() -> dict[Table[Any], str]:
    """Return, for each roll-up table, the INSERT that fills it with the figures of one day.

    The parameters are `:day`, `:midnight` and `:next_midnight`: the day, its start and its end.
    """
    return {
        table: in_dialect(f"INSERT INTO {table.name} {sql}", "postgresql") for table, sql in _COUNTING.items()
    }
