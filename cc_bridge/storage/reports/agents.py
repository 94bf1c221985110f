"""Report queries about agents: their talks, rings and states."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, and_, func, literal, select

from cc_bridge.records import AgentState
from cc_bridge.reports import source
from cc_bridge.storage.reports.presence import PresenceQueries
from cc_bridge.storage.reports.span_queries import Expression, Span
from cc_bridge.storage.rollups.tables import agent_facts
from cc_bridge.storage.schema.column_types import without_index
from cc_bridge.storage.schema.tables import agent_intervals, rings, talks

__all__ = ["AgentQueries"]

Columns = Mapping[str, Expression]


class AgentQueries(PresenceQueries):
    """The report queries about agents' talks, rings and states; SqlSource inherits from this class."""

    def agent_activities(self, states: Collection[AgentState]) -> Iterator[source.AgentActivity]:
        """Yield, for each agent, the talks, the rings by outcome, and the time in each of the given states.

        The whole time span of the report is counted. Talks without a queue, and talks observed only in part,
        are left out.
        """
        rolled_up, live = self._days()
        statements = [each for span in live for each in self._live_activities(states, *span)]
        if rolled_up:
            statements += self._rolled_up_activities(states, rolled_up)
        yield from self._named_rows(source.AgentActivity, *statements)

    def _rolled_up_activities(self, states: Collection[AgentState], days: Span) -> Iterator[Select[Any]]:
        """Yield SELECTs that read agents' talks, rings and states of past days from the roll-up tables.

        `days` is the part of the report's time span that is rolled up.
        """
        c = agent_facts.c
        n, amount, word = func.sum(c.n), func.sum(c.amount), c.word
        talk = {"talks": n, "talk_seconds": amount, "hold_seconds": func.sum(c.hold_seconds)}
        parts: tuple[tuple[Expression, Columns, Columns], ...] = (
            (and_(c.fact == "talk", word == "queue"), {}, talk),
            (c.fact == "ring", {"ring_outcome": word}, {"rings": n}),
            (and_(c.fact == "state", word.in_(states)), {"state": word}, {"state_seconds": amount}),
        )
        for fact, keys, sums in parts:
            where = [*self._rolled_up(agent_facts, days), *self._of_agent(agent_facts), fact]
            named = (each.label(name) for name, each in {**keys, **sums}.items())
            yield select(c.agent, *named).where(*where).group_by(c.agent, *keys.values())

    def _live_activities(
        self, states: Collection[AgentState], since: float, until: float
    ) -> Iterator[Select[Any]]:
        """Yield SELECTs that count agents' talks, rings and states in a span that is not rolled up."""
        t, r, i = talks.c, rings.c, agent_intervals.c
        within = [*self._span(talks, t.answered_at, since, until), t.queue != "", t.partial.is_(False)]
        spent = {"talk_seconds": t.talk_seconds, "hold_seconds": t.hold_seconds}
        yield _did(within, {"agent": without_index(t.agent)}, {"talks": literal(1), **spent})
        if self._ask.queues:
            anywhere = [t.answered_at >= since, t.answered_at < until, *self._of(talks)]
            anywhere += [t.queue != "", t.partial.is_(False)]
            yield _did(anywhere, {"agent": without_index(t.agent)}, {"all_talk_seconds": t.talk_seconds})
        within = self._span(rings, r.started_at, since, until)
        yield _did(
            within, {"agent": without_index(r.agent), "ring_outcome": r.outcome}, {"rings": literal(1)}
        )
        _, _, seconds = self._cut(since, until)
        touching = [*self._touching(since, until), *self._of_agent(agent_intervals), i.state.in_(states)]
        yield _did(touching, {"agent": without_index(i.agent), "state": i.state}, {"state_seconds": seconds})


def _did(where: Sequence[Expression], keys: Columns, sums: Columns) -> Select[Any]:
    """Return a SELECT that groups rows by `keys` and adds up the columns in `sums`.

    `keys` and `sums` map the name of a result column to its SQL expression.
    """
    named = (each.label(name) for name, each in {**keys, **sums}.items())
    i = select(*named).where(*where).subquery().c
    return select(*(i[key] for key in keys), *(func.sum(i[name]).label(name) for name in sums)).group_by(
        *(i[key] for key in keys)
    )
