"""A year of one PBX in PostgreSQL, generated from a fixed seed: calls, agents' activity, surveys and ratings.

`store.py` and `reports.py` fill a database with it, in parts, and run the usual queries. Each day has the
same number of calls, all between 8:00 and 20:00, and each call visits a queue. The server draws the calls and
makes the rows, which is faster than COPY; secondary indexes are made afterwards.

Planted effects: low ratings depend only on the wait (over a minute) and on the agent (`RUDE`). From `CHANGED`
waits are shorter, and so ratings a little better. Agents `LINGERING` let callers hang up first.
tests/support/year_of_calls.py plants the same effects.

Note: a seed gives the same draws only if one server process makes them in sequence.
"""

import datetime as dt
from collections.abc import Callable

from sqlalchemy import Engine

from cc_bridge.storage import views
from cc_bridge.storage.rollups.refresh import refresh
from cc_bridge.storage.schema.tables import metadata

__all__ = ["CHANGED", "DAYS", "FIRST_DAY", "LINGERING", "RUDE", "Year"]

FIRST_DAY = dt.date(2025, 12, 1)
DAYS = 365
CHANGED = dt.date(2026, 6, 1)
RUDE, LINGERING = (7, 13), 21  # numbers of agents
_QUEUES, _AGENTS, _CALLERS = 20, 200, 500_000

# One call a row, for the days from {first} to before {until}. Some talks are transferred to another queue,
# and the caller rates the last talk.
_DRAWN = f"""
CREATE UNLOGGED TABLE drawn AS
SELECT *, talk_ended_at + CASE WHEN passed_on THEN 64 * s ELSE 0 * s END AS ended_at,
    CASE WHEN passed_on THEN other_queue ELSE queue END AS last_queue,
    'Agent ' || last_agent_n AS last_agent, 'PJSIP/' || last_agent_n AS last_interface,
    CASE WHEN asked_n < CASE WHEN last_agent_n = {LINGERING} THEN 0.4 ELSE 0.1 END THEN 'caller_left_first'
        WHEN asked_n < 0.6 THEN 'invited' WHEN asked_n < 0.95 THEN 'sampled_out' ELSE 'opted_out'
    END AS stage,
    CASE WHEN answer_n < 0.55 THEN 'complete' WHEN answer_n < 0.65 THEN 'partial' ELSE 'declined'
    END AS result,
    CASE WHEN answered THEN 'answered' WHEN outcome_n < 0.97 THEN 'abandoned'
        WHEN outcome_n < 0.985 THEN 'timed_out' ELSE 'left_by_key' END AS outcome
FROM (
    SELECT *, entered_at + wait * s AS left_at, entered_at + (wait + talk) * s AS talk_ended_at,
        CASE WHEN passed_on THEN other_agent_n ELSE agent_n END AS last_agent_n
    FROM (
        SELECT *, '1795309800.' || 3 * n AS call, '1795309800.' || 3 * n + 1 AS ring,
            'queue ' || queue_n AS queue, 'Agent ' || agent_n AS agent, 'PJSIP/' || agent_n AS interface,
            'queue ' || (queue_n + 7) % {_QUEUES} AS other_queue, (agent_n + 31) % {_AGENTS} AS other_agent_n,
            INTERVAL '1 second' AS s, outcome_n < 0.85 AS answered,
            CASE WHEN outcome_n < 0.85 THEN -150 * ln(1 - talk_n) ELSE 0 END AS talk,
            outcome_n < 0.85 AND way_n < 0.08 AS passed_on,
            CASE WHEN way_n < 0.6 THEN 'fa' ELSE 'en' END AS language,
            CASE WHEN caller_n = 0 THEN '' ELSE '0912' || lpad(caller_n::text, 7, '0') END AS caller,
            CASE WHEN caller_n = 0 THEN '' ELSE '98912' || lpad(caller_n::text, 7, '0') END AS caller_key
        FROM (
            SELECT n, entered_at, queue_n, agent_n, caller_n, outcome_n, talk_n, ring_n, way_n, asked_n,
                answer_n, value_n,
                -ln(1 - wait_n) * CASE WHEN entered_at < '{CHANGED}' THEN 25 ELSE 20 END AS wait
            FROM (
                SELECT n, TIMESTAMPTZ '{FIRST_DAY} 08:00:00+00' + (n / {{visits}}) * INTERVAL '1 day'
                        + (n % {{visits}}) * INTERVAL '12 hours' / {{visits}} AS entered_at,
                    floor(random() * {_QUEUES})::int AS queue_n, floor(random() * {_AGENTS})::int AS agent_n,
                    floor(random() * {_CALLERS})::int AS caller_n, random() AS wait_n,
                    random() AS outcome_n, random() AS talk_n, random() AS ring_n, random() AS way_n,
                    random() AS asked_n, random() AS answer_n, random() AS value_n
                FROM generate_series({{first}}::bigint * {{visits}}, {{until}}::bigint * {{visits}} - 1) AS n
            ) AS numbers
        ) AS calls
    ) AS named
) AS talked
"""

_ROWS = (
    "CREATE INDEX ON drawn (agent, entered_at)",
    """
    INSERT INTO calls SELECT 'pbx', call, call, 'in', entered_at, ended_at,
        EXTRACT(EPOCH FROM ended_at - entered_at), caller, '', '600', language, queue, answered,
        1 + passed_on::int, answered::int + passed_on::int, wait,
        talk + CASE WHEN passed_on THEN 60 ELSE 0 END, false, caller_key FROM drawn ORDER BY n
    """,
    # Four of ten lost calls are called back within the hour.
    """
    INSERT INTO calls SELECT 'pbx', call || '-b', call || '-b', 'out', left_at + talk_n * 3600 * s,
        left_at + talk_n * 3600 * s + 80 * s, 80, '600', '', caller, '', '', way_n < 0.7, 0, 0, 0, 0, false,
        caller_key FROM drawn WHERE NOT answered AND value_n < 0.4 AND caller <> '' ORDER BY n
    """,
    """
    INSERT INTO queue_visits SELECT 'pbx', call, call, queue, entered_at, left_at, wait, outcome,
        CASE WHEN answered THEN agent END, CASE WHEN answered THEN interface END, 1, caller, '', language,
        NOT answered AND ring_n < 0.3, 'AgentConnect', answer_n < 0.01, 'observed', caller_key
    FROM drawn ORDER BY n
    """,
    """
    INSERT INTO queue_visits SELECT 'pbx', call, call, last_queue, talk_ended_at, talk_ended_at + 4 * s, 4,
        'answered', last_agent, last_interface, 1, caller, '', language, false, 'AgentConnect', false,
        'observed', caller_key FROM drawn WHERE passed_on ORDER BY n
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
    INSERT INTO talks SELECT 'pbx', call, call, ring, queue, agent, interface, left_at, talk_ended_at, talk,
        CASE WHEN ring_n < 0.2 THEN talk / 8 ELSE 0 END, (ring_n < 0.2)::int,
        CASE WHEN passed_on THEN 'transfer' ELSE 'agent' END,
        CASE WHEN way_n < 0.05 THEN 'blind' WHEN passed_on THEN 'attended' END,
        CASE WHEN passed_on THEN last_queue END, 'observed', false, answer_n < 0.01
    FROM drawn WHERE answered ORDER BY n
    """,
    """
    INSERT INTO talks SELECT 'pbx', call, call, ring || 'b', last_queue, last_agent, last_interface,
        talk_ended_at + 4 * s, ended_at, 60, 0, 0, 'agent', NULL, NULL, 'observed', false, false
    FROM drawn WHERE passed_on ORDER BY n
    """,
    # An answered call back is a talk without a queue.
    """
    INSERT INTO talks SELECT 'pbx', call || '-b', call || '-b', call || '-c', '', agent, interface,
        left_at + (talk_n * 3600 + 20) * s, left_at + (talk_n * 3600 + 80) * s, 60, 0, 0, 'agent', NULL, NULL,
        'observed', false, false
    FROM drawn WHERE NOT answered AND value_n < 0.4 AND caller <> '' AND way_n < 0.7 ORDER BY n
    """,
    """
    INSERT INTO agent_intervals
    SELECT 'pbx', agent, state, since, until, EXTRACT(EPOCH FROM until - since), '', '', false
    FROM (
        SELECT *, lag(talk_ended_at + 10 * s, 1, date_trunc('day', entered_at) + 8 * 3600 * s)
            OVER (PARTITION BY agent, date_trunc('day', entered_at) ORDER BY entered_at) AS free_since
        FROM drawn WHERE answered
    ) AS busy
    CROSS JOIN LATERAL (VALUES
        ('available', free_since, entered_at + wait * ring_n * s),
        ('ringing', entered_at + wait * ring_n * s, left_at),
        ('talking', left_at, talk_ended_at), ('wrap_up', talk_ended_at, talk_ended_at + 10 * s)
    ) AS states (state, since, until)
    WHERE since < until ORDER BY n ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO agent_intervals
    SELECT 'pbx', agent, 'logged_out', since, until, EXTRACT(EPOCH FROM until - since), '', '', false
    FROM (
        SELECT agent, max(talk_ended_at) + 10 * s AS since,
            date_trunc('day', entered_at) + 32 * 3600 * s AS until
        FROM drawn WHERE answered GROUP BY agent, date_trunc('day', entered_at), s
    ) AS nights
    """,
    # Half as many more agents, elsewhere: they work from Monday to Friday and are away from Friday to Monday.
    f"""
    INSERT INTO agent_intervals
    SELECT 'pbx', 'Part-time ' || number, 'logged_out', since, since + 62 * 3600 * s, 62 * 3600, '', '', false
    FROM (SELECT DISTINCT date_trunc('day', entered_at) + 18 * 3600 * s AS since, s FROM drawn) AS evenings
    CROSS JOIN generate_series(1, {_AGENTS} / 2) AS number WHERE EXTRACT(DOW FROM since) = 5
    """,
    """
    INSERT INTO survey_decisions SELECT 'pbx', call, call, last_queue, last_agent, last_interface, ended_at,
        CASE stage WHEN 'opted_out' THEN '' ELSE 'csat' END, 'queue', stage, caller_key
    FROM drawn WHERE answered ORDER BY n
    """,
    """
    INSERT INTO survey_attempts SELECT 'pbx', call || '-s', call, call, last_queue, last_agent,
        last_interface, 'csat', 1, language, ended_at, ended_at + 20 * s, result,
        CASE WHEN result = 'complete' THEN '' WHEN ring_n < 0.7 THEN 'hung_up' ELSE 'no_input' END,
        'queue', 'events', caller_key
    FROM drawn WHERE answered AND stage = 'invited' ORDER BY n
    """,
    f"""
    INSERT INTO answers SELECT 'pbx', call || '-s', question, kind, value, 1, ended_at + 9 * s, last_queue,
        last_agent, last_interface, '', '' FROM drawn
    CROSS JOIN LATERAL (
        SELECT 0.1 + CASE WHEN wait > 60 THEN 0.25 ELSE 0 END
            + CASE WHEN last_agent_n IN {RUDE} THEN 0.25 ELSE 0 END AS low
    ) AS chances
    CROSS JOIN LATERAL (VALUES
        ('satisfaction', 'csat', CASE WHEN value_n < low THEN 1 + floor(2 * value_n / low)::int
            ELSE 3 + floor(3 * (value_n - low) / (1 - low))::int END),
        ('solved', 'yes_no', (talk_n < 0.7)::int)
    ) AS given (question, kind, value)
    WHERE answered AND stage = 'invited'
        AND (result = 'complete' OR result = 'partial' AND question = 'satisfaction') ORDER BY n
    """,
    """
    INSERT INTO gaps SELECT 'pbx', entered_at, entered_at + 600 * s, 'link_lost', 3
    FROM drawn WHERE n % 200000 = 100000
    """,
    "DROP TABLE drawn",
)


class Year:
    """A generated year: days with `visits_a_day` calls each. A new instance has stored no day yet."""

    def __init__(self, engine: Engine, visits_a_day: int) -> None:
        self._engine = engine
        self._visits = visits_a_day
        self.days = 0

    def fill(self, days: int, done: Callable[[int], None]) -> None:
        """Store days until there are `days` of them. `done` gets the number of days that each step adds."""
        indexes = [index for table in metadata.sorted_tables for index in table.indexes]
        with self._engine.begin() as connection:
            for view in views.VIEWS:
                connection.exec_driver_sql(f"DROP VIEW {view.table.name}")
            for name in views.INDEXES:
                connection.exec_driver_sql(f"DROP INDEX {name}")
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
        self._analyze()
        refresh(self._engine, FIRST_DAY + dt.timedelta(self.days - 1))  # as the daemon does
        self._analyze()

    def _analyze(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
