"""Database queries for the reports, in SQL that works on every kind of database.

Each query reads the rows of the report's time span once and returns counts. Millions of rows give a few
thousand counts. On PostgreSQL, roll-ups (`rollups/tables.py`) hold the counts of past days. If the roll-ups
have the figures that a query needs, it reads the roll-ups instead of the rows. There is one module for each
subject; `span_queries.py` has the code that they all use.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection, Engine

from cc_bridge.reports import source
from cc_bridge.reports.query import Dimension
from cc_bridge.storage.reports.agents import AgentQueries
from cc_bridge.storage.reports.queue_spellings import respelled_keys
from cc_bridge.storage.reports.talks import TalkQueries
from cc_bridge.storage.reports.visits import VisitQueries
from cc_bridge.storage.reports.voice import SurveyQueries

__all__ = ["SqlSource", "begin_reading", "expect_few_groups", "reading"]

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
    """Set up a new connection for a report: all its reads see the database as it was at the first read."""
    if connection.dialect.name != "sqlite":
        connection.execution_options(isolation_level="REPEATABLE READ")
    expect_few_groups(connection)


def expect_few_groups(connection: Connection) -> None:
    """Set up the transaction for fast counts of many rows: PostgreSQL's planner then expects few groups."""
    if connection.dialect.name == "postgresql":
        for setting in _COUNTING:
            connection.exec_driver_sql(f"SET LOCAL {setting}")


class SqlSource(VisitQueries, TalkQueries, AgentQueries, SurveyQueries):
    """The database as the source of the figures of one report.

    One transaction reads all figures, so that they are consistent with each other. A queue has one spelling
    in all rows, although the database may have several.
    """

    def visits(self, by: Dimension) -> Iterator[source.VisitSums]:
        return respelled_keys(self._spellings, by, super().visits(by))

    def waits(self, by: Dimension) -> Iterator[source.WaitCount]:
        return respelled_keys(self._spellings, by, super().waits(by))

    def talks(self, by: Dimension) -> Iterator[source.TalkSums]:
        return respelled_keys(self._spellings, by, super().talks(by))

    def transfers(self, by: Dimension) -> Iterator[source.TransferCount]:
        return respelled_keys(self._spellings, by, super().transfers(by))

    def journeys(self, by: Dimension) -> Iterator[source.JourneyCount]:
        return respelled_keys(self._spellings, by, super().journeys(by))

    def answers(self, by: Dimension) -> Iterator[source.AnswerCount]:
        return respelled_keys(self._spellings, by, super().answers(by))

    def invitations(self, by: Dimension) -> Iterator[source.InvitationCount]:
        return respelled_keys(self._spellings, by, super().invitations(by))

    def not_routed(self, by: Dimension) -> Iterator[source.NotRoutedCount]:
        return respelled_keys(self._spellings, by, super().not_routed(by))

    def attempts(self, by: Dimension) -> Iterator[source.AttemptCount]:
        return respelled_keys(self._spellings, by, super().attempts(by))

    def visited_hours(self) -> Iterator[tuple[str, int, int, str, int]]:
        for queue, weekday, hour, outcome, n in super().visited_hours():
            yield self._spellings.get(queue, queue), weekday, hour, outcome, n

    def rated(self) -> Iterator[source.RatedBy]:
        for row in super().rated():
            of_queue = row.factor is Dimension.QUEUE
            yield replace(row, key=self._spellings.get(str(row.key), row.key)) if of_queue else row

    def hangups(self) -> Iterator[source.HangupCount]:
        for row in super().hangups():
            yield replace(row, queue=self._spellings.get(row.queue, row.queue))
