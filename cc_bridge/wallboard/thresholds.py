"""The thresholds of the wallboard, by which a figure is good, a warning or critical. Pure.

The configuration has two thresholds for each figure. A higher value is worse for a wait time, but better for
a service level. The order of the two thresholds shows which of the two cases applies.
"""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Severity", "Threshold", "Thresholds"]


class Severity(StrEnum):
    """The severity of a wallboard figure: none, good, a warning or critical."""

    NONE = "none"  # the figure is unknown or has no thresholds
    GOOD = "good"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The two limits of a wallboard figure, which becomes a warning at `warning` and critical at `critical`.

    If `critical` is at least `warning`, higher values are worse: a limit is reached by values at or above it.
    Otherwise lower values are worse: a limit is reached by values below it.
    """

    warning: float
    critical: float

    def level(self, value: float | None) -> Severity:
        """Return the severity of a value; NONE if the value is None."""
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
    """The thresholds of all figures on the wallboard."""

    waiting: Threshold  # number of callers
    longest_wait: Threshold  # seconds
    service_level: Threshold  # %
    abandoned: Threshold  # %
    csat: Threshold  # %
