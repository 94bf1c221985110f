"""The units of KPI values, and their numbers of decimals in reports. Pure."""

from enum import StrEnum

__all__ = ["Unit"]


class Unit(StrEnum):
    """The unit of a value; it decides the format in which the value is shown."""

    COUNT = "count"
    SECONDS = "seconds"  # the duration of one call, shown as minutes and seconds
    TIME = "time"  # a total of many calls: shown as hours and minutes, in CSV and JSON as seconds
    PERCENT = "percent"
    POINTS = "points"  # from -100 to 100, shown with a sign
    MEAN = "mean"

    @property
    def decimals(self) -> int:
        """The number of decimals that are shown."""
        return _DECIMALS.get(self, 0)


_DECIMALS = {Unit.PERCENT: 1, Unit.POINTS: 1, Unit.MEAN: 2}
