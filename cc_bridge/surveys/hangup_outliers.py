"""Hang-up outliers: agents whose callers hang up first more often than other agents' callers. Pure.

A survey starts only if the agent hangs up first. An agent who wants no survey can stay silent until the
caller hangs up. So the share of callers who hang up first is compared between the agents of a queue.

Only two results of a survey decision count: `caller_left_first` (the caller hung up first) and `invited` (the
agent hung up first). Decisions on callbacks are left out: each concerns a caller whose call was counted
already.

Note: a large share alone means nothing, since most callers who hang up first are simply done. Agents also
differ for honest reasons. An outlier is a reason to listen to calls, not a verdict.
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

# An agent's counts in one queue are halved at this number of callers. They then cover some weeks, so that
# an agent who changes is no outlier for ever.
REMEMBERED = 400
# Probability that chance alone makes one pair of agent and queue an outlier, and any of all pairs.
_ONE, _ANY = 0.001, 0.025
Z = NormalDist().inv_cdf(1 - _ONE)


class FunnelRow(Protocol):
    """The interface of a survey decision that is counted: its queue, agent, stage and trigger.

    A SurveyDecision has these attributes. A HangupCount, the number of several equal decisions, has them too.
    """

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
    """The share of one agent's callers in one queue who hung up first, and whether the agent is an outlier.

    An outlier is an agent whose callers hang up first more often than chance explains. Shares and bounds are
    from 0 to 1.
    """

    queue: str
    agent: str
    share: float  # of the agent's callers, those who hung up first
    n: int  # callers
    low: float  # lower confidence bound of the share
    high: float  # upper confidence bound
    norm: float | None  # the share of the queue's other agents together; None: no other agent
    is_outlier: bool  # the share is above the norm by more than chance explains, and both have enough callers


@dataclass(frozen=True, slots=True)
class QueueShare:
    """The share of one queue's callers who hung up first, and the number of agents that are outliers.

    An outlier is an agent whose callers hang up first more often than chance explains. The share is from 0 to
    1.
    """

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
    """A counter of the callers who hung up first, for each agent in each queue; it finds the outliers.

    An agent in a queue is an outlier if two conditions hold. First, the agent's share of callers who hung up
    first is higher than the share of the queue's other agents together. The one-sided confidence is 99.9 %,
    as in comparisons of hospitals (Spiegelhalter, Statistics in Medicine 24, 2005). This condition is
    not enough: of 4,000 pairs of agent and queue, about 4 meet it by chance alone.

    Second, the probability that chance alone gives the agent this many hang-ups must not exceed a limit. The
    more pairs are compared, the lower is the limit (Bonferroni correction). Then at most one report in 40 has
    an outlier by chance. The probability is computed exactly, because the confidence bounds are too narrow if
    hang-ups are few. The metrics repeat the test continuously, so they show an outlier by chance more often
    than a report.

    The agent, and the queue's other agents together, must each have at least `minimum` callers. Otherwise the
    agent is not an outlier. If `fades` is True, an agent's counts are halved when they reach REMEMBERED, so
    that older callers lose weight.
    """

    def __init__(self, minimum: int = MINIMUM, *, fades: bool = True) -> None:
        self._minimum = minimum
        self._fades = fades
        self._queues: dict[str, dict[str, _HangupCounts]] = {}

    @classmethod
    def of(cls, entries: Iterable[FunnelRow], minimum: int = MINIMUM) -> Self:
        """Return an instance that has counted all survey decisions in `entries`.

        Old decisions count as much as new ones. An agent can be an outlier only if the agent has at least
        `minimum` callers, and the other agents of the queue together have as many too.
        """
        outliers = cls(minimum, fades=False)
        for entry in entries:
            outliers.count(entry)
        return outliers

    def count(self, entry: FunnelRow, times: int = 1) -> None:
        """Count a survey decision, `times` times.

        A decision is ignored if its stage is neither `invited` nor `caller_left_first`. A decision on a
        callback is also ignored.
        """
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
        """Yield, for each agent in each queue, the share of callers who hung up first.

        Each item also says whether the agent is an outlier in this queue.
        """
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
        """Yield, for each queue, the share of callers who hung up first, and the number of outliers.

        An outlier is an agent whose callers hang up first more often than chance explains.
        """
        rare = self._significance_level()
        for queue, agents in self._queues.items():
            everyone = _sum(agents)
            outliers = sum(self._is_outlier(own, everyone.minus(own), rare) for own in agents.values())
            yield QueueShare(queue, everyone.share, everyone.n, outliers)

    def _significance_level(self) -> float:
        """Return the highest p-value at which an agent in a queue still counts as an outlier.

        The more pairs of agent and queue have enough callers to be compared, the lower is this value.
        """
        compared = 0
        for agents in self._queues.values():
            n = sum(own.n for own in agents.values())
            compared += sum(min(own.n, n - own.n) >= self._minimum for own in agents.values())
        return min(_ONE, _ANY / max(compared, 1))

    def _is_outlier(self, own: _HangupCounts, others: _HangupCounts, rare: float) -> bool:
        if not others.n or min(own.n, others.n) < self._minimum or own.share <= others.share:
            return False
        # The lower bound of the difference between two shares is Newcombe's method 10 (Statistics in Medicine
        # 17, 1998). It is above 0 only if the agent's own lower bound is above the norm.
        below = own.share - wilson(own.left_first, own.n, Z)[0]
        above = wilson(others.left_first, others.n, Z)[1] - others.share
        return own.share - others.share > hypot(below, above) and _p_value(own, others) <= rare


def _sum(agents: dict[str, _HangupCounts]) -> _HangupCounts:
    counts = agents.values()
    return _HangupCounts(sum(one.left_first for one in counts), sum(one.n for one in counts))


def _p_value(own: _HangupCounts, others: _HangupCounts) -> float:
    """Return the probability that chance alone gives an agent this many hang-ups or more.

    The probability comes from Fisher's exact test. `own` counts the callers of the agent, and `others` the
    callers of the queue's other agents. A hang-up is a caller who hung up first.
    """
    both = _HangupCounts(own.left_first + others.left_first, own.n + others.n)
    likelihood = exp(_log_ways(own) + _log_ways(others) - _log_ways(both))
    total = 0.0
    for theirs in range(own.left_first, min(own.n, both.left_first) + 1):
        total += likelihood
        likelihood *= (own.n - theirs) / (theirs + 1)
        likelihood *= (both.left_first - theirs) / (others.n - both.left_first + theirs + 1)
        if likelihood <= total * 1e-9:  # the likelihood only falls from here
            break
    return total


def _log_ways(counts: _HangupCounts) -> float:
    """Return the natural logarithm of the number of ways to choose `left_first` of `n` callers.

    `counts` has both numbers: `left_first` is the number of callers who hung up first, and `n` the number of
    all callers.
    """
    stayed = counts.n - counts.left_first
    return lgamma(counts.n + 1) - lgamma(counts.left_first + 1) - lgamma(stayed + 1)
