"""Report queries about visits and calls."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from sqlalchemy import Select, case, func, literal, select

from cc_bridge.reports import source
from cc_bridge.reports.query import Dimension
from cc_bridge.storage.reports.span_queries import Expression, Span, SpanQueries
from cc_bridge.storage.rollups.tables import queue_waits
from cc_bridge.storage.schema.tables import calls, queue_visits

__all__ = ["VisitQueries"]

_ROLLED_UP = {Dimension.QUEUE, Dimension.PART, Dimension.WAIT_BAND}


class VisitQueries(SpanQueries):
    """The report queries about visits and calls; SqlSource inherits from this class."""

    def visits(self, by: Dimension) -> Iterator[source.VisitSums]:
        """Yield the number of visits and the sums of their waits.

        Visits are grouped by the value of the dimension `by`, by outcome, and by `partial`: whether the PBX's
        clock was set during the wait.
        """
        statements = (
            self._rolled_up_visits(self._rolled_up_key(by, part), days)
            if part is not None
            else self._live_visits(by, days)
            for part, days in self._parts_of_visits(by)
        )
        yield from self._rows(source.VisitSums, *statements)

    def waits(self, by: Dimension) -> Iterator[source.WaitCount]:
        """Yield the number of visits by the value of the dimension `by` and by wait in whole seconds.

        Waits are rounded up. Partial visits are left out.
        """
        statements = (
            self._rolled_up_waits(self._rolled_up_key(by, part), days)
            if part is not None
            else self._live_waits(by, days)
            for part, days in self._parts_of_visits(by)
        )
        yield from self._rows(source.WaitCount, *statements)

    def _parts_of_visits(self, by: Dimension) -> Iterator[tuple[int | None, Span]]:
        """Yield the parts of the report's time span, and for each part a number or None.

        None means that the part must be counted from the visits themselves. Any other part is read from the
        roll-up tables. For the dimension PART, its number is 0 before the instant `change` of the report's
        query, and 1 after it. For another dimension, the number is 0.

        Roll-up tables are used only if they have the dimension `by`, if the query names no agent, and if
        `_whole_seconds` is true.
        """
        ask = self._ask
        spans = [(ask.since, ask.change), (ask.change, ask.until)]
        if by is not Dimension.PART:
            spans = [(ask.since, ask.until)]
        for number, span in enumerate(spans):
            rolled_up, live = None, [span]
            if by in _ROLLED_UP and not ask.agent and self._whole_seconds():
                rolled_up, live = self._spans(*span)
            yield from ((None, each) for each in live)
            if rolled_up:
                yield number, rolled_up

    def _whole_seconds(self) -> bool:
        """Return whether the thresholds and limits of short abandons of all queues are whole seconds.

        The roll-ups have waits in whole seconds, which can be compared only with such settings.
        """
        settings = (self._ask.others, *self._ask.settings.values())
        limits = (limit for each in settings for limit in (each.threshold, each.short_abandon))
        return all(float(limit).is_integer() for limit in limits)

    def _rolled_up_key(self, by: Dimension, part: int) -> Expression:
        match by:
            case Dimension.QUEUE:
                return queue_waits.c.queue
            case Dimension.WAIT_BAND:
                return self._band(queue_waits.c.second)
            case _:
                return literal(part)

    def _live_visits(self, by: Dimension, span: Span) -> Select[Any]:
        c = queue_visits.c
        wait = c.wait_seconds
        inner = (
            select(
                self._key(by, queue_visits, c.entered_at).label("key"),
                c.outcome,
                wait.label("wait"),
                case((self.in_time(), 1)).label("within"),
                case((self.is_short(), 1)).label("short"),
                case((c.ringing, 1)).label("ringing"),
                c.partial,
            )
            .where(*self._span(queue_visits, c.entered_at, *span))
            .subquery()
        )
        i = inner.c
        sums = (
            func.count(),
            func.sum(i.wait),
            func.sum(i.wait * i.wait),
            func.max(i.wait),
            func.count(i.within),
            func.count(i.short),
            func.count(i.ringing),
        )
        return select(i.key, i.outcome, *sums, i.partial).group_by(i.key, i.outcome, i.partial)

    def _rolled_up_visits(self, key: Expression, days: Span) -> Select[Any]:
        """Return the SELECT of `_live_visits` from the roll-up tables; `days` are whole days of UTC."""
        w = queue_waits.c
        threshold = self._setting(w.queue, attrgetter("threshold"))
        short_abandon = self._setting(w.queue, attrgetter("short_abandon"))
        # A wait that rounds up to the limit itself is short unless it is exactly as long.
        short = case((w.second < short_abandon, w.n), (w.second == short_abandon, w.below), else_=0)
        inner = (
            select(
                key.label("key"),
                w.outcome,
                w.n,
                w.wait_seconds,
                w.squares,
                w.longest,
                case((w.second <= threshold, w.n), else_=0).label("within"),
                short.label("short"),
                w.ringing,
                w.partial,
            )
            .where(*self._of_days(days))
            .subquery()
        )
        i = inner.c
        sums = (
            func.sum(i.n),
            func.sum(i.wait_seconds),
            func.sum(i.squares),
            func.max(i.longest),
            func.sum(i.within),
            func.sum(i.short),
            func.sum(i.ringing),
        )
        return select(i.key, i.outcome, *sums, i.partial).group_by(i.key, i.outcome, i.partial)

    def _live_waits(self, by: Dimension, span: Span) -> Select[Any]:
        c = queue_visits.c
        key = self._key(by, queue_visits, c.entered_at).label("key")
        where = (*self._span(queue_visits, c.entered_at, *span), c.partial.is_(False))
        i = select(key, self._instants.up(c.wait_seconds).label("second")).where(*where).subquery().c
        return select(i.key, i.second, func.count()).group_by(i.key, i.second)

    def _rolled_up_waits(self, key: Expression, days: Span) -> Select[Any]:
        """Return the SELECT of `_live_waits` from the roll-up tables; `days` are whole days of UTC."""
        w = queue_waits.c
        where = (*self._of_days(days), w.partial.is_(False))
        i = select(key.label("key"), w.second, w.n).where(*where).subquery().c
        return select(i.key, i.second, func.sum(i.n)).group_by(i.key, i.second)

    def _of_days(self, days: Span) -> list[Expression]:
        where = self._rolled_up(queue_waits, days)
        if self._ask.queues:
            where.append(queue_waits.c.queue.in_(self._ask.queues))
        return where

    def visited_hours(self) -> Iterator[tuple[str, int, int, str, int]]:
        """Yield the number of visits by queue, local weekday, local hour and outcome.

        Each item is (queue, weekday, hour, outcome, number of visits); weekday 0 is Monday. Partial visits
        are left out.
        """
        c = queue_visits.c
        inner = (
            select(
                c.queue,
                self._instants.hour_of_week(c.entered_at).label("hour"),
                c.outcome,
            )
            .where(*self._span(queue_visits, c.entered_at), c.partial.is_(False))
            .subquery()
        )
        keys = (inner.c.queue, inner.c.hour, inner.c.outcome)
        statement = select(*keys, func.count()).group_by(*keys)
        for queue, hour, outcome, n in self._rows(lambda *each: each, statement):
            yield queue, hour // 24, hour % 24, outcome, n

    def journeys(self, by: Dimension) -> Iterator[source.JourneyCount]:
        """Yield the number of calls by number of queues, number of talks, and whether the call was answered.

        The calls are counted for each value of the dimension `by`. Calls without a queue are left out.
        """
        c = calls.c
        inner = (
            select(self._key(by, calls, c.started_at).label("key"), c.queues, c.talks, c.answered)
            .where(*self._span(calls, c.started_at), c.queues > 0)
            .subquery()
        )
        i = inner.c
        keys = (i.key, i.queues, i.talks, i.answered)
        yield from self._rows(source.JourneyCount, select(*keys, func.count()).group_by(*keys))

    def in_time(self) -> Expression:
        """Return the SQL condition for visits with a wait of at most the queue's service level threshold."""
        c = queue_visits.c
        within: Expression = c.wait_seconds <= self._setting(c.queue, attrgetter("threshold"))
        return within

    def is_short(self) -> Expression:
        """Return the SQL condition for visits with a wait below the queue's limit for short abandons."""
        c = queue_visits.c
        short: Expression = c.wait_seconds < self._setting(c.queue, attrgetter("short_abandon"))
        return short
