"""The units of KPI values, and their numbers of decimals in reports. Pure."""

from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

__all__ = ["Unit", "half_up", "stored"]

_STORED = 6  # decimals in JSON and CSV


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


def stored(value: float) -> float:
    """Return a number as all outputs for programs have it: whole if it is whole, else with six decimals."""
    return int(value) if value == int(value) else round(value, _STORED)


def half_up(value: float, decimals: int = 0) -> Decimal:
    """Return a number as people round it: 4.435 is 4.44 with two decimals, and 0.5 is 1 without any.

    The number is first passed through `stored`. Browsers get that result and round it in the same way, so
    all pages show the same text. The built-in function `round` makes 4.43 of 4.435, because the computer's
    binary number for 4.435 is a little lower.
    """
    return Decimal(repr(stored(value))).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
