"""The wallboard: the figures of today, their thresholds, and the figures as JSON."""

import json
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cc_bridge.kpis.service_level import Share, VisitCounts
from cc_bridge.records import AgentState, Outcome
from cc_bridge.storage.queries.today import VisitRow
from cc_bridge.wallboard.board import BoardAgent, BoardCaller, LiveFigures, RatedQuestion, build_board
from cc_bridge.wallboard.thresholds import Severity, Threshold, Thresholds
from cc_bridge.wallboard.today import RatingToday, Today
from cc_bridge.web.wallboard_json import as_json
from support.paths import ROOT

TEHRAN = ZoneInfo("Asia/Tehran")
NOON = datetime(2026, 11, 22, 12, tzinfo=TEHRAN).timestamp()
MIDNIGHT = NOON - 12 * 3600
CSAT = RatedQuestion("agent", "csat")
LEVELS = Thresholds(
    waiting=Threshold(3, 6),
    longest_wait=Threshold(30, 90),
    service_level=Threshold(80, 70),
    abandoned=Threshold(5, 10),
    csat=Threshold(80, 65),
)


def visit(number, wait=10.0, outcome=Outcome.ANSWERED, queue="sales", at=NOON, partial=False):
    return VisitRow(f"{number}", queue, at, outcome, wait, partial)


def waits(queue, seconds, before=0.0):
    """Return a caller who has waited in a queue for `seconds`, and in earlier queues for `before`."""
    return BoardCaller(queue, NOON - seconds, NOON - seconds - before)


def rated(number, value=5, queue="sales", kind="csat", question="agent", at=NOON):
    return RatingToday(queue, f"{number}", question, kind, value, at)


@pytest.fixture
def today():
    today = Today(lambda _queue: (20.0, 5.0))
    assert today.start_day(NOON, TEHRAN)
    return today


def made(today, now=None, queues=("sales", "tech"), **settings):
    settings = {"seconds": lambda _: 20.0, "question": lambda _: CSAT} | settings
    return build_board("main", queues, now or LiveFigures(), today, **settings)


# -- today


def test_the_day_begins_at_the_contact_centres_midnight(today):
    assert today.began_at == MIDNIGHT
    assert today.ends_at == MIDNIGHT + 86_400
    today.add_visits([visit(1, at=MIDNIGHT - 1), visit(2, at=MIDNIGHT), visit(3, at=MIDNIGHT + 86_400)])
    today.add_answers([rated(1, at=MIDNIGHT - 1), rated(2, at=MIDNIGHT), rated(3, at=MIDNIGHT + 86_400)])
    assert today.visits("sales").visits == 1
    assert today.answers("sales", *CSAT) == {5: 1}
    assert not today.start_day(MIDNIGHT + 86_399, TEHRAN)
    assert today.start_day(MIDNIGHT + 86_400, TEHRAN)
    assert today.visits("sales") == VisitCounts()
    assert today.answers("sales", *CSAT) == {}


def test_a_wait_in_which_the_clock_was_set_is_in_no_figure_but_its_own(today):
    left = visit(2, outcome=Outcome.ABANDONED, partial=True)
    today.add_visits([visit(1), left, visit(3, wait=3600, partial=True)])
    total = as_json(made(today), LEVELS, NOON, TEHRAN)["total"]
    assert (total["partial_visits"], total["offered"], total["abandoned"]) == (2, 1, 0)
    assert (total["service_level_percent"], total["service_level_n"], total["abandoned_percent"]) == (
        100,
        1,
        0,
    )


def test_whoever_tells_it_again_it_is_counted_once(today):
    for _ in range(2):
        today.add_visits([visit(1), visit(2, wait=30), visit(1, queue="tech")])
        today.add_answers([rated(1), rated(1, question="solved", kind="yes_no", value=1), rated(2, value=1)])
    assert today.visits("sales") == VisitCounts(visits=2, answered=2, answered_within=1)
    assert today.visits("tech") == VisitCounts(visits=1, answered=1, answered_within=1)
    assert today.answers("sales", *CSAT) == {5: 1, 1: 1}


def test_a_caller_who_comes_again_is_another_visit(today):
    today.add_visits([visit(1), visit(1, at=NOON + 60)])
    assert today.visits("sales").visits == 2


@pytest.mark.parametrize(
    ("kind", "value"), [("comment", 7), ("choice", 2), ("csat", 0), ("csat", 6), ("of tomorrow", 1)]
)
def test_what_is_on_no_scale_is_no_rating(today, kind, value):
    today.add_answers([rated(1, kind=kind, value=value)])
    assert today.answers("sales", "agent", kind) == {}


def test_the_queues_of_the_day_are_those_with_a_visit_or_an_answer(today):
    assert today.queues == []
    today.add_visits([visit(1), visit(2, queue="SALES"), visit(3, queue="old", at=MIDNIGHT - 1)])
    today.add_answers([rated(1, queue="Tech"), rated(2, queue=""), rated(3, queue="tech")])
    assert today.queues == ["sales", "Tech"]
    today.start_day(NOON + 86_400, TEHRAN)
    assert today.queues == []


# -- levels


@pytest.mark.parametrize(
    ("threshold", "values"),
    [
        (Threshold(3, 6), {0: "good", 2: "good", 3: "warning", 5: "warning"}),
        (Threshold(3, 6), {6: "critical", 60: "critical", None: "none"}),
        (Threshold(80, 70), {100: "good", 80: "good", 79.9: "warning", 70: "warning"}),
        (Threshold(80, 70), {69.9: "critical", None: "none"}),
        (Threshold(5, 5), {4: "good", 5: "critical"}),
    ],
)
def test_levels(threshold, values):
    assert {value: threshold.level(value) for value in values} == values


# -- the board


def test_figures_of_each_queue_and_of_all(today):
    today.add_visits([visit(n) for n in range(8)])
    today.add_visits([visit(8, 3, Outcome.ABANDONED), visit(9, 30, Outcome.ABANDONED)])
    today.add_visits([visit(1, 40, queue="tech"), visit(2, 60, Outcome.TIMED_OUT, "tech")])
    today.add_visits([visit(3, 0, Outcome.JOIN_EMPTY, "tech"), visit(4, queue="not shown")])
    now = LiveFigures(
        waiting=[
            waits("sales", 20),
            waits("tech", 50),
            waits("tech", 5, before=90),
            waits("not shown", 99),
        ],
        talking={"sales": 2, "not shown": 5},
        members={("sales", AgentState.AVAILABLE): 2, ("tech", AgentState.AVAILABLE): 2},
        agents=[
            BoardAgent("Nika", AgentState.TALKING, NOON - 60),
            BoardAgent("Ali", AgentState.AVAILABLE, NOON),
        ],
    )
    seen = made(today, now)
    sales, tech = seen.queues
    assert (sales.waiting, sales.oldest_at, sales.talking, sales.offered) == (1, NOON - 20, 2, 10)
    assert sales.service_level == Share(8, 9)
    assert sales.abandonment == Share(1, 9)
    assert (tech.waiting, tech.oldest_at, tech.talking, tech.offered) == (2, NOON - 50, 0, 2)
    assert (sales.waiting_since, tech.waiting_since) == (NOON - 20, NOON - 95)
    assert tech.service_level == Share(0, 2)
    assert seen.total.waiting == 3
    assert (seen.total.oldest_at, seen.total.waiting_since) == (NOON - 50, NOON - 95)
    assert seen.total.service_level == Share(8, 11)
    # An agent of two queues is one agent.
    assert tech.agents[AgentState.AVAILABLE] == 2
    assert seen.total.agents[AgentState.AVAILABLE] == 1


def test_without_calls_there_is_no_service_level(today):
    (sales,) = made(today, queues=["sales"]).queues
    assert (sales.waiting, sales.oldest_at, sales.offered) == (0, None, 0)
    assert sales.service_level is sales.abandonment is sales.rating is None


def test_while_the_pbx_is_not_observed_nobody_knows_who_waits(today):
    today.add_visits([visit(1)])
    seen = build_board(
        "main", ["sales"], None, today,
        seconds=lambda _: 20.0, question=lambda _: CSAT, unobserved_since=NOON, names=True,
    )  # fmt: skip
    for figures in (*seen.queues, seen.total):
        assert figures.waiting is figures.oldest_at is figures.talking is figures.agents is None
        assert figures.waiting_since is None
        assert figures.counts.answered == 1
    assert seen.agents == ()


def test_agents_are_named_only_when_that_is_wanted(today):
    agents = [BoardAgent("Nika", AgentState.TALKING, NOON - 60), BoardAgent("Ali", AgentState.PAUSED, NOON)]
    assert made(today, LiveFigures(agents=agents)).agents is None
    assert [agent.name for agent in made(today, LiveFigures(agents=agents), names=True).agents] == [
        "Ali",
        "Nika",
    ]
    text = json.dumps(as_json(made(today, LiveFigures(agents=agents)), LEVELS, NOON, TEHRAN))
    assert "Nika" not in text


def test_a_rating_of_few_answers_is_not_shown(today):
    today.add_answers([rated(n, value=4 + n % 2) for n in range(14)])
    shown = as_json(made(today), LEVELS, NOON, TEHRAN)
    few = {
        "name": "csat",
        "label": {"en": "satisfied", "fa": "راضی"},
        "unit": "percent",
        "n": 14,
        "enough": False,
        "value": None,
        "low": None,
        "high": None,
    }
    assert shown["queues"][0]["rating"] == few
    assert shown["queues"][0]["levels"]["rating"] == "none"
    today.add_answers([rated(99, value=1)])
    enough = as_json(made(today), LEVELS, NOON, TEHRAN)["queues"][0]
    assert enough["rating"]["value"] == pytest.approx(93.333)
    assert enough["rating"]["low"] < 93 < enough["rating"]["high"]
    assert enough["levels"]["rating"] == "good"


def test_the_ratings_of_different_questions_are_not_mixed(today):
    today.add_answers([rated(n) for n in range(20)] + [rated(n, 9, "tech", "nps") for n in range(100, 120)])
    asked = {"sales": CSAT, "tech": RatedQuestion("agent", "nps"), "closed": None}
    seen = made(today, queues=list(asked), question=asked.get)
    assert [each.rating.name if each.rating else None for each in seen.queues] == ["csat", "nps", None]
    assert seen.total.rating is None
    # A queue without a question does not prevent a common rating of the other queues.
    assert made(today, queues=["sales", "closed"], question=asked.get).total.rating.n == 20


def test_boards_are_equal_until_something_happens(today):
    now = LiveFigures(waiting=[waits("sales", 20)])
    assert made(today, now) == made(today, now)
    before = made(today, now)
    today.add_visits([visit(1)])
    assert made(today, now) != before


def test_the_json_is_what_the_readme_says(today):
    today.add_visits([visit(1), visit(2, 30), visit(3, 9, Outcome.ABANDONED)])
    now = LiveFigures(
        waiting=[waits("sales", 41.5, before=60)], agents=[BoardAgent("Nika", AgentState.TALKING, NOON - 60)]
    )
    shown = as_json(made(today, now, names=True), LEVELS, NOON, TEHRAN)
    assert shown["at"] == NOON
    assert shown["utc_offset_seconds"] == 12_600
    assert shown["today_began"] == MIDNIGHT
    assert shown["agents"] == [{"name": "Nika", "state": "talking", "since": NOON - 60, "seconds": 60.0}]
    sales = shown["queues"][0]
    assert sales["longest_wait_seconds"] == 41.5
    assert sales["longest_wait_since"] == NOON - 41.5
    assert sales["longest_whole_wait_seconds"] == 101.5
    assert sales["longest_whole_wait_since"] == NOON - 101.5
    assert sales["service_level_percent"] == pytest.approx(33.333)
    assert sales["service_level_n"] == sales["offered"] == 3
    assert sales["levels"] == {
        "waiting": Severity.GOOD,
        "longest_wait": Severity.WARNING,
        "longest_whole_wait": Severity.CRITICAL,
        "service_level": Severity.CRITICAL,
        "abandoned": Severity.CRITICAL,
        "rating": Severity.NONE,
    }
    assert json.loads(json.dumps(shown)) == shown
    table = (ROOT / "config" / "docs" / "http-api.md").read_text().split("| field ")[1].split("\n\n")[0]
    documented = set()
    for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        first, *others = re.findall(r"`([a-z_]+)`", row)
        # "`service_level_percent`, `_n`" is short for `service_level_percent`, `service_level_n`.
        stem = first.rpartition("_")[0]
        documented |= {first, *(f"{stem}{name}" if name.startswith("_") else name for name in others)}
    assert documented - {"queue"} == {*shown, *sales} - {"queue"}


def test_a_clock_that_is_behind_makes_no_negative_time(today):
    now = LiveFigures(waiting=[waits("sales", -0.2)])
    assert as_json(made(today, now), LEVELS, NOON, UTC)["total"]["longest_wait_seconds"] == 0.0
