"""Views that answer the usual questions, by the formulas of config/measures.md.

`migrate.py` makes them in an empty database, migrations 0007 and 0009 in an older one. Each column stands
beside its SQL, which is the same on every kind of database; only how an instant becomes an hour or a day is
said in each one's own words. Hours and days are those of UTC.

No view holds personal data, so that a reader may be granted them alone. None knows the threshold of a
service level, which is a setting and may change: answers are counted within usual ones, and queue_visits
tells any other.

The trap: whichever migration makes the views makes them as they are here now, so they may name only what
the tables of 0007 have, unless it says that there is more (`settled`). A change that keeps the columns needs
a migration that makes them `again`.
"""

from collections.abc import Iterator

from sqlalchemy import DDL

from cc_bridge.storage.views.agent_day import AGENT_DAY, OVER_A_DAY, OVER_MIDNIGHT, SETTLED_AGENT_DAY
from cc_bridge.storage.views.calls_by_hour import CALLS_BY_HOUR
from cc_bridge.storage.views.ratings import RATINGS
from cc_bridge.storage.views.view import Lookup, View

__all__ = ["INDEXES", "VIEWS", "View", "again", "creation", "removal"]

VIEWS = (CALLS_BY_HOUR, AGENT_DAY, RATINGS)
_SETTLED = {AGENT_DAY: SETTLED_AGENT_DAY}

# Where PostgreSQL looks when a view is asked about a day or an hour; without them it reads all there is.
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


def creation(dialect: str, *, settled: bool = True) -> Iterator[DDL]:
    """Yield the statements that make all views, in place of any of before, and the indexes that they need.

    `settled`: the tables of rollups/refresh.py are there, where the dialect has them.
    """
    yield from removal(dialect)
    if dialect == "postgresql":
        for name, index in INDEXES.items():
            yield _ddl(index.creation(name))
    yield from _made(dialect, settled=settled)


def again(dialect: str, *, settled: bool = True) -> Iterator[DDL]:
    """Yield the statements that make all views anew; their indexes, which may be large, stay."""
    yield from _dropped()
    yield from _made(dialect, settled=settled)


def removal(dialect: str) -> Iterator[DDL]:
    """Yield the statements that drop all views that are there, and their indexes."""
    yield from _dropped()
    if dialect == "postgresql":
        for name in INDEXES:
            yield _ddl(f"DROP INDEX IF EXISTS {name}")


def _made(dialect: str, *, settled: bool) -> Iterator[DDL]:
    for view in VIEWS:
        made = _SETTLED.get(view, view) if settled and dialect == "postgresql" else view
        yield _ddl(f"CREATE VIEW {view.table.name} AS\n{made.select(dialect)}")
        if dialect == "postgresql":  # MariaDB and SQLite keep no comments of views
            yield _comment(f"VIEW {view.table.name}", view.table.comment)
            for column in view.table.columns:
                yield _comment(f"COLUMN {view.table.name}.{column.name}", column.comment)


def _dropped() -> Iterator[DDL]:
    for view in VIEWS:
        yield _ddl(f"DROP VIEW IF EXISTS {view.table.name}")


def _comment(what: str, text: str | None) -> DDL:
    quoted = (text or "").replace("'", "''")
    return _ddl(f"COMMENT ON {what} IS '{quoted}'")


def _ddl(statement: str) -> DDL:
    return DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call] # as SQLAlchemy 2.1 has it
