"""Stored survey versions: their content, and conflicts of one version with different questions."""

import json
from dataclasses import replace

import pytest

from cc_bridge import resource_path
from cc_bridge.surveys.library import SurveyLibrary
from cc_bridge.surveys.prompt_catalogue import parse_catalogue
from cc_bridge.surveys.versions import SurveyVersions, definition_of

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def surveys():
    catalogue = parse_catalogue(
        resource_path("dialplans/prompts.toml").read_text(encoding="utf-8"), "prompts.toml"
    )
    return SurveyLibrary.load(resource_path("config/surveys"), catalogue.sounds)


@pytest.fixture
def full(surveys):
    return definition_of("pbx", surveys["full"], NOW)


def test_a_definition_says_what_an_answer_means(full):
    assert (full.pbx, full.survey, full.version) == ("pbx", "full", 1)
    assert (full.languages, full.first_seen) == ("en,fa", NOW)
    questions = {question.pop("id"): question for question in json.loads(full.questions)}
    assert list(questions) == ["satisfaction", "comment", "solved", "effort", "recommend", "reason"]
    assert questions["satisfaction"] == {
        "kind": "csat",
        "ask": "csat_ask",
        "rates": "last_agent",
        "scale": [1, 5],
        "labels": {},
    }
    assert questions["solved"]["labels"] == {"0": "no", "1": "yes"}
    assert questions["recommend"]["scale"] == [0, 10]
    assert questions["comment"]["scale"] is None
    assert (questions["reason"]["scale"], questions["reason"]["labels"]) == (
        None,
        {"1": "delivery", "2": "bill", "3": "other"},
    )


def test_a_label_in_persian_stays_readable_for_those_who_query(surveys):
    survey = surveys["full"]
    *others, reason = survey.questions
    spoken = replace(survey, questions=(*others, replace(reason, labels={1: "زمان انتظار", 2: '"'})))
    kept = definition_of("pbx", spoken, NOW).questions
    assert "زمان انتظار" in kept
    assert json.loads(kept)[-1]["labels"] == {"1": "زمان انتظار", "2": '"'}


def test_what_asks_something_else_under_the_same_number_is_told(full):
    versions = SurveyVersions()
    assert versions.conflicting([full]) == []
    assert versions.conflicting([replace(full, first_seen=NOW + 1)]) == []  # loaded again
    other = replace(full, questions="[]", first_seen=NOW + 2)
    assert versions.conflicting([other]) == [other]
    assert versions.conflicting([replace(full, languages="en")]) == [replace(full, languages="en")]
    for unlike in (replace(other, version=2), replace(other, pbx="other"), replace(other, survey="csat")):
        assert versions.conflicting([unlike]) == []


def test_the_earliest_is_what_a_version_is(full):
    versions = SurveyVersions()
    stored = replace(full, questions="[]", first_seen=NOW - 100)
    assert versions.conflicting([full]) == []
    assert versions.conflicting([stored]) == [stored]  # reported once, though it is read repeatedly
    assert versions.conflicting([stored]) == []
    assert versions.conflicting([full]) == [full]


def test_of_two_that_were_seen_at_one_instant_the_first_stays(full):
    versions, other = SurveyVersions(), replace(full, questions="[]")
    assert versions.conflicting([full, other]) == [other]
    assert versions.conflicting([full]) == []
