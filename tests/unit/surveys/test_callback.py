"""The callback plan: callers and times, every refusal, every limit, and at most two calls to a caller."""

import pytest
from hypothesis import given, settings, strategies as st

from cc_bridge.records import Trigger
from cc_bridge.surveys import callback
from cc_bridge.surveys.attribution import Attribution, Invitation, Segment
from cc_bridge.surveys.business_hours import BusinessHours
from cc_bridge.surveys.callback import (
    CallbackCandidate,
    CallbackPlan,
    CallbackRules,
    CallResult,
    NoCallbackReason,
    dialable,
)
from cc_bridge.surveys.definition import Survey

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
EVER = BusinessHours()
RULES = CallbackRules(hours=EVER, delay_seconds=MINUTE, retry_seconds=30 * MINUTE)
SURVEY = Survey.__new__(Survey)  # the questions do not matter here


def caller(n=1, number="09121234567", key="", consented=True):
    attribution = Attribution(f"{n}.0", [Segment("sales", "Alice", "PJSIP/alice")])
    invitation = Invitation(SURVEY, attribution, "fa", key or number)
    return CallbackCandidate(f"{n}.0", number, consented, invitation)


class PlanCase:
    """A callback plan. `done` has the callers that it will not call any more, with the reason."""

    def __init__(self, rules=RULES):
        self.done = []
        self.plan = CallbackPlan(rules, lambda candidate, why: self.done.append((candidate.uniqueid, why)))

    def called(self, now):
        return [candidate.uniqueid for candidate in self.plan.due(now)]


def test_a_caller_is_called_once_after_the_delay():
    case = PlanCase()
    assert case.plan.add(caller(), NOON) is None
    assert case.called(NOON + MINUTE - 1) == []
    assert case.called(NOON + MINUTE) == ["1.0"]
    assert case.called(NOON + 2 * MINUTE) == []


def test_one_who_is_not_due_yet_does_not_hold_up_the_others():
    case = PlanCase()
    case.plan.add(caller(1), NOON + HOUR)
    case.plan.add(caller(2, number="09127"), NOON)
    assert case.called(NOON + MINUTE) == ["2.0"]


def test_results_are_counted_by_kind():
    case = PlanCase()
    for n in range(3):
        case.plan.record_result(f"{n}.0", CallResult.BUSY, NOON)
    case.plan.record_result("4.0", CallResult.FAILED, NOON)
    assert case.plan.results == {CallResult.BUSY: 3, CallResult.FAILED: 1}


def test_the_answer_brings_the_survey_once():
    case = PlanCase()
    case.plan.add(caller(), NOON)
    assert case.plan.take_invitation("1.0") is None  # no caller was called yet
    case.called(NOON + MINUTE)
    case.plan.record_result("1.0", CallResult.ANSWERED, NOON + 70)
    invitation = case.plan.take_invitation("1.0")
    assert (invitation.trigger, invitation.attribution.last.agent) == (Trigger.CALLBACK, "Alice")
    assert case.plan.take_invitation("1.0") is None
    assert case.done == []


def test_the_dialplan_may_come_before_the_word_that_it_was_answered():
    case = PlanCase()
    case.plan.add(caller(), NOON)
    case.called(NOON + MINUTE)
    assert case.plan.take_invitation("1.0") is not None
    case.plan.record_result("1.0", CallResult.ANSWERED, NOON + 70)
    assert (len(case.plan), case.done) == (0, [])


def test_busy_is_tried_once_more():
    case = PlanCase()
    case.plan.add(caller(), NOON)
    case.called(NOON + MINUTE)
    case.plan.record_result("1.0", CallResult.BUSY, NOON + 2 * MINUTE)
    assert case.called(NOON + 31 * MINUTE) == []
    assert case.called(NOON + 32 * MINUTE) == ["1.0"]
    case.plan.record_result("1.0", CallResult.BUSY, NOON + 33 * MINUTE)
    assert case.done == [("1.0", NoCallbackReason.BUSY)]
    assert case.called(NOON + 10 * DAY) == []


@pytest.mark.parametrize(
    ("result", "why"),
    [(CallResult.NO_ANSWER, NoCallbackReason.NO_ANSWER), (CallResult.FAILED, NoCallbackReason.FAILED)],
)
@pytest.mark.parametrize("before", [[], [CallResult.BUSY]])
def test_nothing_else_is_tried_again(before, result, why):
    case = PlanCase()
    case.plan.add(caller(), NOON)
    for n, each in enumerate([*before, result]):
        assert case.called(NOON + (n + 1) * HOUR) == ["1.0"]
        case.plan.record_result("1.0", each, NOON + (n + 1) * HOUR)
    assert case.done == [("1.0", why)]
    assert len(case.plan) == 0


@pytest.mark.parametrize(
    ("consented", "legitimate_interest", "why"),
    [
        (True, False, None),
        (None, False, NoCallbackReason.NO_CONSENT),
        (False, False, NoCallbackReason.NO_CONSENT),
        (None, True, None),
        (False, True, NoCallbackReason.NO_CONSENT),  # a refusal is final
    ],
)
def test_a_yes_or_an_interest_is_needed(consented, legitimate_interest, why):
    plan = CallbackPlan(CallbackRules(hours=EVER, legitimate_interest=legitimate_interest))
    assert plan.add(caller(consented=consented), NOON) is why


@pytest.mark.parametrize("number", ["", "<unknown>", "anonymous", "*21*5#", "12", "0912 1", "1&2", "١٢٣٤"])
def test_what_is_no_number_is_never_called(number):
    assert not dialable(number)
    assert CallbackPlan(RULES).add(caller(number=number, key="x"), NOON) is NoCallbackReason.WITHHELD


@given(st.text(max_size=20))
def test_a_number_has_digits_only(text):
    if dialable(text):
        assert set(text[1:]) <= set("0123456789")
        assert text[0] in "+0123456789"


def test_a_caller_without_a_key_is_never_called():
    nobody = CallbackCandidate(
        "1.0", "0912", True, Invitation(SURVEY, Attribution("1", [Segment("", "", "")]), "", "")
    )
    assert CallbackPlan(RULES).add(nobody, NOON) is NoCallbackReason.WITHHELD


def test_the_same_caller_is_called_once_in_so_many_days():
    case = PlanCase()
    case.plan.add(caller(1), NOON)
    assert case.plan.add(caller(2), NOON) is NoCallbackReason.CALLED_RECENTLY  # planned
    case.called(NOON + MINUTE)
    case.plan.record_result("1.0", CallResult.NO_ANSWER, NOON + 2 * MINUTE)
    assert case.plan.add(caller(3), NOON + 29 * DAY) is NoCallbackReason.CALLED_RECENTLY
    assert case.plan.add(caller(4), NOON + 31 * DAY) is None


def test_so_many_days_end_to_the_second_and_are_remembered_as_long():
    case = PlanCase()
    case.plan.add(caller(1), NOON)
    called_at = NOON + MINUTE
    case.called(called_at)
    case.plan.record_result("1.0", CallResult.NO_ANSWER, called_at)
    case.called(called_at + 30 * DAY - 1)
    assert case.plan.add(caller(2), called_at + 30 * DAY - 1) is NoCallbackReason.CALLED_RECENTLY
    assert case.plan.add(caller(3), called_at + 30 * DAY) is None
    case.called(called_at + 30 * DAY)
    assert not case.plan.called_at


def test_a_restart_does_not_forget_who_was_called():
    plan = CallbackPlan(RULES)
    plan.called_at["09121234567"] = NOON - DAY
    assert plan.add(caller(), NOON) is NoCallbackReason.CALLED_RECENTLY


def test_outside_the_hours_nobody_is_called_and_nothing_is_made_up_for():
    case = PlanCase(CallbackRules(hours=BusinessHours(begin=9 * 60, end=13 * 60), delay_seconds=2 * HOUR))
    case.plan.add(caller(), NOON)
    assert case.called(NOON + 2 * HOUR) == []
    assert case.done == [("1.0", NoCallbackReason.OUTSIDE_HOURS)]
    assert case.called(NOON + DAY) == []


@pytest.mark.parametrize(
    ("rules", "why", "later"),
    [
        (CallbackRules(hours=EVER, max_per_hour=2), NoCallbackReason.HOUR_FULL, HOUR),
        (CallbackRules(hours=EVER, max_per_day=2), NoCallbackReason.DAY_FULL, DAY),
    ],
)
def test_caps_hold_and_then_let_go(rules, why, later):
    case = PlanCase(rules)
    for n in range(4):
        case.plan.add(caller(n, number=f"0912{n}"), NOON)
    assert case.called(NOON + MINUTE) == ["0.0", "1.0"]
    assert case.done == [("2.0", why), ("3.0", why)]
    case.plan.add(caller(7, number="09127"), NOON + later)
    assert case.called(NOON + later + MINUTE) == ["7.0"]


def test_a_second_try_counts_for_the_caps_as_well():
    case = PlanCase(CallbackRules(hours=EVER, max_per_day=1))
    case.plan.add(caller(), NOON)
    case.called(NOON + MINUTE)
    case.plan.record_result("1.0", CallResult.BUSY, NOON + MINUTE)
    case.called(NOON + HOUR)
    assert case.done == [("1.0", NoCallbackReason.DAY_FULL)]


def test_no_more_are_planned_than_can_be_remembered(monkeypatch):
    monkeypatch.setattr(callback, "MAX_PLANNED", 3)
    plan = CallbackPlan(RULES)
    refused = [plan.add(caller(n, number=f"0912{n}"), NOON) for n in range(5)]
    assert refused == [None, None, None, NoCallbackReason.TOO_MANY, NoCallbackReason.TOO_MANY]
    assert len(plan) == 3


def test_who_answers_and_hangs_up_at_once_is_let_go():
    case = PlanCase()
    case.plan.add(caller(), NOON)
    case.called(NOON + MINUTE)
    case.plan.record_result("1.0", CallResult.ANSWERED, NOON + 70)
    case.called(NOON + HOUR)
    assert case.done == [("1.0", NoCallbackReason.NOT_ASKED)]
    assert len(case.plan) == 0


def test_who_answers_has_ten_minutes_to_come_to_the_survey():
    case = PlanCase()
    case.plan.add(caller(), NOON)
    case.called(NOON + MINUTE)
    case.plan.record_result("1.0", CallResult.ANSWERED, NOON + 70)
    case.called(NOON + 70 + callback.ANSWERED_SECONDS)
    assert (case.done, len(case.plan)) == ([], 1)
    case.called(NOON + 70 + callback.ANSWERED_SECONDS + 0.5)
    assert case.done == [("1.0", NoCallbackReason.NOT_ASKED)]


@pytest.mark.parametrize("again", [False, True])
def test_a_call_without_any_result_is_let_go(again):
    case = PlanCase()
    case.plan.add(caller(), NOON)
    called_at = NOON + MINUTE
    assert case.called(called_at) == ["1.0"]
    if again:
        case.plan.record_result("1.0", CallResult.BUSY, called_at)
        called_at = NOON + HOUR
        assert case.called(called_at) == ["1.0"]
    case.called(called_at + callback.CALL_SECONDS)
    assert (case.done, len(case.plan)) == ([], 1)
    case.called(called_at + callback.CALL_SECONDS + 0.5)
    assert (case.done, len(case.plan)) == ([("1.0", NoCallbackReason.FAILED)], 0)
    case.plan.record_result("1.0", CallResult.ANSWERED, called_at + HOUR)  # too late
    assert len(case.plan) == 0


def test_word_of_a_call_that_nobody_made_changes_nothing():
    case = PlanCase()
    case.plan.record_result("9.9", CallResult.BUSY, NOON)
    case.plan.add(caller(), NOON)
    case.plan.record_result("1.0", CallResult.ANSWERED, NOON)
    assert case.called(NOON + MINUTE) == ["1.0"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("left"), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.sampled_from([1.0, MINUTE, HOUR, DAY, 31 * DAY])),
        st.tuples(st.just("case"), st.integers(0, 60), st.sampled_from(CallResult)),
        st.tuples(st.just("asks"), st.integers(0, 60)),
    ),
    max_size=60,
)


@settings(max_examples=200)
@given(STEPS)
def test_whatever_happens_nobody_is_rung_too_often(steps):
    rules = CallbackRules(hours=EVER, max_per_hour=3, max_per_day=5)
    plan, now, calls, made = CallbackPlan(rules), NOON, 0, []
    for what, *values in steps:
        if what == "left":
            calls += 1
            plan.add(caller(calls, number=f"0912{values[0]}"), now)
        elif what == "wait":
            now += values[0]
        elif what == "case":
            plan.record_result(f"{values[0]}.0", values[1], now)
        else:
            plan.take_invitation(f"{values[0]}.0")
        made += [(now, candidate.uniqueid, candidate.number) for candidate in plan.due(now)]
    for at, uniqueid, number in made:
        assert sum(0 <= at - other < HOUR for other, *_ in made) <= rules.max_per_hour
        assert sum(0 <= at - other < DAY for other, *_ in made) <= rules.max_per_day
        assert [each for _, each, _ in made].count(uniqueid) <= 2
        same = {each for other, each, to in made if to == number and abs(at - other) < 29 * DAY}
        assert same == {uniqueid}
