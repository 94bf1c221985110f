"""The SELECT of the contacts of callers: one row for each queue visit and for each talk without a queue."""

from typing import Any

from sqlalchemy import Column, ColumnElement, Select, and_, func, literal, or_, select, union_all
from sqlalchemy.sql.selectable import CompoundSelect

from cc_bridge.records import Direction, Outcome
from cc_bridge.storage.schema.tables import calls, queue_visits, talks

__all__ = ["contacts_between", "in_order"]

_LONGEST_CALL = 7 * 86_400.0  # seconds from the start of a call to a talk in it


def contacts_between(
    since: float, until: float, keys: Any = None, *, call_ends: bool = False
) -> CompoundSelect[Any]:
    """Return a SELECT of the contacts that start from `since` up to `until`; withheld numbers are left out.

    A contact is one queue visit, or one talk without a queue. `keys` are the caller keys whose contacts are
    wanted: a collection or a SELECT of them; None means all callers.

    The column `call_ended_at` is the end of the call if `call_ends` is true. Otherwise it is the instant at
    which the visit ended or the talk began, and the visits are not joined to their calls.
    """
    v, c, t = queue_visits.c, calls.c, talks.c

    def wanted(key: Column[Any]) -> ColumnElement[bool]:
        return key != "" if keys is None else and_(key != "", key.in_(keys))

    visits: Any = queue_visits
    visit_end: Any = v.left_at
    if call_ends:
        visits = queue_visits.outerjoin(calls, and_(c.pbx == v.pbx, c.call_id == v.call_id))
        visit_end = func.coalesce(c.ended_at, v.left_at, type_=c.ended_at.type)
    of_queues = (
        select(
            v.caller_key,
            v.pbx,
            v.call_id,
            literal(Direction.IN.value).label("direction"),
            v.queue,
            v.entered_at,
            v.left_at,
            visit_end.label("call_ended_at"),
            v.outcome,
            v.agent,
        )
        .select_from(visits)
        .where(v.entered_at >= since, v.entered_at < until, wanted(v.caller_key))
    )
    # For all callers, the calls' index by their start is of use; for few, the one by caller key.
    begun = () if keys is not None else (c.started_at >= since - _LONGEST_CALL, c.started_at < until)
    without = (
        select(
            c.caller_key,
            t.pbx,
            t.call_id,
            c.direction,
            t.queue,
            t.answered_at,
            t.answered_at,
            c.ended_at if call_ends else t.answered_at,
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
            *begun,
        )
    )
    return union_all(of_queues, without)


def in_order(contacts: CompoundSelect[Any]) -> Select[Any]:
    """Return a SELECT of contacts by caller, and for each caller in the order of time.

    Two contacts that start at one instant are in the order of their queues.
    """
    both = contacts.subquery()
    return select(both).order_by(both.c.caller_key, both.c.entered_at, both.c.queue)
