"""What PostgreSQL is told so that it plans reports well; `migrate.py` and migration 0009 do.

Reports group by what they compute of an instant or a wait: its hour, its whole seconds. PostgreSQL takes the
groups for as many as the column has values, nearly one a row, and then has one process hash what two could
have counted before they hand it over; so it is told of few. And it compiles what looks like much work, which
takes longer than the views for a month of 200 agents.

The trap: what is told of a column holds from the next ANALYZE on, of the database for new sessions. Only its
owner may say that; somebody else's database is left as it is.
"""

from collections.abc import Iterator

from sqlalchemy import DDL, Column

from cc_bridge.storage.schema.tables import (
    agent_intervals,
    answers,
    calls,
    funnel,
    queue_visits,
    survey_attempts,
    talks,
)

__all__ = ["taken_back", "told"]

_FEW = 50  # hours of the day, days of a month
_WAITS = 300  # whole seconds
_GROUPS: dict[Column[float], int] = {
    agent_intervals.c.started_at: _FEW,
    agent_intervals.c.ended_at: _FEW,
    answers.c.answered_at: _FEW,
    calls.c.started_at: _FEW,
    calls.c.wait_seconds: _FEW,  # bands
    funnel.c.at: _FEW,
    queue_visits.c.entered_at: _FEW,
    queue_visits.c.wait_seconds: _WAITS,
    survey_attempts.c.started_at: _FEW,
    talks.c.answered_at: _FEW,
}
_DATABASE = """\
DO $$ BEGIN
    EXECUTE 'ALTER DATABASE ' || quote_ident(current_database()) || ' {}';
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$"""


def told(dialect: str) -> Iterator[DDL]:
    """Yield the statements that tell it."""
    if dialect == "postgresql":
        for column, groups in _GROUPS.items():
            yield _ddl(f"ALTER TABLE {column.table.name} ALTER {column.name} SET (n_distinct = {groups})")
        yield _ddl(_DATABASE.format("SET jit = off"))


def taken_back(dialect: str) -> Iterator[DDL]:
    """Yield the statements that take it back."""
    if dialect == "postgresql":
        for column in _GROUPS:
            yield _ddl(f"ALTER TABLE {column.table.name} ALTER {column.name} RESET (n_distinct)")
        yield _ddl(_DATABASE.format("RESET jit"))


def _ddl(statement: str) -> DDL:
    return DDL(statement)  # type: ignore[no-untyped-call] # as SQLAlchemy 2.1 has it
