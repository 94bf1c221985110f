"""Report queries for the time that agents were present and for the time that the PBX was not observed.

An agent's state may start before the report's time span and end after it. Only its time within the span
counts.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Select, and_, case, func, literal, literal_column, or_, select

from cc_bridge.records import AWAY
from cc_bridge.reports import source
from cc_bridge.storage.reports.instants import DAY, HOUR
from cc_bridge.storage.reports.span_queries import Expression, Span, SpanQueries
from cc_bridge.storage.rollups.tables import QUARTER, agent_presence
from cc_bridge.storage.schema.tables import agent_intervals, gaps, observation_watermarks, queue_visits
from cc_bridge.storage.views.agent_day import OVER_MIDNIGHT
from cc_bridge.storage.views.dialects import in_dialect

__all__ = ["PresenceQueries"]

_EPOCH = date(1970, 1, 1).toordinal()


class PresenceQueries(SpanQueries):
    """The report queries about agents' presence and unobserved time; SqlSource inherits from this class."""

    def presence(self) -> Iterator[source.PresenceSum]:
        """Yield the time that agents were present, by local weekday and hour.

        Time is divided into slots of an hour, or of less if the offset from UTC is not a whole number of
        hours. The database groups the agents' states by their first and last slot. For each group it returns
        the number of states, the sum of their lengths, and the sum of the times from the start of the first
        slot to the start of each state. This is enough to compute the time in each slot: a state fills a part
        of its first slot, a part of its last slot, and all slots between them.
        """
        width = math.gcd(HOUR, *(each.seconds for each in self._ask.offsets))
        rolled_up, live = self._days()
        parts: defaultdict[int, float] = defaultdict(float)
        steps: defaultdict[int, int] = defaultdict(
            int
        )  # change in the number of agents present for a whole slot
        if rolled_up and width % QUARTER:
            rolled_up, live = None, [(self._ask.since, self._ask.until)]
        if rolled_up:
            c = agent_presence.c
            at = c.quarter * QUARTER
            kept = select(c.day, at, c.seconds).where(*self._rolled_up(agent_presence, rolled_up))
            for day, second, seconds in self._connection.execute(kept):
                parts[(day.toordinal() - _EPOCH) * DAY // width + second // width] += seconds
        statements = (self._live_presence(width, *span) for span in live)
        for *ends, n, total, lateness in self._rows(lambda *each: each, *statements):
            first, last = (round(end) // width for end in ends)
            if first == last:
                parts[first] += total
                continue
            head = n * width - lateness
            parts[first] += head
            parts[last] += total - head - n * width * (last - first - 1)
            steps[first + 1] += n
            steps[last] -= n
        there = 0
        for part in range(min(parts, default=0), max(parts, default=-1) + 1):
            there += steps[part]
            if held := parts[part] + there * width:
                yield source.PresenceSum(*self._ask.days.hour_of(part * width), held)

    def _live_presence(self, width: int, since: float, until: float) -> Select[Any]:
        begin, end, seconds = self._cut(since, until)
        inner = (
            select(
                self._instants.part(begin, width).label("first"),
                self._instants.part(end, width).label("last"),
                seconds.label("seconds"),
                self._instants.into(begin, width).label("late"),  # used only where first and last differ
            )
            .where(*self._touching(since, until), agent_intervals.c.state.not_in(AWAY))
            .subquery()
        )
        i = inner.c
        late = case((i.first != i.last, i.late), else_=0.0)
        counts = (i.first, i.last, func.count(), func.sum(i.seconds), func.sum(late))
        return select(*counts).group_by(i.first, i.last)

    def unobserved(self) -> float:
        """Return the seconds of the report's time span in which the PBX was not observed."""
        c = gaps.c
        since, until = self._ask.since, self._ask.until
        where = (c.started_at < until, c.ended_at > since, *self._of_pbx(gaps))
        rows = self._connection.execute(select(c.started_at, c.ended_at).where(*where))
        return math.fsum(min(end, until) - max(begin, since) for begin, end in rows)

    def first_record(self) -> float | None:
        """Return the start of the observation, see `observed`; None for an empty database."""
        return self._first_and_last()[0] or None

    def observed(self) -> Iterator[Span]:
        """Yield the parts of the report's time span in which the PBX was observed, in order of time.

        The observation starts with the first stored visit or agent's state. It ends with the last of them, or
        with the watermark if that is later. The watermark is the instant until which the daemon has observed.
        Gaps are left out. If the report is about several PBXs, the gaps of each of them are left out.
        """
        first, last = self._first_and_last()
        at, until = max(self._ask.since, first), min(self._ask.until, last)
        c = gaps.c
        where = (c.started_at < until, c.ended_at > at, *self._of_pbx(gaps))
        found = self._rows(
            lambda *ends: ends, select(c.started_at, c.ended_at).where(*where).order_by(c.started_at)
        )
        for begin, end in found:
            if at < begin:
                yield at, begin
            at = max(at, end)
        if at < until:
            yield at, until

    def _first_and_last(self) -> Span:
        """Return the start and the end of the observation, see `observed`; (0, 0) for an empty database."""
        q, i, w = queue_visits.c, agent_intervals.c, observation_watermarks.c
        columns = ((queue_visits, q.entered_at, q.left_at), (agent_intervals, i.started_at, i.ended_at))
        ends: list[Span] = []
        for table, start, end in columns:
            # The order by an index finds the first and the last row without reading the others.
            rows = select(start, end).where(*self._of_pbx(table)).limit(1)
            oldest = self._connection.execute(rows.order_by(start)).first()
            newest = self._connection.execute(rows.order_by(start.desc())).first()
            if oldest and newest:
                ends.append((oldest[0], newest[1]))
        mark = self._connection.scalar(
            select(func.max(w.observed_until)).where(*self._of_pbx(observation_watermarks))
        )
        if not ends:
            return 0.0, 0.0
        return min(first for first, _ in ends), max(mark or 0.0, *(last for _, last in ends))

    def _days(self) -> tuple[Span | None, list[Span]]:
        """Return the part of the report's time span that is rolled up (None if none is), and the other parts.

        The roll-ups of agents' states do not say for which queue an agent was present. So if the report is
        limited to certain queues, no part counts as rolled up.
        """
        since, until = self._ask.since, self._ask.until
        return (None, [(since, until)]) if self._ask.queues else self._spans(since, until)

    def _touching(self, since: float, until: float) -> tuple[Expression, ...]:
        """Return the SQL conditions for agents' states that overlap a time span."""
        c = agent_intervals.c
        touching = (c.started_at < until, c.ended_at > since, *self._of_pbx(agent_intervals))
        if self._dialect != "postgresql":
            return touching
        # A state that started before that day lasted over a midnight. PostgreSQL has an index for the start
        # and one for states over midnight, but none for the end of all states.
        day = datetime.fromtimestamp(since, UTC).date()
        over = in_dialect(
            f"{OVER_MIDNIGHT.where} AND {OVER_MIDNIGHT.expression} >= DATE '{day}'", self._dialect
        )
        return (*touching, or_(c.started_at >= since // DAY * DAY, literal_column(over)))

    def _cut(self, since: float, until: float) -> tuple[Expression, Expression, Expression]:
        """Return SQL expressions for the part of an agent's state that lies within a time span.

        The three expressions are the start, the end, and the duration in seconds of this part.
        """
        c = agent_intervals.c
        first, last = (literal(at, c.started_at.type) for at in (since, until))
        begin = case((c.started_at < first, first), else_=c.started_at)
        end = case((c.ended_at > last, last), else_=c.ended_at)
        # Nearly all states are inside the span and have their seconds stored. The seconds are computed only
        # for states that are clipped.
        inside = and_(c.started_at >= first, c.ended_at <= last)
        seconds = case((inside, c.seconds), else_=self._instants.exact(end) - self._instants.exact(begin))
        return begin, end, seconds
