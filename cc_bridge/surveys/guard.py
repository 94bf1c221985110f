"""Whose callers hang up first more often than those of the same queue's other agents. Pure.

A survey begins when the agent hangs up first. An agent who fears it can stay silent on the line until the
caller gives up. So of the callers who would be asked (eligible, chosen, with consent where it is needed)
the guard compares two stages of the funnel:

- `caller_left_first`: the caller hung up while the agent's leg was still in the talk. The talk's `ended_by`
  is caller: both ends were seen, and neither a transfer nor the system ended it. This is all that
  "lingered" means. The PBX knows of no silence, and most of these callers were simply done, so the share
  says nothing by itself, only beside that of the others.
- `invited`: the agent left first and the caller was asked, whatever the caller did then. Who was called
  back for it had left first, is counted as such already, and does not count again.

The metrics count every entry of the funnel into a `Lingering` as it comes and ask for `queues`; a report
makes one `of` the rows of its period and has `agents` for its column.

The trap: many agents are compared, so chance alone puts some of them above bounds of 95 %. The bounds here
leave out one in 1,000 on each side, as is done where hospitals are compared (Spiegelhalter, Statistics in
Medicine 24, 2005), and the others' share has bounds too. Even so agents differ for honest reasons: a
suspicion is a reason to listen to calls, not a verdict.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import hypot
from statistics import NormalDist
from typing import Protocol, Self

from cc_bridge.records import Trigger
from cc_bridge.surveys.policy import Stage
from cc_bridge.surveys.scores import MINIMUM, wilson

__all__ = ["REMEMBERED", "AgentShare", "Asked", "Lingering", "QueueShare"]

REMEMBERED = 400  # callers of one agent in one queue, then half of that: some weeks, so that a habit can end
Z = NormalDist().inv_cdf(0.999)


class Asked(Protocol):
    """What must be known of a caller: a FunnelEntry, or a row of its table."""

    @property
    def queue(self) -> str: ...
    @property
    def agent(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def trigger(self) -> str: ...


@dataclass(frozen=True, slots=True)
class AgentShare:
    """One agent in one queue; shares and bounds are from 0 to 1."""

    queue: str
    agent: str
    share: float  # of the callers, those who hung up first
    n: int  # callers
    low: float
    high: float
    norm: float | None  # the share of the queue's other agents together; None while there are none
    suspicious: bool  # the share is above the norm by more than chance explains, and both n are enough


@dataclass(frozen=True, slots=True)
class QueueShare:
    """One queue as a whole."""

    queue: str
    share: float
    n: int
    suspicious: int  # agents


@dataclass(slots=True)
class _Counts:
    left_first: int = 0
    n: int = 0


class Lingering:
    """Counts the callers of each agent in each queue; those of long ago fade unless told to keep all."""

    def __init__(self, minimum: int = MINIMUM, *, fades: bool = True) -> None:
        self._minimum = minimum
        self._fades = fades
        self._queues: dict[str, dict[str, _Counts]] = {}

    @classmethod
    def of(cls, entries: Iterable[Asked], minimum: int = MINIMUM) -> Self:
        """Count the entries of a report's period, all alike."""
        lingering = cls(minimum, fades=False)
        for entry in entries:
            lingering.count(entry)
        return lingering

    def count(self, entry: Asked, times: int = 1) -> None:
        """Take an entry of the funnel, or several alike; stages other than the two do not matter here."""
        if entry.stage not in {Stage.CALLER_LEFT_FIRST, Stage.INVITED} or entry.trigger == Trigger.CALLBACK:
            return
        counts = self._queues.setdefault(entry.queue, {}).setdefault(entry.agent, _Counts())
        counts.left_first += times * (entry.stage == Stage.CALLER_LEFT_FIRST)
        counts.n += times
        if self._fades and counts.n == REMEMBERED:
            counts.left_first //= 2
            counts.n //= 2

    def against_norm(self, agent: str, queue: str) -> AgentShare | None:
        """Return how the agent stands in the queue; None before the first caller."""
        agents = self._queues.get(queue, {})
        return self._share(queue, agent, _sum(agents)) if agent in agents else None

    def agents(self) -> Iterator[AgentShare]:
        """Yield every agent of every queue."""
        for queue, agents in self._queues.items():
            everyone = _sum(agents)
            for agent in agents:
                yield self._share(queue, agent, everyone)

    def queues(self) -> Iterator[QueueShare]:
        """Yield every queue with the number of its agents who stand out."""
        for queue, agents in self._queues.items():
            everyone = _sum(agents)
            suspicious = sum(self._share(queue, agent, everyone).suspicious for agent in agents)
            yield QueueShare(queue, everyone.left_first / everyone.n, everyone.n, suspicious)

    def _share(self, queue: str, agent: str, everyone: _Counts) -> AgentShare:
        own = self._queues[queue][agent]
        others = _Counts(everyone.left_first - own.left_first, everyone.n - own.n)
        share = own.left_first / own.n
        low, high = wilson(own.left_first, own.n, Z)
        if not others.n:
            return AgentShare(queue, agent, share, own.n, low, high, norm=None, suspicious=False)
        norm = others.left_first / others.n
        # The lower bound of the difference between two shares: Newcombe's method 10 (Statistics in Medicine
        # 17, 1998). It is above 0 only if the agent's own lower bound is above the norm.
        above = share - norm > hypot(share - low, wilson(others.left_first, others.n, Z)[1] - norm)
        enough = min(own.n, others.n) >= self._minimum
        return AgentShare(queue, agent, share, own.n, low, high, norm, suspicious=above and enough)


def _sum(agents: dict[str, _Counts]) -> _Counts:
    counts = agents.values()
    return _Counts(sum(one.left_first for one in counts), sum(one.n for one in counts))
