"""What the reports ask of agents: their talks, rings and states; and when nothing was observed."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Select, Table, and_, case, func, literal, literal_column, or_, select

from cc_bridge.records import AWAY, AgentState
from cc_bridge.reports import facts
from cc_bridge.reports.ask import By
from cc_bridge.storage.columns import hidden
from cc_bridge.storage.reports.counting import Counting, Expression
from cc_bridge.storage.reports.instants import DAY, HOUR
from cc_bridge.storage.schema import agent_intervals, gaps, rings, talks
from cc_bridge.storage.settled import QUARTER, agent_facts, agent_presence, queue_talks
from cc_bridge.storage.views.agent_day import OVER_MIDNIGHT
from cc_bridge.storage.views.words import in_words

__all__ = ["Agents"]

_Span = tuple[float, float]
_EPOCH = date(1970, 1, 1).toordinal()


class Agents(Counting):
    """The part of a Source that is about agents."""

    def talks(self, by: By) -> Iterator[facts.Talks]:
        """Yield talks; the wrap-up is a setting of the queue, so it is added to what a queue's talks took."""
        found: dict[Any, list[Any]] = {}
        for key, queue, partial, n, *sums in self._rows(lambda *row: row, *self._talks(by)):
            its = found.setdefault(key, [0, 0, 0.0, 0.0, 0.0, 0.0])
            its[0] += n
            if partial:
                continue
            talk, hold, squares = sums
            wrap_up = self._ask.of(queue).wrap_up
            handled = squares + 2 * wrap_up * talk + n * wrap_up * wrap_up  # squares of talk + wrap_up
            for place, value in enumerate((n, talk, hold, n * wrap_up, handled), 1):
                its[place] += value
        yield from (facts.Talks(key, *its) for key, its in found.items())

    def _talks(self, by: By) -> Iterator[Select[Any]]:
        """Yield what counts talks by key and queue; by queue and part of the span, days are settled."""
        ask, t, q = self._ask, talks.c, queue_talks.c
        whole = [(ask.since, ask.until)]
        parts = {By.QUEUE: whole, By.PART: [(ask.since, ask.change), (ask.change, ask.until)]}
        for number, (since, until) in enumerate(parts.get(by, whole)):
            settled, live = None, [(since, until)]
            if by in parts and not ask.agent:
                settled, live = self._spans(since, until)
            for span in live:
                where = [*self._span(talks, t.answered_at, *span), t.queue != ""]
                key = self._key(by, talks, t.answered_at)
                yield _talked(where, key, t.queue, t.partial, literal(1), t.talk_seconds, t.hold_seconds,
                              t.talk_seconds * t.talk_seconds)  # fmt: skip
            if settled:
                where = self._settled(queue_talks, settled)
                if ask.queues:
                    where.append(q.queue.in_(ask.queues))
                key = q.queue if by is By.QUEUE else literal(number)
                yield _talked(where, key, q.queue, q.partial, q.n, q.talk_seconds, q.hold_seconds, q.squares)

    def transfers(self, by: By) -> Iterator[facts.Transfers]:
        c = talks.c
        inner = (
            select(self._key(by, talks, c.answered_at).label("key"), c.transfer)
            .where(*self._span(talks, c.answered_at), c.queue != "", c.transfer.is_not(None))
            .subquery()
        )
        keys = (inner.c.key, inner.c.transfer)
        yield from self._rows(facts.Transfers, select(*keys, func.count()).group_by(*keys))

    def deeds(self, states: Collection[AgentState]) -> Iterator[facts.Deed]:
        settled, live = self._days()
        statements = [each for span in live for each in self._live_deeds(states, *span)]
        if settled:
            c = agent_facts.c
            wanted = or_(c.fact == "ring", c.word == "queue", c.word.in_(states))
            where = [*self._settled(agent_facts, settled), *self._of_agent(agent_facts), wanted]
            keys = (c.agent, c.fact, c.word)
            sums = (func.sum(c.n), func.sum(c.amount), func.sum(c.hold_seconds))
            statements.append(select(*keys, *sums).where(*where).group_by(*keys))
        yield from self._rows(facts.Deed, *statements)

    def _live_deeds(
        self, states: Collection[AgentState], since: float, until: float
    ) -> Iterator[Select[Any]]:
        """Yield what asks for talks, rings and states that no settled day has."""
        t, r, i = talks.c, rings.c, agent_intervals.c
        kind = case((t.partial.is_(False), "talk"), else_="partial")
        within = self._span(talks, t.answered_at, since, until)
        yield _did(
            talks,
            [*within, t.queue != ""],
            hidden(t.agent),
            kind,
            literal("queue"),
            t.talk_seconds,
            t.hold_seconds,
        )
        nothing = literal(0.0)
        within = self._span(rings, r.started_at, since, until)
        yield _did(rings, within, hidden(r.agent), literal("ring"), r.outcome, nothing, nothing)
        _, _, seconds = self._cut(since, until)
        touching = [*self._touching(since, until), *self._of_agent(agent_intervals), i.state.in_(states)]
        yield _did(agent_intervals, touching, hidden(i.agent), literal("state"), i.state, seconds, nothing)

    def presence(self) -> Iterator[facts.Presence]:
        """Yield presence by hours; what is counted is in which part of the clock a state began and ended.

        Parts are hours, or shorter where local clocks differ from UTC by less. All states of the same two
        parts come as one row: a head up to the end of the first part, whole parts, and the rest in the last.
        """
        width = math.gcd(HOUR, *(each.seconds for each in self._ask.offsets))
        settled, live = self._days()
        parts: defaultdict[int, float] = defaultdict(float)
        steps: defaultdict[int, int] = defaultdict(int)  # how many more are there for the whole of a part
        if settled and width % QUARTER:
            settled, live = None, [(self._ask.since, self._ask.until)]
        if settled:
            c = agent_presence.c
            at = c.quarter * QUARTER
            kept = select(c.day, at, c.seconds).where(*self._settled(agent_presence, settled))
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
                yield facts.Presence(*self._ask.days.hour_of(part * width), held)

    def _live_presence(self, width: int, since: float, until: float) -> Select[Any]:
        begin, end, seconds = self._cut(since, until)
        inner = (
            select(
                self._instants.part(begin, width).label("first"),
                self._instants.part(end, width).label("last"),
                seconds.label("seconds"),
                self._instants.into(begin, width).label("late"),  # looked at where the two differ
            )
            .where(*self._touching(since, until), agent_intervals.c.state.not_in(AWAY))
            .subquery()
        )
        i = inner.c
        late = case((i.first != i.last, i.late), else_=0.0)
        counts = (i.first, i.last, func.count(), func.sum(i.seconds), func.sum(late))
        return select(*counts).group_by(i.first, i.last)

    def unobserved(self) -> float:
        c = gaps.c
        since, until = self._ask.since, self._ask.until
        where = (c.started_at < until, c.ended_at > since, *self._of_pbx(gaps))
        rows = self._connection.execute(select(c.started_at, c.ended_at).where(*where))
        return math.fsum(min(end, until) - max(begin, since) for begin, end in rows)

    def _days(self) -> tuple[_Span | None, list[_Span]]:
        """Return what is settled of the whole span, and what is not; days are, for all queues together."""
        since, until = self._ask.since, self._ask.until
        return (None, [(since, until)]) if self._ask.queues else self._spans(since, until)

    def _touching(self, since: float, until: float) -> tuple[Expression, ...]:
        """Return that a state was within a span, if only in part."""
        c = agent_intervals.c
        touching = (c.started_at < until, c.ended_at > since, *self._of_pbx(agent_intervals))
        if self._dialect != "postgresql":
            return touching
        # What began before that day lasted over a midnight. Both have an index, the end of a state has none.
        day = datetime.fromtimestamp(since, UTC).date()
        over = in_words(
            f"{OVER_MIDNIGHT.where} AND {OVER_MIDNIGHT.expression} >= DATE '{day}'", self._dialect
        )
        return (*touching, or_(c.started_at >= since // DAY * DAY, literal_column(over)))

    def _cut(self, since: float, until: float) -> tuple[Expression, Expression, Expression]:
        """Return begin, end and seconds of a state, cut at both ends of a span."""
        c = agent_intervals.c
        first, last = (literal(at, c.started_at.type) for at in (since, until))
        begin = case((c.started_at < first, first), else_=c.started_at)
        end = case((c.ended_at > last, last), else_=c.ended_at)
        # Nearly all lie inside, and have their seconds; an instant is only taken apart at the ends.
        inside = and_(c.started_at >= first, c.ended_at <= last)
        seconds = case((inside, c.seconds), else_=self._instants.exact(end) - self._instants.exact(begin))
        return begin, end, seconds


def _talked(
    where: Sequence[Expression], key: Expression, queue: Expression, partial: Expression, *sums: Expression
) -> Select[Any]:
    """Return the sums of talks of each key, queue, and whether they were seen in part."""
    named = [each.label(f"sum_{number}") for number, each in enumerate(sums)]
    inner = select(key.label("key"), queue.label("queue"), partial.label("partial"), *named).where(*where)
    i = inner.subquery().c
    keys = (i.key, i.queue, i.partial)
    return select(*keys, *(func.sum(i[each.name]) for each in named)).group_by(*keys)


def _did(
    source: Table[Any],
    where: Sequence[Expression],
    agent: Expression,
    fact: Expression,
    word: Expression,
    *sums: Expression,
) -> Select[Any]:
    """Return how many rows there are of each agent, fact and word, and the sums of them."""
    named = (each.label(name) for name, each in zip(("amount", "hold"), sums, strict=True))
    inner = (
        select(agent.label("agent"), fact.label("fact"), word.label("word"), *named)
        .where(*where)
        .select_from(source)
        .subquery()
    )
    i = inner.c
    keys = (i.agent, i.fact, i.word)
    return select(*keys, func.count(), func.sum(i.amount), func.sum(i.hold)).group_by(*keys)
