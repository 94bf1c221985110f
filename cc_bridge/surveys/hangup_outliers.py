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

The metrics count every entry of the funnel into a `HangupOutliers` as it comes and ask for `queues`; a report
makes one `of` the rows of its period and has `agents` for its column.

The trap: many agents are compared, so chance alone puts some of them above any bounds. The bounds here leave
out one in 1,000 on each side, as is done where hospitals are compared (Spiegelhalter, Statistics in Medicine
24, 2005), and the others' share has bounds too; of 4,000 pairs of agent and queue that still is 4 or more. So
besides, chance must be less likely to make the pair the more are compared (Bonferroni): at the most one
report in 40 suspects anybody innocent. That likelihood is exact, since such bounds, far out and where few
leave first, are passed much more often than they say. The metrics look all the time, so they are wrong more
often than a report. And even so agents differ for honest reasons: a suspicion is a reason to listen to
calls, not a verdict.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import exp, hypot, lgamma
from statistics import NormalDist
from typing import Protocol, Self

from cc_bridge.kpis.scores import MINIMUM, wilson
from cc_bridge.records import Trigger
from cc_bridge.surveys.eligibility import SurveyStage

__all__ = ["REMEMBERED", "AgentShare", "FunnelRow", "HangupOutliers", "QueueShare"]

REMEMBERED = 400  # callers of one agent in one queue, then half of that: some weeks, so that a habit can end
_ONE, _ANY = 0.001, 0.025  # how often chance may suspect a pair of agent and queue, and any of all pairs
Z = NormalDist().inv_cdf(1 - _ONE)


class FunnelRow(Protocol):
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
    is_outlier: bool  # the share is above the norm by more than chance explains, and both n are enough


@dataclass(frozen=True, slots=True)
class QueueShare:
    """One queue as a whole."""

    queue: str
    share: float
    n: int
    outliers: int  # agents


@dataclass(slots=True)
class _HangupCounts:
    left_first: int = 0
    n: int = 0

    @property
    def share(self) -> float:
        return self.left_first / self.n

    def minus(self, own: Self) -> "_HangupCounts":
        return _HangupCounts(self.left_first - own.left_first, self.n - own.n)


class HangupOutliers:
    """Counts the callers of each agent in each queue; those of long ago fade unless told to keep all."""

    def __init__(self, minimum: int = MINIMUM, *, fades: bool = True) -> None:
        self._minimum = minimum
        self._fades = fades
        self._queues: dict[str, dict[str, _HangupCounts]] = {}

    @classmethod
    def of(cls, entries: Iterable[FunnelRow], minimum: int = MINIMUM) -> Self:
        """Count the entries of a report's period, all alike."""
        lingering = cls(minimum, fades=False)
        for entry in entries:
            lingering.count(entry)
        return lingering

    def count(self, entry: FunnelRow, times: int = 1) -> None:
        """Take an entry of the funnel, or several alike; stages other than the two do not matter here."""
        if (
            entry.stage not in {SurveyStage.CALLER_LEFT_FIRST, SurveyStage.INVITED}
            or entry.trigger == Trigger.CALLBACK
        ):
            return
        counts = self._queues.setdefault(entry.queue, {}).setdefault(entry.agent, _HangupCounts())
        counts.left_first += times * (entry.stage == SurveyStage.CALLER_LEFT_FIRST)
        counts.n += times
        if self._fades and counts.n == REMEMBERED:
            counts.left_first //= 2
            counts.n //= 2

    def agents(self) -> Iterator[AgentShare]:
        """Yield every agent of every queue."""
        rare = self._significance_level()
        for queue, agents in self._queues.items():
            everyone = _sum(agents)
            for agent, own in agents.items():
                others = everyone.minus(own)
                low, high = wilson(own.left_first, own.n, Z)
                norm = others.share if others.n else None
                is_outlier = self._is_outlier(own, others, rare)
                yield AgentShare(queue, agent, own.share, own.n, low, high, norm, is_outlier)

    def queues(self) -> Iterator[QueueShare]:
        """Yield every queue with the number of its agents who stand out."""
        rare = self._significance_level()
        for queue, agents in self._queues.items():
            everyone = _sum(agents)
            outliers = sum(self._is_outlier(own, everyone.minus(own), rare) for own in agents.values())
            yield QueueShare(queue, everyone.share, everyone.n, outliers)

    def _significance_level(self) -> float:
        """Return how often chance may make a pair an outlier: less often the more are compared."""
        compared = 0
        for agents in self._queues.values():
            n = sum(own.n for own in agents.values())
            compared += sum(min(own.n, n - own.n) >= self._minimum for own in agents.values())
        return min(_ONE, _ANY / max(compared, 1))

    def _is_outlier(self, own: _HangupCounts, others: _HangupCounts, rare: float) -> bool:
        if not others.n or min(own.n, others.n) < self._minimum or own.share <= others.share:
            return False
        # The lower bound of the difference between two shares: Newcombe's method 10 (Statistics in Medicine
        # 17, 1998). It is above 0 only if the agent's own lower bound is above the norm.
        below = own.share - wilson(own.left_first, own.n, Z)[0]
        above = wilson(others.left_first, others.n, Z)[1] - others.share
        return own.share - others.share > hypot(below, above) and _p_value(own, others) <= rare


def _sum(agents: dict[str, _HangupCounts]) -> _HangupCounts:
    counts = agents.values()
    return _HangupCounts(sum(one.left_first for one in counts), sum(one.n for one in counts))


def _p_value(own: _HangupCounts, others: _HangupCounts) -> float:
    """Return how often chance gives the agent so many who left first, or more (Fisher's exact test)."""
    both = _HangupCounts(own.left_first + others.left_first, own.n + others.n)
    likelihood = exp(_log_ways(own) + _log_ways(others) - _log_ways(both))
    total = 0.0
    for theirs in range(own.left_first, min(own.n, both.left_first) + 1):
        total += likelihood
        likelihood *= (own.n - theirs) / (theirs + 1)
        likelihood *= (both.left_first - theirs) / (others.n - both.left_first + theirs + 1)
        if likelihood <= total * 1e-9:  # from here on it only falls
            break
    return total


def _log_ways(counts: _HangupCounts) -> float:
    """Return the logarithm of in how many ways so many of n may be those who left first."""
    stayed = counts.n - counts.left_first
    return lgamma(counts.n + 1) - lgamma(counts.left_first + 1) - lgamma(stayed + 1)
