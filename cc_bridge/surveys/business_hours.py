"""Business hours: the hours of the week in which surveys and callbacks are allowed, in local time. Pure.

Hours may pass midnight. Hours on Friday from 20:00 to 02:00 contain 01:00 on Saturday, but not 01:00 on
Friday.
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
    """A daily span of minutes on some weekdays.

    The span starts at `begin` and ends before `end`; both are in minutes after midnight. If `end` is not
    later than `begin`, the span ends on the next day.
    """

    zone: tzinfo | None = None  # None: this machine's time zone
    begin: int = 0  # minute of the day
    end: int = ALL_DAY  # minute of the day, not included
    weekdays: frozenset[int] = EVERY_DAY  # the days on which the hours start; Monday is 0

    def contains(self, at: float) -> bool:
        """Return whether an instant, in UTC seconds since the epoch, is within these hours."""
        there = datetime.fromtimestamp(at, self.zone)
        return self.contains_minute(there.weekday(), 60 * there.hour + there.minute)

    def contains_minute(self, today: int, minute: int) -> bool:
        """Return whether a minute of a local day is within these hours.

        `minute` is the number of minutes after midnight, `today` the weekday of the day; 0 is Monday.
        """
        starts_today, started_yesterday = today in self.weekdays, (today - 1) % 7 in self.weekdays
        if self.begin < self.end:
            return starts_today and self.begin <= minute < self.end
        return (starts_today and minute >= self.begin) or (started_yesterday and minute < self.end)


def start_of_day(at: float, zone: tzinfo | None) -> float:
    """Return the instant at which the local day that contains `at` starts.

    Both instants are UTC seconds since the epoch.
    """
    there = datetime.fromtimestamp(at, zone)
    # A day starts at the first of two midnights, or at the jump of clocks that skip midnight.
    return there.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp()


@cache
def minute_of(time: str) -> int:
    """Return the number of minutes from midnight to a time such as `08:30` or `24:00`.

    Raise ValueError if the text is not a time.
    """
    if not _TIME.fullmatch(time):
        raise ValueError("must be a time such as 08:30, or 24:00 for the end of the day")
    hours, _, minutes = time.partition(":")
    return 60 * int(hours) + int(minutes)


@cache
def weekdays_of(text: str) -> frozenset[int]:
    """Return the weekdays of a text such as `mon-fri`, `sat-wed` or `mon,wed,fri-sun`; 0 is Monday.

    Raise ValueError if the text names no weekdays.
    """
    days: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS or part.endswith("-"):
            raise ValueError(f"must be weekdays such as mon-fri or sat,mon-wed, of {', '.join(WEEKDAYS)}")
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        days.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return frozenset(days)
