"""The units of figures, and with how many decimals people read them. Pure."""

from enum import StrEnum

__all__ = ["Unit"]


class Unit(StrEnum):
    """In what a figure is, and so how it is written."""

    COUNT = "count"
    SECONDS = "seconds"  # of one call: written as minutes and seconds
    TIME = "time"  # of many: written as hours and minutes, in seconds where programs read it
    PERCENT = "percent"
    POINTS = "points"  # with a sign
    MEAN = "mean"

    @property
    def decimals(self) -> int:
        return _DECIMALS.get(self, 0)


_DECIMALS = {Unit.PERCENT: 1, Unit.POINTS: 1, Unit.MEAN: 2}
