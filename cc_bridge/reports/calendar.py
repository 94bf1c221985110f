"""Days as a contact centre has them: in its time zone, week and calendar. Pure.

`query.py` gives SQL the offsets of the span, so that every kind of database counts by the same local hour and
day; `reports/render/localization.py` writes dates. The trap: a local day has 23 or 25 hours twice a year, so
a day's end is never its begin plus 24 hours.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal

from cc_bridge.errors import CcBridgeError
from cc_bridge.surveys.business_hours import WEEKDAYS

__all__ = ["CalendarKind", "Days", "UtcOffset", "day_of", "persian", "read_date"]

CalendarKind = Literal["gregorian", "persian"]

_EPOCH = date(1970, 1, 1)
_DAY = 86_400  # seconds
_DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})")  # \d takes Persian digits too, and so does int()
_PERSIAN_UNTIL = 1700  # no call of a PBX is from before the Gregorian year 1700, nor is it 1700 in Iran soon


@dataclass(frozen=True, slots=True)
class UtcOffset:
    """How far local clocks were ahead of UTC before an instant; None: from the one before on for good."""

    before: float | None  # UTC seconds since the epoch
    seconds: int


def day_of(number: int) -> date:
    """Return the date of a day that is counted from 1970-01-01."""
    return _EPOCH + timedelta(number)


def persian(day: date) -> tuple[int, int, int]:
    """Return year, month and day in the Persian calendar. Raises CcBridgeError without persiantools."""
    try:
        from persiantools.jdatetime import JalaliDate  # noqa: PLC0415 - of the extra `report`
    except ImportError as error:
        raise CcBridgeError("Persian dates need one package more: install cc-bridge[report]") from error
    there = JalaliDate(day)  # type: ignore[no-untyped-call] # the package is typed in part
    return there.year, there.month, there.day


def read_date(text: str) -> date:
    """Return the date of `2026-11-22` or `1405/9/1`, in digits of any script.

    Raises ValueError with what is wrong.
    """
    found = _DATE.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is no date: write 2026-11-22, or 1405-09-01 in the Persian calendar")
    year, month, day = map(int, found.groups())
    try:
        if year >= _PERSIAN_UNTIL:
            return date(year, month, day)
        from persiantools.jdatetime import JalaliDate  # noqa: PLC0415 - of the extra `report`

        gregorian: date = JalaliDate(year, month, day).to_gregorian()  # type: ignore[no-untyped-call] # as above
    except ImportError as error:
        raise ValueError(f"{text!r}: Persian dates need cc-bridge[report]") from error
    except ValueError as error:
        raise ValueError(f"{text!r}: there is no such day") from error
    return gregorian


@dataclass(frozen=True, slots=True)
class Days:
    """The days of one place."""

    zone: tzinfo | None = None  # None: this machine's
    first_weekday: int = 0  # Monday is 0
    kind: CalendarKind = "gregorian"

    def began(self, day: date) -> float:
        """Return when a local day began, UTC seconds since the epoch."""
        # With fold 0 a midnight that comes twice is the first one, one that clocks skip the jump.
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp()

    def today(self, now: float) -> date:
        return datetime.fromtimestamp(now, self.zone).date()

    def first_of_month(self, day: date) -> date:
        """Return the first day of the month, in this calendar."""
        return day - timedelta((persian(day)[2] if self.kind == "persian" else day.day) - 1)

    @staticmethod
    def number(day: date) -> int:
        """Return a day counted from 1970-01-01, as `day_of` reads it."""
        return (day - _EPOCH).days

    def offsets(self, since: float, until: float) -> tuple[UtcOffset, ...]:
        """Return the offsets of a span in their order, the last one without an end."""
        found, at = [], since
        while at < until:
            later = min(at + _DAY, until)
            if self._offset(at) != self._offset(later):
                change = self._change(at, later)
                found.append(UtcOffset(change, self._offset(at)))
            at = later
        return (*found, UtcOffset(None, self._offset(until)))

    def hour_of(self, at: float) -> tuple[int, int]:
        """Return local weekday, Monday being 0, and hour of an instant."""
        there = datetime.fromtimestamp(at, self.zone)
        return there.weekday(), there.hour

    def weekdays(self) -> tuple[int, ...]:
        """Return the days of the week, Monday being 0, in the order of the week."""
        return tuple((self.first_weekday + step) % len(WEEKDAYS) for step in range(len(WEEKDAYS)))

    def between(self, first: date, last: date) -> Iterator[date]:
        """Yield every day from the first to the last."""
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
