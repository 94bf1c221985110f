"""Hints for PostgreSQL's planner that make reports faster: the number of distinct values of some columns.

Reports group by a value computed from an instant or a wait, such as its hour or its whole seconds. PostgreSQL
expects one group for each distinct value of the column, which is nearly one group per row. It then counts in
one process, although two could count in parallel. So the hint says that the column has few distinct values.

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

_FEW = 50  # about the number of hours of the day, or days of a month
_WAITS = 300  # about the number of different waits in whole seconds
_GROUPS: dict[Column[float], int] = {
    agent_intervals.c.started_at: _FEW,
    agent_intervals.c.ended_at: _FEW,
    answers.c.answered_at: _FEW,
    calls.c.started_at: _FEW,
    calls.c.wait_seconds: _FEW,  # grouped by wait band
    queue_visits.c.entered_at: _FEW,
    queue_visits.c.wait_seconds: _WAITS,
    survey_attempts.c.started_at: _FEW,
    survey_decisions.c.decided_at: _FEW,
    talks.c.answered_at: _FEW,
}


def statements(dialect: str) -> Iterator[DDL]:
    """Yield the statements that set the planner hints; none unless the database is PostgreSQL."""
    if dialect == "postgresql":
        for column, groups in _GROUPS.items():
            yield _ddl(f"ALTER TABLE {column.table.name} ALTER {column.name} SET (n_distinct = {groups})")


def _ddl(statement: str) -> DDL:
    return DDL(statement)  # type: ignore[no-untyped-call] # as SQLAlchemy 2.1 has it
