"""The interview as a conversation: what happens, and what the caller hears next."""

import pytest
from hypothesis import given, strategies as st

from cc_bridge.records import SurveyResult
from cc_bridge.surveys.definition import parse_survey
from cc_bridge.surveys.interview import Ask, Begin, Ending, Event, Finish, Interview, Key, Play, Save

ONE = """
id = "csat"
version = 1
languages = ["en"]
thanks = "thanks"
goodbye = "goodbye"
questions = [{ id = "agent", kind = "csat", ask = "ask_agent", invalid = "invalid" }]
"""
TWO = ONE.replace("}]", '}, { id = "wait", kind = "csat", ask = "ask_wait", invalid = "invalid" }]')
SOUNDS = {name: {"en": name} for name in ("thanks", "goodbye", "ask_agent", "ask_wait", "invalid")}


def begun(text=ONE):
    interview = Interview(parse_survey(text, "csat.toml", SOUNDS))
    assert interview.begin() == Begin()
    return interview


def told(interview, *events):
    """Return the steps that follow the events, shortened to what matters."""
    return [short(interview.next(event)) for event in events]


def short(step):
    match step:
        case Ask(prompt) | Play(prompt):
            return prompt
        case Save(question, value, tries):
            return (question.id, value, tries)
        case Finish(result, reason):
            return (result.value, reason)


DONE, SILENCE, MISSING, NOT_STORED = Event.DONE, Event.SILENCE, Event.PROMPT_MISSING, Event.NOT_STORED


def test_a_right_key():
    assert told(begun(), DONE, Key("4"), DONE, DONE, DONE) == [
        "ask_agent",
        ("agent", 4, 1),
        "thanks",
        "goodbye",
        ("complete", ""),
    ]


def test_a_wrong_key_is_answered_at_once_and_asked_again():
    assert told(begun(), DONE, Key("9"), DONE, Key("5"), DONE, DONE, DONE) == [
        "ask_agent",
        "invalid",
        "ask_agent",
        ("agent", 5, 2),
        "thanks",
        "goodbye",
        ("complete", ""),
    ]


def test_a_key_during_the_correction_counts():
    assert told(begun(), DONE, Key("*"), Key("3"), DONE)[2:] == [("agent", 3, 2), "thanks"]


def test_no_key_is_asked_again():
    assert told(begun(), DONE, SILENCE, Key("1"))[1:] == ["ask_agent", ("agent", 1, 2)]


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([SILENCE, SILENCE], "no_input"),
        ([Key("9"), DONE, Key("0")], "invalid"),
        ([Key("9"), Key("0")], "invalid"),
        ([SILENCE, Key("#")], "invalid"),
        ([Key("#"), DONE, SILENCE], "no_input"),
    ],
)
def test_one_retry_and_no_thanks_for_nothing(events, reason):
    assert told(begun(), DONE, *events, DONE)[-2:] == ["goodbye", ("declined", reason)]


def test_the_second_question_has_its_own_tries():
    interview = begun(TWO)
    assert told(interview, DONE, SILENCE, Key("2"), DONE, SILENCE, Key("3"), DONE)[2:] == [
        ("agent", 2, 2),
        "ask_wait",
        "ask_wait",
        ("wait", 3, 2),
        "thanks",
    ]


def test_half_of_the_questions():
    assert told(begun(TWO), DONE, Key("2"), DONE, SILENCE, SILENCE, DONE)[-2:] == [
        "goodbye",
        ("partial", "no_input"),
    ]


@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize(
    ("before", "result"),
    [
        ([], "declined"),
        ([DONE], "declined"),
        ([DONE, Key("9")], "declined"),
        ([DONE, Key("4")], "declined"),
        ([DONE, Key("4"), DONE], "partial"),
        ([DONE, SILENCE, SILENCE], "declined"),
    ],
)
def test_it_may_end_at_any_moment(ending, before, result):
    interview = begun(TWO)
    told(interview, *before)
    kept = "no_input" if before[1:] == [SILENCE, SILENCE] else ending.value
    assert told(interview, ending) == [(result, kept)]


@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("before", [[DONE, Key("4"), DONE], [DONE, Key("4"), DONE, DONE]])
def test_who_hangs_up_while_being_thanked_has_answered_all(ending, before):
    interview = begun()
    told(interview, *before)
    assert told(interview, ending) == [("complete", "")]


def test_missing_sound_files():
    assert told(begun(), DONE, MISSING, DONE)[1:] == ["goodbye", ("declined", "error")]
    assert told(begun(), DONE, MISSING, MISSING)[1:] == ["goodbye", ("declined", "error")]
    assert told(begun(), DONE, Key("9"), MISSING, Key("4"))[2:] == ["ask_agent", ("agent", 4, 2)]
    assert told(begun(), DONE, Key("4"), DONE, MISSING, MISSING)[3:] == ["goodbye", ("complete", "")]


def test_what_cannot_be_stored_ends_with_a_goodbye():
    assert told(begun(), NOT_STORED, DONE) == ["goodbye", ("declined", "error")]
    assert told(begun(), DONE, Key("4"), NOT_STORED, DONE)[2:] == ["goodbye", ("declined", "error")]
    assert told(begun(TWO), DONE, Key("4"), DONE, Key("4"), NOT_STORED, DONE)[-1] == ("partial", "error")


HAPPENINGS = st.one_of(
    st.sampled_from([*Event, *Ending]), st.builds(Key, st.sampled_from([*"0123456789*#", "", "55", "x", "٣"]))
)


@given(st.sampled_from([ONE, TWO]), st.data())
def test_whatever_happens_it_ends_and_adds_up(text, data):
    interview = begun(text)
    questions = text.count("kind")
    saved = []
    step, steps = Begin(), 0
    while not isinstance(step, Finish):
        happening = data.draw(HAPPENINGS)
        if isinstance(step, Save) and happening is DONE:
            saved.append((step.question.id, step.value))
        step = interview.next(happening)
        steps += 1
        assert steps <= 3 + 5 * questions
    assert len({question for question, _ in saved}) == len(saved)
    assert all(1 <= value <= 5 for _, value in saved)
    expected = {0: SurveyResult.DECLINED, questions: SurveyResult.COMPLETE}
    assert step.result is expected.get(len(saved), SurveyResult.PARTIAL)
    assert bool(step.reason) is (step.result is not SurveyResult.COMPLETE)
