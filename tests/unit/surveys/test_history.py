"""The memory of earlier surveys: of this daemon, from the database, and of both."""

from dataclasses import fields

import pytest
from hypothesis import given, strategies as st

from cc_bridge.records import EndedBy, OptOut, SurveyAttempt, SurveyResult
from cc_bridge.surveys.eligibility import SurveyCandidate, SurveyHistorySnapshot
from cc_bridge.surveys.history import PastAttempt, SurveyHistory

T = 1_795_309_819.5
HOUR, DAY = 3_600.0, 86_400.0
MIDNIGHT = T - 2 * HOUR
ALI, MINA = "989121234567", "989357654321"


def asking(number, caller=ALI, at=T, *, queue="sales", agent="Sara", pbx="here"):
    return PastAttempt(pbx, f"a{number}", queue, agent, at, caller)


def candidate(caller=ALI, *, queue="sales", agent="Sara"):
    return SurveyCandidate(
        queue=queue,
        agent=agent,
        interface="PJSIP/1",
        answered=True,
        talk_seconds=60.0,
        transferred=False,
        ended_by=EndedBy.AGENT,
        caller_key=caller,
        language_known=True,
        at=T,
    )


@pytest.fixture
def asked():
    return SurveyHistory("here")


def standing(asked, *of, running=0, **whom):
    return asked.snapshot(candidate(*of, **whom), MIDNIGHT, running)


def test_nothing_is_known_of_a_new_caller(asked):
    assert standing(asked) == SurveyHistorySnapshot()
    assert standing(asked, running=7) == SurveyHistorySnapshot(running=7)


def test_todays_surveys_of_a_queue_are_counted_in_any_case_of_its_name(asked):
    asked.add_attempt(asking(1, MINA, queue="Sales", agent="Omid"), T)
    assert standing(asked, queue="SALES").asked_today_in_queue == 1
    assert standing(asked, queue="support").asked_today_in_queue == 0


def test_a_caller_was_asked_last_when_it_was_latest_whatever_comes_in_last(asked):
    asked.add_attempt(asking(1, at=T - 5), T)
    asked.add_attempt(asking(2, at=T - DAY), T)
    asked.add_attempt(asking(3, MINA, at=T - 3 * DAY), T)
    assert standing(asked).last_asked_at == T - 5
    assert standing(asked, MINA).last_asked_at == T - 3 * DAY


def test_an_attempt_of_a_survey_is_noted_when_it_begins_and_again_when_it_ends(asked):
    attempt = SurveyAttempt(
        pbx="here",
        attempt_id="a1",
        call_id="c",
        uniqueid="c",
        queue="sales",
        agent="Sara",
        interface="PJSIP/1",
        survey="csat",
        version=1,
        language="fa",
        started_at=T,
        ended_at=None,
        result=SurveyResult.STARTED,
        reason="",
        caller_key=ALI,
    )
    asked.add_attempt(attempt, T)
    asked.add_attempt(attempt, T + 20)
    assert standing(asked) == SurveyHistorySnapshot(T, asked_today_in_queue=1, asked_today_of_agent=1)


def test_whoever_withholds_the_number_counts_but_is_not_known_again(asked):
    asked.add_attempt(asking(1, caller=""), T)
    assert standing(asked, "") == SurveyHistorySnapshot(asked_today_in_queue=1, asked_today_of_agent=1)
    assert len(asked) == 0


def test_the_day_is_counted_by_queue_and_by_agent(asked):
    asked.add_attempt(asking(1, at=MIDNIGHT - 1), T)
    asked.add_attempt(asking(2, at=MIDNIGHT), T)
    asked.add_attempt(asking(3, MINA, queue="support"), T)
    asked.add_attempt(asking(4, MINA, agent="Reza"), T)
    found = standing(asked)
    assert (found.asked_today_in_queue, found.asked_today_of_agent) == (2, 2)
    found = standing(asked, queue="support", agent="Reza")
    assert (found.asked_today_in_queue, found.asked_today_of_agent) == (1, 1)


def test_what_another_pbx_asked_counts_for_the_caller_alone(asked):
    asked.add_attempt(asking(1, pbx="there"), T)
    assert standing(asked) == SurveyHistorySnapshot(last_asked_at=T)


def test_what_comes_again_from_the_database_counts_once(asked):
    for _ in range(3):
        for number in range(5):
            asked.add_attempt(asking(number), T)
    assert standing(asked).asked_today_in_queue == 5


def test_the_same_attempt_id_on_another_pbx_is_another_attempt(asked):
    asked.add_attempt(asking(1), T)
    asked.add_attempt(asking(1, MINA, pbx="there"), T)
    assert standing(asked).asked_today_in_queue == 1
    assert standing(asked, MINA).last_asked_at == T


def test_who_opted_out_stays_out_until_opting_in(asked):
    asked.record_opt_out(OptOut(ALI, T, opted_out=True, source="key"))
    assert standing(asked).opted_out
    assert not standing(asked, MINA).opted_out
    asked.record_opt_out(OptOut(ALI, T + 1, opted_out=False, source="command"))
    assert not standing(asked).opted_out


def test_an_older_word_that_comes_late_changes_nothing(asked):
    asked.record_opt_out(OptOut(ALI, T, opted_out=False, source="command"))
    asked.record_opt_out(OptOut(ALI, T - 1, opted_out=True, source="key"))
    assert not standing(asked).opted_out


def test_of_two_words_at_one_instant_the_second_holds(asked):
    asked.record_opt_out(OptOut(ALI, T, opted_out=True, source="key"))
    asked.record_opt_out(OptOut(ALI, T, opted_out=False, source="command"))
    assert not standing(asked).opted_out


def test_no_number_cannot_opt_out(asked):
    asked.record_opt_out(OptOut("", T, opted_out=True, source="key"))
    assert not standing(asked, "").opted_out


def test_what_is_old_is_forgotten_but_never_a_wish(asked):
    asked.record_opt_out(OptOut(ALI, T - 900 * DAY, opted_out=True, source="key"))
    asked.add_attempt(asking(1, at=T - 90 * DAY), T - 90 * DAY)
    asked.add_attempt(asking(2, MINA, at=T - 89 * DAY), T - 89 * DAY)
    asked.prune(before=T - 89 * DAY, now=T)
    assert standing(asked) == SurveyHistorySnapshot(opted_out=True)
    assert standing(asked, MINA) == SurveyHistorySnapshot(last_asked_at=T - 89 * DAY)
    assert not asked._in_queue
    assert not asked._of_agent


def test_forgetting_keeps_today(asked):
    asked.add_attempt(asking(1), T)
    asked.prune(before=T - DAY, now=T)
    assert standing(asked) == SurveyHistorySnapshot(T, asked_today_in_queue=1, asked_today_of_agent=1)


def test_of_too_many_callers_those_are_forgotten_who_were_asked_longest_ago():
    asked = SurveyHistory("here", limit=1_000)
    for number in range(5_000):
        asked.add_attempt(asking(number, f"98912{number:07}", at=T - 5 * DAY + number), T)
        assert len(asked) <= 1_000
    assert len(asked) > 950
    kept = [n for n in range(5_000) if standing(asked, f"98912{n:07}").last_asked_at is not None]
    assert kept == list(range(5_000 - len(kept), 5_000))


def test_one_in_a_hundred_is_forgotten_and_one_more():
    asked = SurveyHistory("here", limit=200)
    for number in range(200):
        asked.add_attempt(asking(number, f"98912{number:07}", at=T + number), T)
    assert len(asked) == 200
    asked.add_attempt(asking(200, f"98912{200:07}", at=T + 200), T)
    assert len(asked) == 201 - 3


def test_whoever_was_asked_again_outlasts_those_who_were_not():
    asked = SurveyHistory("here", limit=3)
    for number, caller in enumerate([ALI, "1", "2", ALI, "3"]):
        asked.add_attempt(asking(number, caller, at=T + number), T)
    assert standing(asked).last_asked_at == T + 3
    assert standing(asked, "1").last_asked_at is None


def test_an_attempt_of_25_hours_ago_is_not_of_today():
    asked, long_ago = SurveyHistory("here"), T - 25 * HOUR
    asked.add_attempt(asking(1, at=long_ago + 1), T)
    asked.add_attempt(asking(2, at=long_ago), T)
    assert asked.snapshot(candidate(), long_ago - 1, 0).asked_today_in_queue == 1
    asked.prune(before=0, now=T + 1)
    assert asked.snapshot(candidate(), long_ago - 1, 0).asked_today_in_queue == 0


def test_whoever_is_asked_again_is_not_among_the_oldest():
    asked = SurveyHistory("here", limit=100)
    asked.add_attempt(asking(0, ALI, at=T), T)
    for number in range(1, 500):
        asked.add_attempt(asking(number, f"98912{number:07}", at=T + number), T + number)
        asked.add_attempt(asking(f"{number}again", ALI, at=T + number), T + number)
    assert standing(asked).last_asked_at == T + 499


attempts = st.lists(
    st.builds(
        PastAttempt,
        pbx=st.sampled_from(["here", "there"]),
        attempt_id=st.sampled_from([f"a{number}" for number in range(8)]),
        queue=st.just("sales"),
        agent=st.just("Sara"),
        started_at=st.integers(-40, 0).map(lambda hours: T + hours * HOUR),
        caller_key=st.sampled_from(["", ALI, MINA]),
    ),
    unique_by=lambda attempt: (attempt.pbx, attempt.attempt_id),
)


@given(attempts, st.randoms())
def test_order_and_repetition_do_not_matter(noted, order):
    once, often = SurveyHistory("here"), SurveyHistory("here")
    for attempt in noted:
        once.add_attempt(attempt, T)
    again = noted * 2
    order.shuffle(again)
    for attempt in again:
        often.add_attempt(attempt, T)
    for caller in ("", ALI, MINA):
        assert standing(often, caller) == standing(once, caller)
    today = [attempt for attempt in noted if attempt.started_at >= MIDNIGHT and attempt.pbx == "here"]
    assert standing(once).asked_today_in_queue == len(today)


def test_the_database_gives_what_an_attempt_says():
    assert {field.name for field in fields(PastAttempt)} <= {field.name for field in fields(SurveyAttempt)}
