"""Report queries about talks in queues."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, func, literal, select

from cc_bridge.reports import source
from cc_bridge.reports.query import Dimension
from cc_bridge.storage.reports.span_queries import Expression, SpanQueries
from cc_bridge.storage.rollups.tables import queue_talks
from cc_bridge.storage.schema.tables import talks

__all__ = ["TalkQueries"]


class TalkQueries(SpanQueries):
    """The report queries about talks in queues; SqlSource inherits from this class."""

    def talks(self, by: Dimension) -> Iterator[source.TalkSums]:
        """Yield the number of talks and the sums of their times, for each value of the dimension `by`.

        The wrap-up time is not stored but configured for each queue, so it is added here.
        """
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
        yield from (source.TalkSums(key, *its) for key, its in found.items())

    def _talks(self, by: Dimension) -> Iterator[Select[Any]]:
        """Yield SELECTs that count talks by queue and by the value of the dimension `by`.

        Past days are read from the roll-up tables if `by` is QUEUE or PART and the report is not limited to
        one agent. PART divides the report's time span in two: before and after the instant `change` of the
        report's query.
        """
        ask, t, q = self._ask, talks.c, queue_talks.c
        whole = [(ask.since, ask.until)]
        parts = {Dimension.QUEUE: whole, Dimension.PART: [(ask.since, ask.change), (ask.change, ask.until)]}
        for number, (since, until) in enumerate(parts.get(by, whole)):
            rolled_up, live = None, [(since, until)]
            if by in parts and not ask.agent:
                rolled_up, live = self._spans(since, until)
            for span in live:
                where = [*self._span(talks, t.answered_at, *span), t.queue != ""]
                key = self._key(by, talks, t.answered_at)
                yield _talked(where, key, t.queue, t.partial, literal(1), t.talk_seconds, t.hold_seconds,
                              t.talk_seconds * t.talk_seconds)  # fmt: skip
            if rolled_up:
                where = self._rolled_up(queue_talks, rolled_up)
                if ask.queues:
                    where.append(q.queue.in_(ask.queues))
                key = q.queue if by is Dimension.QUEUE else literal(number)
                yield _talked(where, key, q.queue, q.partial, q.n, q.talk_seconds, q.hold_seconds, q.squares)

    def transfers(self, by: Dimension) -> Iterator[source.TransferCount]:
        """Yield the number of talks that ended with a transfer, by kind of transfer.

        The talks are counted for each value of the dimension `by`.
        """
        c = talks.c
        inner = (
            select(self._key(by, talks, c.answered_at).label("key"), c.transfer)
            .where(*self._span(talks, c.answered_at), c.queue != "", c.transfer.is_not(None))
            .subquery()
        )
        keys = (inner.c.key, inner.c.transfer)
        yield from self._rows(source.TransferCount, select(*keys, func.count()).group_by(*keys))


def _talked(
    where: Sequence[Expression], key: Expression, queue: Expression, partial: Expression, *sums: Expression
) -> Select[Any]:
    """Return a SELECT that adds up the columns `sums` of the talks that match the conditions `where`.

    Talks are grouped by `key`, by `queue`, and by `partial`: whether the talk was observed only in part.
    """
    named = [each.label(f"sum_{number}") for number, each in enumerate(sums)]
    inner = select(key.label("key"), queue.label("queue"), partial.label("partial"), *named).where(*where)
    i = inner.subquery().c
    keys = (i.key, i.queue, i.partial)
    return select(*keys, *(func.sum(i[each.name]) for each in named)).group_by(*keys)
