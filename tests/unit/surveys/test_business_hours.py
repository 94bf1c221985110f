"""Business hours of surveys: times of day and weekdays in the contact centre's time zone."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from cc_bridge.surveys.business_hours import (
    ALL_DAY,
    EVERY_DAY,
    BusinessHours,
    minute_of,
    start_of_day,
    weekdays_of,
)

TEHRAN = ZoneInfo("Asia/Tehran")
MON, TUE, WED, THU, FRI, SAT, SUN = range(7)

instants = st.floats(0, 4_000_000_000)
minutes = st.integers(0, ALL_DAY - 1)
days = st.frozensets(st.integers(0, 6), min_size=1)


def at(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def test_from_the_first_minute_until_before_the_last():
    hours = BusinessHours(UTC, minute_of("08:30"), minute_of("17:00"))
    for time, asked in (("08:29:59", False), ("08:30", True), ("16:59:59", True), ("17:00", False)):
        assert hours.contains(at(f"2026-11-23 {time}")) is asked


def test_only_on_the_days_that_were_said():
    hours = BusinessHours(UTC, weekdays=weekdays_of("sat-wed"))
    asked = [day for day in range(16, 23) if hours.contains(at(f"2026-11-{day} 12:00"))]
    assert asked == [16, 17, 18, 21, 22]  # the 16th is a Monday


def test_hours_that_pass_midnight_belong_to_the_day_on_which_they_began():
    friday_night = BusinessHours(UTC, minute_of("20:00"), minute_of("02:00"), weekdays_of("fri"))
    assert friday_night.contains(at("2026-11-20 20:00"))  # a Friday
    assert friday_night.contains(at("2026-11-21 01:59"))
    assert not friday_night.contains(at("2026-11-20 01:59"))
    assert not friday_night.contains(at("2026-11-21 02:00"))
    assert not friday_night.contains(at("2026-11-21 20:00"))


def test_the_hours_are_those_of_the_place():
    hours = BusinessHours(TEHRAN, minute_of("08:00"), minute_of("16:00"), weekdays_of("sat-wed"))
    assert hours.contains(at("2026-11-21 04:30"))  # 08:00 on a Saturday in Tehran
    assert not hours.contains(at("2026-11-21 04:29"))
    assert hours.contains(at("2026-11-21 15:59", TEHRAN))


def test_without_a_zone_the_hours_are_those_of_this_machine():
    here = datetime(2026, 11, 23, 9, 0).astimezone()
    assert BusinessHours(None, minute_of("09:00"), minute_of("09:01")).contains(here.timestamp())


@given(instants, minutes, days)
def test_an_end_that_is_the_begin_is_the_whole_day_after(moment, begin, weekdays):
    hours = BusinessHours(UTC, begin, begin, weekdays)
    begun = datetime.fromtimestamp(moment, UTC) - timedelta(minutes=begin)
    assert hours.contains(moment) is (begun.weekday() in weekdays)


@given(instants, minutes, minutes, days)
def test_the_hours_and_those_between_them_share_out_all_the_time(moment, begin, end, weekdays):
    """Each instant is either in business hours or between them. A night counts to its first day."""
    if begin == end:
        return
    open_, shut = BusinessHours(UTC, begin, end), BusinessHours(UTC, end, begin)
    assert open_.contains(moment) is not shut.contains(moment)
    some, others = (
        BusinessHours(UTC, begin, end, weekdays),
        BusinessHours(UTC, begin, end, EVERY_DAY - weekdays),
    )
    assert some.contains(moment) + others.contains(moment) == open_.contains(moment)


@given(instants, minutes, minutes, days, st.integers(-12 * 60, 14 * 60))
def test_another_place_has_the_same_hours_at_another_time(moment, begin, end, weekdays, offset):
    there = timezone(timedelta(minutes=offset))
    moved = BusinessHours(there, begin, end, weekdays).contains(moment - 60 * offset)
    assert moved is BusinessHours(UTC, begin, end, weekdays).contains(moment)


@given(instants)
def test_the_default_is_always(moment):
    assert BusinessHours(TEHRAN).contains(moment)


def test_the_day_begins_at_midnight_of_the_place():
    assert start_of_day(at("2026-11-22 23:15"), TEHRAN) == at("2026-11-22 20:30")
    assert start_of_day(at("2026-11-22 23:15"), UTC) == at("2026-11-22 00:00")
    local = datetime(2026, 11, 22, 13, 5).astimezone()
    assert start_of_day(local.timestamp(), None) == datetime(2026, 11, 22).astimezone().timestamp()


def test_the_day_begins_at_the_full_second():
    assert start_of_day(at("2026-11-22 23:15") + 7.25, UTC) == at("2026-11-22 00:00")


def test_the_night_of_sunday_ends_on_monday():
    sunday_night = BusinessHours(UTC, minute_of("20:00"), minute_of("02:00"), frozenset({6}))
    assert sunday_night.contains(at("2026-11-23 01:59"))  # a Monday
    assert not sunday_night.contains(at("2026-11-22 01:59"))


def test_the_day_of_25_hours_begins_with_the_first_of_two_midnights():
    havana = ZoneInfo("America/Havana")  # 01:00 became 00:00 again on 2025-11-02
    second_half_past_midnight = at("2025-11-02 05:30")
    assert start_of_day(second_half_past_midnight, havana) == at("2025-11-02 04:00")


def test_a_day_without_midnight_begins_when_the_clocks_jump():
    assert start_of_day(at("2022-03-22 12:00"), TEHRAN) == at("2022-03-21 20:30")  # 00:00 became 01:00


@given(instants)
def test_a_day_begins_at_most_25_hours_ago(moment):
    for zone in (TEHRAN, ZoneInfo("America/Havana"), ZoneInfo("Europe/Berlin")):
        assert 0 <= moment - start_of_day(moment, zone) < 25 * 3600


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("mon-sun", EVERY_DAY),
        ("mon-fri", {MON, TUE, WED, THU, FRI}),
        ("sat-wed", {SAT, SUN, MON, TUE, WED}),
        ("Mon, WED,fri-sun", {MON, WED, FRI, SAT, SUN}),
        ("thu", {THU}),
        ("thu-thu", {THU}),
    ],
)
def test_weekdays_as_people_write_them(text, meant):
    assert weekdays_of(text) == meant


@pytest.mark.parametrize(
    "text", ["", "monday", "mon-", "-fri", "mon--fri", "mon;tue", "mon-tue-wed", "shanbe"]
)
def test_what_is_no_weekday_is_refused(text):
    with pytest.raises(ValueError, match="such as mon-fri"):
        weekdays_of(text)


@given(minutes)
def test_every_time_of_day_can_be_read(minute):
    assert minute_of(f"{minute // 60:02}:{minute % 60:02}") == minute


def test_the_day_ends_at_24():
    assert minute_of("24:00") == ALL_DAY


@pytest.mark.parametrize(
    "text",
    ["", "8:30", "24:01", "12:60", "noon", "12:00:00", "\u06f1\u06f2:\u06f0\u06f0", " 12:00", "12:00\n"],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="such as 08:30"):
        minute_of(text)
