"""Counts for the reports, in SQL that is the same on every kind of database. `commands/report.py` asks.

Each question is one pass over the span's rows, which come back counted: some thousand rows for millions. What
PostgreSQL has counted of days that are over (`rollups/tables.py`) is not counted again, where that says what
is asked. The modules have a subject each; `span_queries.py` has what they share.
"""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from cc_bridge.storage.reports.agents import AgentQueries
from cc_bridge.storage.reports.talks import TalkQueries
from cc_bridge.storage.reports.visits import VisitQueries
from cc_bridge.storage.reports.voice import SurveyQueries

__all__ = ["SqlSource", "reading"]

# PostgreSQL expects nearly as many groups as rows, and would sort on disk, or use one process so as not to
# hand them over; there are some thousand.
_COUNTING = (
    "work_mem = '32MB'",
    "enable_sort = off",
    "parallel_setup_cost = 0",
    "parallel_tuple_cost = 0",
)


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """Open a transaction that sees the database as it is now, whatever is written meanwhile."""
    level = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**level) as connection:
        if engine.dialect.name == "postgresql":
            for setting in _COUNTING:
                connection.exec_driver_sql(f"SET LOCAL {setting}")
        yield connection


class SqlSource(VisitQueries, TalkQueries, AgentQueries, SurveyQueries):
    """The Source of one report, in one transaction, so that all its figures are of the same rows."""
