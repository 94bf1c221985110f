"""The spans of reports: days, weeks and months of both calendars, free days, and the span for comparison."""

from datetime import date, timedelta

import pytest
from hypothesis import given, strategies as st

from cc_bridge.reports.calendar import Days
from cc_bridge.reports.spans import SpanLength, chosen_span, free_span, whole_span

TODAY = date(2026, 11, 18)  # a Wednesday, the 27th of Aban 1405
DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1))


def span(length, day, **days):
    return chosen_span(SpanLength(length), day, TODAY, Days(**days))


def test_a_month_that_is_not_over_is_compared_with_as_many_days():
    month = span("month", TODAY)
    assert (month.first, month.last) == (date(2026, 11, 1), TODAY)
    assert (month.before_first, month.before_last) == (date(2026, 10, 1), date(2026, 10, 18))
    assert (month.earlier, month.later) == (date(2026, 10, 31), None)


def test_a_month_that_is_over_is_compared_with_the_whole_month_before():
    month = span("month", date(2026, 10, 5))
    assert (month.first, month.last) == (date(2026, 10, 1), date(2026, 10, 31))
    assert (month.before_first, month.before_last) == (date(2026, 9, 1), date(2026, 9, 30))
    assert month.later == date(2026, 11, 1)


def test_a_persian_month():
    month = span("month", date(2026, 10, 5), kind="persian")
    assert (month.first, month.last) == (date(2026, 9, 23), date(2026, 10, 22))
    running = span("month", TODAY, kind="persian")
    assert (running.first, running.before_first) == (date(2026, 10, 23), date(2026, 9, 23))
    assert running.n == (running.before_last - running.before_first).days + 1 == 27


def test_a_week_starts_on_the_configured_day():
    week = span("week", date(2026, 11, 10), first_weekday=5)
    assert (week.first, week.last) == (date(2026, 11, 7), date(2026, 11, 13))
    assert (week.before_first, week.before_last) == (date(2026, 10, 31), date(2026, 11, 6))


def test_a_day_is_compared_with_the_same_weekday():
    day = span("day", date(2026, 11, 10))
    assert (day.first, day.last) == (day.first, day.first)
    assert day.before_first == day.before_last == date(2026, 11, 3)
    assert (day.earlier, day.later) == (date(2026, 11, 9), date(2026, 11, 11))
    assert span("day", TODAY).later is None


@given(DAYS, st.integers(1, 400))
def test_free_days_are_compared_with_as_many_days_before(first, n):
    found = free_span(first, first + timedelta(n - 1), TODAY)
    assert found.n == n
    assert found.before_last == first - timedelta(1)
    assert (found.before_last - found.before_first).days + 1 == n
    assert (found.later is None) == (found.last >= TODAY)


@pytest.mark.parametrize("kind", ["gregorian", "persian"])
@given(st.sampled_from(SpanLength), DAYS)
def test_a_span_contains_its_day_and_the_next_one_follows(kind, length, day):
    days = Days(kind=kind)
    first, last = whole_span(length, day, days)
    assert first <= day <= last
    following, _ = whole_span(length, last + timedelta(1), days)
    assert following == last + timedelta(1)
