"""Limits for the values of metric labels, so that invented names do not fill the memory and /metrics.

Each series costs memory here and in Prometheus. Queues and agents are named by the PBX, and a fault there, or
a forged event, can name any number of them. Beyond its limit, a label has only one more value, `(other)`.
"""

from collections.abc import Iterable, Mapping

from twisted.logger import Logger

__all__ = ["OTHER", "LabelLimits"]

_log = Logger()

OTHER = "(other)"


class LabelLimits:
    """The values that the limited labels have had since the start.

    `limits` maps each limited label to the largest number of its values. Other labels have no limit.

    overflows: by label, the number of counted events with a value beyond the limit
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self.overflows = dict.fromkeys(limits, 0)
        self._limits = limits
        self._known: dict[str, set[str]] = {label: set() for label in limits}
        self._warned: set[str] = set()

    def limited(self, label: str, value: str) -> str:
        """Return the value of a label; `(other)` if the value is new and the label has reached its limit.

        Values that differ only in case are one value, as the names of Asterisk's queues.
        """
        known = self._known.get(label)
        if known is None or value.casefold() in known:
            return value
        if len(known) < self._limits[label]:
            known.add(value.casefold())
            return value
        if label not in self._warned:
            self._warned.add(label)
            _log.warn(
                "the label {label} has {n} values in the metrics, its limit; further ones count as {other}",
                label=label,
                n=len(known),
                other=OTHER,
            )
        return OTHER

    def count(self, labels: Iterable[str], values: Iterable[object]) -> list[str]:
        """Return the label values of an event to be counted, with `(other)` for those beyond a limit."""
        limited = []
        for label, value in zip(labels, values, strict=True):
            limited.append(self.limited(label, str(value)))
            if limited[-1] == OTHER and label in self.overflows:
                self.overflows[label] += 1
        return limited
