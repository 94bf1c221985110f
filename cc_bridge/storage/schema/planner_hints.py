"""Hints for PostgreSQL's planner, so that it plans reports well.

Reports group by what they compute of an instant or a wait: its hour, its whole seconds. PostgreSQL expects as
many groups as the column has values, nearly one a row, and then has one process hash what two could have
counted before they hand it over. So the hint is a small number of distinct values.

A hint takes effect with the next ANALYZE.
"""

from collections.abc import Iterator

from sqlalchemy import DDL, Column

from cc_bridge.storage.schema.tables import (
    agent_intervals,
    answers,
    calls,
    queue_visits,
    survey_attempts,
    survey_decisions,
    talks,
)

__all__ = ["statements"]

_FEW = 50  # hours of the day, days of a month
_WAITS = 300  # whole seconds
_GROUPS: dict[Column[float], int] = {
    agent_intervals.c.started_at: _FEW,
    agent_intervals.c.ended_at: _FEW,
    answers.c.answered_at: _FEW,
    calls.c.started_at: _FEW,
    calls.c.wait_seconds: _FEW,  # bands
    queue_visits.c.entered_at: _FEW,
    queue_visits.c.wait_seconds: _WAITS,
    survey_attempts.c.started_at: _FEW,
    survey_decisions.c.decided_at: _FEW,
    talks.c.answered_at: _FEW,
}


def statements(dialect: str) -> Iterator[DDL]:
    """Yield the statements that set the hints."""
    if dialect == "postgresql":
        for column, groups in _GROUPS.items():
            yield _ddl(f"ALTER TABLE {column.table.name} ALTER {column.name} SET (n_distinct = {groups})")


def _ddl(statement: str) -> DDL:
    return DDL(statement)  # type: ignore[no-untyped-call] # as SQLAlchemy 2.1 has it
