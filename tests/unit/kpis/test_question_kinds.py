"""Each registered question kind works in every place that uses kinds. A failure names the kind."""

import json
import re
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from twisted.internet.defer import succeed

from cc_bridge.config import CustomersConfig, FollowUpsConfig, WebhookConfig
from cc_bridge.errors import SurveyError
from cc_bridge.follow_ups.follow_up import FollowUpReason
from cc_bridge.follow_ups.rules import AnswerFact, follow_up
from cc_bridge.kpis.question_kinds import KINDS, RATING_KINDS, SCALE_KINDS, SCORES
from cc_bridge.kpis.scores import MINIMUM
from cc_bridge.kpis.units import Unit
from cc_bridge.metrics.record_metrics import RecordMetrics
from cc_bridge.records import Answer
from cc_bridge.reports.agent_page import agent_page, as_json as agent_json
from cc_bridge.reports.before_and_after import change
from cc_bridge.reports.query import ReportQuery
from cc_bridge.reports.render.data import as_json
from cc_bridge.reports.render.html import as_html
from cc_bridge.reports.render.localization import LANGUAGES, Localization, catalogue
from cc_bridge.reports.render.terminal import as_table
from cc_bridge.reports.source import AnswerCount
from cc_bridge.reports.voice import voice
from cc_bridge.surveys.definition import parse_survey
from cc_bridge.wallboard.board import LiveFigures, RatedQuestion, build_board, rated_question
from cc_bridge.wallboard.thresholds import Threshold, Thresholds
from cc_bridge.wallboard.today import RatingToday, Today
from cc_bridge.web.follow_up_api import FollowUpList
from cc_bridge.web.wallboard_json import as_json as wallboard_json
from cc_bridge.webhooks.events import EventType, Subscription, WebhookEvents
from support.paths import ROOT
from support.structure import PACKAGE
from unit.web.test_follow_up_api import DaemonSite

SCORED = [name for name, kind in KINDS.items() if kind.scores]
RETIRED = [name for name, kind in KINDS.items() if kind.retired]
T = 1_795_309_819.0
DAY = date(2026, 11, 22)
NOTHING = Threshold(1, 2)
LEVELS = Thresholds(NOTHING, NOTHING, NOTHING, NOTHING, NOTHING)


class Answers:
    """A `Source` of reports with answers to questions of one kind, and no other data."""

    def __init__(self, kind):
        self._counts = [(kind, value, MINIMUM) for value in KINDS[kind].scale]

    def answers(self, by):
        key = 1 if by == "part" else "Sara"
        return [AnswerCount(key, "asked", *each) for each in self._counts]

    def __getattr__(self, name):
        return lambda *_, **__: ()


def query(**changes):
    return ReportQuery(DAY, DAY, **changes)


def expected(kind):
    return KINDS[kind].compute(dict.fromkeys(KINDS[kind].scale, MINIMUM))


# -- the entry


@pytest.mark.parametrize("name", KINDS)
def test_an_entry_is_whole(name):
    kind = KINDS[name]
    assert kind.name == name
    assert kind.meaning
    assert bool(kind.scale) == bool(kind.scores), f"{name}: a scale and its scores belong together"
    assert sorted(kind.keys.values()) == list(kind.scale)
    assert all(re.fullmatch(r"[0-9]{1,2}", key) for key in kind.keys)
    assert set(kind.labels) <= set(kind.scale)
    assert kind.low_max is None or kind.scale[0] <= kind.low_max < kind.scale[-1]


def test_no_two_kinds_share_a_score():
    assert len(SCORES) == sum(len(kind.scores) for kind in KINDS.values())


# -- words


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_there_for_every_kind_with_a_score_and_for_no_other(language):
    assert sorted(catalogue()[language]["kinds"]) == sorted(SCORED), f"texts.toml: [{language}.kinds]"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SCORED)
def test_a_kind_has_its_words(name, language):
    texts = catalogue()[language]["kinds"][name]
    assert list(texts["scores"]) == [score.name for score in KINDS[name].scores]
    assert all(texts["scores"].values())
    assert texts["short"]
    assert ("answer" in texts) == (KINDS[name].low_max is not None)
    assert "{n}" in texts.get("answer", "{n}")


# -- surveys and configuration


def survey(kind):
    text = f"""\
id = "s"
version = 1
languages = ["en"]
thanks = "p"
goodbye = "p"
[[questions]]
id = "asked"
kind = "{kind}"
ask = "p"
invalid = "p"
"""
    return parse_survey(text, "s.toml", {"p": {"en": "p"}})


@pytest.mark.parametrize("name", SCALE_KINDS)
def test_a_survey_asks_it(name):
    (asked,) = survey(name).questions
    assert asked.values == list(KINDS[name].scale)
    assert asked.keys == KINDS[name].keys
    assert {value: label for value in asked.values if (label := asked.label(value))} == KINDS[name].labels


@pytest.mark.parametrize("name", RETIRED)
def test_a_survey_that_asks_a_retired_kind_is_told_what_to_ask(name):
    with pytest.raises(SurveyError, match=rf"s.toml:6: questions.0: .*{name} is retired: use nps"):
        survey(name)


@pytest.mark.parametrize("name", RATING_KINDS)
def test_its_ratings_can_be_low(name):
    scale = KINDS[name].scale
    webhook = {"name": "crm", "url": "https://example.com"}
    assert FollowUpsConfig().low_ratings[name] == KINDS[name].low_max
    assert WebhookConfig(**webhook).low_ratings[name] == KINDS[name].low_max
    assert CustomersConfig(rating_kind=name).rating_kind == name
    for off in (scale[0] - 1, scale[-1] + 1):
        for section in (FollowUpsConfig, lambda **given: WebhookConfig(**webhook, **given)):
            with pytest.raises(ValidationError, match=f"{name} = {off}: must be from {scale[0]} to"):
                section(low_ratings={name: off})


@pytest.mark.parametrize("name", RETIRED)
def test_a_retired_kind_is_configured_nowhere(name):
    for section, given in (
        (CustomersConfig, {"rating_kind": name}),
        (FollowUpsConfig, {"low_ratings": {name: 1}}),
        (WebhookConfig, {"name": "crm", "url": "https://example.com", "low_ratings": {name: 1}}),
    ):
        with pytest.raises(ValidationError, match=f"the kind {name} is retired: use nps, from 0 to 10"):
            section(**given)


# -- reports, pages, metrics


@pytest.mark.parametrize("name", SCORED)
def test_the_report_voice_shows_its_scores(name):
    report = voice(query(), Answers(name))
    found = json.loads(as_json(report, Localization(), T))
    scores, questions = found["tables"][:2]
    for score, value in expected(name).items():
        assert scores["total"][score]["value"] == pytest.approx(value.value, abs=1e-6)
        (column,) = (each for each in scores["columns"] if each["name"] == score)
        assert column["unit"] == SCORES[score].unit
        assert column["formula"] == SCORES[score].formula
        assert any(row["score_name"] == score for row in questions["rows"])
        for language in LANGUAGES:
            words = Localization(language)
            label = words.text("columns", score)
            assert words.isolated(label) in as_html(report, words, T)
            assert words.text("words", score) == label
    assert as_table(report, Localization(), width=200)


@pytest.mark.parametrize("name", SCORED)
def test_before_and_after_compares_its_scores(name):
    (table,) = change(query(changed=DAY), Answers(name)).tables
    assert {row.keys[0] for row in table.rows} == {score.name for score in KINDS[name].scores}


@pytest.mark.parametrize("name", SCORED)
def test_the_agents_page_shows_its_scores(name):
    page = agent_page(query(agent="Sara"), Answers(name), {}, (), 10)
    for language in LANGUAGES:
        shown = {each["name"]: each for each in agent_json(page, Localization(language), T)["scores"]}
        assert list(shown) == [score.name for score in KINDS[name].scores]
        for score, value in expected(name).items():
            assert shown[score]["value"] == pytest.approx(value.value, abs=1e-3)
            assert shown[score]["unit"] == SCORES[score].unit
            assert shown[score]["label"] == catalogue()[language]["kinds"][name]["scores"][score]


@pytest.mark.parametrize("name", SCORED)
def test_the_wallboard_shows_its_first_score(name):
    today = Today(lambda _queue: (20.0, 5.0))
    today.start_day(T, ZoneInfo("UTC"))
    answers = [value for value in KINDS[name].scale for _ in range(MINIMUM)]
    today.add_answers(
        RatingToday("sales", f"{n}", "asked", name, value, T) for n, value in enumerate(answers)
    )
    seen = build_board(
        "main", ["sales"], LiveFigures(), today,
        seconds=lambda _: 20.0, question=lambda _: RatedQuestion("asked", name),
    )  # fmt: skip
    rating = wallboard_json(seen, LEVELS, T, ZoneInfo("UTC"))["total"]["rating"]
    score = KINDS[name].scores[0]
    assert (rating["name"], rating["unit"]) == (score.name, score.unit.value)
    assert rating["label"] == {lang: catalogue()[lang]["kinds"][name]["short"] for lang in LANGUAGES}
    assert rating["value"] == pytest.approx(expected(name)[score.name].value, abs=1e-3)
    assert Unit(rating["unit"]) in {Unit.PERCENT, Unit.MEAN, Unit.POINTS}  # those in wallboard.js


@pytest.mark.parametrize("name", SCALE_KINDS)
def test_the_wallboard_takes_the_first_question_that_has_a_score(name):
    (asked,) = survey(name).questions
    unscored = [replace(asked, id=kind, kind=kind) for kind in KINDS if kind not in SCORED]
    assert rated_question([*unscored, asked, replace(asked, id="later")]) == RatedQuestion("asked", name)
    assert rated_question(unscored) is None


@pytest.mark.parametrize("name", SCALE_KINDS)
def test_metrics_count_it(name):
    metrics = RecordMetrics(CollectorRegistry(), "main", [20.0])
    for value in KINDS[name].scale:
        metrics.count_answer(Answer("main", "a1", "asked", name, value, 1, T, "sales", "Sara", ""), "sales")
    lines = metrics.page("")[0].decode().splitlines()
    counted = [re.search(r'value="(\d+)"', line)[1] for line in lines
               if line.startswith("cc_bridge_ratings_total{") and f'kind="{name}"' in line]  # fmt: skip
    assert sorted(map(int, counted)) == list(KINDS[name].scale)


# -- low ratings


@pytest.mark.parametrize("name", RATING_KINDS)
def test_a_low_rating_opens_a_follow_up_that_the_page_can_show(name):
    low = KINDS[name].low_max
    rules = FollowUpsConfig().rules(frozenset())

    def of(value):
        about = AnswerFact("main", "c1", "9821", "+9821", "sales", "Sara", "a1", "asked", name, value, T)
        return list(rules.of_answers([about]))

    assert of(low + 1) == []
    (cause,) = of(low)
    opened = follow_up(cause, "", T)
    assert opened.reason == FollowUpReason.LOW_RATING
    assert opened.rating == (name, low)
    house = DaemonSite()
    house.listed = lambda: succeed(FollowUpList((opened,), {}))
    (shown,) = json.loads(house.ask().body)["follow_ups"]
    assert shown["rating"] == {
        "kind": name,
        "value": low,
        "label": {
            "en": Localization("en").answer(name, low),
            "fa": Localization("fa", "persian").answer(name, low),
        },
    }
    assert shown["rating"]["label"]["en"].startswith(f"{low} ")


@pytest.mark.parametrize("name", RATING_KINDS)
def test_a_low_rating_is_told_to_a_webhook(name):
    low = WebhookConfig(name="crm", url="https://example.com").low_ratings
    events = WebhookEvents((Subscription("crm", frozenset({EventType.LOW_RATING}), low),))
    answer = Answer("main", "a1", "asked", name, low[name], 1, T, "sales", "Sara", "")
    assert [event.type for _, event in events.of(answer)] == ["low_rating"]


# -- files


def test_every_kind_is_in_the_reference_of_the_schema():
    page = (ROOT / "config" / "docs" / "schema.md").read_text(encoding="utf-8")
    missing = [name for name in KINDS if f"| `{name}` | {KINDS[name].meaning}" not in page]
    assert not missing, "run: python tests/support/generate.py"


def test_no_page_has_a_list_of_kinds():
    """The pages get labels and units from /api/live, /api/follow-ups and /api/agent."""
    for script in (PACKAGE / "web" / "static").rglob("*.js"):
        text = script.read_text(encoding="utf-8")
        assert {name for name in (*SCALE_KINDS, *SCORES) if re.search(rf"\b{name}\b", text)} <= {"csat"}
