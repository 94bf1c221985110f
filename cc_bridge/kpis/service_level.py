"""Service level by each of the five definitions in use, from stored visits or from counts of them. Pure.

Whoever shows a service level asks here: `service_level` for the visits of one queue, `from_counts` where
SQL has counted already. Queues with thresholds of their own are counted one by one and their counts added.

Boundaries. Answered or abandoned within T: wait <= T, as app_queue compares (22) and as a histogram's
bound does. Short abandon: wait < limit, so that a limit of 0 means none. Waits are taken to the
microsecond, as they are stored, so that live and stored figures agree at the bound.

The trap: Asterisk's own ServicelevelPerf2 will differ from `removed` here, for Asterisk counts whole
seconds, and takes a caller whom the queue timed out or turned away for one who abandoned.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass
from enum import StrEnum
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

_MICROSECONDS = 6  # decimals


class ServiceLevelDefinition(StrEnum):
    """Whom a service level counts; `kpis/catalogue.py` has the formula of each and who else uses it."""

    ANSWERED = "answered"
    REMOVED = "removed"
    OFFERED = "offered"
    NO_SHORT = "no_short"
    STRICT = "strict"


DEFAULT = ServiceLevelDefinition.NO_SHORT


class QueueStay(Protocol):
    """What must be known of a visit: a QueueVisit, or a row of the table."""

    @property
    def outcome(self) -> str: ...
    @property
    def wait_seconds(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Share:
    """A part of n, which is never 0: without calls there is no share."""

    numerator: int
    n: int

    @property
    def value(self) -> float:
        """From 0 to 1."""
        return self.numerator / self.n

    @property
    def percent(self) -> float:
        return 100 * self.numerator / self.n


@dataclass(frozen=True, slots=True)
class VisitCounts:
    """How many visits there were, and of which kinds; `+` joins the counts of two queues or days."""

    visits: int = 0  # whatever the outcome
    answered: int = 0
    answered_within: int = 0
    abandoned: int = 0
    abandoned_within: int = 0
    short_abandons: int = 0  # part of abandoned
    timed_out: int = 0
    left_by_key: int = 0

    def __add__(self, other: "VisitCounts") -> "VisitCounts":
        return VisitCounts(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    @classmethod
    def of(cls, stays: Iterable[QueueStay], threshold: float, short_abandon: float) -> "VisitCounts":
        """Count visits; `threshold` and `short_abandon` are their queue's settings, in seconds."""
        waits: dict[str, list[float]] = {outcome: [] for outcome in Outcome}
        for stay in stays:
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
        )


# Numerator and n of each definition.
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
    """Return the service level, or None where the definition finds no calls: no data is not 100 %."""
    numerator, n = _SHARES[definition](counts)
    return Share(numerator, n) if n else None


def service_level(
    stays: Iterable[QueueStay],
    threshold: float,
    short_abandon: float,
    definition: ServiceLevelDefinition = DEFAULT,
) -> Share | None:
    """Return the service level of one queue's visits at `threshold` seconds, None if there are no calls."""
    return from_counts(VisitCounts.of(stays, threshold, short_abandon), definition)
