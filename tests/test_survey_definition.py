"""Survey definitions: the shipped one, languages, and every fault told at once."""

import pytest

from cc_bridge import shipped
from cc_bridge.errors import SurveyError
from cc_bridge.surveys.catalogue import parse_catalogue
from cc_bridge.surveys.definition import parse_survey

SOUNDS = {
    "ask": {"en": "cc_bridge/ask", "fa": "cc_bridge/ask"},
    "invalid": {"en": "pm-invalid-option", "fa": "cc_bridge/invalid"},
    "thanks": {"en": "auth-thankyou", "fa": "cc_bridge/thanks"},
    "goodbye": {"en": "vm-goodbye"},
}

GOOD = """
id = "csat"
version = 1
languages = ["en"]
thanks = "thanks"
goodbye = "goodbye"
[[questions]]
id = "satisfaction"
kind = "csat"
ask = "ask"
invalid = "invalid"
"""


def faults(text):
    with pytest.raises(SurveyError) as raised:
        parse_survey(text, "csat.toml", SOUNDS)
    return str(raised.value).splitlines()


def test_the_shipped_survey_is_right_in_english_and_persian():
    catalogue = parse_catalogue((shipped("dialplans") / "prompts.toml").read_text(), "prompts.toml")
    file = shipped("config/surveys") / "csat.toml"
    survey = parse_survey(file.read_text(), str(file), catalogue.sounds)
    assert survey.languages == ("en", "fa")
    assert [(question.id, question.kind) for question in survey.questions] == [("satisfaction", "csat")]
    assert (survey.retries, survey.wait_seconds) == (1, 5)


def test_defaults():
    survey = parse_survey(GOOD, "csat.toml", SOUNDS)
    assert (survey.retries, survey.wait_seconds) == (1, 5)
    assert survey.sound("thanks", "en") == "auth-thankyou"


@pytest.mark.parametrize(
    ("key", "value"), [("1", 1), ("5", 5), ("0", None), ("6", None), ("*", None), ("#", None), ("55", None)]
)
def test_keys_of_a_csat_question(key, value):
    assert parse_survey(GOOD, "csat.toml", SOUNDS).questions[0].value_of(key) == value


@pytest.mark.parametrize(
    ("channel", "asked_in"),
    [("fa", "fa"), ("fa_IR", "fa"), ("fa-IR", "fa"), ("en_US", "en"), ("de", "en"), ("", "en"), ("f", "en")],
)
def test_the_callers_language_or_its_base_or_the_first(channel, asked_in):
    sounds = {name: {"en": name, "fa": name} for name in SOUNDS}
    survey = parse_survey(GOOD.replace('["en"]', '["en", "fa"]'), "csat.toml", sounds)
    assert survey.language_for(channel) == asked_in


def test_an_exact_language_is_better_than_its_base():
    sounds = {name: {"en": name, "en_GB": name} for name in SOUNDS}
    survey = parse_survey(GOOD.replace('["en"]', '["en", "en_GB"]'), "csat.toml", sounds)
    assert survey.language_for("en_GB") == "en_GB"


def test_all_faults_are_told_at_once_with_the_file():
    told = faults(
        'id = "Csat!"\nversion = "1"\nlanguages = []\nthanks = "thanks"\ncolour = 1\nquestions = []'
    )
    assert all(line.startswith("csat.toml: ") for line in told)
    places = [line.split(": ")[1] for line in told]
    assert sorted(places) == ["colour", "goodbye", "id", "languages", "questions", "version"]


def test_broken_toml_names_the_line():
    assert "line 3" in faults('id = "csat"\nversion = 1\nlanguages = en')[0]


def test_prompts_that_the_catalogue_lacks():
    text = GOOD.replace('["en"]', '["en", "fa"]').replace('invalid = "invalid"', 'invalid = "nope"')
    assert faults(text) == [
        "csat.toml: goodbye: the catalogue has no prompt 'goodbye' in fa",
        "csat.toml: questions.0.invalid: the catalogue has no prompt 'nope' in en, fa",
    ]


def test_two_questions_of_the_same_name():
    second = GOOD[GOOD.index("[[") :]
    assert faults(GOOD + second) == [
        "csat.toml: questions.1.id: 'satisfaction' is taken by an earlier question"
    ]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('kind = "csat"', 'kind = "nps"', "questions.0.kind"),
        ('kind = "csat"', 'kind = "csat"\nlow = 1', "questions.0.low"),
        ("version = 1", "version = 0", "version"),
        ("version = 1", "version = true", "version"),
        ("version = 1", "version = 1\nretries = -1", "retries"),
        ("version = 1", 'version = 1\nwait_seconds = "5"', "wait_seconds"),
        ('languages = ["en"]', 'languages = ["../en"]', "languages.0"),
        ('thanks = "thanks"', 'thanks = "../thanks"', "thanks"),
    ],
)
def test_wrong_values(old, new, place):
    (fault,) = faults(GOOD.replace(old, new))
    assert fault.startswith(f"csat.toml: {place}: ")
