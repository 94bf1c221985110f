"""The hours in which callers are asked, in the contact centre's own time. Pure.

`eligibility.py` asks whether an instant lies in them, `config/` reads them. The trap: hours may pass
midnight; those of Friday from 20:00 until 02:00 hold Saturday 01:00, and not Friday 01:00.
"""

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache

__all__ = ["ALL_DAY", "EVERY_DAY", "BusinessHours", "minute_of", "start_of_day", "weekdays_of"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # as datetime.weekday() counts
EVERY_DAY = frozenset(range(7))
ALL_DAY = 24 * 60  # minutes

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """From a minute of the day until before another; when that is not later, it is one of the next day."""

    zone: tzinfo | None = None  # None: this machine's
    begin: int = 0
    end: int = ALL_DAY
    weekdays: frozenset[int] = EVERY_DAY  # on which the hours begin, Monday is 0

    def contains(self, at: float) -> bool:
        """Tell whether an instant, UTC seconds since the epoch, lies in these hours."""
        there = datetime.fromtimestamp(at, self.zone)
        return self.contains_minute(there.weekday(), 60 * there.hour + there.minute)

    def contains_minute(self, today: int, minute: int) -> bool:
        """Tell whether a local minute of a weekday, Monday being 0, lies in these hours."""
        begun_today, begun_yesterday = today in self.weekdays, (today - 1) % 7 in self.weekdays
        if self.begin < self.end:
            return begun_today and self.begin <= minute < self.end
        return (begun_today and minute >= self.begin) or (begun_yesterday and minute < self.end)


def start_of_day(at: float, zone: tzinfo | None) -> float:
    """Return when the day of an instant began, both UTC seconds since the epoch."""
    there = datetime.fromtimestamp(at, zone)
    # Where clocks go back over midnight the day begins with the first one, where they skip it with the jump.
    return there.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp()


@cache
def minute_of(time: str) -> int:
    """Return the minute of the day of `08:30`, or `24:00`. Raises ValueError."""
    if not _TIME.fullmatch(time):
        raise ValueError("must be a time such as 08:30, or 24:00 for the end of the day")
    hours, _, minutes = time.partition(":")
    return 60 * int(hours) + int(minutes)


@cache
def weekdays_of(text: str) -> frozenset[int]:
    """Return the days of `mon-fri`, `sat-wed` or `mon,wed,fri-sun`, Monday is 0. Raises ValueError."""
    days: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS or part.endswith("-"):
            raise ValueError(f"must be weekdays such as mon-fri or sat,mon-wed, of {', '.join(WEEKDAYS)}")
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        days.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return frozenset(days)
