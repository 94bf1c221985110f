"""The computation of a report from the database, for the command line and the pages."""

from collections.abc import Callable, Collection
from dataclasses import replace

from sqlalchemy import Connection

from cc_bridge.reports.figures import Report
from cc_bridge.reports.lost_call_callbacks import BY, callback_table_of_counts
from cc_bridge.reports.query import ReportQuery
from cc_bridge.reports.registry import REPORTS
from cc_bridge.storage.reports import SqlSource
from cc_bridge.storage.reports.lost_calls import LostCallQueries

__all__ = ["compute_report"]


def compute_report(
    connection: Connection,
    name: str,
    query: ReportQuery,
    now: float,
    shared: Collection[str] = (),
    progress: Callable[[], object] = lambda: None,
) -> Report:
    """Return the report called `name`, computed from the database.

    `connection` should have a transaction that `reading` opened, so that all figures agree with each other.
    `now` is the present time in UTC seconds since the epoch. `shared` are the caller keys of numbers that
    many people use; the table of callbacks of the report `lost` leaves their calls out. `progress` is called
    each time that one figure of the report has been read.
    """
    source = SqlSource(connection, query, progress)
    report = REPORTS[name].make(query, source)
    if name == "lost" and query.by in BY:
        counts = LostCallQueries(connection, query).lost_calls(now, shared)
        report = replace(report, tables=(*report.tables, callback_table_of_counts(query, counts)))
    begins = query.later_begin(source.first_record())
    return replace(report, unobserved=source.unobserved(), begins=begins)
