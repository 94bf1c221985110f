"""The meaning of keys, by the kind of the question."""

import pytest

from cc_bridge.surveys.keypad import KeypadInput, KeypadMeaning
from cc_bridge.surveys.questions import CommentSettings, Question

M = KeypadMeaning
ZERO_TO_TEN = {str(value): value for value in range(11)}
YES_NO = {"1": 1, "2": 0}


def question(keys, *, skippable=True, comment=None):
    return Question("q", "scale", "ask", "invalid", keys, 1, 5.0, "last_agent", skippable, comment=comment)


def keypad(keys=ZERO_TO_TEN, skip_key="*", opt_out_key="99", **what):
    return KeypadInput(question(keys, **what), skip_key, opt_out_key)


def meanings(pad, typed):
    """Return the meaning of each key. A space means silence."""
    return [pad.pressed(key.strip()) for key in typed]


@pytest.mark.parametrize(
    ("typed", "expected", "value"),
    [
        ("7", [M.ANSWER], 7),
        ("1 ", [M.MORE, M.ANSWER], 1),
        ("1#", [M.MORE, M.ANSWER], 1),
        ("10", [M.MORE, M.ANSWER], 10),
        ("0", [M.ANSWER], 0),
        ("17", [M.MORE, M.WRONG], 0),
        ("9 ", [M.MORE, M.ANSWER], 9),  # it may become 99
        ("99", [M.MORE, M.OPT_OUT], 0),
        ("*", [M.SKIP], 0),
        ("#", [M.NOTHING], 0),
        (" ", [M.NOTHING], 0),
        # After a result the next key starts a new input.
        ("173", [M.MORE, M.WRONG, M.ANSWER], 3),
        ("1 10", [M.MORE, M.ANSWER, M.MORE, M.ANSWER], 10),
        ("997", [M.MORE, M.OPT_OUT, M.ANSWER], 7),
    ],
)
def test_what_a_caller_types(typed, expected, value):
    pad = keypad()
    assert meanings(pad, typed) == expected
    assert pad.value == value


def test_what_is_stored_is_the_value_and_not_the_key():
    pad = keypad(YES_NO)
    assert (meanings(pad, "2"), pad.value) == ([M.ANSWER], 0)
    assert (meanings(pad, "1"), pad.value) == ([M.ANSWER], 1)


def test_a_question_that_must_be_answered_is_not_skipped():
    assert meanings(keypad(skippable=False), "*") == [M.WRONG]


def test_without_keys_to_skip_or_opt_out_nothing_means_that():
    pad = keypad(YES_NO, skip_key=None, opt_out_key=None)
    assert meanings(pad, "*9# 1") == [M.WRONG, M.WRONG, M.NOTHING, M.NOTHING, M.ANSWER]


def test_the_first_key_of_one_to_skip_waits_for_the_second():
    assert meanings(keypad(YES_NO, skip_key="33"), "33") == [M.MORE, M.SKIP]


def test_opting_out_goes_before_an_answer_of_the_same_key():
    assert meanings(keypad(YES_NO, opt_out_key="2"), "2") == [M.OPT_OUT]


COMMENT = CommentSettings("after-beep", None, 60.0, 3.0)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("1", M.CONSENT), ("3", M.DECLINE), ("#", M.DECLINE), (" ", M.DECLINE), ("*", M.SKIP)],
)
def test_only_the_key_that_consents_does_once_the_question_was_heard(typed, expected):
    pad = keypad({"1": 1}, comment=COMMENT)
    pad.heard = True
    assert meanings(pad, typed) == [expected]


@pytest.mark.parametrize("typed", ["1", "3", "#"])
def test_nobody_consents_or_declines_before_the_question_was_heard(typed):
    pad = keypad({"1": 1}, comment=COMMENT)
    assert not pad.heard
    assert meanings(pad, typed) == [M.NOTHING]
    assert pad.value == 0
