"""The list of the calls behind a figure: the number of its rows, and its pages, the newest first.

`storage/reports/listed_rows.py` has the conditions of the rows, and `call_details.py` the details of a page's
rows.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, case, func, select

from cc_bridge.customers.lost_calls import LostCall
from cc_bridge.reports.call_filter import CallFilter, ListCondition, ListKind
from cc_bridge.reports.listed_call import CallListPart
from cc_bridge.reports.lost_call_callbacks import covered, row_key
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.storage.queries.call_details import CallDetails
from cc_bridge.storage.queries.lost_calls import lost_between
from cc_bridge.storage.reports.listed_rows import ListedRows, narrowed
from cc_bridge.storage.reports.stored_names import stored_queues
from cc_bridge.storage.schema.tables import survey_attempts

__all__ = ["queues_with_visits", "read_calls"]


def queues_with_visits(connection: Connection) -> Sequence[str]:
    """Return the names of all queues that have a visit in the database, as they are stored."""
    return list(stored_queues(connection))


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
        return _lost(connection, narrowed(ask, wanted), wanted, now, shared, skip, most)
    found = ListedRows(connection, ask, wanted)
    table, at, mark = found.listed.table, found.listed.at, case((found.marked, 1), else_=0)
    totals = select(func.count(), func.sum(mark)).select_from(found.source).where(*found.where)
    count, marked = connection.execute(totals).one()
    if skip >= count or not most:
        return CallListPart(count, int(marked or 0), ())
    columns: list[Any] = [*table.c, mark.label("marked")]
    if wanted.kind is ListKind.ANSWERS:
        s = survey_attempts.c
        columns += [s.call_id, s.queue.label("attempt_queue"), s.agent.label("attempt_agent")]
    newest = [at.desc(), *(column.desc() for column in table.primary_key if column is not at)]
    page = select(*columns).select_from(found.source).where(*found.where).order_by(*newest)
    rows = connection.execute(page.offset(skip).limit(most)).all()
    details = CallDetails(connection, rows, ask)
    return CallListPart(count, int(marked or 0), [details.listed(wanted.kind, row) for row in rows])


_LOST: Mapping[str, Callable[[LostCall], str]] = {
    "result": lambda call: call.managed,
    "decided": lambda call: "yes" if call.decided else "no",
}


def _lost(
    connection: Connection,
    ask: ReportQuery,
    wanted: CallFilter,
    now: float,
    shared: Collection[str],
    skip: int,
    most: int,
) -> CallListPart:
    """Return up to `most` rows of a list of lost calls, after the first `skip` rows.

    SQL cannot select calls by whether the caller was reached later. So all lost calls of the query's days
    are read.
    """

    def meets(call: LostCall, conditions: Sequence[ListCondition]) -> bool:
        return all(_LOST[each.name](call) in each.values for each in conditions)

    found = [
        call
        for call in covered(ask, lost_between(connection, ask.since, ask.until, now, shared))
        if all((row_key(ask, Dimension(row.by), call) == row.key) != row.others for row in wanted.rows)
        and meets(call, wanted.conditions)
    ]
    found.sort(key=lambda call: (call.entered_at, call.pbx, call.call_id), reverse=True)
    marked = sum(meets(call, wanted.marks) for call in found) if wanted.marks else 0
    shown = found[skip : skip + most]
    details = CallDetails(connection, shown, ask)
    rows = [
        replace(details.listed(wanted.kind, call), marked=bool(wanted.marks) and meets(call, wanted.marks))
        for call in shown
    ]
    return CallListPart(len(found), marked, rows)
