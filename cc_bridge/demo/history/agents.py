"""The agents of the simulated contact centre, each in one state at a time. Pure."""

import math
import random
from dataclasses import dataclass, field

from cc_bridge.demo.history.centre import Roster
from cc_bridge.records import AgentInterval, AgentState

__all__ = ["SimulatedAgent"]

_HOUR = 3600.0
_SHORTEST_SECONDS = 1e-6


@dataclass(slots=True)
class SimulatedAgent:
    """An agent with shifts and pauses, who does one thing after the other.

    `free_at` is the end of the latest known state. Instants are UTC seconds since the epoch.
    """

    pbx: str
    roster: Roster
    free_at: float
    shift_ends_at: float = -math.inf
    intervals: list[AgentInterval] = field(default_factory=list)
    _pauses: list[tuple[float, float, str]] = field(default_factory=list)  # start, seconds, reason

    def start_shift(self, at: float, chance: random.Random) -> None:
        """Log the agent in at the start of a shift, with a break for lunch and two short ones."""
        self._finish_shift(at)
        length = self.roster.hours * _HOUR
        self.shift_ends_at = at + length
        breaks = ((0.3, 600.0, "break"), (0.5, 1800.0, "lunch"), (0.75, 600.0, "break"))
        self._pauses = [
            (at + share * length + chance.uniform(-900, 900), seconds * chance.uniform(0.8, 1.3), reason)
            for share, seconds, reason in breaks
            if length > 5 * _HOUR or reason == "break"
        ]

    def ready_at(self, now: float) -> float:
        """Return the instant, `now` or later, at which the agent can take a call; infinity if not today."""
        at = max(now, self.free_at)
        while self._pauses and self._pauses[0][0] <= at:
            start, seconds, reason = self._pauses.pop(0)
            start = max(start, self.free_at)
            self.spend(AgentState.PAUSED, start, start + seconds, reason=reason)
            at = max(now, self.free_at)
        return at if at < self.shift_ends_at else math.inf

    def spend(
        self, state: AgentState, start: float, end: float, *, reason: str = "", queue: str = ""
    ) -> None:
        """Add a state from `start` to `end`.

        From the end of the state before it to `start`, the agent is available.
        """
        self._add(AgentState.AVAILABLE, self.free_at, start)
        self._add(state, start, end, reason, queue)

    def finish(self, until: float) -> list[AgentInterval]:
        """Return the agent's states up to the end of the history, `until`."""
        self._finish_shift(until)
        return [
            each
            if each.ended_at <= until
            else self._interval(each.state, each.started_at, until, each.reason)
            for each in self.intervals
            if each.started_at < until
        ]

    def _finish_shift(self, until: float) -> None:
        self._add(AgentState.AVAILABLE, self.free_at, min(self.shift_ends_at, until))
        self._add(AgentState.LOGGED_OUT, self.free_at, until)

    def _add(self, state: AgentState, start: float, end: float, reason: str = "", queue: str = "") -> None:
        if end - start > _SHORTEST_SECONDS:
            self.intervals.append(self._interval(state, start, end, reason, queue))
            self.free_at = end

    def _interval(
        self, state: AgentState, start: float, end: float, reason: str = "", queue: str = ""
    ) -> AgentInterval:
        return AgentInterval(self.pbx, self.roster.agent, state, start, end, reason, queue, flagged=False)
