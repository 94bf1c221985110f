"""The schedule of digests: the instants at which they are due, and the periods that they cover. Pure.

Days, weeks and months are the same as in reports: in the contact centre's time zone and calendar.

Note: a clock change may skip an hour or repeat it. So the instant of a digest is calculated from a date and
an hour, never by adding seconds to another instant. If the hour is skipped, the digest is due in the hour
after it. If the hour comes twice, the digest is due the first time.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from cc_bridge.reports.calendar import Days
from cc_bridge.reports.spans import SpanLength, whole_span

__all__ = ["DigestTimer", "Frequency", "Period", "period_of"]

_WEEK = 7


class Frequency(StrEnum):
    """The frequency of digests: each day, week or month. The period of a digest has the same length."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """The days that a digest covers, and the earlier days with which they are compared.

    The digest covers the days from `first` to `last`. They are compared with the days from `before_first` to
    `before_last`. First and last days are included.
    """

    first: date
    last: date
    before_first: date
    before_last: date


def period_of(every: Frequency, day: date, days: Days) -> Period:
    """Return the day, week or month that contains the date `day`, with the earlier period for comparison.

    `every` is the length of the period. A day is compared with the same weekday of the week before, because
    weekdays differ. A week is compared with the week before, and a month with the month before.
    """
    first, last = whole_span(SpanLength(every), day, days)
    if every is Frequency.DAY:
        return Period(first, last, first - timedelta(_WEEK), last - timedelta(_WEEK))
    return Period(first, last, *whole_span(SpanLength(every), first - timedelta(1), days))


@dataclass(frozen=True, slots=True)
class DigestTimer:
    """The timer of digests, which are due at the hour `hour` of certain days.

    `every` decides the days: all days, one day of the week, or the first day of each month.
    """

    every: Frequency
    days: Days
    weekday: int  # Monday is 0
    hour: int

    def due(self, now: float) -> tuple[float, Period]:
        """Return the latest instant up to `now` at which a digest was due, and the period of that digest.

        The period is the last day, week or month that had ended at that instant. Instants are UTC seconds
        since the epoch.
        """
        day = self.days.today(now)
        while not (self._fits(day) and self._at(day) <= now):
            day -= timedelta(1)
        return self._at(day), self._period(day)

    def next_due(self, now: float) -> float:
        """Return the first instant after `now` at which a digest is due.

        `now` and the result are UTC seconds since the epoch.
        """
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
        """Return the last day, week or month that had ended when the date `day` began."""
        first, _ = whole_span(SpanLength(self.every), day, self.days)
        return period_of(self.every, first - timedelta(1), self.days)
