"""The calendar of a contact centre: time zone, first day of the week, Gregorian or Persian calendar. Pure.

SQL groups rows by local hour and day with the UTC offsets that `Days.offsets` returns. So the groups are the
same in every database. Note: a day on which the clocks change has 23 or 25 hours. So the end of a day is not
its start plus 24 hours.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal

from persiantools.jdatetime import JalaliDate

from cc_bridge.surveys.business_hours import WEEKDAYS

__all__ = ["FIRST_DAY", "LAST_DAY", "CalendarKind", "Days", "UtcOffset", "day_of", "persian", "read_date"]

CalendarKind = Literal["gregorian", "persian"]

_EPOCH = date(1970, 1, 1)
_DAY = 86_400  # seconds
_DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})")  # \d and int() also accept Persian digits
_PERSIAN_UNTIL = 1700  # lower years are Persian: no call is from before the Gregorian year 1700
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
"""The first and the last day that a command accepts: a report reads the UTC offset of each day."""


@dataclass(frozen=True, slots=True)
class UtcOffset:
    """An offset of local time from UTC, with the instant at which it ends.

    Until the instant `before`, local clocks are ahead of UTC by `seconds`. If `before` is None, the offset
    has no end.
    """

    before: float | None  # UTC seconds since the epoch at which the offset ends; None: no end
    seconds: int


def day_of(number: int) -> date:
    """Return the date that is `number` days after 1970-01-01."""
    return _EPOCH + timedelta(number)


def persian(day: date) -> tuple[int, int, int]:
    """Return year, month and day in the Persian calendar."""
    there = JalaliDate(day)  # type: ignore[no-untyped-call] # the package is typed in part
    return there.year, there.month, there.day


def read_date(text: str) -> date:
    """Return the date of a text such as `2026-11-22` or `1405/9/1` (Persian), in digits of any script.

    Raise ValueError with the reason if the text is not a date, or not one from FIRST_DAY to LAST_DAY.
    """
    found = _DATE.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a date: write 2026-11-22, or 1405-09-01 in the Persian calendar")
    year, month, day = map(int, found.groups())
    try:
        found_day = date(year, month, day) if year >= _PERSIAN_UNTIL else _of_persian(year, month, day)
    except ValueError as error:
        raise ValueError(f"{text!r}: there is no such day") from error
    if not FIRST_DAY <= found_day <= LAST_DAY:
        raise ValueError(f"{text!r}: must be a day from {FIRST_DAY} to {LAST_DAY}")
    return found_day


def _of_persian(year: int, month: int, day: int) -> date:
    found: date = JalaliDate(year, month, day).to_gregorian()  # type: ignore[no-untyped-call] # as above
    return found


@dataclass(frozen=True, slots=True)
class Days:
    """The calendar of one contact centre: its time zone, first day of the week, and kind of calendar."""

    zone: tzinfo | None = None  # None: this machine's time zone
    first_weekday: int = 0  # Monday is 0
    kind: CalendarKind = "gregorian"

    def began(self, day: date) -> float:
        """Return the start of a local day, in UTC seconds since the epoch."""
        # fold=0 selects the first of two midnights; a skipped midnight becomes the instant of the jump.
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp()

    def today(self, now: float) -> date:
        """Return the local date of an instant in UTC seconds since the epoch."""
        return datetime.fromtimestamp(now, self.zone).date()

    def first_of_month(self, day: date) -> date:
        """Return the first day of the month that contains `day`, in the calendar of this object (`kind`)."""
        return day - timedelta((persian(day)[2] if self.kind == "persian" else day.day) - 1)

    @staticmethod
    def number(day: date) -> int:
        """Return the number of days from 1970-01-01 to a day."""
        return (day - _EPOCH).days

    def offsets(self, since: float, until: float) -> tuple[UtcOffset, ...]:
        """Return the offsets of local time from UTC within a span, in order of time.

        `since` and `until` are UTC seconds since the epoch. The last offset has no end: its `before` is None.
        """
        found, at = [], since
        while at < until:
            later = min(at + _DAY, until)
            if self._offset(at) != self._offset(later):
                change = self._change(at, later)
                found.append(UtcOffset(change, self._offset(at)))
            at = later
        return (*found, UtcOffset(None, self._offset(until)))

    def hour_of(self, at: float) -> tuple[int, int]:
        """Return the local weekday (0 is Monday) and the local hour of an instant.

        `at` is in UTC seconds since the epoch.
        """
        there = datetime.fromtimestamp(at, self.zone)
        return there.weekday(), there.hour

    def minute_of_day(self, at: float) -> int:
        """Return the local minute of the day of an instant, 0 to 1439.

        `at` is in UTC seconds since the epoch.
        """
        there = datetime.fromtimestamp(at, self.zone)
        return 60 * there.hour + there.minute

    def weekdays(self) -> tuple[int, ...]:
        """Return the numbers of the seven weekdays (0 is Monday), starting with the first day of the week."""
        return tuple((self.first_weekday + step) % len(WEEKDAYS) for step in range(len(WEEKDAYS)))

    def between(self, first: date, last: date) -> Iterator[date]:
        """Yield every date from the first to the last, both included."""
        for step in range((last - first).days + 1):
            yield first + timedelta(step)

    def _offset(self, at: float) -> int:
        offset = datetime.fromtimestamp(at, UTC).astimezone(self.zone).utcoffset()
        return round(offset.total_seconds()) if offset else 0

    def _change(self, low: float, high: float) -> float:
        before = self._offset(low)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset(middle) == before else (low, middle)
        return float(high // 1)
