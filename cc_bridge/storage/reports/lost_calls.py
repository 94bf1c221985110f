"""Report queries about lost calls of known callers and their results: called back, called again, or neither.

The formulas are those of `customers/lost_calls.py`. The database applies them here, because a year has some
hundred thousand lost calls.

The lost visits of the span are joined to the contacts of the same callers. Two kinds of contacts are of
interest for a lost visit. The other contacts of its call show whether the call is lost, and whether the visit
is the last one of the call. The answered contacts of the next 24 hours show whether the caller was reached.
"""

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Subquery, and_, case, func, literal, not_, or_, select

from cc_bridge.customers.lost_calls import LOST, RECALL_SECONDS, LostCallStatus
from cc_bridge.records import Direction, Outcome
from cc_bridge.reports.lost_call_callbacks import LostCallCount
from cc_bridge.reports.query import Group, ReportQuery
from cc_bridge.storage.reports.contacts import contacts_between
from cc_bridge.storage.reports.instants import LocalTime
from cc_bridge.storage.reports.span_queries import SpanQueries
from cc_bridge.storage.schema.tables import queue_visits

__all__ = ["LostCallQueries", "lost_call_rows"]

_DAY = 86_400.0  # seconds; the longest call


class LostCallQueries(SpanQueries):
    """The report queries about lost calls of known callers."""

    def lost_calls(self, now: float, shared: Collection[str] = ()) -> Iterator[LostCallCount]:
        """Yield the number of lost calls by result, and by the time until an agent called back.

        The calls are counted for each row of the report. `now` is in UTC seconds since the epoch. Calls of
        the caller keys in `shared`, which many people use, are left out.
        """
        lost: Any = lost_call_rows(self._ask, self._instants, now, shared)
        c = lost.c
        recalled = and_(c.managed == LostCallStatus.RECALLED.value, c.decided == 1)
        took = self._instants.microseconds(c.answered_at) - self._instants.microseconds(c.lost_at)
        i = (
            select(
                self._key(self._ask.counted_by, lost, c.entered_at).label("key"),
                c.managed,
                c.decided,
                case((recalled, took)).label("microseconds"),
            )
            .where(*self._span_of_lost(lost))
            .subquery()
            .c
        )
        columns = (i.key, i.managed, i.decided, i.microseconds)
        counts = select(*columns, func.count()).group_by(*columns)
        keys: dict[Group, Group] = {}
        # A year has some hundred thousand rows: nearly one for each call that was called back.
        for key, managed, is_decided, microseconds, n in self._connection.execute(counts):
            if key not in keys:
                keys[key] = self._ask.row(self._spellings.get(key, key))
            seconds = None if microseconds is None else microseconds / 1e6
            yield LostCallCount(keys[key], LostCallStatus(managed), bool(is_decided), seconds, n)
        self._asked()

    def _span_of_lost(self, lost: Any) -> list[Any]:
        wanted: list[Any] = [*self._of_pbx(lost)]
        if self._ask.queues:
            wanted.append(lost.c.queue.in_(self._ask.queues))
        return wanted


def lost_call_rows(
    ask: ReportQuery, instants: LocalTime, now: float, shared: Collection[str] = ()
) -> Subquery:
    """Return a subquery with one row for each lost call whose caller entered a queue in the span of `ask`.

    The columns are named after the attributes of LostCall. `decided` is 1 or 0. `now` is in UTC seconds since
    the epoch. Calls of withheld numbers and of the caller keys in `shared` are left out.
    """
    read_until = min(now, ask.until + 2 * RECALL_SECONDS)
    v = queue_visits.c
    columns = (v.caller_key, v.pbx, v.call_id, v.queue, v.entered_at, v.left_at, v.outcome)
    lost = select(*columns, instants.after(v.left_at, int(RECALL_SECONDS)).label("window_end")).where(
        v.entered_at >= ask.since,
        v.entered_at < read_until,
        v.outcome.in_(sorted(LOST)),
        v.caller_key.not_in(["", *sorted(shared)]),
    )
    visit = lost.subquery("lost_visits").c
    contact = contacts_between(ask.since - _DAY, read_until).subquery("contacts").c
    same_call = and_(contact.call_id == visit.call_id, contact.pbx == visit.pbx)
    answered = contact.outcome == Outcome.ANSWERED
    later = or_(
        contact.entered_at > visit.entered_at,
        and_(contact.entered_at == visit.entered_at, contact.queue > visit.queue),
    )
    reached = and_(answered, contact.left_at > visit.left_at, contact.left_at <= visit.window_end)
    called_back = and_(reached, contact.direction == Direction.OUT)
    at = queue_visits.c.left_at.type
    started_at = func.min(case((same_call, contact.entered_at)), type_=at)
    whole = (
        select(
            visit.caller_key,
            visit.pbx,
            visit.call_id,
            visit.queue,
            visit.outcome,
            visit.left_at.label("lost_at"),
            started_at.label("entered_at"),
            func.min(case((reached, contact.left_at)), type_=at).label("answered_at"),
            func.min(case((called_back, contact.left_at)), type_=at).label("called_back_at"),
        )
        .join_from(
            visit.pbx.table,
            contact.pbx.table,
            and_(contact.caller_key == visit.caller_key, or_(reached, same_call)),
        )
        .group_by(
            visit.caller_key,
            visit.pbx,
            visit.call_id,
            visit.queue,
            visit.entered_at,
            visit.left_at,
            visit.outcome,
        )
        .having(
            and_(
                func.max(case((and_(same_call, or_(answered, later)), 1), else_=0)) == 0,
                started_at >= literal(ask.since, at),
                started_at < literal(ask.until, at),
            )
        )
        .subquery("whole_calls")
    )
    c = whole.c
    decided = case((c.lost_at <= literal(now - RECALL_SECONDS, at), 1), else_=0)
    managed = case(
        (
            not_(c.answered_at.is_(None)),
            case(
                (c.called_back_at == c.answered_at, LostCallStatus.RECALLED.value),
                else_=LostCallStatus.SELF_SERVED.value,
            ),
        ),
        (decided == 1, LostCallStatus.NOT_MANAGED.value),
        else_=LostCallStatus.OPEN.value,
    )
    names = (c.caller_key, c.pbx, c.call_id, c.queue, c.outcome, c.lost_at, c.entered_at, c.answered_at)
    return select(*names, decided.label("decided"), managed.label("managed")).subquery("lost_calls")
