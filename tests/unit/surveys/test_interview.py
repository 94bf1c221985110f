"""The interview as a dialogue: each event, and the next step."""

import pytest

from cc_bridge.records import SurveyResult
from cc_bridge.surveys.definition import parse_survey
from cc_bridge.surveys.interview import NEXT_KEY_SECONDS, Interview
from cc_bridge.surveys.steps import (
    AskKey,
    Begin,
    CommentRecorded,
    Finish,
    InterviewEnd,
    KeyPressed,
    Listen,
    Play,
    RecordComment,
    Save,
    Speak,
    StepResult,
    StopAsking,
)

ONE = """
id = "csat"
version = 1
languages = ["en"]
thanks = "thanks"
goodbye = "goodbye"
questions = [{ id = "agent", kind = "csat", ask = "ask_agent", invalid = "invalid" }]
"""
TWO = ONE.replace("}]", '}, { id = "wait", kind = "csat", ask = "ask_wait", invalid = "invalid" }]')
NPS = ONE.replace('"csat", ask', '"nps", ask')
KEYS = TWO.replace(
    "thanks =", 'skip_key = "*"\nopt_out_key = "*0"\nskipped = "skipped"\nopted_out = "opted_out"\nthanks ='
)
WELCOME = KEYS.replace("thanks =", 'welcome = "welcome"\nthanks =')
COMMENT = """
id = "spoken"
version = 1
languages = ["en"]
thanks = "thanks"
goodbye = "goodbye"
[[questions]]
id = "agent"
kind = "csat"
ask = "ask_agent"
invalid = "invalid"
next = [{ when = ">=3", go = "wait" }]
[[questions]]
id = "why"
kind = "comment"
consent = "may_we_record"
ask = "speak_after_the_beep"
thanks = "comment_thanks"
max_seconds = 30
[[questions]]
id = "wait"
kind = "csat"
ask = "ask_wait"
invalid = "invalid"
"""
PROMPTS = (
    "thanks", "goodbye", "ask_agent", "ask_wait", "invalid", "skipped", "opted_out", "welcome",
    "may_we_record", "speak_after_the_beep", "comment_thanks", "which_language", "company",
)  # fmt: skip
SOUNDS = {name: {"en": name, "fa": name} for name in PROMPTS}


def begun(text=ONE, language="", company=""):
    interview = Interview(parse_survey(text, "csat.toml", SOUNDS), language, company)
    assert interview.begin() == Begin()
    return interview


def feed(interview, *events):
    """Return the steps that follow the events, in a short form."""
    return [short(interview.next(event)) for event in events]


def short(step):
    match step:
        case AskKey(prompt) | Play(prompt):
            return prompt
        case Listen(seconds):
            assert seconds == NEXT_KEY_SECONDS
            return "..."
        case Save(question, value, tries):
            return (question.id, value, tries)
        case RecordComment(question, seconds, silence):
            return ("record", question.id, seconds, silence)
        case StopAsking():
            return "stop asking"
        case Speak(language):
            return ("speak", language)
        case Finish(result, reason):
            return (result.value, reason)


DONE, SILENCE, MISSING, NOT_STORED = (
    StepResult.DONE,
    StepResult.SILENCE,
    StepResult.PROMPT_MISSING,
    StepResult.NOT_STORED,
)
NOT_RECORDED, TIME_IS_UP = StepResult.NOT_RECORDED, StepResult.TIME_IS_UP


def test_a_right_key():
    assert feed(begun(), DONE, KeyPressed("4"), DONE, DONE) == [
        "ask_agent",
        ("agent", 4, 1),
        "thanks",
        ("complete", ""),
    ]


def test_a_wrong_key_is_answered_at_once_and_asked_again():
    assert feed(begun(), DONE, KeyPressed("9"), DONE, KeyPressed("5"), DONE, DONE) == [
        "ask_agent",
        "invalid",
        "ask_agent",
        ("agent", 5, 2),
        "thanks",
        ("complete", ""),
    ]


def test_a_key_during_the_correction_counts():
    assert feed(begun(), DONE, KeyPressed("*"), KeyPressed("3"), DONE)[2:] == [("agent", 3, 2), "thanks"]


@pytest.mark.parametrize("nothing", [SILENCE, KeyPressed("#")])
def test_no_key_is_asked_again(nothing):
    assert feed(begun(), DONE, nothing, KeyPressed("1"))[1:] == ["ask_agent", ("agent", 1, 2)]


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([SILENCE, SILENCE], "no_input"),
        ([KeyPressed("9"), DONE, KeyPressed("0")], "invalid"),
        ([KeyPressed("9"), KeyPressed("0")], "invalid"),
        ([SILENCE, KeyPressed("*")], "invalid"),
        ([KeyPressed("#"), KeyPressed("#")], "no_input"),
        ([KeyPressed("*"), DONE, SILENCE], "no_input"),
    ],
)
def test_one_retry_and_no_thanks_for_nothing(events, reason):
    assert feed(begun(), DONE, *events, DONE)[-2:] == ["goodbye", ("declined", reason)]


def test_the_second_question_has_its_own_tries():
    interview = begun(TWO)
    assert feed(interview, DONE, SILENCE, KeyPressed("2"), DONE, SILENCE, KeyPressed("3"), DONE)[2:] == [
        ("agent", 2, 2),
        "ask_wait",
        "ask_wait",
        ("wait", 3, 2),
        "thanks",
    ]


def test_half_of_the_questions():
    assert feed(begun(TWO), DONE, KeyPressed("2"), DONE, SILENCE, SILENCE, DONE)[-2:] == [
        "thanks",
        ("partial", "no_input"),
    ]


# Answers of more than one key


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ([KeyPressed("9")], 9),
        ([KeyPressed("0")], 0),
        ([KeyPressed("1"), SILENCE], 1),
        ([KeyPressed("1"), KeyPressed("#")], 1),
        ([KeyPressed("1"), KeyPressed("0")], 10),
    ],
)
def test_from_zero_to_ten(keys, value):
    steps = feed(begun(NPS), DONE, *keys)
    assert steps == ["ask_agent", *["..."] * (len(keys) - 1), ("agent", value, 1)]


def test_eleven_is_wrong():
    assert feed(begun(NPS), DONE, KeyPressed("1"), KeyPressed("1"), KeyPressed("1"), KeyPressed("0"))[2:] == [
        "invalid",
        "...",
        ("agent", 10, 2),
    ]


# Keys with the same meaning in all questions


def test_what_is_typed_while_the_welcome_plays_counts():
    assert feed(begun(WELCOME), DONE, KeyPressed("4"))[0:] == ["welcome", ("agent", 4, 1)]
    assert feed(begun(WELCOME), DONE, DONE, KeyPressed("4")) == ["welcome", "ask_agent", ("agent", 4, 1)]
    assert feed(begun(WELCOME), DONE, KeyPressed("#"), KeyPressed("4")) == [
        "welcome",
        "ask_agent",
        ("agent", 4, 1),
    ]
    assert feed(begun(WELCOME), DONE, KeyPressed("9"), KeyPressed("4")) == [
        "welcome",
        "invalid",
        ("agent", 4, 2),
    ]
    assert feed(begun(WELCOME), DONE, MISSING) == ["welcome", "ask_agent"]


def test_the_company_is_named_before_the_welcome():
    assert feed(begun(WELCOME, company="company"), DONE, DONE, DONE) == ["company", "welcome", "ask_agent"]
    assert feed(begun(WELCOME, company="company"), DONE, MISSING) == ["company", "welcome"]
    assert feed(begun(WELCOME, company="company"), DONE, KeyPressed("4")) == ["company", ("agent", 4, 1)]
    assert feed(begun(company="company"), DONE) == ["ask_agent"]  # without a welcome


def test_a_skipped_question():
    assert feed(begun(KEYS), DONE, KeyPressed("*"), SILENCE, DONE, KeyPressed("3"), DONE, DONE) == [
        "ask_agent",
        "...",
        "skipped",
        "ask_wait",
        ("wait", 3, 1),
        "thanks",
        ("complete", ""),
    ]


def test_the_last_question_skipped_is_thanked_for_the_first():
    assert feed(begun(KEYS), DONE, KeyPressed("3"), DONE, KeyPressed("*"), KeyPressed("#"), DONE)[4:] == [
        "thanks",
        ("complete", ""),
    ]


def test_all_skipped():
    steps = feed(begun(KEYS), DONE, KeyPressed("*"), KeyPressed("#"), KeyPressed("*"), KeyPressed("#"), DONE)
    assert steps[-2:] == ["goodbye", ("declined", "skipped")]


def test_a_question_that_cannot_be_skipped():
    text = KEYS.replace('"ask_agent",', '"ask_agent", skippable = false,')
    assert feed(begun(text), DONE, KeyPressed("*"), SILENCE)[2] == "invalid"


def test_opting_out():
    assert feed(begun(KEYS), DONE, KeyPressed("3"), DONE, KeyPressed("*"), KeyPressed("0"), DONE, DONE, DONE)[
        3:
    ] == [
        "...",
        "stop asking",
        "opted_out",
        "thanks",
        ("partial", "opted_out"),
    ]


def test_opting_out_while_the_welcome_plays():
    assert feed(begun(WELCOME), DONE, KeyPressed("*"), KeyPressed("0"), DONE, MISSING, DONE)[2:] == [
        "stop asking",
        "opted_out",
        "goodbye",
        ("declined", "opted_out"),
    ]


def test_nobody_is_told_that_it_worked_when_it_did_not():
    assert feed(begun(KEYS), DONE, KeyPressed("*"), KeyPressed("0"), NOT_STORED, DONE)[3:] == [
        "goodbye",
        ("declined", "not_stored"),
    ]


# The language


LANGUAGES = WELCOME.replace(
    'languages = ["en"]',
    'languages = ["en", "fa"]\nask_language = { prompt = "which_language", keys = { 1 = "en", 2 = "fa" } }',
)


def test_each_language_offers_itself():
    interview = begun(LANGUAGES, "de")
    assert interview.language == "en"
    assert interview.next(DONE) == Play("which_language", listens=True, language="en")
    assert interview.next(DONE) == AskKey("which_language", 5, language="fa")
    assert interview.next(KeyPressed("2")) == Speak("fa")
    assert interview.language == "fa"
    assert feed(interview, DONE, KeyPressed("1")) == ["welcome", ("agent", 1, 1)]


def test_a_choice_of_language_while_the_first_offer_plays():
    assert feed(begun(LANGUAGES), DONE, KeyPressed("2"), DONE)[1:] == [("speak", "fa"), "welcome"]


@pytest.mark.parametrize("nothing", [SILENCE, KeyPressed("5"), KeyPressed("#"), MISSING])
def test_without_a_choice_it_goes_on_in_the_first_language(nothing):
    interview = begun(LANGUAGES)
    assert feed(interview, DONE, DONE, nothing, DONE, nothing, KeyPressed("1")) == [
        "which_language",
        "which_language",
        "which_language",
        "which_language",
        "welcome",
        ("agent", 1, 1),
    ]
    assert interview.language == "en"


def test_a_known_language_is_not_asked_for():
    assert feed(begun(LANGUAGES, "fa_IR"), DONE) == ["welcome"]
    always = LANGUAGES.replace('prompt = "which_language"', 'prompt = "which_language", when = "always"')
    interview = begun(always, "fa_IR")
    assert feed(interview, DONE, DONE, SILENCE, DONE, SILENCE)[-1] == "welcome"
    assert interview.language == "fa"


# Branches and comments


def test_a_satisfied_caller_is_not_asked_for_a_comment():
    assert feed(begun(COMMENT), DONE, KeyPressed("3"), DONE, KeyPressed("4"), DONE, DONE)[2:] == [
        "ask_wait",
        ("wait", 4, 1),
        "thanks",
        ("complete", ""),
    ]


def test_a_comment():
    assert feed(
        begun(COMMENT),
        DONE,
        KeyPressed("2"),
        DONE,
        KeyPressed("1"),
        DONE,
        CommentRecorded(12),
        DONE,
        DONE,
        KeyPressed("4"),
    )[2:] == [
        "may_we_record",
        "speak_after_the_beep",
        ("record", "why", 30, 3),
        ("why", 12, 1),
        "comment_thanks",
        "ask_wait",
        ("wait", 4, 1),
    ]


ASKED_FOR_COMMENT = [DONE, KeyPressed("2"), DONE]


@pytest.mark.parametrize("no", [SILENCE, KeyPressed("2"), KeyPressed("9"), KeyPressed("*"), KeyPressed("#")])
def test_a_declined_comment_does_not_make_it_partial(no):
    assert feed(begun(COMMENT), *ASKED_FOR_COMMENT, no, KeyPressed("4"), DONE, DONE)[3:] == [
        "ask_wait",
        ("wait", 4, 1),
        "thanks",
        ("complete", ""),
    ]


def test_a_key_stops_the_instruction():
    assert feed(begun(COMMENT), *ASKED_FOR_COMMENT, KeyPressed("1"), KeyPressed("1"))[4] == (
        "record",
        "why",
        30,
        3,
    )


@pytest.mark.parametrize(
    ("events", "heard"),
    [
        ([KeyPressed("1"), DONE, SILENCE], "ask_wait"),  # the caller said nothing
        ([KeyPressed("1"), DONE, NOT_RECORDED], "comment_thanks"),  # the caller is not informed
        ([KeyPressed("1"), MISSING], "ask_wait"),  # no caller is recorded without a notice
        ([KeyPressed("1"), DONE, CommentRecorded(5), NOT_STORED], "thanks"),
        ([MISSING], "thanks"),
    ],
)
def test_comments_that_came_to_nothing(events, heard):
    interview = begun(COMMENT)
    assert feed(interview, *ASKED_FOR_COMMENT, *events)[-1] == heard
    assert interview.answered == 1


def test_nobody_consents_to_a_recording_by_a_key_that_was_typed_ahead():
    text = COMMENT.replace(
        "thanks = ", 'skip_key = "*"\nskipped = "skipped"\nthanks = ', 1
    ).replace('next = [{ when = ">=3", go = "wait" }]\n', "")  # fmt: skip
    assert feed(begun(text), DONE, KeyPressed("*"), KeyPressed("1"), KeyPressed("1"))[1:] == [
        "skipped",
        "may_we_record",
        "speak_after_the_beep",
    ]


def test_the_thanks_for_a_last_comment_is_the_surveys_own():
    text = COMMENT.replace("max_seconds = 30", 'max_seconds = 30\nnext = [{ go = "end" }]')
    assert feed(begun(text), *ASKED_FOR_COMMENT, KeyPressed("1"), DONE, CommentRecorded(3), DONE, DONE)[
        -2:
    ] == [
        "thanks",
        ("complete", ""),
    ]


# The end


@pytest.mark.parametrize("ending", InterviewEnd)
@pytest.mark.parametrize(
    ("before", "result"),
    [
        ([], "declined"),
        ([DONE], "declined"),
        ([DONE, KeyPressed("9")], "declined"),
        ([DONE, KeyPressed("4")], "declined"),
        ([DONE, KeyPressed("4"), DONE], "partial"),
        ([DONE, SILENCE, SILENCE], "declined"),
    ],
)
def test_it_may_end_at_any_moment(ending, before, result):
    interview = begun(TWO)
    feed(interview, *before)
    kept = "no_input" if before[1:] == [SILENCE, SILENCE] else ending.value
    assert feed(interview, ending) == [(result, kept)]


@pytest.mark.parametrize("ending", [*InterviewEnd, TIME_IS_UP])
@pytest.mark.parametrize("before", [[DONE, KeyPressed("4"), DONE], [DONE, KeyPressed("4"), DONE, DONE]])
def test_who_hangs_up_while_being_thanked_has_answered_all(ending, before):
    interview = begun()
    feed(interview, *before)
    assert feed(interview, ending, DONE)[-1] == ("complete", "")


@pytest.mark.parametrize(
    ("before", "result"),
    [
        ([DONE], "declined"),
        ([DONE, KeyPressed("2"), DONE, KeyPressed("1")], "partial"),
        ([DONE, KeyPressed("2"), DONE, KeyPressed("1"), DONE], "partial"),
        ([DONE, KeyPressed("2"), DONE, KeyPressed("1"), DONE, CommentRecorded(4), DONE], "partial"),
    ],
)
def test_when_the_time_is_up_the_caller_hears_the_last_prompt(before, result):
    interview = begun(COMMENT)
    feed(interview, *before)
    last = "thanks" if interview.answered else "goodbye"
    assert feed(interview, TIME_IS_UP, DONE) == [last, (result, "time_limit")]


def test_a_goodbye_that_takes_too_long_is_cut():
    assert feed(begun(), DONE, TIME_IS_UP, TIME_IS_UP) == ["ask_agent", "goodbye", ("declined", "time_limit")]


def test_missing_sound_files():
    assert feed(begun(), DONE, MISSING, DONE)[1:] == ["goodbye", ("declined", "error")]
    assert feed(begun(), DONE, MISSING, MISSING)[1:] == ["goodbye", ("declined", "error")]
    assert feed(begun(), DONE, KeyPressed("9"), MISSING, KeyPressed("4"))[2:] == [
        "ask_agent",
        ("agent", 4, 2),
    ]
    assert feed(begun(), DONE, KeyPressed("4"), DONE, MISSING, MISSING)[3:] == ["goodbye", ("complete", "")]


def test_what_cannot_be_stored_ends_with_a_goodbye():
    assert feed(begun(), NOT_STORED, DONE) == ["goodbye", ("declined", "not_stored")]
    assert feed(begun(), DONE, KeyPressed("4"), NOT_STORED, DONE)[2:] == [
        "goodbye",
        ("partial", "not_stored"),
    ]
    assert feed(begun(TWO), DONE, KeyPressed("4"), DONE, KeyPressed("4"), NOT_STORED, DONE)[-1] == (
        "partial",
        "not_stored",
    )
    assert stages(begun(), DONE, KeyPressed("4"), NOT_STORED)[-1] == "not_stored"
    assert feed(begun(LANGUAGES), DONE, KeyPressed("2"), NOT_STORED, DONE)[-1] == ("declined", "not_stored")


def stages(interview, *events):
    found = []
    for event in events:
        interview.next(event)
        found.append(interview.stage)
    return found


def test_stages_of_the_funnel():
    assert stages(begun(WELCOME), DONE, KeyPressed("9"), DONE, SILENCE) == [
        "started",
        "invalid",
        "",
        "no_input",
    ]
    assert stages(begun(WELCOME), DONE, KeyPressed("*"), SILENCE, DONE, KeyPressed("1"), DONE) == [
        "started", "", "skipped", "", "", "answered",
    ]  # fmt: skip
    assert stages(begun(KEYS), DONE, KeyPressed("*"), KeyPressed("0"), DONE) == [
        "started",
        "",
        "",
        "opted_out",
    ]
    assert stages(begun(COMMENT), *ASKED_FOR_COMMENT, KeyPressed("2"))[2:] == ["answered", "skipped"]
    assert (
        stages(begun(COMMENT), *ASKED_FOR_COMMENT, KeyPressed("1"), DONE, NOT_RECORDED)[5] == "not_recorded"
    )
    assert stages(begun(), DONE, InterviewEnd.HUNG_UP) == ["started", "hung_up"]
    assert stages(begun(), DONE, InterviewEnd.SHUTDOWN, TIME_IS_UP) == ["started", "", ""]


def test_every_prompt_before_an_answer_can_be_cut_short_by_a_key():
    interview = begun(WELCOME)
    assert interview.next(DONE) == Play("welcome", listens=True)
    asked = interview.next(DONE)
    assert (asked.prompt, asked.wait_seconds > 0) == ("ask_agent", True)
    assert interview.next(KeyPressed("7")) == Play("invalid", listens=True)
    spoken = begun(COMMENT)
    for event in (*ASKED_FOR_COMMENT, KeyPressed("1")):
        step = spoken.next(event)
    assert step == Play("speak_after_the_beep", listens=True)


def test_an_event_that_does_not_fit_ends_with_a_goodbye_and_reason_error():
    interview = begun()
    assert interview.next(NOT_RECORDED) == Play("goodbye")
    assert interview.next(DONE) == Finish(SurveyResult.DECLINED, "error")


def test_before_anything_happened_no_stage_is_reached():
    assert begun().stage == ""


def test_answers_are_counted():
    interview = begun(TWO)
    for event in (DONE, KeyPressed("4"), DONE, KeyPressed("5"), DONE):
        interview.next(event)
    assert interview.answered == 2
