"""Text for people: nothing in it controls a terminal; words stay whole; JSON keeps its value."""

import json
from unicodedata import category

import pytest
from hypothesis import given, strategies as st

from cc_bridge.safe_text.printable import json_text, one_line, printable, printable_lines, shortened

HOSTILE = [
    "\x1b[2J\x1b]0;title\x07", "\x9b31m", "\r\n", "\x7f", "\x00", "\u2028\u2029\x85", "\ud800",
    "\u202a\u202b\u202c\u202d\u202e", "\u2066\u2067\u2068\u2069", "\u200e\u200f\u061c", "\ufeff\u200b",
    "\U000e0041",
]  # fmt: skip
TEXTS = st.text(st.characters() | st.sampled_from("".join(HOSTILE)))


def harmless(text):
    """Return whether no character is a control or format character, except for the joiners of words."""
    return all(
        sign in "\u200c\u200d" or (category(sign)[0] != "C" and category(sign) not in {"Zl", "Zp"})
        for sign in text
    )


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_controls_a_terminal_is_escaped(text):
    assert printable(text).isascii()
    assert printable(text).isprintable()
    assert printable(f"a{text}b") == f"a{printable(text)}b"


@pytest.mark.parametrize("text", ["", "Ali", "می‌خواهد", "क्‍ष", "1\u00a0234", "👩‍🚒 é", r"\x1b is a text"])
def test_words_are_not_changed(text):
    assert printable(text) == one_line(text).replace("1 234", "1\u00a0234") == text


def test_escapes_name_the_character():
    assert printable("a\nb\x1b\u202e") == r"a\nb\x1b\u202e"


@given(TEXTS)
def test_any_text_becomes_harmless(text):
    assert harmless(printable(text))
    assert harmless(one_line(text))
    assert all(map(harmless, printable_lines(text).split("\n")))


def test_line_breaks_of_several_lines_stay():
    assert printable_lines("a\r\nb\nc\rd\x85e") == "a\nb\nc\\rd\\x85e"


@given(
    st.recursive(TEXTS | st.integers(), lambda each: st.lists(each) | st.dictionaries(TEXTS, each)),
    st.sampled_from([None, 1]),
)
def test_json_is_harmless_and_has_the_same_value(value, indent):
    text = json_text(value, indent)
    assert all(map(harmless, text.split("\n")))
    assert json.loads(text) == value
    assert (indent is None) <= ("\n" not in text)


def test_json_is_not_escaped_without_need():
    assert json_text({"نام": "علی‌رضا é"}) == '{"نام": "علی‌رضا é"}'


def test_a_long_text_is_cut():
    assert shortened("x" * 10, 10) == "x" * 10
    assert shortened("x" * 11, 10) == "xxxxxxx..."
