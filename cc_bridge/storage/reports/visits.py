"""Report queries about visits and calls."""

from collections.abc import Iterator
from operator import attrgetter

from sqlalchemy import case, func, literal_column, select

from cc_bridge.reports import source
from cc_bridge.reports.query import Dimension
from cc_bridge.storage.reports.span_queries import Expression, SpanQueries
from cc_bridge.storage.schema.tables import calls, queue_visits

__all__ = ["VisitQueries"]


class VisitQueries(SpanQueries):
    """The report queries about visits and calls; SqlSource inherits from this class."""

    def visits(self, by: Dimension, *, by_second: bool = True) -> Iterator[source.VisitSums]:
        """Yield the number of visits and the sums of their waits.

        Visits are grouped by the value of the dimension `by`, by outcome, by wait in whole seconds, and by
        `partial`: whether the PBX's clock was set during the wait. Without `by_second`, they are not grouped
        by wait, which gives far fewer groups; `second` is then 0.
        """
        c = queue_visits.c
        wait = c.wait_seconds
        inner = (
            select(
                self._key(by, queue_visits, c.entered_at).label("key"),
                c.outcome,
                (self._instants.up(wait) if by_second else literal_column("0")).label("second"),
                wait.label("wait"),
                case((self.in_time(), 1)).label("within"),
                case((self.is_short(), 1)).label("short"),
                case((c.ringing, 1)).label("ringing"),
                c.partial,
            )
            .where(*self._span(queue_visits, c.entered_at))
            .subquery()
        )
        i = inner.c
        keys = (i.key, i.outcome, i.second)
        sums = (
            func.count(),
            func.sum(i.wait),
            func.sum(i.wait * i.wait),
            func.max(i.wait),
            func.count(i.within),
            func.count(i.short),
            func.count(i.ringing),
        )
        found = select(*keys, *sums, i.partial).group_by(*keys, i.partial)
        yield from self._rows(source.VisitSums, found)

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
