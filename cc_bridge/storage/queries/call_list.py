"""The list of the calls behind a figure: the number of its rows, and its pages, the newest first.

`storage/reports/listed_rows.py` has the conditions of the rows, and `call_details.py` the details of a page's
rows.
"""

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, case, func, select

from cc_bridge.customers.lost_calls import LostCall
from cc_bridge.reports.call_filter import CallFilter, ListKind
from cc_bridge.reports.listed_call import CallListPart
from cc_bridge.reports.query import ReportQuery
from cc_bridge.storage.hash_joins import hash_joins
from cc_bridge.storage.queries.call_details import CallDetails
from cc_bridge.storage.queries.lost_calls import lost_calls_of
from cc_bridge.storage.reports import expect_few_groups
from cc_bridge.storage.reports.listed_rows import ListedRows
from cc_bridge.storage.schema.tables import survey_attempts

__all__ = ["read_calls"]


def read_calls(
    connection: Connection,
    ask: ReportQuery,
    wanted: CallFilter,
    now: float,
    shared: Collection[str] = (),
    *,
    skip: int = 0,
    most: int = 50,
) -> CallListPart:
    """Return up to `most` rows of a list, the newest first, after the first `skip` rows.

    `ask` has the days, queues, agent and PBX of the filter `wanted`, and the settings of the queues. `now` is
    in UTC seconds since the epoch. A list of lost calls leaves out the caller keys in `shared`, which many
    people use.
    """
    if wanted.kind is ListKind.LOST_CALLS:
        expect_few_groups(connection)
    found = ListedRows(connection, ask, wanted, now, shared)
    table, at, mark = found.listed.table, found.listed.at, case((found.marked, 1), else_=0)
    numbers = func.count(), func.sum(mark)
    columns: list[Any] = [*table.c, mark.label("marked")]
    if wanted.kind is ListKind.ANSWERS:
        s = survey_attempts.c
        columns += [s.call_id, s.caller_key]
        columns += [s.queue.label("attempt_queue"), s.agent.label("attempt_agent")]
    newest = [at.desc(), *(column.desc() for column in found.listed.key if column is not at)]
    page = select(*columns).select_from(found.source).where(*found.where).order_by(*newest)
    page = page.offset(skip).limit(most)
    if wanted.kind is ListKind.LOST_CALLS and most:
        # Lost calls are found by a search of all calls, so rows and their number come from one search.
        together = page.add_columns(*(number.over().label(None) for number in numbers))
        with hash_joins(connection):
            lost = connection.execute(together).all()
        if lost:
            *_, count, marked = lost[0]
            return _part(connection, ask, wanted, _lost(connection, ask, lost, now), count, marked)
    totals = select(*numbers).select_from(found.source).where(*found.where)
    with hash_joins(connection) if wanted.kind is ListKind.LOST_CALLS else nullcontext():
        count, marked = connection.execute(totals).one()
    rows = connection.execute(page).all() if skip < count and most else ()
    return _part(connection, ask, wanted, rows, count, marked)


def _part(
    connection: Connection,
    ask: ReportQuery,
    wanted: CallFilter,
    rows: Sequence[Any],
    count: int,
    marked: int | None,
) -> CallListPart:
    """Return the rows of a page with their details.

    `count` is the number of rows of the whole list. `marked` is the number of marked rows among them, None if
    the list is empty.
    """
    if not rows:
        return CallListPart(count, int(marked or 0), ())
    details = CallDetails(connection, rows, ask)
    return CallListPart(count, int(marked or 0), [details.listed(wanted.kind, row) for row in rows])


@dataclass(frozen=True, slots=True)
class _MarkedLostCall(LostCall):
    marked: bool = False


def _lost(connection: Connection, ask: ReportQuery, rows: Sequence[Any], now: float) -> list[Any]:
    """Return the lost calls of a page's rows, with the agents who reached the callers."""
    keys = {row.caller_key for row in rows}
    calls = {
        (call.pbx, call.call_id): call for call in lost_calls_of(connection, keys, ask.since, ask.until, now)
    }
    found = ((calls.get((row.pbx, row.call_id)), row.marked) for row in rows)
    return [_MarkedLostCall(**asdict(call), marked=bool(marked)) for call, marked in found if call]
