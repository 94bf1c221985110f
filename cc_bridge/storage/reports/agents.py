"""What the reports ask of agents: their talks, rings and states; and when nothing was observed."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator
from operator import attrgetter

from sqlalchemy import and_, case, func, literal, select

from cc_bridge.records import AgentState
from cc_bridge.reports import facts
from cc_bridge.reports.ask import By
from cc_bridge.storage.columns import hidden
from cc_bridge.storage.reports.counting import Counting, Expression
from cc_bridge.storage.reports.instants import HOUR
from cc_bridge.storage.schema import agent_intervals, gaps, rings, talks

__all__ = ["Agents"]

_AWAY = (AgentState.LOGGED_OUT, AgentState.UNREACHABLE)


class Agents(Counting):
    """The part of a Source that is about agents."""

    def talks(self, by: By) -> Iterator[facts.Talks]:
        c = talks.c
        handle = c.talk_seconds + self._setting(c.queue, attrgetter("wrap_up"))
        whole = c.partial.is_(False)
        inner = (
            select(
                self._key(by, talks, c.answered_at).label("key"),
                case((whole, 1), else_=0).label("whole"),
                case((whole, c.talk_seconds), else_=0.0).label("talk"),
                case((whole, c.hold_seconds), else_=0.0).label("hold"),
                case((whole, handle), else_=0.0).label("handle"),
            )
            .where(*self._span(talks, c.answered_at), c.queue != "")
            .subquery()
        )
        i = inner.c
        statement = select(
            i.key,
            func.count(),
            func.sum(i.whole),
            func.sum(i.talk),
            func.sum(i.hold),
            func.sum(i.handle - i.talk),
            func.sum(i.handle * i.handle),
        ).group_by(i.key)
        yield from self._rows(facts.Talks, statement)

    def transfers(self, by: By) -> Iterator[facts.Transfers]:
        c = talks.c
        inner = (
            select(self._key(by, talks, c.answered_at).label("key"), c.transfer)
            .where(*self._span(talks, c.answered_at), c.queue != "", c.transfer.is_not(None))
            .subquery()
        )
        keys = (inner.c.key, inner.c.transfer)
        yield from self._rows(facts.Transfers, select(*keys, func.count()).group_by(*keys))

    def rings(self) -> Iterator[facts.Rings]:
        c = rings.c
        inner = (
            select(hidden(c.agent).label("agent"), c.outcome)
            .where(*self._span(rings, c.started_at))
            .subquery()
        )
        keys = (inner.c.agent, inner.c.outcome)
        yield from self._rows(facts.Rings, select(*keys, func.count()).group_by(*keys))

    def states(self, of: Collection[AgentState]) -> Iterator[facts.States]:
        c = agent_intervals.c
        _, _, seconds = self._cut()
        inner = (
            select(hidden(c.agent).label("agent"), c.state, seconds.label("seconds"))
            .where(*self._touching(), *self._of_agent(agent_intervals), c.state.in_(of))
            .subquery()
        )
        keys = (inner.c.agent, inner.c.state)
        yield from self._rows(facts.States, select(*keys, func.sum(inner.c.seconds)).group_by(*keys))

    def presence(self) -> Iterator[facts.Presence]:
        """Yield presence by hours; what is counted is in which part of the clock a state began and ended.

        Parts are hours, or shorter where local clocks differ from UTC by less. All states of the same two
        parts come as one row: a head up to the end of the first part, whole parts, and the rest in the last.
        """
        c = agent_intervals.c
        width = math.gcd(HOUR, *(each.seconds for each in self._ask.offsets))
        begin, end, seconds = self._cut()
        inner = (
            select(
                self._instants.part(begin, width).label("first"),
                self._instants.part(end, width).label("last"),
                seconds.label("seconds"),
                self._instants.into(begin, width).label("late"),  # looked at where the two differ
            )
            .where(*self._touching(), c.state.not_in(_AWAY))
            .subquery()
        )
        i = inner.c
        late = case((i.first != i.last, i.late), else_=0.0)
        counts = (i.first, i.last, func.count(), func.sum(i.seconds), func.sum(late))
        statement = select(*counts).group_by(i.first, i.last)
        parts: defaultdict[int, float] = defaultdict(float)
        steps: defaultdict[int, int] = defaultdict(int)  # how many more are there for the whole of a part
        for *ends, n, total, lateness in self._rows(lambda *each: each, statement):
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
                yield facts.Presence(*self._ask.days.hour_of(part * width), held)

    def unobserved(self) -> float:
        c = gaps.c
        since, until = self._ask.since, self._ask.until
        where = (c.started_at < until, c.ended_at > since, *self._of_pbx(gaps))
        rows = self._connection.execute(select(c.started_at, c.ended_at).where(*where))
        return math.fsum(min(end, until) - max(begin, since) for begin, end in rows)

    def _touching(self) -> tuple[Expression, ...]:
        """Return that a state was within the span, if only in part."""
        c = agent_intervals.c
        return (c.started_at < self._ask.until, c.ended_at > self._ask.since, *self._of_pbx(agent_intervals))

    def _cut(self) -> tuple[Expression, Expression, Expression]:
        """Return begin, end and seconds of a state, cut at both ends of the span."""
        c = agent_intervals.c
        since, until = (literal(at, c.started_at.type) for at in (self._ask.since, self._ask.until))
        begin = case((c.started_at < since, since), else_=c.started_at)
        end = case((c.ended_at > until, until), else_=c.ended_at)
        # Nearly all lie inside, and have their seconds; an instant is only taken apart at the ends.
        inside = and_(c.started_at >= since, c.ended_at <= until)
        seconds = case((inside, c.seconds), else_=self._instants.exact(end) - self._instants.exact(begin))
        return begin, end, seconds
