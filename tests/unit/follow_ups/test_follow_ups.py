"""Follow-ups without a database: the causes, the due times, and the allowed actions."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from cc_bridge.errors import FollowUpError
from cc_bridge.follow_ups.due_dates import due_at
from cc_bridge.follow_ups.follow_up import (
    TRANSITIONS,
    UNCLOSED,
    Action,
    FollowUp,
    FollowUpState,
    already_handled,
    apply_action,
)
from cc_bridge.follow_ups.rules import AnswerFact, FollowUpRules, VisitFact, follow_up
from cc_bridge.records import Outcome
from cc_bridge.surveys.business_hours import BusinessHours, minute_of, weekdays_of

T = 1_795_309_819.25
HOUR = 3600.0
RULES = FollowUpRules({"csat": 2, "nps": 6}, ["solved"], comments=True, abandoned_seconds=24 * HOUR,
              long_wait_seconds=600, shared={"982188888888"})  # fmt: skip
ANSWER = AnswerFact(
    "main", "c1", "989121234567", "+989121234567", "sales", "Zahra", "a1", "agent", "csat", 2, T
)
STAY = VisitFact("main", "c1", "989121234567", "+989121234567", "sales", "", T, T + 60, Outcome.ABANDONED)


def reasons(causes):
    return [(cause.reason, cause.detail) for cause in causes]


# -- rules


@pytest.mark.parametrize(
    ("kind", "question", "value", "says"),
    [
        ("csat", "agent", 2, [("low_rating", "csat=2")]),
        ("csat", "agent", 3, []),
        ("nps", "recommend", 6, [("low_rating", "nps=6")]),
        ("nps", "recommend", 7, []),
        ("ces", "effort", 1, []),  # no lowest rating is set for this kind
        ("yes_no", "solved", 0, [("not_solved", "solved=no")]),
        ("yes_no", "solved", 1, []),
        ("yes_no", "again", 0, []),  # another question
        ("choice", "solved", 0, []),
        ("comment", "why", 9, [("comment", "spoke 9 s")]),
    ],
)
def test_what_an_answer_opens(kind, question, value, says):
    answer = replace(ANSWER, kind=kind, question=question, value=value)
    assert reasons(RULES.of_answers([answer])) == says
    for nobody in ("", "982188888888"):
        assert not list(RULES.of_answers([replace(answer, caller_key=nobody)]))
    assert not list(FollowUpRules().of_answers([answer]))


def test_who_abandons_twice_in_a_day_counts_once_more():
    later = replace(STAY, call_id="c2", entered_at=T + 24 * HOUR, left_at=T + 24 * HOUR + 60)
    (cause,) = RULES.of_visits([later, STAY])
    assert (cause.reason, cause.at, cause.about) == ("abandoned_twice", later.left_at, later)
    too_late_by = replace(later, left_at=later.left_at + 0.001)
    for nothing in (
        [STAY],
        [STAY, STAY],
        [STAY, too_late_by],
        [STAY, replace(later, short=True)],
        [STAY, replace(later, outcome=Outcome.TIMED_OUT)],
        [STAY, replace(later, caller_key="989129876543")],
        [replace(each, caller_key="") for each in (STAY, later)],
        [replace(each, caller_key="982188888888") for each in (STAY, later)],
        # Two queues within one call, and an answered call in between.
        [STAY, replace(later, call_id="c1")],
        [STAY, later, replace(STAY, call_id="c2", entered_at=T + HOUR, outcome=Outcome.ANSWERED)],
    ):
        assert not list(RULES.of_visits(nothing)), nothing


def test_two_numbers_of_one_customer_are_one():
    later = replace(STAY, call_id="c2", caller_key="989129876543", entered_at=T + HOUR,
                    left_at=T + HOUR + 60, pbx="other")  # fmt: skip
    assert not list(RULES.of_visits([STAY, later]))
    (cause,) = RULES.of_visits([STAY, later], lambda _key: "C-7")
    assert cause.about is later


def test_the_waits_of_a_call_before_its_first_answer_add_up():
    first = replace(STAY, left_at=T + 400, outcome=Outcome.TIMED_OUT)
    second = replace(STAY, queue="help", entered_at=T + 400, left_at=T + 601, outcome=Outcome.ANSWERED)
    third = replace(STAY, queue="late", entered_at=T + 900, left_at=T + 9_000)
    (cause,) = RULES.of_visits([third, second, first])
    assert (cause.reason, cause.detail, cause.about) == ("long_wait", "waited 601 s", second)
    in_time = replace(second, left_at=T + 600)
    assert not list(RULES.of_visits([first, in_time, third]))
    # The length of an unobserved wait is unknown.
    assert not list(RULES.of_visits([replace(third, outcome=Outcome.UNOBSERVED)]))


def test_what_is_opened_is_known_by_what_opened_it():
    (cause,) = RULES.of_answers([ANSWER])
    opened = follow_up(cause, "sara", T + HOUR)
    assert (opened.number, opened.owner, opened.state) == ("+989121234567", "sara", FollowUpState.OPEN)
    assert len(opened.follow_up_id) == 16
    others = [
        replace(ANSWER, pbx="other"),
        replace(ANSWER, attempt_id="a2"),
        replace(ANSWER, question="more"),
        replace(ANSWER, kind="comment"),
    ]
    ids = {each.id for each in (cause, *RULES.of_answers(others))}
    assert len(ids) == 5
    # Before the survey's call has ended, the number may be missing. Then the key identifies the caller.
    assert follow_up(replace(cause, about=replace(ANSWER, number="")), "", T).number == "989121234567"


_STAYS = st.builds(
    lambda call, key, begin, wait, outcome: VisitFact(
        "main", f"c{call}", f"98912000000{key}", "", "sales", "", T + begin, T + begin + wait, outcome
    ),
    st.integers(0, 5),
    st.integers(0, 2),
    st.integers(0, 200_000),
    st.sampled_from([30, 500, 700]),
    st.sampled_from([Outcome.ABANDONED, Outcome.ANSWERED, Outcome.TIMED_OUT]),
)


@given(st.lists(_STAYS, max_size=12, unique_by=lambda stay: stay.entered_at), st.randoms())
def test_neither_order_nor_repetition_changes_what_visits_cause(stays, chance):
    # A call has one caller.
    stays = [replace(stay, caller_key=f"98912000000{int(stay.call_id[1:]) % 3}") for stay in stays]
    causes = {(cause.id, cause.at, cause.detail) for cause in RULES.of_visits(stays)}
    assert len({found for found, *_ in causes}) == len(causes)
    again = chance.sample(stays, len(stays))
    assert {(cause.id, cause.at, cause.detail) for cause in RULES.of_visits(again)} == causes
    assert {
        (each.id, each.at, each.detail) for each in RULES.of_visits(dict.fromkeys(stays + again))
    } == causes


# -- due times


def local(text, zone):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("zone", "hours", "days", "opened", "due"),
    [
        ("Europe/Berlin", "09:00-17:00", "mon-fri", "2026-11-16 09:00", "2026-11-16 17:00"),
        ("Europe/Berlin", "09:00-17:00", "mon-fri", "2026-11-16 08:00", "2026-11-16 17:00"),
        ("Europe/Berlin", "09:00-17:00", "mon-fri", "2026-11-16 11:30", "2026-11-17 11:30"),
        ("Europe/Berlin", "09:00-17:00", "mon-fri", "2026-11-16 17:00", "2026-11-17 17:00"),
        ("Europe/Berlin", "09:00-17:00", "mon-fri", "2026-11-20 16:00", "2026-11-23 16:00"),  # a weekend
        ("Europe/Berlin", "09:00-17:00", "mon-fri", "2026-11-21 12:00", "2026-11-23 17:00"),
        ("Europe/Berlin", "09:00-17:00", "mon-fri", "2026-12-31 13:00", "2027-01-01 13:00"),  # the year's end
        ("Asia/Tehran", "08:00-16:00", "sat-wed", "2026-11-25 12:00", "2026-11-28 12:00"),  # Thursday, Friday
        ("Asia/Tehran", "22:00-06:00", "sat-wed", "2026-11-25 23:00", "2026-11-28 23:00"),
        ("Asia/Tehran", "22:00-06:00", "sat-wed", "2026-11-26 01:00", "2026-11-29 01:00"),  # of Wednesday
        ("Asia/Tehran", "00:00-24:00", "mon-sun", "2026-11-25 23:00", "2026-11-26 07:00"),
        # No working hour is at the clock change, so it has no effect.
        ("Europe/Berlin", "09:00-17:00", "mon-sun", "2026-03-28 13:00", "2026-03-29 13:00"),
        ("Europe/Berlin", "09:00-17:00", "mon-sun", "2026-10-24 13:00", "2026-10-25 13:00"),
        # A night shift of seven hours, and one of nine.
        ("Europe/Berlin", "22:00-06:00", "mon-sun", "2026-03-28 22:00", "2026-03-29 23:00"),
        ("Europe/Berlin", "22:00-06:00", "mon-sun", "2026-10-24 22:00", "2026-10-25 05:00"),
    ],
)
def test_eight_hours_of_work_later(zone, hours, days, opened, due):
    begin, end = map(minute_of, hours.split("-"))
    work = BusinessHours(ZoneInfo(zone), begin, end, weekdays_of(days))
    assert due_at(local(opened, zone), work, 8 * HOUR) == local(due, zone)


def test_hours_of_this_machine_need_no_zone():
    at = datetime(2026, 11, 16, 11, 30).timestamp()  # noqa: DTZ001 - this machine's is meant
    work = BusinessHours(None, minute_of("09:00"), minute_of("17:00"))
    assert due_at(at, work, 8 * HOUR) == datetime(2026, 11, 17, 11, 30).timestamp()  # noqa: DTZ001 - likewise


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Tehran", "America/Havana", "UTC"]),
    # Instants around the clock changes of 2026 and the year's end, and any instant.
    st.one_of(
        st.integers(local("2026-03-06", "UTC") // 60, local("2026-03-31", "UTC") // 60),
        st.integers(local("2026-10-23", "UTC") // 60, local("2026-11-03", "UTC") // 60),
        st.integers(local("2026-12-28", "UTC") // 60, local("2027-01-04", "UTC") // 60),
    ),
    st.sampled_from(["09:00-17:00", "22:00-06:00", "00:00-24:00", "06:30-06:00", "20:00-24:00"]),
    st.sampled_from(["mon-fri", "sat-wed", "mon-sun", "tue"]),
    st.integers(1, 16 * 60),
)
def test_so_many_minutes_of_work_lie_before_it_is_due(zone, opened, hours, days, minutes):
    begin, end = map(minute_of, hours.split("-"))
    work = BusinessHours(ZoneInfo(zone), begin, end, weekdays_of(days))
    due = due_at(opened * 60, work, minutes * 60)
    assert due == round(due / 60) * 60
    held = sum(work.contains(minute * 60) for minute in range(int(opened), int(due) // 60))
    assert held == minutes
    assert work.contains(due - 60)  # the last minute is a working minute


# -- actions


OPEN = FollowUp("3fa94c01bb4f9a2e", "main", "low_rating", "989121234567", "+989121234567", "sales", "Zahra",
                "c1", "csat=1", "sara", T, T + HOUR)  # fmt: skip


def test_from_which_state_which_move_leads_where():
    assert TRANSITIONS.keys() == {(state, move) for state in UNCLOSED for move in Action} - {
        (FollowUpState.TAKEN, Action.TAKE)
    }
    for (_, move), state in TRANSITIONS.items():
        assert apply_action(move, "sara", "why", T)["state"] is state


def test_it_is_overdue_after_its_time_until_it_is_closed():
    assert not OPEN.overdue(OPEN.due_at)
    assert OPEN.overdue(OPEN.due_at + 1)
    assert replace(OPEN, state=FollowUpState.TAKEN).overdue(OPEN.due_at + 1)
    done = replace(OPEN, state=FollowUpState.DONE, closed_at=T + 90)
    assert not done.overdue(OPEN.due_at + 1)
    assert (OPEN.seconds_to_close, done.seconds_to_close) == (None, 90)


@pytest.mark.parametrize(
    ("move", "by", "text", "says"),
    [
        (Action.TAKE, " ", "", "your name is missing: enter it"),
        (Action.DONE, "sara", "\n\t", "the result is missing: enter it as text"),
        (Action.DISMISS, "sara", "", "the reason for the dismissal is missing: enter it as text"),
        (Action.DONE, "sara", "x" * 1001, "the text is longer than 1000 characters"),
        (Action.TAKE, "x" * 65, "", "the name is longer than 64 characters"),
    ],
)
def test_what_is_missing_or_too_long_is_told(move, by, text, says):
    with pytest.raises(FollowUpError, match=says):
        apply_action(move, by, text, T)


def test_a_hostile_text_becomes_one_line_that_can_be_shown():
    text = "a\x1b[2Jb\r\nc\u202ed\x00\ud800e می‌خواهد"
    assert apply_action(Action.DONE, "sa\nra", text, T) == {
        "state": FollowUpState.DONE, "closed_by": "sa ra", "closed_at": T, "outcome": "a [2Jb c d e می‌خواهد",
    }  # fmt: skip


def test_who_is_late_is_told_who_was_first():
    taken = replace(OPEN, state=FollowUpState.TAKEN, taken_by="sara")
    assert str(already_handled(taken)) == "follow-up 3fa94c01 is already taken, by sara"
    done = replace(taken, state=FollowUpState.DONE, closed_by="ali")
    assert str(already_handled(done)) == "follow-up 3fa94c01 is already done, by ali"
