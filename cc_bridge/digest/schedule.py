"""When a digest is due, and which days it is about. Pure.

`publishing/` asks on each look, `commands/digest.py` for the days that were asked for. Everything is local:
days, weeks and months are those of reports, in their time zone and calendar.

The trap: an hour of the clock may come twice or not at all. So a due instant is made from a date and an hour,
never by adding seconds to the one before; an hour that clocks skip is the one after it, and of two the first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from cc_bridge.reports.calendar import Days

__all__ = ["DigestTimer", "Frequency", "Period", "period_of"]

_WEEK = 7
_LONGEST = 31  # days of a month, of either calendar


class Frequency(StrEnum):
    """How often a digest comes, and so what it is about."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first` to `last`, both with their ends, and those they are compared with."""

    first: date
    last: date
    before_first: date
    before_last: date


def period_of(every: Frequency, day: date, days: Days) -> Period:
    """Return the day, week or month that a day belongs to.

    A day is compared with the same one of the week before, since no Sunday is like a Monday; weeks and
    months with the one before.
    """
    first, last = _SPANS[every](day, days)
    if every is Frequency.DAY:
        return Period(first, last, first - timedelta(_WEEK), last - timedelta(_WEEK))
    return Period(first, last, *_SPANS[every](first - timedelta(1), days))


@dataclass(frozen=True, slots=True)
class DigestTimer:
    """When it is due: at an hour of every day, of one day of each week, or of each month's first day."""

    every: Frequency
    days: Days
    weekday: int  # Monday is 0
    hour: int

    def due(self, now: float) -> tuple[float, Period]:
        """Return when one was due last, and the last period that was over then.

        Instants are UTC seconds since the epoch.
        """
        day = self.days.today(now)
        while not (self._fits(day) and self._at(day) <= now):
            day -= timedelta(1)
        return self._at(day), self._period(day)

    def next_due(self, now: float) -> float:
        day = self.days.today(now)
        while not (self._fits(day) and self._at(day) > now):
            day += timedelta(1)
        return self._at(day)

    def _fits(self, day: date) -> bool:
        match self.every:
            case Frequency.DAY:
                return True
            case Frequency.WEEK:
                return day.weekday() == self.weekday
            case Frequency.MONTH:
                return self.days.first_of_month(day) == day

    def _at(self, day: date) -> float:
        return datetime(day.year, day.month, day.day, self.hour, tzinfo=self.days.zone).timestamp()

    def _period(self, day: date) -> Period:
        """Return the one that was over as this day began."""
        first, _ = _SPANS[self.every](day, self.days)
        return period_of(self.every, first - timedelta(1), self.days)


def _day(day: date, _days: Days) -> tuple[date, date]:
    return day, day


def _week(day: date, days: Days) -> tuple[date, date]:
    first = day - timedelta((day.weekday() - days.first_weekday) % _WEEK)
    return first, first + timedelta(_WEEK - 1)


def _month(day: date, days: Days) -> tuple[date, date]:
    first = days.first_of_month(day)
    following = days.first_of_month(first + timedelta(_LONGEST))
    return first, following - timedelta(1)


_SPANS: Mapping[Frequency, Callable[[date, Days], tuple[date, date]]] = {
    Frequency.DAY: _day,
    Frequency.WEEK: _week,
    Frequency.MONTH: _month,
}
