"""Whether a figure is fine, should be watched, or calls for somebody now. Pure.

The configuration gives two bounds for each figure. The trap: for a wait more is worse, for a service level
less is; which of the two it is shows in the bounds themselves.
"""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Severity", "Threshold", "Thresholds"]


class Severity(StrEnum):
    """What a figure calls for."""

    NONE = "none"  # there is no figure, or nothing to judge it by
    GOOD = "good"
    WATCH = "watch"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Threshold:
    """From `watch` on a figure is watched, from `act` on somebody acts; upwards if `act` is not below."""

    watch: float
    act: float

    def level(self, value: float | None) -> Severity:
        if value is None:
            return Severity.NONE
        if self.act >= self.watch:
            return (
                Severity.ACT
                if value >= self.act
                else Severity.WATCH
                if value >= self.watch
                else Severity.GOOD
            )
        return Severity.ACT if value < self.act else Severity.WATCH if value < self.watch else Severity.GOOD


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds of a board."""

    waiting: Threshold  # callers
    longest_wait: Threshold  # seconds
    service_level: Threshold  # %
    abandoned: Threshold  # %
    csat: Threshold  # %
