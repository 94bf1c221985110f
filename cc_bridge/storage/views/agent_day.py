"""The view v_agent_day: talks, rings, states and ratings of an agent on a day.

The rows of each table are counted by day before the tables are combined. Nearly all states end on the day of
their start or on the next day, and are divided between these two days without recursion. A recursion is slow,
because PostgreSQL does not push the conditions of a query down into it and reads the whole table. So only
states over three or more days use a recursion.

PostgreSQL's planner assumes that two values nearly always differ. For a comparison of two days with `<>`, it
chooses a plan for a recursion of a million rows. So the comparison is written as `CASE ... END = 1`, which
the planner expects to be rarely true.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import Column, Date, Double, MetaData, Table

from cc_bridge.storage.views.view import Lookup, View, column, count, pbx, sum_of, text

__all__ = ["AGENT_DAY", "LIVE_FACTS", "OVER_A_DAY", "OVER_MIDNIGHT", "ROLLUP_AGENT_DAY", "WHOLE_DAYS"]

_RING_OUTCOMES = (
    "answered",
    "no_answer",
    "busy",
    "congestion",
    "declined",
    "answered_elsewhere",
    "caller_gone",
    "unobserved",
)
_STATES = ("logged_out", "available", "ringing", "talking", "wrap_up", "paused", "unreachable")
_OVER_MIDNIGHT = "CASE WHEN {day[started_at]} <> {day[ended_at]} THEN 1 ELSE 0 END = 1"
_OVER_A_DAY = (
    f"{_OVER_MIDNIGHT} AND CASE WHEN {{tomorrow[started_at]}} < {{day[ended_at]}} THEN 1 ELSE 0 END = 1"
)

OVER_MIDNIGHT = Lookup("agent_intervals", "{day[ended_at]}", _OVER_MIDNIGHT)
OVER_A_DAY = Lookup("agent_intervals", "{day[ended_at]}", _OVER_A_DAY)

# The facts of a day: `fact` and `word` give the kind of a fact, `amount` is in seconds.
WHOLE_DAYS = f"""\
WITH RECURSIVE whole_days (pbx, agent, state, day, last_day) AS (
    SELECT pbx, agent, state, {{tomorrow[started_at]}}, {{day[ended_at]}} FROM agent_intervals
    WHERE {_OVER_A_DAY}
    UNION ALL
    SELECT pbx, agent, state, {{next_day[day]}}, last_day FROM whole_days WHERE {{next_day[day]}} < last_day
)
"""  # noqa: S608 - no outside values
LIVE_FACTS = f"""\
    SELECT pbx, agent, {{day[answered_at]}} AS day, CASE WHEN partial THEN 'partial' ELSE 'talk' END AS fact,
        CASE WHEN queue = '' THEN 'direct' ELSE 'queue' END AS word, COUNT(*) AS n,
        SUM(talk_seconds) AS amount, SUM(hold_seconds) AS hold_seconds
    FROM talks GROUP BY day, agent, pbx, fact, word
    UNION ALL
    SELECT pbx, agent, {{day[started_at]}} AS day, 'ring', outcome, COUNT(*), 0.0, 0.0
    FROM rings GROUP BY day, agent, pbx, outcome
    UNION ALL
    SELECT pbx, agent, {{day[started_at]}} AS day, 'state', state, 0,
        SUM(CASE WHEN {_OVER_MIDNIGHT} THEN 86400 - {{second_of_day[started_at]}} ELSE seconds END), 0.0
    FROM agent_intervals GROUP BY day, agent, pbx, state
    UNION ALL
    SELECT pbx, agent, {{day[ended_at]}}, 'state', state, 0, {{second_of_day[ended_at]}}, 0.0
    FROM agent_intervals WHERE {_OVER_MIDNIGHT} AND {{second_of_day[ended_at]}} > 0
    UNION ALL
    SELECT pbx, agent, day, 'state', state, 0, 86400.0, 0.0 FROM whole_days"""  # noqa: S608 - as above
_RATINGS = """\
    SELECT pbx, agent, {day[answered_at]} AS day,
        CASE WHEN kind = 'csat' THEN 'csat' ELSE 'rating' END AS fact,
        CASE WHEN value >= 4 THEN 'satisfied' ELSE 'not satisfied' END AS word,
        COUNT(*), SUM(value) * 1.0, 0.0
    FROM answers WHERE kind <> 'comment' GROUP BY day, agent, pbx, fact, word"""
_TOGETHER = "WHERE agent <> '' GROUP BY day, agent, pbx"


def _rings(outcome: str) -> Column[Any]:
    return count(
        f"rings_{outcome}",
        f"Ring attempts with the outcome {outcome}",
        f"fact = 'ring' AND word = '{outcome}'",
    )


AGENT_DAY = View(
    Table(
        "v_agent_day",
        MetaData(),
        pbx(),
        text("agent", 128, "Name of the agent"),
        column("day", Date(), "Day, from midnight to midnight UTC"),
        count(
            "talks", "Talks that started on the day, direct calls included", "fact IN ('talk', 'partial')"
        ),
        count(
            "direct_talks",
            "Talks of direct calls; they are included in talks",
            "fact IN ('talk', 'partial') AND word = 'direct'",
        ),
        count("partial_talks", "Talks seen in part; their duration is in no sum", "fact = 'partial'"),
        sum_of("talk_seconds", "Sum of talk time, hold included", "amount", "fact = 'talk'"),
        sum_of(
            "hold_seconds", "Sum of hold time, included in talk_seconds", "hold_seconds", "fact = 'talk'"
        ),
        count("rings", "Ring attempts of the agent's phone that started on the day", "fact = 'ring'"),
        *(_rings(outcome) for outcome in _RING_OUTCOMES),
        *(
            sum_of(
                f"{state}_seconds",
                f"Time in the state {state} on the day",
                "amount",
                f"fact = 'state' AND word = '{state}'",
            )
            for state in _STATES
        ),
        count(
            "ratings", "Answers on the day that rate the agent, of any kind", "fact IN ('rating', 'csat')"
        ),
        count("csat_ratings", "Ratings of the kind csat (1 to 5)", "fact = 'csat'"),
        count(
            "csat_satisfied", "csat ratings of 4 or 5: satisfied", "fact = 'csat' AND word = 'satisfied'"
        ),
        column(
            "csat_mean",
            Double(),
            "Mean of the csat ratings; null without any; do not compare means of fewer than 15 ratings",
            "SUM(CASE WHEN fact = 'csat' THEN amount END) / SUM(CASE WHEN fact = 'csat' THEN n END)",
        ),
        _rings("forwarded"),  # the columns of earlier versions keep their places
        comment="Talks, rings, states and ratings of an agent on a day; a state over midnight is split "
        "between the days, a talk counts on the day of its start",
    ),
    key=("pbx", "agent", "day"),
    before=WHOLE_DAYS,
    rows=f"FROM (\n{LIVE_FACTS}\n    UNION ALL\n{_RATINGS}\n) AS facts\n{_TOGETHER}",
)  # fmt: skip

# On PostgreSQL, past days are read from roll-ups, see rollups/refresh.py.
ROLLUP_AGENT_DAY = replace(
    AGENT_DAY,
    rows=f"""\
FROM (
    SELECT pbx, agent, day, fact, word, n, amount, hold_seconds
    FROM agent_facts WHERE day < (SELECT refreshed_until FROM rollup_watermark)
    UNION ALL
    SELECT * FROM (
{LIVE_FACTS}
    ) AS live WHERE day >= (SELECT refreshed_until FROM rollup_watermark)
    UNION ALL
{_RATINGS}
) AS facts
{_TOGETHER}""",  # noqa: S608 - no outside values
)
