"""Database queries for the reports, in SQL that works on every kind of database.

Each query reads the rows of the report's time span once and returns counts. Millions of rows give a few
thousand counts. On PostgreSQL, roll-ups (`rollups/tables.py`) hold the counts of past days. If the roll-ups
have the figures that a query needs, it reads the roll-ups instead of the rows. There is one module for each
subject; `span_queries.py` has the code that they all use.
"""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from cc_bridge.storage.reports.agents import AgentQueries
from cc_bridge.storage.reports.talks import TalkQueries
from cc_bridge.storage.reports.visits import VisitQueries
from cc_bridge.storage.reports.voice import SurveyQueries

__all__ = ["SqlSource", "begin_reading", "reading"]

# Settings of the transaction on PostgreSQL. It expects nearly as many groups as rows; it would sort on disk,
# or use a single process to avoid passing groups between processes. The real number is a few thousand.
_COUNTING = (
    "work_mem = '32MB'",
    "enable_sort = off",
    "parallel_setup_cost = 0",
    "parallel_tuple_cost = 0",
)


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """Open a transaction for a report in a `with` block, and yield its connection.

    All reads in the transaction see the database as it was at the first read, even if other processes write
    meanwhile.
    """
    with engine.connect() as connection:
        begin_reading(connection)
        yield connection


def begin_reading(connection: Connection) -> None:
    """Prepare a new connection for a report, as `reading` does."""
    if connection.dialect.name != "sqlite":
        connection.execution_options(isolation_level="REPEATABLE READ")
    if connection.dialect.name == "postgresql":
        for setting in _COUNTING:
            connection.exec_driver_sql(f"SET LOCAL {setting}")


class SqlSource(VisitQueries, TalkQueries, AgentQueries, SurveyQueries):
    """The database as the source of the figures of one report.

    One transaction reads all figures, so that they are consistent with each other.
    """
