"""The contacts of all callers in a time span, grouped by caller.

A contact is one queue visit, or one talk without a queue. The contacts of a caller show whether a lost call
was followed by an answered one. They are found by the caller key. Therefore withheld numbers, and numbers
that many callers share, have no contacts.

A span may have many days, so the rows are read in parts. Instants are UTC seconds since the epoch.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, and_, func, literal, or_, select, union_all

from cc_bridge.customers.lost_calls import LOST, Contact
from cc_bridge.records import Direction, Outcome
from cc_bridge.storage.schema.tables import calls, queue_visits, talks

__all__ = ["contacts", "rows_between"]

_BATCH = 5000  # rows fetched at a time
# Seconds. A call that started on the day before `since` may end within the span.
_LOOK_BACK = 86_400.0


def contacts(
    connection: Connection,
    since: float,
    until: float,
    shared: Collection[str] = (),
    progress: Callable[[int], None] = lambda _rows: None,
    *,
    only_lost: bool = False,
) -> Iterator[list[Contact]]:
    """Yield one list per caller: the contacts from a day before `since` up to `until`, in order of time.

    A contact is one queue visit, or one talk without a queue. The day before `since` is included, because a
    call that started on it may end within the span. Withheld numbers are left out, and so are the caller keys
    in `shared`, which many people use.

    `only_lost` leaves out callers without a lost visit from `since` up to `until`. Rows are read in parts;
    `progress` gets the number of rows of each part.
    """
    theirs = queue_visits.alias()
    lost = select(theirs.c.caller_key).where(
        theirs.c.entered_at >= since, theirs.c.entered_at < until, theirs.c.outcome.in_(sorted(LOST))
    )
    statement = _contacts_between(since - _LOOK_BACK, until, lost if only_lost else None)
    rows = connection.execution_options(yield_per=_BATCH).execute(statement)

    def counted() -> Iterator[Any]:
        for part in rows.partitions():
            progress(len(part))
            yield from part

    for key, found in groupby(counted(), key=attrgetter("caller_key")):
        if key not in shared:
            yield [_contact(row) for row in found]


def rows_between(connection: Connection, since: float, until: float) -> int:
    """Return the number of rows that `contacts` reads from the database without `only_lost`.

    `since` and `until` are the arguments of `contacts`. The rows of the day before `since` are counted too.
    """
    counted = select(func.count()).select_from(_contacts_between(since - _LOOK_BACK, until).subquery())
    return connection.execute(counted).scalar_one()


def _contacts_between(since: float, until: float, keys: Select[Any] | None = None) -> Select[Any]:
    """Return a SELECT of the contacts that start from `since` up to `until`.

    A contact is one queue visit, or one talk without a queue. `keys` is a SELECT of the caller keys whose
    contacts are wanted; None means all callers.
    """
    v, c, t = queue_visits.c, calls.c, talks.c

    def wanted(key: Column[Any]) -> ColumnElement[bool]:
        return key != "" if keys is None else and_(key != "", key.in_(keys))

    same = and_(c.pbx == v.pbx, c.call_id == v.call_id)
    of_queues = (
        select(
            v.caller_key,
            v.pbx,
            v.call_id,
            literal(Direction.IN.value).label("direction"),
            v.queue,
            v.entered_at,
            v.left_at,
            func.coalesce(c.ended_at, v.left_at, type_=c.ended_at.type).label("call_ended_at"),
            v.outcome,
            v.agent,
        )
        .select_from(queue_visits.outerjoin(calls, same))
        .where(v.entered_at >= since, v.entered_at < until, wanted(v.caller_key))
    )
    without = (
        select(
            c.caller_key,
            t.pbx,
            t.call_id,
            c.direction,
            t.queue,
            t.answered_at,
            t.answered_at,
            c.ended_at,
            literal(Outcome.ANSWERED.value),
            t.agent,
        )
        .select_from(talks.join(calls, and_(c.pbx == t.pbx, c.call_id == t.call_id)))
        .where(
            t.answered_at >= since,
            t.answered_at < until,
            t.queue == "",
            wanted(c.caller_key),
            or_(c.direction == Direction.IN, c.direction == Direction.OUT),
        )
    )
    both = union_all(of_queues, without).subquery()
    return select(both).order_by(both.c.caller_key, both.c.entered_at)


def _contact(row: Any) -> Contact:
    return Contact(
        row.caller_key,
        row.pbx,
        row.call_id,
        Direction(row.direction),
        row.queue,
        row.entered_at,
        row.left_at,
        row.call_ended_at,
        Outcome(row.outcome),
        row.agent or "",
    )
