"""What the reports ask of agents: their talks, rings and states."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Select, Table, case, func, literal, or_, select

from cc_bridge.records import AgentState
from cc_bridge.reports import source
from cc_bridge.storage.reports.counting import Expression
from cc_bridge.storage.reports.presence import PresenceQueries
from cc_bridge.storage.rollups.tables import agent_facts
from cc_bridge.storage.schema.column_types import hidden
from cc_bridge.storage.schema.tables import agent_intervals, rings, talks

__all__ = ["AgentQueries"]


class AgentQueries(PresenceQueries):
    """The part of a Source that is about agents."""

    def deeds(self, states: Collection[AgentState]) -> Iterator[source.AgentActivity]:
        settled, live = self._days()
        statements = [each for span in live for each in self._live_deeds(states, *span)]
        if settled:
            c = agent_facts.c
            wanted = or_(c.fact == "ring", c.word == "queue", c.word.in_(states))
            where = [*self._settled(agent_facts, settled), *self._of_agent(agent_facts), wanted]
            keys = (c.agent, c.fact, c.word)
            sums = (func.sum(c.n), func.sum(c.amount), func.sum(c.hold_seconds))
            statements.append(select(*keys, *sums).where(*where).group_by(*keys))
        yield from self._rows(source.AgentActivity, *statements)

    def _live_deeds(
        self, states: Collection[AgentState], since: float, until: float
    ) -> Iterator[Select[Any]]:
        """Yield what asks for talks, rings and states that no settled day has."""
        t, r, i = talks.c, rings.c, agent_intervals.c
        kind = case((t.partial.is_(False), "talk"), else_="partial")
        within = [*self._span(talks, t.answered_at, since, until), t.queue != ""]
        how = (kind, literal("queue"), t.talk_seconds, t.hold_seconds)
        yield _did(talks, within, hidden(t.agent), *how)
        nothing = literal(0.0)
        within = self._span(rings, r.started_at, since, until)
        yield _did(rings, within, hidden(r.agent), literal("ring"), r.outcome, nothing, nothing)
        _, _, seconds = self._cut(since, until)
        touching = [*self._touching(since, until), *self._of_agent(agent_intervals), i.state.in_(states)]
        yield _did(agent_intervals, touching, hidden(i.agent), literal("state"), i.state, seconds, nothing)


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
