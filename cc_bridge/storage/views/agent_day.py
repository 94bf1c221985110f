"""The view v_agent_day: what an agent did on a day, and how callers rated it.

Each table is counted by day before the tables are put together. Nearly all states end on the day on which
they begin or on the next one: they give that day what lies on it, and the next one the rest. Only the whole
days between, of an agent who was away for a weekend, need a recursion, which goes through all that ever
were: what is asked of a view reaches its GROUP BYs, but no recursion.

The trap: PostgreSQL takes any two days for different, and an equation for rare, so CASE; two of them for
what is rarer still, or it would expect a recursion of a million rows.
"""

from dataclasses import replace

from sqlalchemy import Date, Double, MetaData, Table

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

# What is counted of a day: `word` tells what kind of a fact, `amount` is in seconds.
WHOLE_DAYS = f"""\
WITH RECURSIVE whole_days (pbx, agent, state, day, last_day) AS (
    SELECT pbx, agent, state, {{tomorrow[started_at]}}, {{day[ended_at]}} FROM agent_intervals
    WHERE {_OVER_A_DAY}
    UNION ALL
    SELECT pbx, agent, state, {{next_day[day]}}, last_day FROM whole_days WHERE {{next_day[day]}} < last_day
)
"""  # noqa: S608 - nothing but words of ours
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

AGENT_DAY = View(
    Table(
        "v_agent_day",
        MetaData(),
        pbx(),
        text("agent", 128, "Name of the agent"),
        column("day", Date(), "Day, from midnight to midnight UTC"),
        count(
            "talks", "Talks that began on the day, direct calls among them", "fact IN ('talk', 'partial')"
        ),
        count(
            "direct_talks",
            "Talks of direct calls, part of talks",
            "fact IN ('talk', 'partial') AND word = 'direct'",
        ),
        count("partial_talks", "Talks seen in part, whose length is in no sum", "fact = 'partial'"),
        sum_of("talk_seconds", "Sum of the talks, hold included", "amount", "fact = 'talk'"),
        sum_of("hold_seconds", "Sum of the holds, part of the talks", "hold_seconds", "fact = 'talk'"),
        count("rings", "Attempts to reach the agent that began on the day", "fact = 'ring'"),
        *(
            count(f"rings_{outcome}", f"Of them {outcome}", f"fact = 'ring' AND word = '{outcome}'")
            for outcome in _RING_OUTCOMES
        ),
        *(
            sum_of(
                f"{state}_seconds",
                f"Time {state} on the day",
                "amount",
                f"fact = 'state' AND word = '{state}'",
            )
            for state in _STATES
        ),
        count(
            "ratings", "Answers on the day that rate the agent, on any scale", "fact IN ('rating', 'csat')"
        ),
        count("csat_ratings", "Of them on the scale of 1 to 5", "fact = 'csat'"),
        count(
            "csat_satisfied", "Of these 4 or 5: satisfied", "fact = 'csat' AND word = 'satisfied'"
        ),
        column(
            "csat_mean",
            Double(),
            "Mean on the scale of 1 to 5; null without any, and with fewer than 15 not to be compared",
            "SUM(CASE WHEN fact = 'csat' THEN amount END) / SUM(CASE WHEN fact = 'csat' THEN n END)",
        ),
        comment="What an agent did on a day and how callers rated it; a state that lasts over midnight is "
        "split between the days, a talk counts on the day on which it began",
    ),
    key=("pbx", "agent", "day"),
    before=WHOLE_DAYS,
    rows=f"FROM (\n{LIVE_FACTS}\n    UNION ALL\n{_RATINGS}\n) AS facts\n{_TOGETHER}",
)  # fmt: skip

# On PostgreSQL days that are over are rolled up, see rollups/refresh.py.
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
{_TOGETHER}""",  # noqa: S608 - nothing but words of ours
)
