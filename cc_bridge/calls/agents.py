"""All agents of one PBX: what queues, rings and talks say goes in, finished intervals of state come out.

The tracker feeds it and reads the live counts. It knows no clock: `tick` ends what ends by itself.

The trap: instants are not in order. A talk's end is told up to two seconds late with its true instant, so
an interval may end before the latest event; it never ends before it began, and the next one begins there.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable

from cc_bridge.calls.agent import Agent, WrapUp
from cc_bridge.calls.checkpoint_format import AgentCheckpoint
from cc_bridge.calls.events import MemberGone, MemberSeen
from cc_bridge.records import AgentInterval, AgentState

__all__ = ["WRAP_UP_CAP", "Agents"]

# Half an hour: longer than any note after a call, shorter than a break that was booked as one by mistake.
WRAP_UP_CAP = 1800.0


class Agents:
    """The agents of one PBX, known from their first membership on. Each call returns what it completed.

    `wrap_up_of` gives a queue's wrapuptime in seconds, which AMI does not tell; a member's own one goes
    before it. After a talk a pause with one of `wrap_up_reasons` prolongs the wrap-up, to `wrap_up_cap`
    seconds from the talk at most.

    changed: names of agents whose state, or its end, may be another one than before; for `checkpoint.py`
    """

    def __init__(
        self,
        pbx: str,
        wrap_up_of: Callable[[str], float] = lambda _: 0.0,
        wrap_up_reasons: Collection[str] = (),
        wrap_up_cap: float = WRAP_UP_CAP,
    ) -> None:
        self.pbx = pbx
        self.changed: set[str] = set()
        self._wrap_up_of = wrap_up_of
        self._wrap_up_reasons = frozenset(wrap_up_reasons)
        self._wrap_up_cap = wrap_up_cap
        self._agents: dict[str, Agent] = {}
        self._names_by_interface: dict[
            str, set[str]
        ] = {}  # names of the agents by interface, nearly always one
        self._done: list[AgentInterval] = []

    # -- memberships

    def member_seen(self, member: MemberSeen) -> list[AgentInterval]:
        """Take a member as one queue sees it, new or known."""
        self._add_membership(member, member.at)
        return self._take_done()

    def member_gone(self, member: MemberGone) -> list[AgentInterval]:
        """Take a member out of one queue; out of the last one means logged out."""
        self._remove_membership(member.queue, member.interface, member.at)
        return self._take_done()

    def resync(self, members: Iterable[MemberSeen], at: float) -> list[AgentInterval]:
        """Take all members of all queues as they are; whoever is missing has left."""
        present = {(member.queue, member.interface): member for member in members}
        for queue, interface in [
            (queue, interface)
            for agent in self._agents.values()
            for interface, line in agent.lines.items()
            for queue in line.queues
            if (queue, interface) not in present
        ]:
            self._remove_membership(queue, interface, at)
        for member in present.values():
            self._add_membership(member, at)
        return self._take_done()

    # -- calls

    def rang(self, name: str, at: float) -> list[AgentInterval]:
        """Note that a queue calls the agent, which ends a wrap-up."""
        agent = self._known(name, at)
        if agent is not None:
            agent.rings += 1
            agent.wrap_up = None
            self._update_state(agent, at)
        return self._take_done()

    def ring_ended(self, name: str, at: float) -> list[AgentInterval]:
        """Note that it no longer does; of an answered ring tell the talk first, lest a gap shows."""
        agent = self._known(name, at)
        if agent is not None:
            agent.rings = max(0, agent.rings - 1)
            self._update_state(agent, at)
        return self._take_done()

    def talk_began(self, name: str, at: float) -> list[AgentInterval]:
        agent = self._known(name, at)
        if agent is not None:
            agent.talks += 1
            self._update_state(agent, at)
        return self._take_done()

    def talk_ended(self, name: str, queue: str, at: float) -> list[AgentInterval]:
        """Note the end of a talk of a queue; its wrap-up begins, unless the agent has logged out."""
        agent = self._known(name, at)
        if agent is not None:
            agent.talks = max(0, agent.talks - 1)
            if agent.lines:
                until = at + self.wrap_up_seconds(name, queue)
                agent.wrap_up = WrapUp(queue, until, at + self._wrap_up_cap, self._wrap_up_reasons)
            self._update_state(agent, at)
        return self._take_done()

    # -- time

    def tick(self, now: float) -> list[AgentInterval]:
        """Note that time has passed, by the PBX's clock; wrap-ups end at their own instant."""
        for agent in self._agents.values():
            self._advance(agent, now)
        return self._take_done()

    def observation_lost(self, at: float) -> list[AgentInterval]:
        """End everything: the PBX is out of sight. Nothing is known until agents are seen again."""
        for agent in self._agents.values():
            self._advance(agent, at)
            self._close(agent, at)
        self.changed.update(self._agents)
        self._agents.clear()
        self._names_by_interface.clear()
        return self._take_done()

    # -- this moment

    def state_of(self, name: str) -> tuple[AgentState, float] | None:
        """Return what an agent does and since when, or None for one who was never a member."""
        agent = self._agents.get(name)
        return None if agent is None else (agent.shown.state, agent.since)

    def checkpoint(self, name: str) -> AgentCheckpoint | None:
        """Return what an agent does, so that it can be told once nobody has seen how it went on."""
        agent = self._agents.get(name)
        if agent is None:
            return None
        state, reason, queue = agent.shown
        wrap_up = agent.wrap_up if state is AgentState.WRAP_UP else None
        ends_at = wrap_up.ends(agent.pause()) if wrap_up else None
        flagged = wrap_up is not None and ends_at != wrap_up.until
        return AgentCheckpoint(agent.name, state, agent.since, reason, queue, ends_at, flagged)

    def counts(self) -> dict[tuple[str, AgentState], int]:
        """Count the members of each queue by state; a pause in one queue alone shows there."""
        counted: Counter[tuple[str, AgentState]] = Counter()
        for agent in self._agents.values():
            state = agent.shown.state
            when_paused = AgentState.PAUSED if state is AgentState.AVAILABLE else state
            for line in agent.lines.values():
                counted.update(
                    (queue, when_paused if member.paused else state) for queue, member in line.queues.items()
                )
        return counted

    def wrap_up_seconds(self, name: str, queue: str) -> float:
        """Return the wrapuptime after a talk: the member's own, else the queue's."""
        agent = self._agents.get(name)
        return float(agent.own_wrap_up(queue) if agent else 0) or self._wrap_up_of(queue)

    # -- inside

    def _take_done(self) -> list[AgentInterval]:
        done, self._done = self._done, []
        return done

    def _known(self, name: str, at: float) -> Agent | None:
        agent = self._agents.get(name)
        if agent is not None:
            self._advance(agent, at)
        return agent

    def _add_membership(self, member: MemberSeen, at: float) -> None:
        agent = self._known(member.name, at)
        if agent is None:
            agent = self._agents[member.name] = Agent(member.name, at)
        if not agent.serves(member.queue, member.interface):
            # A reload of queues.conf renames a member without a word; the old name must not stay.
            self._remove_membership(member.queue, member.interface, at)
            self._names_by_interface.setdefault(member.interface, set()).add(member.name)
        if agent.update_membership(member):
            self._update_state(agent, at)

    def _remove_membership(self, queue: str, interface: str, at: float) -> None:
        for name in list(self._names_by_interface.get(interface, ())):
            agent = self._agents[name]
            if agent.serves(queue, interface):
                self._advance(agent, at)
                agent.remove_membership(queue, interface)
                if interface not in agent.lines:
                    self._names_by_interface[interface].discard(name)
                self._update_state(agent, at)

    def _advance(self, agent: Agent, at: float) -> None:
        """Bring an agent to this instant: a wrap-up may have ended before it."""
        wrap_up = agent.wrap_up
        if wrap_up is None:
            return
        ends = wrap_up.ends(agent.pause())
        if ends <= at:
            if agent.shown.state is AgentState.WRAP_UP:
                self._update_state(agent, ends, flagged=ends != wrap_up.until)
            if wrap_up.over(at):
                agent.wrap_up = None

    def _update_state(self, agent: Agent, at: float, *, flagged: bool = False) -> None:
        """Begin a new interval if the agent's condition differs from what the current one shows."""
        self.changed.add(agent.name)
        at = max(at, agent.since)
        condition = agent.condition(at)
        if condition != agent.shown:
            self._close(agent, at, flagged=flagged)
            agent.shown, agent.since = condition, at

    def _close(self, agent: Agent, at: float, *, flagged: bool = False) -> None:
        if at > agent.since:
            state, reason, queue = agent.shown
            self._done.append(
                AgentInterval(self.pbx, agent.name, state, agent.since, at, reason, queue, flagged)
            )
