"""Eligibility: the callers to ask, and the one reason for not asking a caller."""

from dataclasses import replace
from itertools import pairwise
from math import sqrt
from statistics import mean
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from cc_bridge.records import EndedBy, Trigger
from cc_bridge.surveys.business_hours import BusinessHours, minute_of
from cc_bridge.surveys.eligibility import (
    EligibilityRules,
    NotAskedReason,
    SurveyCandidate,
    SurveyHistorySnapshot,
    SurveyStage,
    decide,
    decide_after_hangup,
    is_sampled,
)

T = 1_795_309_819.5
DAY = 86_400.0
CALL = "pbx1-1795309800.1"
SARA = SurveyCandidate(
    queue="sales",
    agent="Sara",
    interface="PJSIP/sara",
    answered=True,
    talk_seconds=95.0,
    transferred=False,
    ended_by=EndedBy.AGENT,
    caller_key="989121234567",
    language_known=True,
    at=T,
)
ANYBODY = EligibilityRules()
NOTHING = SurveyHistorySnapshot()

# For each reason, in order, the changes that make it apply.
HINDRANCES = [
    (NotAskedReason.DISABLED, {}, {"survey": ""}, {}),
    (NotAskedReason.NO_AGENT, {"agent": "", "interface": ""}, {}, {}),
    (NotAskedReason.NOT_ELIGIBLE, {"answered": False}, {}, {}),
    (NotAskedReason.TOO_SHORT, {"talk_seconds": 4.99}, {"min_talk_seconds": 5.0}, {}),
    (NotAskedReason.OPTED_OUT, {}, {}, {"opted_out": True}),
    (NotAskedReason.NO_CONSENT, {"consented": False}, {}, {}),
    (NotAskedReason.LANGUAGE_MISSING, {"language_known": False}, {}, {}),
    (NotAskedReason.OUTSIDE_HOURS, {}, {"hours": BusinessHours(weekdays=frozenset())}, {}),
    (NotAskedReason.ASKED_RECENTLY, {}, {"min_days_between_surveys": 7.0}, {"last_asked_at": T - DAY}),
    (NotAskedReason.SAMPLED_OUT, {}, {"sampling_percent": 0.0}, {}),
    (NotAskedReason.QUOTA, {}, {"max_surveys_per_day": 3}, {"asked_today_in_queue": 3}),
    (NotAskedReason.OVERLOAD, {}, {"most_running": 10}, {"running": 10}),
]


def asked(candidate=SARA, rules=ANYBODY, standing=NOTHING, call=CALL):
    return decide(candidate, rules, standing, call)


def hindered(*hindrances):
    """Return a candidate, rules and a history for which all these reasons hold."""
    candidate, rules, standing = SARA, ANYBODY, NOTHING
    for _, of_candidate, of_rules, of_standing in hindrances:
        candidate = replace(candidate, **of_candidate)
        rules = replace(rules, **of_rules)
        standing = replace(standing, **of_standing)
    return candidate, rules, standing


def test_a_caller_whom_nothing_hinders_is_asked():
    assert asked() is None


def test_every_reason_is_tried_here():
    assert [reason for reason, *_ in HINDRANCES] == list(NotAskedReason)


@pytest.mark.parametrize("hindrance", HINDRANCES, ids=lambda hindrance: hindrance[0])
def test_what_hinders_is_told(hindrance):
    assert asked(*hindered(hindrance)) is hindrance[0]


@pytest.mark.parametrize(("first", "second"), list(pairwise(HINDRANCES)), ids=lambda hindrance: hindrance[0])
def test_of_two_reasons_the_first_is_told(first, second):
    assert asked(*hindered(first, second)) is first[0]


@given(st.sets(st.sampled_from(range(len(HINDRANCES))), min_size=1))
def test_of_many_reasons_the_first_is_told(numbers):
    hindrances = [HINDRANCES[number] for number in numbers]
    assert asked(*hindered(*hindrances)) is HINDRANCES[min(numbers)][0]


def test_an_agent_without_a_name_is_an_agent():
    assert asked(replace(SARA, agent="")) is None


def test_a_passed_on_caller_is_asked_unless_the_queue_says_otherwise():
    passed_on = replace(SARA, transferred=True)
    assert asked(passed_on) is None
    assert asked(passed_on, EligibilityRules(transferred=False)) is NotAskedReason.NOT_ELIGIBLE
    assert asked(SARA, EligibilityRules(transferred=False)) is None


@pytest.mark.parametrize("ended_by", list(EndedBy))
def test_a_queue_can_want_the_agent_to_have_ended_the_talk(ended_by):
    rules = EligibilityRules(require_agent_hangup=True)
    expected = None if ended_by is EndedBy.AGENT else NotAskedReason.NOT_ELIGIBLE
    assert asked(replace(SARA, ended_by=ended_by), rules) is expected
    assert asked(replace(SARA, ended_by=ended_by)) is None


def test_passing_the_caller_to_the_survey_is_the_agents_act_too():
    passed = replace(SARA, ended_by=EndedBy.TRANSFER, trigger=Trigger.EXTENSION)
    assert asked(passed, EligibilityRules(require_agent_hangup=True)) is None


def test_a_talk_as_long_as_it_must_be_is_long_enough():
    assert asked(replace(SARA, talk_seconds=5.0), EligibilityRules(min_talk_seconds=5.0)) is None


@pytest.mark.parametrize(
    ("needed", "said", "reason"),
    [
        (False, None, None),
        (False, True, None),
        (False, False, NotAskedReason.NO_CONSENT),  # a refusal is final
        (True, None, NotAskedReason.NO_CONSENT),
        (True, True, None),
        (True, False, NotAskedReason.NO_CONSENT),
    ],
)
def test_consent(needed, said, reason):
    assert asked(replace(SARA, consented=said), EligibilityRules(consent_required=needed)) is reason


def test_hours_in_the_contact_centres_own_time():
    rules = EligibilityRules(
        hours=BusinessHours(ZoneInfo("Asia/Tehran"), minute_of("04:39"), minute_of("04:41"))
    )
    assert asked(SARA, rules) is None  # 01:10:19 UTC
    assert asked(replace(SARA, at=T + 60), rules) is NotAskedReason.OUTSIDE_HOURS


@pytest.mark.parametrize(
    ("days_ago", "reason"),
    [(0.0, NotAskedReason.ASKED_RECENTLY), (6.99, NotAskedReason.ASKED_RECENTLY), (7.0, None), (400.0, None)],
)
def test_nobody_is_asked_again_within_the_days(days_ago, reason):
    before = SurveyHistorySnapshot(last_asked_at=T - days_ago * DAY)
    assert asked(SARA, EligibilityRules(min_days_between_surveys=7.0), before) is reason


def test_without_such_days_a_caller_is_asked_each_time():
    assert asked(SARA, ANYBODY, SurveyHistorySnapshot(last_asked_at=T)) is None


def test_a_clock_that_was_set_back_does_not_ask_twice():
    assert (
        asked(
            SARA, EligibilityRules(min_days_between_surveys=1.0), SurveyHistorySnapshot(last_asked_at=T + 60)
        )
        is NotAskedReason.ASKED_RECENTLY
    )


@pytest.mark.parametrize("of", ["max_surveys_per_day", "max_surveys_per_agent_per_day"])
def test_the_caps_of_a_day(of):
    counted = {
        "max_surveys_per_day": "asked_today_in_queue",
        "max_surveys_per_agent_per_day": "asked_today_of_agent",
    }[of]
    rules = EligibilityRules(**{of: 3})
    for number, reason in ((0, None), (2, None), (3, NotAskedReason.QUOTA), (4, NotAskedReason.QUOTA)):
        assert asked(SARA, rules, SurveyHistorySnapshot(**{counted: number})) is reason
    assert asked(SARA, ANYBODY, SurveyHistorySnapshot(**{counted: 10_000})) is None  # no cap


def test_a_cap_of_one_lets_one_be_asked():
    rules = EligibilityRules(max_surveys_per_day=1)
    assert asked(SARA, rules, SurveyHistorySnapshot()) is None
    assert asked(SARA, rules, SurveyHistorySnapshot(asked_today_in_queue=1)) is NotAskedReason.QUOTA


def test_when_many_surveys_run_no_more_begin():
    rules = EligibilityRules(most_running=80)
    assert asked(SARA, rules, SurveyHistorySnapshot(running=79)) is None
    assert asked(SARA, rules, SurveyHistorySnapshot(running=80)) is NotAskedReason.OVERLOAD


# The draw

ids = st.text(max_size=40)


@given(ids)
def test_all_is_everybody_and_none_is_nobody(call):
    assert is_sampled(call, 100.0)
    assert not is_sampled(call, 0.0)


def test_a_call_id_of_broken_bytes_is_drawn_too():
    broken = b"1795309800.\xff".decode(errors="surrogateescape")
    assert is_sampled(broken, 100.0)
    assert not is_sampled(broken, 0.0)


@given(ids, st.floats(0, 100), st.floats(0, 100))
def test_whoever_is_drawn_at_some_per_cent_is_drawn_at_more(call, one, other):
    assert is_sampled(call, max(one, other)) or not is_sampled(call, min(one, other))


def test_the_draw_is_the_same_on_every_machine():
    """The expected numbers are fixed: a different result would select other callers after an update."""
    assert [number for number in range(40) if is_sampled(f"pbx1-1795309800.{number}", 25)] == [
        2, 4, 6, 10, 16, 19, 21, 23, 26, 28, 29, 33, 34, 35, 36, 37,
    ]  # fmt: skip


@pytest.mark.parametrize("percent", [0.5, 12.5, 25, 100 / 3, 50, 90])
@pytest.mark.parametrize(
    "ids_of",
    [
        lambda number: f"1795309800.{number}",  # consecutive ids, as Asterisk assigns them
        lambda number: f"pbx1-{1_795_309_800 + 7 * number}.{2 * number}",
        str,
    ],
    ids=["in a row", "with a system name", "short"],
)
def test_as_many_are_drawn_as_were_said(percent, ids_of):
    calls, share = 20_000, percent / 100
    drawn_ones = sum(is_sampled(ids_of(number), percent) for number in range(calls))
    spread = sqrt(calls * share * (1 - share))
    assert abs(drawn_ones - calls * share) < 4.5 * spread  # fails by chance once in 150,000 times


def test_each_stretch_of_the_day_gives_as_many():
    """The draw has no pattern in time: chi-squared over 100 stretches of 1,000 calls, and coin-like runs."""
    draws = [is_sampled(f"1795309800.{number}", 50) for number in range(100_000)]
    stretches = [sum(draws[begin : begin + 1000]) for begin in range(0, 100_000, 1000)]
    assert 50 < sum((n - 500) ** 2 / 250 for n in stretches) < 160  # 100 degrees of freedom
    assert mean(a != b for a, b in pairwise(draws)) == pytest.approx(0.5, abs=0.008)


# The caller who hung up first


def test_who_hung_up_on_the_agent_and_would_have_been_asked_left_first():
    hung_up = replace(SARA, ended_by=EndedBy.CALLER)
    assert decide_after_hangup(hung_up, ANYBODY, NOTHING, CALL) is SurveyStage.CALLER_LEFT_FIRST
    assert (
        decide_after_hangup(hung_up, EligibilityRules(require_agent_hangup=True), NOTHING, CALL)
        is SurveyStage.CALLER_LEFT_FIRST
    )


@pytest.mark.parametrize("hindrance", HINDRANCES, ids=lambda hindrance: hindrance[0])
def test_who_hung_up_and_would_not_have_been_asked_has_that_reason(hindrance):
    candidate, rules, standing = hindered(hindrance)
    hung_up = replace(candidate, ended_by=EndedBy.CALLER)
    assert decide_after_hangup(hung_up, rules, standing, CALL) is hindrance[0]


@pytest.mark.parametrize("ended_by", [ending for ending in EndedBy if ending is not EndedBy.CALLER])
def test_who_did_not_hang_up_has_not_left_first(ended_by):
    assert decide_after_hangup(replace(SARA, ended_by=ended_by), ANYBODY, NOTHING, CALL) is None


def test_no_word_says_two_things():
    assert not set(SurveyStage) & set(NotAskedReason)
