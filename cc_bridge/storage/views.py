"""Views that answer the usual questions, by the formulas of config/measures.md.

`migrate.py` makes them in an empty database, migration 0007 in an older one. Each column stands beside its
SQL, which is the same on every kind of database; only how an instant becomes an hour or a day is said in
each one's own words. Hours and days are those of UTC.

No view holds personal data, so that a reader may be granted them alone. None knows the threshold of a
service level, which is a setting and may change: answers are counted within usual ones, and queue_visits
tells any other.

The trap: migration 0007 is made of this module, so what has shipped here never changes, as in columns.py.
Another definition of a view is a module and a migration of its own, which drops the one of here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import DDL, Column, Date, Double, Integer, MetaData, Table
from sqlalchemy.types import TypeEngine

from cc_bridge.storage.columns import CleanText, Instant, Seconds

__all__ = ["INDEXES", "VIEWS", "View", "creation", "removal"]


@dataclass(frozen=True, slots=True)
class _Words:
    """How a kind of database takes an instant apart, with `{}` for the column."""

    hour: str  # when its hour began
    day: str
    next_day: str  # when its day ends
    second_of_day: str


_MARIADB = _Words(
    "TIMESTAMPADD(HOUR, HOUR({0}), DATE({0}))",
    "DATE({})",
    "TIMESTAMPADD(DAY, 1, DATE({}))",
    "CAST(TIME_TO_SEC(TIME({})) AS DOUBLE)",
)
_WORDS = {
    # An instant is text such as 2026-11-22 01:10:19.123456.
    "sqlite": _Words(
        "substr({}, 1, 13) || ':00:00.000000'",
        "substr({}, 1, 10)",
        "date({}, '+1 day') || ' 00:00:00.000000'",
        "(substr({0}, 12, 2) * 3600 + substr({0}, 15, 2) * 60 + substr({0}, 18))",
    ),
    # A day of its own is one of the session's time zone, and may have 23 hours.
    "postgresql": _Words(
        "date_trunc('hour', {} AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'",
        "CAST({} AT TIME ZONE 'UTC' AS DATE)",
        "date_trunc('day', {}, 'UTC') + INTERVAL '24 hours'",
        "CAST(EXTRACT(EPOCH FROM CAST({} AT TIME ZONE 'UTC' AS TIME)) AS DOUBLE PRECISION)",
    ),
    "mysql": _MARIADB,
    "mariadb": _MARIADB,
}


@dataclass(frozen=True, slots=True)
class View:
    """One view: its columns, which tell a row from another, and where the rows come from."""

    table: Table[Any]  # what it looks like; a column's info holds its SQL
    key: tuple[str, ...]
    rows: str  # from FROM on, with {hour[column]} and the like for what each database says in its own words
    before: str = ""  # WITH ...

    def select(self, dialect: str) -> str:
        """Return what the view is, in the words of a kind of database."""
        columns = ",\n".join(f"    {column.info['sql']} AS {column.name}" for column in self.table.columns)
        return f"{self.before}SELECT\n{columns}\n{self.rows}".format_map(_said(dialect))


class _Of:
    """Lets a format string say `{day[started_at]}`."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __getitem__(self, column: str) -> str:
        return self._words.format(column)


def _said(dialect: str) -> dict[str, _Of]:
    words = _WORDS[dialect]
    return {name: _Of(getattr(words, name)) for name in _Words.__slots__}


def creation(dialect: str) -> Iterator[DDL]:
    """Yield the statements that make all views, in place of any of before, and the indexes that they need."""
    yield from removal(dialect)
    if dialect == "postgresql":
        for name, (table, expression) in INDEXES.items():
            yield _ddl(f"CREATE INDEX {name} ON {table} (({expression.format_map(_said(dialect))}))")
    for view in VIEWS:
        yield _ddl(f"CREATE VIEW {view.table.name} AS\n{view.select(dialect)}")
        if dialect == "postgresql":  # MariaDB and SQLite keep no comments of views
            yield _comment(f"VIEW {view.table.name}", view.table.comment)
            for column in view.table.columns:
                yield _comment(f"COLUMN {view.table.name}.{column.name}", column.comment)


def removal(dialect: str) -> Iterator[DDL]:
    """Yield the statements that drop all views that are there, and their indexes."""
    for view in VIEWS:
        yield _ddl(f"DROP VIEW IF EXISTS {view.table.name}")
    if dialect == "postgresql":
        for name in INDEXES:
            yield _ddl(f"DROP INDEX IF EXISTS {name}")


def _comment(what: str, text: str | None) -> DDL:
    quoted = (text or "").replace("'", "''")
    return _ddl(f"COMMENT ON {what} IS '{quoted}'")


def _ddl(statement: str) -> DDL:
    return DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call] # as SQLAlchemy 2.1 has it


def _column(name: str, kind: TypeEngine[Any], comment: str, sql: str = "") -> Column[Any]:
    return Column(name, kind, comment=comment, info={"sql": sql or name})


def _text(name: str, length: int, comment: str, sql: str = "") -> Column[Any]:
    return _column(name, CleanText(length), comment, sql)


def _integer(name: str, comment: str, sql: str) -> Column[Any]:
    return _column(name, Integer(), comment, sql)


def _count(name: str, comment: str, condition: str) -> Column[Any]:
    return _integer(name, comment, f"COUNT(CASE WHEN {condition} THEN 1 END)")


def _sum(name: str, comment: str, seconds: str, condition: str) -> Column[Any]:
    return _seconds(name, comment, f"SUM(CASE WHEN {condition} THEN {seconds} ELSE 0 END)")


def _mean(name: str, comment: str, seconds: str, condition: str) -> Column[Any]:
    return _seconds(name, comment, f"AVG(CASE WHEN {condition} THEN {seconds} END)")


def _seconds(name: str, comment: str, sql: str) -> Column[Any]:
    return _column(name, Seconds(), f"{comment}, seconds", sql)


def _instant(name: str, comment: str, sql: str = "") -> Column[Any]:
    return _column(name, Instant(), f"{comment}, UTC", sql)


def _pbx(sql: str = "") -> Column[Any]:
    return _text("pbx", 64, "Name of the PBX in the configuration", sql)


_metadata = MetaData()

_OFFERED = "'answered', 'abandoned', 'timed_out', 'left_by_key'"
_OTHER_LOST = (
    "'timed_out', 'left_by_key', 'queue_full', 'join_empty', 'leave_empty', 'join_unavailable', "
    "'leave_unavailable'"
)

_calls_by_hour = View(
    Table(
        "v_calls_by_hour",
        _metadata,
        _pbx(),
        _text("queue", 128, "Queue"),
        _instant("hour", "When the hour began"),
        _count("visits", "Visits that began in the hour; the outcomes add up to them", "fact = 'visit'"),
        _count("offered", "Visits answered, abandoned, timed_out or left_by_key", f"outcome IN ({_OFFERED})"),
        _count("answered", "Visits that an agent answered", "outcome = 'answered'"),
        _count("abandoned", "Visits that ended when the caller hung up", "outcome = 'abandoned'"),
        _count(
            "other_lost",
            "Visits lost otherwise: timed_out, left_by_key, queue_full, *_empty, *_unavailable",
            f"outcome IN ({_OTHER_LOST})",
        ),
        _count("transferred_away", "Visits that somebody else ended", "outcome = 'transferred_away'"),
        _count("unobserved", "Visits whose end was not seen", "outcome = 'unobserved'"),
        *(
            _count(
                f"answered_in_{limit}",
                f"Visits answered after a wait of at most {limit} s",
                f"outcome = 'answered' AND seconds <= {limit}",
            )
            for limit in (10, 20, 30, 60)
        ),
        _count(
            "abandoned_under_5",
            "Visits abandoned after a wait of less than 5 s, part of abandoned",
            "outcome = 'abandoned' AND seconds < 5",
        ),
        _sum("wait_seconds", "Sum of the waits of all visits", "seconds", "fact = 'visit'"),
        _mean("mean_wait_seconds", "Mean wait of all visits; null without any", "seconds", "fact = 'visit'"),
        _mean(
            "mean_answer_seconds",
            "Average speed of answer, the mean wait of the answered; null without any",
            "seconds",
            "outcome = 'answered'",
        ),
        _seconds(
            "longest_wait_seconds",
            "Longest wait of all visits; null without any",
            "MAX(CASE WHEN fact = 'visit' THEN seconds END)",
        ),
        _count("talks", "Talks that began in the hour", "fact IN ('talk', 'partial')"),
        _count("partial_talks", "Talks seen in part, whose length is in no sum or mean", "fact = 'partial'"),
        _sum("talk_seconds", "Sum of the talks, hold included", "seconds", "fact = 'talk'"),
        _mean("mean_talk_seconds", "Mean talk; null without any", "seconds", "fact = 'talk'"),
        _sum("hold_seconds", "Sum of the holds, part of the talks", "hold_seconds", "fact = 'talk'"),
        comment="Visits by the hour in which they began, talks by the hour in which they did",
    ),
    key=("pbx", "queue", "hour"),
    rows="""\
FROM (
    SELECT pbx, queue, {hour[entered_at]} AS hour, 'visit' AS fact, outcome, wait_seconds AS seconds,
        0 AS hold_seconds
    FROM queue_visits
    UNION ALL
    SELECT pbx, queue, {hour[answered_at]}, CASE WHEN partial THEN 'partial' ELSE 'talk' END, '',
        talk_seconds, hold_seconds
    FROM talks WHERE queue <> ''
) AS facts
GROUP BY pbx, queue, hour""",
)

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

_agent_day = View(
    Table(
        "v_agent_day",
        _metadata,
        _pbx(),
        _text("agent", 128, "Name of the agent"),
        _column("day", Date(), "Day, from midnight to midnight UTC"),
        _count(
            "talks", "Talks that began on the day, direct calls among them", "fact IN ('talk', 'partial')"
        ),
        _count(
            "direct_talks",
            "Talks of direct calls, part of talks",
            "fact IN ('talk', 'partial') AND word = ''",
        ),
        _count("partial_talks", "Talks seen in part, whose length is in no sum", "fact = 'partial'"),
        _sum("talk_seconds", "Sum of the talks, hold included", "amount", "fact = 'talk'"),
        _sum("hold_seconds", "Sum of the holds, part of the talks", "hold_seconds", "fact = 'talk'"),
        _count("rings", "Attempts to reach the agent that began on the day", "fact = 'ring'"),
        *(
            _count(f"rings_{outcome}", f"Of them {outcome}", f"fact = 'ring' AND word = '{outcome}'")
            for outcome in _RING_OUTCOMES
        ),
        *(
            _sum(
                f"{state}_seconds",
                f"Time {state} on the day",
                "amount",
                f"fact = 'state' AND word = '{state}'",
            )
            for state in _STATES
        ),
        _count("ratings", "Answers on the day that rate the agent, on any scale", "fact = 'rating'"),
        _count("csat_ratings", "Of them on the scale of 1 to 5", "fact = 'rating' AND word = 'csat'"),
        _count(
            "csat_satisfied",
            "Of these 4 or 5: satisfied",
            "fact = 'rating' AND word = 'csat' AND amount >= 4",
        ),
        _column(
            "csat_mean",
            Double(),
            "Mean on the scale of 1 to 5; null without any, and with fewer than 15 not to be compared",
            "AVG(CASE WHEN fact = 'rating' AND word = 'csat' THEN amount END)",
        ),
        comment="What an agent did on a day and how callers rated it; a state that lasts over midnight is "
        "split between the days, a talk counts on the day on which it began",
    ),
    key=("pbx", "agent", "day"),
    # Most states end on the day on which they begin, and need no recursion. CASE, because PostgreSQL takes
    # any two days for different, and knows better of an expression that is indexed.
    before="""\
WITH RECURSIVE over_midnight (pbx, agent, state, started_at, ended_at) AS (
    SELECT pbx, agent, state, started_at, ended_at FROM agent_intervals
    WHERE CASE WHEN {day[started_at]} <> {day[ended_at]} THEN 1 ELSE 0 END = 1
    UNION ALL
    SELECT pbx, agent, state, {next_day[started_at]}, ended_at FROM over_midnight
    WHERE {next_day[started_at]} < ended_at
)
""",
    rows="""\
FROM (
    SELECT pbx, agent, {day[answered_at]} AS day, CASE WHEN partial THEN 'partial' ELSE 'talk' END AS fact,
        queue AS word, talk_seconds AS amount, hold_seconds
    FROM talks
    UNION ALL
    SELECT pbx, agent, {day[started_at]}, 'ring', outcome, 0, 0 FROM rings
    UNION ALL
    SELECT pbx, agent, {day[started_at]}, 'state', state, seconds, 0 FROM agent_intervals
    WHERE {day[started_at]} = {day[ended_at]}
    UNION ALL
    SELECT pbx, agent, {day[started_at]}, 'state', state,
        CASE WHEN {day[started_at]} = {day[ended_at]} THEN {second_of_day[ended_at]} ELSE 86400 END
        - {second_of_day[started_at]}, 0
    FROM over_midnight
    UNION ALL
    SELECT pbx, agent, {day[answered_at]}, 'rating', kind, value, 0 FROM answers WHERE kind <> 'comment'
) AS facts
WHERE agent <> ''
GROUP BY pbx, agent, day""",
)

_ratings = View(
    Table(
        "v_ratings",
        _metadata,
        _pbx("rated.pbx"),
        _text("attempt_id", 150, "Attempt, unique on its PBX"),
        _text("question", 64, "Question in the survey definition"),
        _text("call_id", 150, "Linkedid of the call; null when the attempt is not stored"),
        _instant("rated_at", "When the key was pressed"),
        _text("survey", 64, "Survey definition; null when the attempt is not stored"),
        _integer("version", "Version of that definition; null when the attempt is not stored", "version"),
        _text("kind", 64, "Kind of the question: csat, nps, nps_0_9, ces, yes_no, choice, comment"),
        _integer(
            "value", "Score; 1 for yes, 0 for no; key of a choice; seconds of a spoken comment", "value"
        ),
        _text("label", 128, "What the key of a choice means, else empty"),
        _integer("tries", "Keys and silences until the answer was valid, 1 for the first", "tries"),
        _text("language", 40, "Language of the prompts; null when the attempt is not stored"),
        _text("queue", 128, "Queue that it rates; empty for the company as a whole", "rated.queue"),
        _text("agent", 128, "Agent whom it rates; empty for the company as a whole", "rated.agent"),
        _text("interface", 128, "Interface of that agent", "rated.interface"),
        _instant(
            "talked_at",
            "When the rated talk began, the agent's last one in that call and queue; of an answer about the "
            "company the last talk; null when it was not seen",
        ),
        _seconds(
            "talk_seconds",
            "Length of that talk; null when it was not seen whole",
            """(
        SELECT CASE WHEN talks.partial THEN NULL ELSE talks.talk_seconds END FROM talks
        WHERE COALESCE(talks.pbx, '') = rated.pbx AND talks.call_id = rated.call_id
            AND COALESCE(talks.queue, '') = rated.talk_queue AND COALESCE(talks.agent, '') = rated.talk_agent
            AND talks.answered_at = rated.talked_at
        ORDER BY talks.agent_uniqueid, talks.uniqueid LIMIT 1
    )""",
        ),
        _seconds(
            "wait_seconds",
            "Wait in that queue before that talk; null without a queue, or when the answer was not seen",
            """(
        SELECT queue_visits.wait_seconds FROM queue_visits
        WHERE COALESCE(queue_visits.pbx, '') = rated.pbx AND queue_visits.call_id = rated.call_id
            AND COALESCE(queue_visits.queue, '') = rated.talk_queue AND queue_visits.outcome = 'answered'
            AND COALESCE(queue_visits.entered_at, queue_visits.left_at)
                <= COALESCE(rated.talked_at, rated.rated_at)
        ORDER BY COALESCE(queue_visits.entered_at, queue_visits.left_at) DESC, queue_visits.uniqueid LIMIT 1
    )""",
        ),
        comment="One answer of a caller with the wait and the talk that it is about",
    ),
    key=("pbx", "attempt_id", "question"),
    # The COALESCE of what is never null, and the CASE, keep planners from the indexes of PBX, queue, agent
    # and time: of a call there are few talks, of an agent all.
    rows="""\
FROM (
    SELECT given.*, (
        SELECT MAX(CASE WHEN talks.answered_at <= given.rated_at THEN talks.answered_at END) FROM talks
        WHERE COALESCE(talks.pbx, '') = given.pbx AND talks.call_id = given.call_id
            AND COALESCE(talks.queue, '') = given.talk_queue AND COALESCE(talks.agent, '') = given.talk_agent
    ) AS talked_at
    FROM (
        SELECT answers.pbx, answers.attempt_id, answers.question, answers.kind, answers.value, answers.label,
            answers.tries, answers.answered_at AS rated_at, answers.queue, answers.agent, answers.interface,
            attempts.call_id, attempts.survey, attempts.version, attempts.language,
            CASE WHEN answers.agent = '' THEN attempts.queue ELSE answers.queue END AS talk_queue,
            CASE WHEN answers.agent = '' THEN attempts.agent ELSE answers.agent END AS talk_agent
        FROM answers LEFT JOIN survey_attempts AS attempts
            ON attempts.pbx = answers.pbx AND attempts.attempt_id = answers.attempt_id
    ) AS given
) AS rated""",
)

# Where PostgreSQL looks when a view is asked about a day or an hour; without them it reads all there is.
INDEXES = {
    "ix_queue_visits_hour": ("queue_visits", "{hour[entered_at]}"),
    "ix_talks_hour": ("talks", "{hour[answered_at]}"),
    "ix_talks_day": ("talks", "{day[answered_at]}"),
    "ix_rings_day": ("rings", "{day[started_at]}"),
    "ix_agent_intervals_day": ("agent_intervals", "{day[started_at]}"),
    "ix_agent_intervals_over_midnight": (
        "agent_intervals",
        "CASE WHEN {day[started_at]} <> {day[ended_at]} THEN 1 ELSE 0 END",
    ),
    "ix_answers_day": ("answers", "{day[answered_at]}"),
}

VIEWS = (_calls_by_hour, _agent_day, _ratings)
