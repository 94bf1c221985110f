"""Recall and repeat: windows in hours of elapsed time, and exactly one status for each lost call."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, strategies as st

from cc_bridge.customers.lost_calls import (
    LOST,
    RECALL_SECONDS,
    RECONNECT_SECONDS,
    REPEAT_SECONDS,
    Contact,
    LostCallStatus,
    lost_calls,
    repeat_calls,
)
from cc_bridge.records import Direction, Outcome

HOUR = 3600.0
DAY, WEEK = REPEAT_SECONDS
NOW = 1_900_000_000.0  # after the end of all windows from T
# The last minute of a day, before ordinary days, changes of summer time, a year's end and a leap day.
NIGHTS = [
    datetime(2026, 11, 22, 23, 59, 30, tzinfo=ZoneInfo("Asia/Tehran")),
    datetime(2026, 3, 28, 23, 59, tzinfo=ZoneInfo("Europe/Berlin")),
    datetime(2026, 10, 24, 23, 59, tzinfo=ZoneInfo("Europe/Berlin")),
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2028, 2, 28, 23, 59, tzinfo=UTC),
]
at_night = pytest.mark.parametrize("night", NIGHTS, ids=lambda night: f"{night:%Y-%m-%d %Z}")


def visit(at, outcome=Outcome.ABANDONED, *, call=None, queue="sales", wait=30.0, talk=0.0, agent="Sara"):
    left_at = at + wait
    agent = agent if outcome is Outcome.ANSWERED else ""
    return Contact(
        "98912", "main", call or f"{at}", Direction.IN, queue, at, left_at, left_at + talk, outcome, agent
    )


def talk(at, direction=Direction.OUT, *, call=None, agent="Ali"):
    return Contact("98912", "main", call or f"{at}", direction, "", at, at, at + 60, Outcome.ANSWERED, agent)


def fates(*contacts, now=NOW):
    return [(each.managed, each.seconds, each.agent) for each in lost_calls(contacts, now)]


# -- recall


def test_a_call_back_that_is_answered_makes_it_good():
    assert fates(visit(0), talk(630)) == [(LostCallStatus.RECALLED, 600.0, "Ali")]


def test_a_caller_who_comes_again_serves_himself():
    assert fates(visit(0), visit(600, Outcome.ANSWERED)) == [(LostCallStatus.SELF_SERVED, 600.0, "Sara")]
    assert fates(visit(0), talk(630, Direction.IN)) == [(LostCallStatus.SELF_SERVED, 600.0, "Ali")]


def test_the_first_answer_counts():
    assert fates(visit(0), visit(900, Outcome.ANSWERED), talk(630)) == [
        (LostCallStatus.RECALLED, 600.0, "Ali")
    ]


def test_each_of_two_lost_calls_is_made_good_by_the_same_answer():
    assert fates(visit(0), visit(300), talk(630)) == [
        (LostCallStatus.RECALLED, 600.0, "Ali"), (LostCallStatus.RECALLED, 300.0, "Ali")]  # fmt: skip


def test_a_call_that_another_queue_or_a_phone_answered_is_not_lost():
    assert fates(visit(0, Outcome.TIMED_OUT, call="1"), visit(30, Outcome.ANSWERED, call="1")) == []
    assert fates(visit(0, Outcome.TIMED_OUT, call="1"), talk(40, Direction.IN, call="1")) == []


def test_a_call_that_two_queues_lost_is_lost_once_by_the_last():
    (lost,) = lost_calls([visit(0, Outcome.TIMED_OUT, call="1"), visit(30, call="1", queue="support")], NOW)
    assert (lost.queue, lost.entered_at, lost.lost_at, lost.outcome) == ("support", 0, 60, Outcome.ABANDONED)


@pytest.mark.parametrize("outcome", Outcome)
def test_what_is_lost(outcome):
    assert len(fates(visit(0, outcome))) == (outcome in LOST)
    assert {Outcome.ANSWERED, Outcome.TRANSFERRED_AWAY, Outcome.UNOBSERVED} == set(Outcome) - LOST


def test_as_long_as_the_window_lasts_it_is_open():
    lost_at = 30.0
    assert fates(visit(0), now=lost_at + RECALL_SECONDS - 0.001)[0][0] is LostCallStatus.OPEN
    assert fates(visit(0), now=lost_at + RECALL_SECONDS)[0][0] is LostCallStatus.NOT_MANAGED
    (lost,) = lost_calls([visit(0), talk(630)], now=700)
    assert (lost.managed, lost.decided) == (LostCallStatus.RECALLED, False)


@at_night
def test_the_window_of_a_recall_is_24_hours_across_any_night(night):
    lost_at = night.timestamp()
    lost = visit(lost_at - 30)
    assert fates(lost, talk(lost_at + 24 * HOUR))[0][0] is LostCallStatus.RECALLED
    assert fates(lost, talk(lost_at + 24 * HOUR + 0.001))[0][0] is LostCallStatus.NOT_MANAGED
    # The same local time of the next day is an hour earlier or later if the clocks change.
    next_day = (night + timedelta(days=1)).timestamp()
    in_time = next_day - lost_at <= 24 * HOUR
    assert (fates(lost, talk(next_day))[0][0] is LostCallStatus.RECALLED) == in_time


instants = st.floats(0, 14 * DAY, allow_nan=False).map(lambda at: round(at, 3))
calls = st.lists(
    st.one_of(
        st.builds(
            visit, instants, st.sampled_from(Outcome), queue=st.sampled_from(["sales", "support", "help"])
        ),
        st.builds(talk, instants, st.sampled_from([Direction.IN, Direction.OUT])),
    ),
    max_size=12,
    unique_by=lambda contact: contact.call,
)


@given(calls, st.floats(0, 20 * DAY))
def test_every_lost_call_has_one_fate_that_a_slow_search_finds_too(contacts, now):
    found = {each.call_id: each for each in lost_calls(contacts, now)}
    assert found.keys() == {each.call_id for each in contacts if each.outcome in LOST}
    for each in contacts:
        if each.outcome not in LOST:
            continue
        later = [
            other.left_at
            for other in contacts
            if other.outcome is Outcome.ANSWERED and 0 < other.left_at - each.left_at <= RECALL_SECONDS
        ]
        assert found[each.call_id].answered_at == min(later, default=None)
        undecided = each.left_at + RECALL_SECONDS > now
        assert (found[each.call_id].managed is LostCallStatus.OPEN) == (undecided and not later)


@given(calls, st.randoms())
def test_the_order_of_what_is_read_does_not_matter(contacts, chance):
    mixed = list(contacts)
    chance.shuffle(mixed)
    assume(len({each.entered_at for each in contacts}) == len(contacts))
    assume(len({each.left_at for each in contacts}) == len(contacts))
    assert list(lost_calls(contacts, NOW)) == list(lost_calls(mixed, NOW))
    assert sorted(map(str, repeat_calls(contacts, str))) == sorted(map(str, repeat_calls(mixed, str)))


@given(calls, st.floats(-1e9, 1e9).map(round))
def test_no_instant_of_the_calendar_is_special(contacts, shift):
    """Contacts that are shifted in time keep their status."""

    def moved(contact, by):
        at = {name: getattr(contact, name) + by for name in ("entered_at", "left_at", "call_ended_at")}
        return Contact(**{name: getattr(contact, name) for name in contact.__slots__} | at)

    base = 2_000_000_000
    here = [moved(each, base) for each in contacts]
    there = [moved(each, base + shift) for each in contacts]
    now = base + 40 * DAY
    assert [each.managed for each in lost_calls(here, now)] == [
        each.managed for each in lost_calls(there, now + shift)
    ]


# -- repeat


def again(*contacts, seconds=DAY, now=NOW, group=str):
    return [each.within(seconds, now) for each in repeat_calls(contacts, group)]


@at_night
@pytest.mark.parametrize("seconds", REPEAT_SECONDS)
def test_the_window_of_a_repeat_is_hours_across_any_night(night, seconds):
    first = visit(night.timestamp() - 30, Outcome.ANSWERED, talk=0)
    ended_at = first.call_ended_at
    assert again(first, visit(ended_at + seconds), seconds=seconds) == [True, False]
    assert again(first, visit(ended_at + seconds + 0.001), seconds=seconds) == [False, False]


def test_a_reconnect_is_the_same_stay():
    first = visit(0, Outcome.ANSWERED, wait=10, talk=300)
    assert again(first, visit(310 + RECONNECT_SECONDS - 0.001)) == [False]
    assert again(first, visit(310 + RECONNECT_SECONDS)) == [True, False]
    # A later visit makes the caller a repeat caller once.
    assert again(first, visit(320), visit(5000)) == [True, False]


def test_another_queue_is_another_matter_unless_it_is_of_the_group():
    contacts = visit(0), visit(5000, queue="support")
    assert again(*contacts) == [False, False]
    assert again(*contacts, group=lambda _queue: "all") == [True, False]


def test_a_call_through_two_queues_of_a_group_is_one_stay():
    contacts = visit(0, Outcome.TIMED_OUT, call="1", wait=300), visit(400, call="1", queue="support")
    assert again(*contacts, group=lambda _queue: "all") == [False]


def test_our_own_calls_are_nobody_coming_again():
    assert again(visit(0), talk(5000), talk(9000, Direction.IN)) == [False]


def test_a_stay_whose_window_lasts_does_not_count():
    contacts = visit(0), visit(5000)
    assert again(*contacts, now=30 + DAY - 1) == [None, None]
    assert again(*contacts, now=30 + DAY) == [True, None]


@given(calls)
def test_who_comes_again_in_a_day_comes_again_in_a_week(contacts):
    for stay in repeat_calls(contacts, str):
        assert stay.within(WEEK, NOW) or not stay.within(DAY, NOW)
        assert stay.next_at is None or stay.next_at - stay.ended_at >= RECONNECT_SECONDS


@given(calls)
def test_every_visit_is_in_one_stay(contacts):
    stays = list(repeat_calls(contacts, str))
    for each in contacts:
        if each.queue:
            inside = [
                stay for stay in stays
                if stay.group == each.queue
                and stay.entered_at <= each.entered_at
                and each.left_at <= stay.ended_at
            ]  # fmt: skip
            assert inside
    assert len(stays) <= sum(1 for each in contacts if each.queue)
