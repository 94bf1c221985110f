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

from sqlalchemy import Connection, func, select

from cc_bridge.customers.lost_calls import LOST, Contact
from cc_bridge.records import Direction, Outcome
from cc_bridge.storage.reports.contacts import contacts_between, in_order
from cc_bridge.storage.schema.tables import queue_visits

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
    keys: Collection[str] | None = None,
    call_ends: bool = True,
) -> Iterator[list[Contact]]:
    """Yield one list per caller: the contacts from a day before `since` up to `until`, in order of time.

    A contact is one queue visit, or one talk without a queue. The day before `since` is included, because a
    call that started on it may end within the span. Withheld numbers are left out, and so are the caller keys
    in `shared`, which many people use.

    `only_lost` leaves out callers without a lost visit from `since` up to `until`. If `keys` is given, only
    the callers with these caller keys are read. Without `call_ends`, the end of the call is not read: the
    attribute `call_ended_at` is then the instant at which the visit ended or the talk began. Rows are read in
    parts; `progress` gets the number of rows of each part.
    """
    theirs = queue_visits.alias()
    lost = select(theirs.c.caller_key).where(
        theirs.c.entered_at >= since, theirs.c.entered_at < until, theirs.c.outcome.in_(sorted(LOST))
    )
    wanted = lost if only_lost else None if keys is None else sorted(keys)
    statement = in_order(contacts_between(since - _LOOK_BACK, until, wanted, call_ends=call_ends))
    # The option is for this statement only: execution_options() would change the connection.
    rows = connection.execute(statement, execution_options={"yield_per": _BATCH})

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
    counted = select(func.count()).select_from(contacts_between(since - _LOOK_BACK, until).subquery())
    return connection.execute(counted).scalar_one()


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
