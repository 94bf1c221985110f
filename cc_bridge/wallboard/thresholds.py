"""Whether a figure is good, a warning or critical. Pure.

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
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The bounds of a figure: more is worse if `critical` is not below `warning`, else less is worse."""

    warning: float
    critical: float

    def level(self, value: float | None) -> Severity:
        if value is None:
            return Severity.NONE
        more_is_worse = self.critical >= self.warning
        if value >= self.critical if more_is_worse else value < self.critical:
            return Severity.CRITICAL
        if value >= self.warning if more_is_worse else value < self.warning:
            return Severity.WARNING
        return Severity.GOOD


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds of a board."""

    waiting: Threshold  # callers
    longest_wait: Threshold  # seconds
    service_level: Threshold  # %
    abandoned: Threshold  # %
    csat: Threshold  # %
