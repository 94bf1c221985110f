"""The prompt catalogue: the names of the sound files, and every fault with its position."""

import re

import pytest

from cc_bridge.errors import SurveyError
from cc_bridge.surveys.prompt_catalogue import parse_catalogue

TEXT = """
[prompts.hello]
en = "Hello there"
fa = "سلام"
[prompts.bye]
en = { asterisk = "vm-goodbye" }
[voices]
en = { name = "en-us" }
fa = { name = "fa", words_per_minute = 140 }
"""


def test_names_by_which_asterisk_plays_them():
    assert parse_catalogue(TEXT, "p.toml").sounds == {
        "hello": {"en": "cc_bridge/hello", "fa": "cc_bridge/hello"},
        "bye": {"en": "vm-goodbye"},
    }


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('en = { name = "en-us" }', "", "prompts.hello.en"),
        ("[prompts.hello]", '[prompts."../hello"]', "prompts.../hello.[key]"),
        ('"Hello there"', '""', "prompts.hello.en.constrained-str"),
        ('"vm-goodbye"', '"../vm-goodbye"', "prompts.bye.en.AsteriskSound.asterisk"),
        ('"en-us"', '"-w/etc/x"', None),
        ("words_per_minute = 140", "words_per_minute = 9", "voices.fa.words_per_minute"),
        ("[voices]", "[colours]\nx = 1\n[voices]", "colours"),
    ],
)
def test_faults_of_a_catalogue(old, new, place):
    assert old in TEXT
    with pytest.raises(SurveyError) as raised:
        parse_catalogue(TEXT.replace(old, new), "p.toml")
    told = [line.split(": ", 2) for line in str(raised.value).splitlines()]
    assert all(re.fullmatch(r"p.toml:[0-9]+", where) for where, *_ in told)
    assert any(found.startswith(place or "voices.en.name") for _, found, _ in told)


def test_a_text_whose_language_has_no_voice_is_named_with_its_line():
    with pytest.raises(SurveyError) as raised:
        parse_catalogue(TEXT.replace('en = { name = "en-us" }', ""), "p.toml")
    assert str(raised.value) == "p.toml:3: prompts.hello.en: no voice for en: add it under voices"


def test_what_is_no_toml_is_told_with_its_file():
    with pytest.raises(SurveyError, match=r"^p\.toml:2: "):
        parse_catalogue("\n[prompts\n", "p.toml")
