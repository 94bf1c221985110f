"""Report queries about lost calls of known callers and their results: called back, called again, or neither.

The formulas are those of `customers/lost_calls.py`. The database applies them, because a year has several
hundred thousand lost calls.

A contact is a visit, or a talk without a queue. Each lost visit of the span is joined to two kinds of
contacts of the same caller. The other contacts of the same call show whether the call is lost, and whether
the visit is the last one of the call. The answered contacts of the next 24 hours show whether the caller was
reached.

This join takes seconds for a year. So PostgreSQL has the lost calls of past days in the roll-up `lost_calls`,
and only those of later days are joined.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
)

from cc_bridge.customers.lost_calls import LOST, RECALL_SECONDS, LostCallStatus
from cc_bridge.records import Direction, Outcome
from cc_bridge.reports.lost_call_callbacks import LostCallCount
from cc_bridge.storage.hash_joins import hash_joins
from cc_bridge.storage.reports.contacts import contacts_between
from cc_bridge.storage.reports.instants import DAY, LocalTime
from cc_bridge.storage.reports.span_queries import Span, SpanQueries
from cc_bridge.storage.rollups import tables as rollups
from cc_bridge.storage.rollups.refresh import refreshed_until
from cc_bridge.storage.schema.tables import queue_visits

__all__ = ["LostCallQueries", "lost_call_rows"]

_DAY = 86_400.0  # seconds; the longest call
_LATER_DAYS = rollups.LATER_DAYS[rollups.lost_calls]


class LostCallQueries(SpanQueries):
    """The report queries about lost calls of known callers."""

    def lost_calls(self, now: float, shared: Collection[str] = ()) -> Iterator[LostCallCount]:
        """Yield the number of lost calls by result, and the times until an agent called back.

        The calls are counted for each row of the report. `now` is in UTC seconds since the epoch. Calls of
        the caller keys in `shared`, which many people use, are left out.
        """
        keys: dict[Any, Any] = {}
        for lost in self._sources(now, shared):
            with hash_joins(self._connection):
                counts = self._connection.execute(self._counts(lost))
            for key, managed, is_decided, n, took in counts:
                if key not in keys:
                    keys[key] = self._ask.row(self._spellings.get(key, key))
                yield LostCallCount(
                    keys[key], LostCallStatus(managed), bool(is_decided), n, _seconds(took, n)
                )
        self._asked()

    def _sources(self, now: float, shared: Collection[str]) -> Iterator[Subquery]:
        """Yield subqueries that together have the lost calls of the report's span, one row for each."""
        since, until = self._ask.since, self._ask.until
        final = min(refreshed_until(self._connection), now) - _LATER_DAYS * DAY
        past_until = max(since, min(until, final))
        if since < past_until:
            yield self._past_rows((since, past_until), now, shared)
        if past_until < until:
            yield lost_call_rows((past_until, until), self._instants, now, shared)

    def _past_rows(self, span: Span, now: float, shared: Collection[str]) -> Subquery:
        """Return a subquery with the rows of the roll-up in a time span, and with the calls' results."""
        c, v = rollups.lost_calls.c, queue_visits.c
        first, last = (datetime.fromtimestamp(at, UTC).date() for at in span)
        where = [c.day.between(first, last), c.entered_at >= span[0], c.entered_at < span[1]]
        if shared:
            theirs = exists().where(
                v.caller_key.in_(sorted(shared)),
                v.entered_at >= span[0],
                v.pbx == c.pbx,
                v.call_id == c.call_id,
                v.queue == c.queue,
                v.left_at == c.lost_at,
            )
            where.append(~theirs)
        names = (c.pbx, c.queue, c.lost_at, c.entered_at, c.answered_at)
        return select(*names, *_results(c, c.recalled.is_(True), now)).where(*where).subquery("lost_calls")

    def _counts(self, lost: Subquery) -> Select[Any]:
        """Return the SELECT of the numbers of lost calls by row of the report and by result.

        The last column has the times until an agent called back, in microseconds. On PostgreSQL, it is a text
        with the time of each counted call. On other databases, the SELECT also groups by the time, so that
        all calls of a row have this time. The column is NULL for other results.
        """
        c = lost.c
        table: Any = lost
        wanted: list[ColumnElement[bool]] = [*self._of_pbx(table)]
        if self._ask.queues:
            wanted.append(c.queue.in_(self._ask.queues))
        recalled = and_(c.managed == LostCallStatus.RECALLED.value, c.decided == 1)
        took = self._instants.microseconds(c.answered_at) - self._instants.microseconds(c.lost_at)
        key = self._key(self._ask.counted_by, table, table.c.entered_at)
        rows = select(key.label("key"), c.managed, c.decided, case((recalled, took)).label("took"))
        i = rows.where(*wanted).subquery().c
        columns = (i.key, i.managed, i.decided)
        if self._dialect == "postgresql":
            return select(*columns, func.count(), func.string_agg(cast(i.took, Text), ",")).group_by(*columns)
        # MariaDB limits the length of such a text, by default to 1 MB.
        return select(*columns, func.count(), i.took).group_by(*columns, i.took)


def _seconds(took: str | int | None, n: int) -> tuple[float, ...]:
    """Return the seconds until an agent called back, for each of `n` calls; empty if `took` is None.

    `took` is the last column of `LostCallQueries._counts`.
    """
    if took is None:
        return ()
    if isinstance(took, str):
        return tuple(int(each) / 1e6 for each in took.split(","))
    return (took / 1e6,) * n


def _results(c: Any, is_recalled: ColumnElement[bool], now: float) -> tuple[ColumnElement[Any], ...]:
    """Return the columns `decided` (1 or 0) and `managed` of lost calls.

    `c` are the columns of the lost calls. `is_recalled` is the condition that an agent made the call that was
    answered at `c.answered_at`.
    """
    decided = case((c.lost_at <= literal(now - RECALL_SECONDS, queue_visits.c.left_at.type), 1), else_=0)
    managed = case(
        (
            not_(c.answered_at.is_(None)),
            case((is_recalled, LostCallStatus.RECALLED.value), else_=LostCallStatus.SELF_SERVED.value),
        ),
        (decided == 1, LostCallStatus.NOT_MANAGED.value),
        else_=LostCallStatus.OPEN.value,
    )
    return decided.label("decided"), managed.label("managed")


def lost_call_rows(span: Span, instants: LocalTime, now: float, shared: Collection[str] = ()) -> Subquery:
    """Return a subquery with one row for each lost call whose caller entered a queue in the time span.

    The columns are named after the attributes of LostCall. `decided` is 1 or 0. `now` is in UTC seconds since
    the epoch. Calls of withheld numbers and of the caller keys in `shared` are left out.
    """
    since, until = span
    read_until = min(now, until + 2 * RECALL_SECONDS)
    v = queue_visits.c
    columns = (v.caller_key, v.pbx, v.call_id, v.queue, v.entered_at, v.left_at, v.outcome)
    lost = select(*columns, instants.after(v.left_at, int(RECALL_SECONDS)).label("window_end")).where(
        v.entered_at >= since,
        v.entered_at < read_until,
        v.outcome.in_(sorted(LOST)),
        v.caller_key.not_in(["", *sorted(shared)]),
    )
    visit = instants.computed_once(lost).subquery("lost_visits").c
    contact = contacts_between(since - _DAY, read_until).subquery("contacts").c
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
                started_at >= literal(since, at),
                started_at < literal(until, at),
            )
        )
        .subquery("whole_calls")
    )
    c = whole.c
    names = (c.caller_key, c.pbx, c.call_id, c.queue, c.outcome, c.lost_at, c.entered_at, c.answered_at)
    results = _results(c, c.called_back_at == c.answered_at, now)
    return select(*names, *results).subquery("lost_calls")
