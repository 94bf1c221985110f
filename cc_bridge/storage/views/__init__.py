"""SQL views that answer common questions, with the formulas of config/docs/kpis.md.

Each column is defined next to its SQL. The SQL is the same on every kind of database, except for the hour and
day of an instant. Hours and days are UTC.

The views have no personal data, so that a user may get access to the views alone. The threshold of the
service level is a setting that a view does not know. So a view counts the calls answered within 10, 20, 30
and 60 s; other limits need the table queue_visits.

A changed view needs a migration with a copy of its SQL in migrations/sql/. On servers, use `CREATE OR REPLACE
VIEW`: a dropped view loses its privileges. PostgreSQL accepts new columns only at the end.
"""

from collections.abc import Iterator

from sqlalchemy import DDL

from cc_bridge.storage.views.agent_day import AGENT_DAY, OVER_A_DAY, OVER_MIDNIGHT, ROLLUP_AGENT_DAY
from cc_bridge.storage.views.calls_by_hour import CALLS_BY_HOUR
from cc_bridge.storage.views.ratings import RATINGS
from cc_bridge.storage.views.view import Lookup, View

__all__ = ["INDEXES", "VIEWS", "View", "creation"]

VIEWS = (CALLS_BY_HOUR, AGENT_DAY, RATINGS)
_ON_POSTGRESQL = {AGENT_DAY: ROLLUP_AGENT_DAY}

# Indexes with which PostgreSQL finds the rows of a day or an hour for a view; without them it reads all rows.
INDEXES = {
    "ix_queue_visits_hour": Lookup("queue_visits", "{hour[entered_at]}"),
    "ix_talks_hour": Lookup("talks", "{hour[answered_at]}"),
    "ix_talks_day": Lookup("talks", "{day[answered_at]}"),
    "ix_rings_day": Lookup("rings", "{day[started_at]}"),
    "ix_agent_intervals_day": Lookup("agent_intervals", "{day[started_at]}"),
    "ix_agent_intervals_over_midnight": OVER_MIDNIGHT,
    "ix_agent_intervals_over_a_day": OVER_A_DAY,
    "ix_answers_day": Lookup("answers", "{day[answered_at]}"),
}


def creation(dialect: str) -> Iterator[DDL]:
    """Yield the statements that create all views, and on PostgreSQL their indexes and comments.

    Views and indexes that exist are dropped first.
    """
    for view in VIEWS:
        yield _ddl(f"DROP VIEW IF EXISTS {view.table.name}")
    if dialect == "postgresql":
        for name, index in INDEXES.items():
            yield _ddl(f"DROP INDEX IF EXISTS {name}")
            yield _ddl(index.creation(name))
    for view in VIEWS:
        made = _ON_POSTGRESQL.get(view, view) if dialect == "postgresql" else view
        yield _ddl(f"CREATE VIEW {view.table.name} AS\n{made.select(dialect)}")
        if dialect == "postgresql":  # MariaDB and SQLite keep no comments of views
            yield _comment(f"VIEW {view.table.name}", view.table.comment)
            for column in view.table.columns:
                yield _comment(f"COLUMN {view.table.name}.{column.name}", column.comment)


def _comment(what: str, text: str | None) -> DDL:
    quoted = (text or "").replace("'", "''")
    return _ddl(f"COMMENT ON {what} IS '{quoted}'")


def _ddl(statement: str) -> DDL:
    return DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call] # as SQLAlchemy 2.1 has it
