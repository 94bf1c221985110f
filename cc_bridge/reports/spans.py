"""The spans of days that a report can cover: a day, a week, a month or free days. Pure.

Weeks and months are those of the contact centre's calendar. A span that contains today ends today. It is
compared with the same number of days of the span before, so that both have equal chances.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from cc_bridge.reports.calendar import FIRST_DAY, LAST_DAY, Days

__all__ = ["ReportSpan", "SpanLength", "chosen_span", "free_span", "whole_span"]

_DAY = timedelta(1)
_WEEK = 7
_LONGEST_MONTH = 31  # days of a month, of either calendar


class SpanLength(StrEnum):
    """The length of a span that the calendar defines."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class ReportSpan:
    """The days of a report, the earlier days for comparison, and the spans before and after.

    First and last days are included.

    length: the length of the span; None for free days
    earlier, later: a day of the span before and of the span after; None if there is none
    """

    length: SpanLength | None
    first: date
    last: date
    before_first: date
    before_last: date
    earlier: date | None
    later: date | None

    @property
    def n(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1


def whole_span(length: SpanLength, day: date, days: Days) -> tuple[date, date]:
    """Return the first and the last day of the day, week or month that contains the date `day`."""
    return _SPANS[length](day, days)


def chosen_span(length: SpanLength, day: date, today: date, days: Days) -> ReportSpan:
    """Return the day, week or month that contains the date `day`, without the days after `today`.

    A day is compared with the same weekday of the week before, because weekdays differ. A week or month is
    compared with the one before. A span in the future has all its days.
    """
    first, last = whole_span(length, day, days)
    earlier = first - _DAY
    later = last + _DAY if last < today else None
    if first <= today < last:
        last = today
    if length is SpanLength.DAY:
        before = first - timedelta(_WEEK), last - timedelta(_WEEK)
    else:
        before = whole_span(length, earlier, days)
        if later is None:
            before = before[0], min(before[1], before[0] + (last - first))
    return ReportSpan(length, first, last, *before, earlier if earlier >= FIRST_DAY else None, later)


def free_span(first: date, last: date, today: date) -> ReportSpan:
    """Return the span from `first` to `last`, which is compared with as many days before it."""
    n = timedelta((last - first).days + 1)
    earlier = first - n if first - n >= FIRST_DAY else None
    later = last + _DAY if last < today and last + n <= LAST_DAY else None
    return ReportSpan(None, first, last, first - n, first - _DAY, earlier, later)


def _day(day: date, _days: Days) -> tuple[date, date]:
    return day, day


def _week(day: date, days: Days) -> tuple[date, date]:
    first = day - timedelta((day.weekday() - days.first_weekday) % _WEEK)
    return first, first + timedelta(_WEEK - 1)


def _month(day: date, days: Days) -> tuple[date, date]:
    first = days.first_of_month(day)
    following = days.first_of_month(first + timedelta(_LONGEST_MONTH))
    return first, following - _DAY


_SPANS: Mapping[SpanLength, Callable[[date, Days], tuple[date, date]]] = {
    SpanLength.DAY: _day,
    SpanLength.WEEK: _week,
    SpanLength.MONTH: _month,
}
