"""The agents of one PBX: the state of each agent now, and the ended intervals of state.

An interval of state is a time span in which one agent was in one state. It ends when a report of a queue, a
ring or a talk changes the state. The module reads no clock: each method gets the instant as an argument.
`tick` ends each wrap-up whose time is over.

Events do not come in the order of their instants. The end of a talk is reported up to two seconds late, with
its true instant. An interval can therefore end at an instant that is earlier than the latest event. An
interval never ends before its start. The next interval starts at the end of the one before.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable

from cc_bridge.calls.agent import Agent, WrapUp
from cc_bridge.calls.checkpoint_format import AgentCheckpoint
from cc_bridge.calls.events import MemberGone, MemberSeen
from cc_bridge.records import AgentInterval, AgentState

__all__ = ["WRAP_UP_CAP", "Agents"]

# The longest wrap-up by default, in seconds. Half an hour is longer than any note after a call. It is shorter
# than a break for which the agent chose a wrap-up reason by mistake.
WRAP_UP_CAP = 1800.0


class Agents:
    """The agents of one PBX. An agent is added with their first membership in a queue.

    Methods that change an agent return the intervals of state that ended with the change.

    wrap_up_of: function that returns the wrapuptime of a queue in seconds, which AMI does not report; a
        wrapuptime that is set for a queue member takes precedence
    wrap_up_reasons: pause reasons that prolong the wrap-up after a talk
    wrap_up_cap: the longest wrap-up, in seconds from the end of the talk
    changed: names of the agents whose checkpoint may differ from the stored one
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
        # Names of the agents at each interface; nearly always one.
        self._names_by_interface: dict[str, set[str]] = {}
        self._done: list[AgentInterval] = []

    # -- memberships

    def member_seen(self, member: MemberSeen) -> list[AgentInterval]:
        """Add a queue member, or update one; return the intervals of state that this ends."""
        self._add_membership(member, member.at)
        return self._take_done()

    def member_gone(self, member: MemberGone) -> list[AgentInterval]:
        """Remove a member from one queue; return the intervals of state that this ends.

        An agent without any queue is logged out.
        """
        self._remove_membership(member.queue, member.interface, member.at)
        return self._take_done()

    def resync(self, members: Iterable[MemberSeen], at: float) -> list[AgentInterval]:
        """Replace the memberships of all agents by `members`, which lists the members of all queues.

        A membership that is not listed is removed. Return the intervals of state that this ends.
        """
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
        """Add an open ring to the agent `name`; return the intervals of state that this ends.

        A ring ends the agent's wrap-up. An unknown name is ignored.
        """
        agent = self._known(name, at)
        if agent is not None:
            agent.rings += 1
            agent.wrap_up = None
            self._update_state(agent, at)
        return self._take_done()

    def ring_ended(self, name: str, at: float) -> list[AgentInterval]:
        """Remove an open ring from the agent `name`; return the intervals of state that this ends.

        If the ring was answered, call `talk_began` before this method. Otherwise the agent would be available
        for a moment. An unknown name is ignored.
        """
        agent = self._known(name, at)
        if agent is not None:
            agent.rings = max(0, agent.rings - 1)
            if not agent.rings:
                agent.stop_ringing()
            self._update_state(agent, at)
        return self._take_done()

    def talk_began(self, name: str, at: float) -> list[AgentInterval]:
        """Add an open talk to the agent `name`; return the intervals of state that this ends.

        An unknown name is ignored.
        """
        agent = self._known(name, at)
        if agent is not None:
            agent.talks += 1
            self._update_state(agent, at)
        return self._take_done()

    def talk_ended(self, name: str, queue: str, at: float) -> list[AgentInterval]:
        """Remove an ended talk from the agent `name`, and start the agent's wrap-up.

        `queue` is the queue of the talk. An agent who has logged out gets no wrap-up. Return the intervals of
        state that this ends.
        """
        agent = self._known(name, at)
        if agent is not None:
            agent.talks = max(0, agent.talks - 1)
            if agent.shown.state is AgentState.WRAP_UP:
                # The start of the talk was not observed. Its wrap-up has its own maximum length.
                until = max(at, agent.since)
                self._close(agent, until)
                agent.since = until
            if agent.lines:
                until = at + self.wrap_up_seconds(name, queue)
                agent.wrap_up = WrapUp(queue, until, at + self._wrap_up_cap, self._wrap_up_reasons)
            self._update_state(agent, at)
        return self._take_done()

    # -- time

    def tick(self, now: float) -> list[AgentInterval]:
        """End each wrap-up that is over at `now`, the PBX's time; return the intervals that this ends.

        The interval of a wrap-up ends at the instant when the wrap-up was over, which may be before `now`.
        """
        for agent in self._agents.values():
            self._advance(agent, now)
        return self._take_done()

    def observation_lost(self, at: float) -> list[AgentInterval]:
        """End the current interval of every agent at `at`, and remove all agents; return these intervals.

        The state of an agent is unknown until a queue reports the agent again.
        """
        for agent in self._agents.values():
            self._advance(agent, at)
            self._close(agent, at)
        self.changed.update(self._agents)
        self._agents.clear()
        self._names_by_interface.clear()
        return self._take_done()

    def clock_set(self, seconds: float, before: float) -> list[AgentInterval]:
        """Move all instants by `seconds`, because the PBX's clock was set.

        The current interval of every agent ends at `before`, the last instant before the clock was set. A new
        interval with the same state starts at the same moment by the new time.
        """
        for agent in self._agents.values():
            self._close(agent, before)
            agent.since = max(agent.since, before) + seconds
            agent.seen_at = 0.0
            if agent.wrap_up is not None:
                agent.wrap_up = agent.wrap_up.moved(seconds)
        self.changed.update(self._agents)
        return self._take_done()

    # -- this moment

    def state_of(self, name: str) -> tuple[AgentState, float] | None:
        """Return the state of the agent `name` and the start of that state (UTC seconds since the epoch).

        The result is None if no queue has reported a member of this name since the observation of the PBX
        started.
        """
        agent = self._agents.get(name)
        return None if agent is None else (agent.shown.state, agent.shown_since())

    def checkpoint(self, name: str) -> AgentCheckpoint | None:
        """Return the checkpoint of the current interval of the agent `name`.

        The result is None if no queue has reported a member of this name since the observation of the PBX
        started. If the daemon crashes, no event shows the end of the interval. After the restart, the daemon
        makes the record of the interval from the checkpoint.
        """
        agent = self._agents.get(name)
        if agent is None:
            return None
        state, reason, queue = agent.shown
        wrap_up = agent.wrap_up if state is AgentState.WRAP_UP else None
        ends_at = wrap_up.ends(agent.pause()) if wrap_up else None
        flagged = wrap_up is not None and ends_at != wrap_up.until
        return AgentCheckpoint(agent.name, state, agent.since, reason, queue, ends_at, flagged)

    def counts(self) -> dict[tuple[str, AgentState], int]:
        """Return the number of queue members, by queue and state.

        Each queue member counts in the state of its agent. The exception is an available agent who is paused
        in only some queues: in these queues, the member counts as paused.
        """
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
        """Return the wrapuptime of the agent `name` after a talk from a queue, in seconds.

        A wrapuptime that is set for the agent as a member of the queue takes precedence over the wrapuptime
        of the queue.
        """
        agent = self._agents.get(name)
        return float(agent.own_wrap_up(queue) if agent else 0) or self._wrap_up_of(queue)

    # -- inside

    def _take_done(self) -> list[AgentInterval]:
        """Return the intervals of state that ended since this method ran last, and clear the list."""
        done, self._done = self._done, []
        return done

    def _known(self, name: str, at: float) -> Agent | None:
        """End the wrap-up of the agent `name` if it is over at the instant `at`, and return the agent.

        The result is None if there is no such agent.
        """
        agent = self._agents.get(name)
        if agent is not None:
            self._advance(agent, at)
        return agent

    def _add_membership(self, member: MemberSeen, at: float) -> None:
        """Add or update a membership, and create the agent if the name is new."""
        agent = self._known(member.name, at)
        if agent is None:
            agent = self._agents[member.name] = Agent(member.name, at, seen_at=at)
        if not agent.serves(member.queue, member.interface):
            # A reload of queues.conf renames a member without an event; the old name must not stay.
            self._remove_membership(member.queue, member.interface, at)
            self._names_by_interface.setdefault(member.interface, set()).add(member.name)
        if agent.update_membership(member):
            self._update_state(agent, at)

    def _remove_membership(self, queue: str, interface: str, at: float) -> None:
        """Remove the membership of an interface in a queue from every agent that has it."""
        for name in list(self._names_by_interface.get(interface, ())):
            agent = self._agents[name]
            if agent.serves(queue, interface):
                self._advance(agent, at)
                agent.remove_membership(queue, interface)
                if interface not in agent.lines:
                    self._names_by_interface[interface].discard(name)
                self._update_state(agent, at)

    def _advance(self, agent: Agent, at: float) -> None:
        """End the agent's wrap-up if its end is at or before the instant `at`.

        The agent keeps the ended `WrapUp` for some seconds, because a pause that follows may still prolong
        it.
        """
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
        """Start a new interval if the agent's state, pause reason or queue of the wrap-up has changed.

        `flagged` means that the ended interval is a wrap-up that reached the longest allowed length. A
        wrap-up that ended because the queue's `wrapuptime` was over is not flagged.
        """
        self.changed.add(agent.name)
        at = max(at, agent.since)
        condition = agent.condition(at)
        if condition != agent.shown:
            self._close(agent, at, flagged=flagged)
            agent.shown, agent.since = condition, at

    def _close(self, agent: Agent, at: float, *, flagged: bool = False) -> None:
        """End the agent's current interval at the instant `at`, and add it to the ended intervals.

        An interval of length zero is not added. `flagged` means that the interval is a wrap-up that reached
        the longest allowed length.
        """
        if at > agent.since:
            state, reason, queue = agent.shown
            self._done.append(
                AgentInterval(self.pbx, agent.name, state, agent.since, at, reason, queue, flagged)
            )
