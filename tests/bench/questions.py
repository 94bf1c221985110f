"""Usual SQL queries of an integrator, and the time that PostgreSQL needs for each.

A query with a time span runs for a day, a week and a month. The examples of config/docs/schema.md run too.
"""

import datetime as dt
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine
from year import FIRST_DAY

__all__ = ["ask", "questions"]

_REPEATS = 3
_PAGE = Path(__file__).parents[2] / "config" / "docs" / "schema.md"

_LAST = FIRST_DAY + dt.timedelta(29)
_SPANS = {"day": 1, "week": 7, "month": 30}  # days; each span ends with the month

_ASKED = {
    "calls by hour and queue": """
        SELECT queue, hour, visits, answered, abandoned, mean_answer_seconds, longest_wait_seconds
        FROM v_calls_by_hour WHERE pbx = 'pbx' AND hour >= '{since}' AND hour < '{until}'
        ORDER BY queue, hour""",
    "service level by queue and day": """
        SELECT queue, CAST(hour AS DATE) AS day, SUM(visits) AS visits,
            100.0 * SUM(answered_in_20) / NULLIF(SUM(offered) - SUM(abandoned_under_5), 0) AS percent
        FROM v_calls_by_hour WHERE hour >= '{since}' AND hour < '{until}'
        GROUP BY queue, day ORDER BY queue, day""",
    "service level by queue and day, of the table": """
        SELECT queue, CAST(entered_at AS DATE) AS day,
            100.0 * COUNT(*) FILTER (WHERE outcome = 'answered' AND wait_seconds <= 45)
                / NULLIF(COUNT(*) FILTER (WHERE outcome <> 'abandoned' OR wait_seconds >= 5), 0) AS percent
        FROM queue_visits WHERE entered_at >= '{since}' AND entered_at < '{until}' GROUP BY queue, day""",
    "waits of one queue by hour, of the table": """
        SELECT date_trunc('hour', entered_at) AS hour, COUNT(*),
            percentile_cont(0.95) WITHIN GROUP (ORDER BY wait_seconds)
        FROM queue_visits WHERE queue = 'queue 3' AND entered_at >= '{since}' AND entered_at < '{until}'
        GROUP BY hour ORDER BY hour""",
    "agents' days": """
        SELECT agent, day, talks, talk_seconds, rings_no_answer, available_seconds, paused_seconds, csat_mean
        FROM v_agent_day WHERE pbx = 'pbx' AND day >= '{since}' AND day < '{until}' ORDER BY agent, day""",
    "one agent's days": """
        SELECT * FROM v_agent_day WHERE agent = 'Agent 17' AND day >= '{since}' AND day < '{until}'
        ORDER BY day""",
    "talks of agents, of the table": """
        SELECT agent, COUNT(*), SUM(talk_seconds), AVG(talk_seconds)
        FROM talks WHERE answered_at >= '{since}' AND answered_at < '{until}'
        GROUP BY agent ORDER BY agent""",
    "ratings by queue": """
        SELECT queue, COUNT(*) AS n, AVG(value), 100.0 * COUNT(CASE WHEN value >= 4 THEN 1 END) / COUNT(*)
        FROM v_ratings WHERE kind = 'csat' AND rated_at >= '{since}' AND rated_at < '{until}'
        GROUP BY queue ORDER BY queue""",
    "ratings by agent": """
        SELECT agent, COUNT(*) AS n, AVG(value) FROM v_ratings
        WHERE kind = 'csat' AND rated_at >= '{since}' AND rated_at < '{until}'
        GROUP BY agent ORDER BY agent""",
    "ratings of one agent, one by one": """
        SELECT rated_at, value, talk_seconds, wait_seconds FROM v_ratings
        WHERE agent = 'Agent 17' AND rated_at >= '{since}' AND rated_at < '{until}' ORDER BY rated_at""",
}


def questions() -> Iterator[tuple[str, str]]:
    """Yield a description and the SQL of each query."""
    until = _LAST + dt.timedelta(1)
    for words, sql in _ASKED.items():
        for span, days in _SPANS.items():
            yield f"{words}, a {span}", sql.format(since=until - dt.timedelta(days), until=until)
    examples = _PAGE.read_text().partition("## Examples")[2]
    for words, sql in re.findall(r"\n([^\n]+):\n\n```sql\n(.*?);\n```", examples, re.DOTALL):
        of_year = sql.replace("2026-11", f"{FIRST_DAY:%Y-%m}")
        of_call = of_year.replace("'1795309800.1'", "'1795309800.21'")  # a call that exists
        yield f"schema.md: {words}", of_call


def ask(engine: Engine) -> dict[str, tuple[float, int]]:
    """Run each query. Return its seconds and its number of rows, by the query's description."""
    took = {}
    engine.dispose()  # settings of the database apply to new sessions
    with engine.connect() as connection:
        connection.exec_driver_sql("SET TIME ZONE 'UTC'")
        for words, sql in questions():
            times = []
            for _ in range(_REPEATS):
                began = time.perf_counter()
                rows = connection.exec_driver_sql(sql.replace("%", "%%")).all()
                times.append(time.perf_counter() - began)
            took[words] = statistics.median(times), len(rows)
    return took
