"""A year of one PBX in PostgreSQL, made up from a fixed seed: visits, rings, talks, what agents did, ratings.

`store.py` fills a database with it in two parts and asks the usual questions after each. Each day has the
same number of visits, between eight and eight. The server draws them and makes the rows of them, which is
faster than to bring them there by COPY; secondary indexes are made afterwards.

The trap: a seed gives the same draws only where one process of the server makes them, one after the other.
"""

import datetime as dt
from collections.abc import Callable

from sqlalchemy import Engine

from cc_bridge.storage import views
from cc_bridge.storage.schema import metadata

__all__ = ["DAYS", "FIRST_DAY", "Year"]

FIRST_DAY = dt.date(2026, 11, 1)  # config/schema.md asks about days of this month
DAYS = 365
_QUEUES, _AGENTS, _CALLERS = 20, 200, 500_000

# One visit a row, for the days from {first} to before {until}; instants are seconds from the ringing on.
_DRAWN = f"""
CREATE UNLOGGED TABLE drawn AS
SELECT *, entered_at + wait * s AS left_at, entered_at + (wait + talk) * s AS ended_at
FROM (
    SELECT *, '1795309800.' || 2 * n AS call, '1795309800.' || 2 * n + 1 AS ring,
        'queue ' || queue_n AS queue, 'Agent ' || agent_n AS agent, 'PJSIP/' || agent_n AS interface,
        INTERVAL '1 second' AS s,
        CASE WHEN outcome_n < 0.85 THEN -150 * ln(1 - talk_n) ELSE 0 END AS talk,
        outcome_n < 0.85 AS answered, '0912' || lpad(caller_n::text, 7, '0') AS caller
    FROM (
        SELECT n, TIMESTAMPTZ '{FIRST_DAY} 08:00:00+00' + (n / {{visits}}) * INTERVAL '1 day'
                + (n % {{visits}}) * INTERVAL '12 hours' / {{visits}} AS entered_at,
            floor(random() * {_QUEUES})::int AS queue_n, floor(random() * {_AGENTS})::int AS agent_n,
            floor(random() * {_CALLERS})::int AS caller_n, -25 * ln(1 - random()) AS wait,
            random() AS outcome_n, random() AS talk_n, random() AS ring_n, random() AS asked_n,
            random() AS answer_n
        FROM generate_series({{first}}::bigint * {{visits}}, {{until}}::bigint * {{visits}} - 1) AS n
    ) AS numbers
) AS visits
"""

_ROWS = (
    "CREATE INDEX ON drawn (agent, entered_at)",
    """
    INSERT INTO calls SELECT 'pbx', call, call, 'in', entered_at, ended_at, wait + talk, caller, '', '600',
        'fa', queue, answered, 1, answered::int, wait, talk, false FROM drawn ORDER BY n
    """,
    """
    INSERT INTO queue_visits SELECT 'pbx', call, call, queue, entered_at, left_at, wait,
        CASE WHEN answered THEN 'answered' WHEN outcome_n < 0.97 THEN 'abandoned'
            WHEN outcome_n < 0.985 THEN 'timed_out' ELSE 'left_by_key' END,
        CASE WHEN answered THEN agent END, CASE WHEN answered THEN interface END, 1, caller, '', 'fa', false,
        'AgentConnect', 'observed' FROM drawn ORDER BY n
    """,
    """
    INSERT INTO rings SELECT 'pbx', call, call, ring, queue, agent, interface,
        entered_at + wait * ring_n * s, left_at, wait * (1 - ring_n),
        CASE WHEN answered THEN 'answered' ELSE 'caller_gone' END FROM drawn ORDER BY n
    """,
    """
    INSERT INTO rings SELECT 'pbx', call, call, ring || 'a', queue, 'Agent 7', 'PJSIP/7', entered_at, left_at,
        wait, 'no_answer' FROM drawn WHERE ring_n < 0.25 ORDER BY n
    """,
    """
    INSERT INTO talks SELECT 'pbx', call, call, ring, queue, agent, interface, left_at, ended_at, talk, 0, 0,
        'agent', NULL, NULL, 'observed', false, false FROM drawn WHERE answered ORDER BY n
    """,
    """
    INSERT INTO agent_intervals
    SELECT 'pbx', agent, state, since, until, EXTRACT(EPOCH FROM until - since), '', '', false
    FROM (
        SELECT *, lag(ended_at + 10 * s, 1, date_trunc('day', entered_at) + 8 * 3600 * s)
            OVER (PARTITION BY agent, date_trunc('day', entered_at) ORDER BY entered_at) AS free_since
        FROM drawn WHERE answered
    ) AS busy
    CROSS JOIN LATERAL (VALUES
        ('available', free_since, entered_at + wait * ring_n * s),
        ('ringing', entered_at + wait * ring_n * s, left_at),
        ('talking', left_at, ended_at), ('wrap_up', ended_at, ended_at + 10 * s)
    ) AS states (state, since, until)
    WHERE since < until ORDER BY n ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO agent_intervals
    SELECT 'pbx', agent, 'logged_out', max(ended_at) + 10 * s, date_trunc('day', entered_at) + 32 * 3600 * s,
        EXTRACT(EPOCH FROM date_trunc('day', entered_at) + 32 * 3600 * s - max(ended_at)) - 10, '', '', false
    FROM drawn WHERE answered GROUP BY agent, date_trunc('day', entered_at), s
    """,
    """
    INSERT INTO funnel SELECT 'pbx', call, call, queue, agent, interface, ended_at, 'csat', 'queue',
        CASE WHEN asked_n < 0.2 THEN 'invited' WHEN asked_n < 0.3 THEN 'caller_left_first'
            ELSE 'sampled_out' END, caller FROM drawn WHERE answered ORDER BY n
    """,
    """
    INSERT INTO survey_attempts SELECT 'pbx', call || '-s', call, call, queue, agent, interface, 'csat', 1,
        'fa', ended_at, ended_at + 20 * s, 'complete', '', 'queue', 'events', caller
    FROM drawn WHERE answered AND asked_n < 0.2 ORDER BY n
    """,
    """
    INSERT INTO answers SELECT 'pbx', call || '-s', question, kind, value, 1, ended_at + 9 * s, queue, agent,
        interface, '', '' FROM drawn
    CROSS JOIN LATERAL (
        SELECT 0.1 + CASE WHEN wait > 60 THEN 0.25 ELSE 0 END
            + CASE WHEN agent_n IN (7, 13) THEN 0.25 ELSE 0 END AS low
    ) AS chances
    CROSS JOIN LATERAL (VALUES
        ('satisfaction', 'csat', CASE WHEN answer_n < low THEN 1 + floor(2 * answer_n / low)::int
            ELSE 3 + floor(3 * (answer_n - low) / (1 - low))::int END),
        ('solved', 'yes_no', round(answer_n)::int)
    ) AS given (question, kind, value)
    WHERE answered AND asked_n < 0.2 ORDER BY n
    """,
    "DROP TABLE drawn",
)


class Year:
    """Days of `visits_a_day` visits each; none of them is stored yet."""

    def __init__(self, engine: Engine, visits_a_day: int) -> None:
        self._engine = engine
        self._visits = visits_a_day
        self.days = 0

    def fill(self, days: int, done: Callable[[int], None]) -> None:
        """Store days until there are so many; `done` hears how many more there are."""
        indexes = [index for table in metadata.sorted_tables for index in table.indexes]
        with self._engine.begin() as connection:
            for statement in views.removal("postgresql"):
                connection.execute(statement)
            for index in indexes:
                index.drop(connection)
        while self.days < days:
            some = min(30, days - self.days)
            with self._engine.begin() as connection:
                connection.exec_driver_sql("SET LOCAL max_parallel_workers_per_gather = 0")
                connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
                connection.exec_driver_sql(f"SELECT setseed({self.days / DAYS})")
                drawn = _DRAWN.format(visits=self._visits, first=self.days, until=self.days + some)
                for statement in (drawn, *_ROWS):
                    connection.exec_driver_sql(statement.replace("%", "%%"))
            self.days += some
            done(some)
        with self._engine.begin() as connection:
            for index in indexes:
                index.create(connection)
            for statement in views.creation("postgresql"):
                connection.execute(statement)
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
