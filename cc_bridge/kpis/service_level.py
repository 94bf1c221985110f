"""The service level by five definitions, from visits or from counts of visits. Pure.

`service_level` takes the visits of one queue, `from_counts` takes counts. Queues with different thresholds
are counted one by one, and their counts are added.

A visit is in time if its wait is at most the queue's threshold, as in app_queue (Asterisk 22). A short
abandon is an abandoned visit with a wait less than a limit. If the limit is 0, no visit is a short abandon.
Waits are rounded to the microsecond, as in the database, so that live and stored values agree.

A partial visit (the PBX's clock was set during the wait) is in no other count.

Note: Asterisk's ServicelevelPerf2 resembles `removed`. But Asterisk counts whole seconds, and a time-out
as abandoned.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import add, attrgetter
from typing import Protocol

from cc_bridge.records import Outcome

__all__ = [
    "DEFAULT",
    "QueueStay",
    "ServiceLevelDefinition",
    "Share",
    "VisitCounts",
    "from_counts",
    "service_level",
]

_MICROSECONDS = 6  # decimals of a wait in seconds


class ServiceLevelDefinition(StrEnum):
    """A definition of the service level, which decides the visits that are counted.

    `kpis/catalogue.py` has the formula of each definition.
    """

    ANSWERED = "answered"
    REMOVED = "removed"
    OFFERED = "offered"
    NO_SHORT = "no_short"
    STRICT = "strict"


DEFAULT = ServiceLevelDefinition.NO_SHORT


class QueueStay(Protocol):
    """The interface of a visit for the service level: outcome, wait, and whether the visit is partial.

    A QueueVisit and a database row both have this interface.
    """

    @property
    def outcome(self) -> str: ...
    @property
    def wait_seconds(self) -> float: ...
    @property
    def partial(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Share:
    """A share: `numerator` of `n` visits. n is never 0; without visits there is no Share."""

    numerator: int
    n: int

    @property
    def value(self) -> float:
        """The share as a fraction from 0 to 1."""
        return self.numerator / self.n

    @property
    def percent(self) -> float:
        """The share in percent, from 0 to 100."""
        return 100 * self.numerator / self.n


@dataclass(frozen=True, slots=True)
class VisitCounts:
    """The numbers of visits by outcome and wait; `+` adds the counts of two queues or days.

    A partial visit is counted in `partial_visits` only.
    """

    visits: int = 0  # with every outcome
    answered: int = 0
    answered_within: int = 0  # answered with a wait of at most the threshold
    abandoned: int = 0
    abandoned_within: int = 0  # abandoned after a wait of at most the threshold
    short_abandons: int = 0  # abandoned after less than the limit; also counted in abandoned
    timed_out: int = 0
    left_by_key: int = 0
    partial_visits: int = 0  # the PBX's clock was set during the wait

    def __add__(self, other: "VisitCounts") -> "VisitCounts":
        return VisitCounts(*map(add, _as_tuple(self), _as_tuple(other)))

    @classmethod
    def of(cls, stays: Iterable[QueueStay], threshold: float, short_abandon: float) -> "VisitCounts":
        """Return the counts of one queue's visits.

        A visit is in time if its wait is at most `threshold`. An abandoned visit with a wait less than
        `short_abandon` is a short abandon. Both limits are in seconds.
        """
        waits: dict[str, list[float]] = {outcome: [] for outcome in Outcome}
        partial = 0
        for stay in stays:
            if stay.partial:
                partial += 1
            else:
                waits[stay.outcome].append(round(stay.wait_seconds, _MICROSECONDS))
        answered, abandoned = waits[Outcome.ANSWERED], waits[Outcome.ABANDONED]
        return cls(
            visits=sum(map(len, waits.values())),
            answered=len(answered),
            answered_within=sum(wait <= threshold for wait in answered),
            abandoned=len(abandoned),
            abandoned_within=sum(wait <= threshold for wait in abandoned),
            short_abandons=sum(wait < short_abandon for wait in abandoned),
            timed_out=len(waits[Outcome.TIMED_OUT]),
            left_by_key=len(waits[Outcome.LEFT_BY_KEY]),
            partial_visits=partial,
        )


# 30 times as fast as dataclasses.astuple, which copies each value.
_as_tuple = attrgetter(*VisitCounts.__slots__)

# The numerator and n of each definition, from the counts c.
_SHARES: Mapping[ServiceLevelDefinition, Callable[[VisitCounts], tuple[int, int]]] = {
    ServiceLevelDefinition.ANSWERED: lambda c: (c.answered_within, c.answered),
    ServiceLevelDefinition.REMOVED: lambda c: (
        c.answered_within + c.abandoned_within,
        c.answered + c.abandoned,
    ),
    ServiceLevelDefinition.OFFERED: lambda c: (c.answered_within, c.answered + c.abandoned),
    ServiceLevelDefinition.NO_SHORT: lambda c: (
        c.answered_within,
        c.answered + c.abandoned + c.timed_out + c.left_by_key - c.short_abandons,
    ),
    ServiceLevelDefinition.STRICT: lambda c: (c.answered_within, c.visits),
}


def from_counts(counts: VisitCounts, definition: ServiceLevelDefinition = DEFAULT) -> Share | None:
    """Return the service level by one definition; None if the definition counts none of the visits.

    Without visits, any percentage would be wrong.
    """
    numerator, n = _SHARES[definition](counts)
    return Share(numerator, n) if n else None


def service_level(
    stays: Iterable[QueueStay],
    threshold: float,
    short_abandon: float,
    definition: ServiceLevelDefinition = DEFAULT,
) -> Share | None:
    """Return the service level of one queue's visits; None if the definition counts no visits.

    A visit is in time if its wait is at most `threshold`. An abandoned visit with a wait less than
    `short_abandon` is a short abandon. Both limits are in seconds.
    """
    return from_counts(VisitCounts.of(stays, threshold, short_abandon), definition)
