"""The KPI catalogue: each KPI is explained once, its formula equals the code, and boundaries are exact."""

import re
from collections import Counter as Tally
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st
from prometheus_client import CollectorRegistry
from sqlalchemy import case, func, insert, select

from cc_bridge.calls.ami_events import WANTED
from cc_bridge.kpis.catalogue import KPIS, help_text, page
from cc_bridge.kpis.service_level import (
    DEFAULT,
    ServiceLevelDefinition,
    VisitCounts,
    from_counts,
    service_level,
)
from cc_bridge.metrics.record_metrics import RecordMetrics
from cc_bridge.records import EndedBy, Gap, GapReason, Outcome, QueueVisit, Ring, RingOutcome, Talk
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.schema.tables import queue_visits, row_of
from support.generate import COMMAND
from support.paths import ROOT
from unit.metrics.test_record_metrics import samples

ALL = [kpi for kpis in KPIS.values() for kpi in kpis]
BY_NAME = {kpi.name: kpi for kpi in ALL}
EVERY_DEFINITION = pytest.mark.parametrize("definition", ServiceLevelDefinition)
T = 1_795_309_819.123456


def visit(outcome=Outcome.ANSWERED, wait=12.5, number=0):
    return QueueVisit(
        "main", f"{number}", f"{number}", "sales", T, T + wait, outcome, None, None, 1, "", "", "", False, ""
    )


def stays(outcome, *waits):
    return [SimpleNamespace(outcome=outcome, wait_seconds=wait, partial=False) for wait in waits]


def computed(formula, **names):
    """Evaluate a formula of the catalogue as a Python expression."""
    return eval(formula, {"__builtins__": {}}, names)


def fields(record):
    return {name: getattr(record, name) for name in record.__slots__}


# -- the catalogue


def test_the_committed_page_is_what_the_catalogue_says():
    committed = (ROOT / "config" / "docs" / "kpis.md").read_text(encoding="utf-8")
    assert committed == page(), f"run: {COMMAND}"


def test_the_readme_leads_to_the_page():
    assert "(config/docs/kpis.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_name_is_given_once():
    assert set(Tally(kpi.name for kpi in ALL).values()) == {1}


@pytest.mark.parametrize("kpi", ALL, ids=lambda kpi: kpi.name)
def test_a_kpi_says_all_in_one_line(kpi):
    text = help_text(kpi.name)
    assert kpi.words in text
    assert kpi.formula in text
    assert f"({kpi.unit})" in text
    assert kpi.source
    for cell in (text, kpi.source, kpi.used_by):
        assert not set("\n|") & set(cell)


def test_every_metric_of_the_catalogue_exists_and_has_its_help_from_it():
    suffix = {"counter": "_total"}
    exported = {
        family.name + suffix.get(family.type, ""): family.documentation
        for family in RecordMetrics(CollectorRegistry(), "pbx", [], agents=True).registry.collect()
    }
    named = {kpi.metric: help_text(kpi.name) for kpi in ALL if kpi.metric}
    assert len(named) >= 10
    assert named == {name: exported.get(name) for name in named}


def test_every_source_exists():
    tables = queue_visits.metadata.tables
    columns = [name for kpi in ALL for name in re.findall(r"\b([a-z_]+)\.([a-z_]+)", kpi.source)]
    assert len(columns) > 20
    for table, column in columns:
        assert column in tables[table].columns, f"{table}.{column}"
    events = [name for kpi in ALL for name in re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", kpi.source)]
    assert len(events) > 10
    assert set(events) <= set(WANTED)


@pytest.mark.parametrize(
    ("name", "record", "seconds"),
    [
        ("wait", visit(wait=12.5), lambda record: record.wait_seconds),
        (
            "ring",
            Ring("main", "1", "1", "2", "sales", "Sara", "PJSIP/201", T, T + 3.25, RingOutcome.NO_ANSWER),
            lambda record: record.ring_seconds,
        ),
        (
            "talk",
            Talk(
                "main",
                "1",
                "1",
                "2",
                "sales",
                "Sara",
                "PJSIP/201",
                T,
                T + 60,
                10,
                1,
                EndedBy.AGENT,
                None,
                None,
            ),
            lambda record: record.talk_seconds,
        ),
        ("gap", Gap("main", T, T + 7, GapReason.LINK_LOST, 0), lambda _record: 7),
    ],
)
def test_the_formula_of_a_time_is_what_its_record_computes(name, record, seconds):
    assert computed(BY_NAME[name].formula, **fields(record)) == seconds(record)


def test_abandonment_leaves_short_abandons_out_above_and_below():
    counts = VisitCounts(100, 80, 70, 20, 12, short_abandons=8)
    assert computed(BY_NAME["abandonment"].formula, **fields(counts)) == pytest.approx(12 / 92)


# -- service level

EXAMPLE_DAY = [
    *stays(Outcome.ANSWERED, *[12.0] * 70, *[45.0] * 10),
    *stays(Outcome.ABANDONED, *[3.0] * 8, *[11.0] * 4, *[70.0] * 8),
]


@pytest.mark.parametrize(
    ("definition", "percent", "numerator", "n"),
    [
        ("answered", 87.5, 70, 80),
        ("removed", 82.0, 82, 100),
        ("offered", 70.0, 70, 100),
        ("no_short", 76.1, 70, 92),
        ("strict", 70.0, 70, 100),
    ],
)
def test_the_example_day_by_every_definition(definition, percent, numerator, n):
    share = service_level(EXAMPLE_DAY, 20, 5, ServiceLevelDefinition(definition))
    assert (share.numerator, share.n) == (numerator, n)
    assert round(share.percent, 1) == percent
    assert share.value == numerator / n


def test_the_page_shows_the_same_example_day():
    for definition in ServiceLevelDefinition:
        (line,) = re.findall(rf"^\| `{definition}` \|.*$", page(), re.MULTILINE)
        assert f"{service_level(EXAMPLE_DAY, 20, 5, definition).percent:.1f} %" in line


def test_short_abandons_are_left_out_where_nothing_else_is_said():
    assert DEFAULT is ServiceLevelDefinition.NO_SHORT
    assert service_level(EXAMPLE_DAY, 20, 5) == service_level(
        EXAMPLE_DAY, 20, 5, ServiceLevelDefinition.NO_SHORT
    )


@EVERY_DEFINITION
def test_no_calls_is_no_data(definition):
    assert service_level([], 20, 5, definition) is None


@pytest.mark.parametrize(
    ("day", "definition"),
    [
        (stays(Outcome.ABANDONED, 30), "answered"),
        (stays(Outcome.TIMED_OUT, 60), "removed"),
        (stays(Outcome.TIMED_OUT, 60), "offered"),
        (stays(Outcome.ABANDONED, 1, 2), "no_short"),
        (stays(Outcome.QUEUE_FULL, 0), "no_short"),
    ],
)
def test_a_day_without_the_calls_that_a_definition_counts_is_no_data(day, definition):
    assert service_level(day, 20, 5, ServiceLevelDefinition(definition)) is None


@pytest.mark.parametrize(("wait", "within"), [(19.999999, 1), (20, 1), (20.000001, 0)])
def test_within_the_threshold_includes_the_threshold(wait, within):
    answered = VisitCounts.of(stays(Outcome.ANSWERED, wait), 20, 5)
    assert (answered.answered, answered.answered_within) == (1, within)
    abandoned = VisitCounts.of(stays(Outcome.ABANDONED, wait), 20, 5)
    assert (abandoned.abandoned, abandoned.abandoned_within) == (1, within)


@pytest.mark.parametrize(("wait", "limit", "short"), [(4.999999, 5, 1), (5, 5, 0), (0, 0, 0)])
def test_a_short_abandon_is_under_the_limit(wait, limit, short):
    assert VisitCounts.of(stays(Outcome.ABANDONED, wait), 20, limit).short_abandons == short
    assert VisitCounts.of(stays(Outcome.ANSWERED, wait), 20, limit).short_abandons == 0


def test_the_noise_of_two_instants_moves_no_visit_over_a_bound():
    more, less = visit(wait=7.4), visit(Outcome.ABANDONED, wait=7.3)
    assert more.left_at - more.entered_at > 7.4
    assert VisitCounts.of([more], 7.4, 5).answered_within == 1
    assert less.left_at - less.entered_at < 7.3
    assert VisitCounts.of([less], 20, 7.3).short_abandons == 0


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.ANSWERED, Outcome.ABANDONED}))
def test_who_was_neither_answered_nor_abandoned(outcome):
    day = [*stays(Outcome.ANSWERED, 10), *stays(outcome, 90)]
    offered = outcome in (Outcome.TIMED_OUT, Outcome.LEFT_BY_KEY)
    expected = {"answered": 1, "removed": 1, "offered": 1, "no_short": 2 if offered else 1, "strict": 2}
    assert {
        definition: service_level(day, 20, 5, definition).n for definition in ServiceLevelDefinition
    } == expected


def test_queues_with_thresholds_of_their_own_are_counted_apart_and_added():
    sales, support = stays(Outcome.ANSWERED, 15, 15), stays(Outcome.ANSWERED, 15, 40)
    counts = VisitCounts.of(sales, 10, 5) + VisitCounts.of(support, 20, 5)
    share = from_counts(counts)
    assert (share.numerator, share.n) == (1, 4)


STAYS = st.lists(
    st.builds(
        SimpleNamespace,
        outcome=st.sampled_from(Outcome),
        wait_seconds=st.sampled_from([0.0, 4.999999, 5.0, 19.5, 20.0, 20.000001]) | st.floats(0, 7200),
        partial=st.booleans(),
    ),
    max_size=40,
)
THRESHOLDS = st.sampled_from([5, 20]) | st.floats(0.1, 3600)
LIMITS = st.sampled_from([0, 5]) | st.floats(0, 600)
DEFINITIONS = st.sampled_from(ServiceLevelDefinition)


@given(STAYS, THRESHOLDS, LIMITS, DEFINITIONS)
def test_a_share_is_between_nothing_and_all_and_follows_its_printed_formula(
    day, threshold, limit, definition
):
    counts = VisitCounts.of(day, threshold, limit)
    share = service_level(day, threshold, limit, definition)
    assert share == from_counts(counts, definition)
    formula = BY_NAME[f"service_level_{definition}"].formula
    if share is None:
        with pytest.raises(ZeroDivisionError):
            computed(formula, **fields(counts))
    else:
        assert 0 <= share.numerator <= share.n
        assert 0 <= share.value <= 1
        assert share.value == computed(formula, **fields(counts))


@given(STAYS, STAYS, THRESHOLDS, LIMITS)
def test_the_counts_of_parts_add_up_to_those_of_the_whole(morning, evening, threshold, limit):
    whole = VisitCounts.of([*morning, *evening], threshold, limit)
    assert VisitCounts.of(morning, threshold, limit) + VisitCounts.of(evening, threshold, limit) == whole
    assert whole.visits + whole.partial_visits == len(morning) + len(evening)
    assert whole + VisitCounts() == whole


@given(STAYS, THRESHOLDS, THRESHOLDS, LIMITS, DEFINITIONS)
def test_more_time_never_lowers_the_service_level(day, one, other, limit, definition):
    less, more = (service_level(day, threshold, limit, definition) for threshold in sorted([one, other]))
    assert (less is None) == (more is None)
    if less is not None:
        assert less.n == more.n
        assert less.numerator <= more.numerator


@given(STAYS, THRESHOLDS, LIMITS)
def test_the_definitions_keep_their_order(day, threshold, limit):
    got = {
        definition: service_level(day, threshold, limit, definition) for definition in ServiceLevelDefinition
    }
    for lower, upper in [
        ("strict", "no_short"), ("strict", "offered"), ("offered", "removed"), ("offered", "answered"),
        ("no_short", "answered"),
    ]:  # fmt: skip
        if got[lower] is not None and got[upper] is not None:
            assert got[lower].value <= got[upper].value


# -- the same figure in every output

DAY = [
    visit(outcome, wait, number)
    for number, (outcome, wait) in enumerate(
        [
            (Outcome.ANSWERED, 7.3), (Outcome.ANSWERED, 20), (Outcome.ANSWERED, 20.5), (Outcome.ABANDONED, 2),
            (Outcome.ABANDONED, 5), (Outcome.ABANDONED, 30), (Outcome.TIMED_OUT, 60),
            (Outcome.LEFT_BY_KEY, 9), (Outcome.TRANSFERRED_AWAY, 3), (Outcome.UNOBSERVED, 1),
            (Outcome.JOIN_EMPTY, 0),
        ]
    )
]  # fmt: skip


def test_stored_rows_and_counts_of_sql_give_what_live_visits_give(tmp_path):
    outcome, wait = queue_visits.c.outcome, queue_visits.c.wait_seconds

    def counted(name, condition):
        return func.sum(case((condition, 1), else_=0)).label(name)

    columns = [
        func.count().label("visits"),
        counted("answered", outcome == "answered"),
        counted("answered_within", (outcome == "answered") & (wait <= 20)),
        counted("abandoned", outcome == "abandoned"),
        counted("abandoned_within", (outcome == "abandoned") & (wait <= 20)),
        counted("short_abandons", (outcome == "abandoned") & (wait < 5)),
        counted("timed_out", outcome == "timed_out"),
        counted("left_by_key", outcome == "left_by_key"),
    ]
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite3'}")
    with engine.begin() as connection:
        connection.execute(insert(queue_visits), [row_of(record)[1] for record in DAY])
        rows = connection.execute(select(outcome, wait, queue_visits.c.partial)).all()
        counts = VisitCounts(**connection.execute(select(*columns)).one()._mapping)
    engine.dispose()
    assert counts == VisitCounts.of(DAY, 20, 5) == VisitCounts.of(rows, 20, 5)
    assert from_counts(counts) == service_level(DAY, 20, 5)


@pytest.mark.parametrize("definition", ServiceLevelDefinition)
@pytest.mark.parametrize("outcome", Outcome)
def test_a_visit_in_whose_wait_the_clock_was_set_is_counted_only_as_such(outcome, definition):
    moved = [replace(record, outcome=outcome, partial=True) for record in DAY]
    whole = VisitCounts.of(DAY, 20, 5)
    assert VisitCounts.of([*DAY, *moved], 20, 5) == replace(whole, partial_visits=len(DAY))
    assert service_level([*DAY, *moved], 20, 5, definition) == service_level(DAY, 20, 5, definition)
    assert service_level(moved, 20, 5, definition) is None


def test_the_metrics_give_what_the_visits_give():
    metrics = RecordMetrics(CollectorRegistry(), "main", [20, 5])
    metrics.init_queue("sales", 20)
    for record in DAY:
        metrics.count_visit(record, 20, 5)
    got = samples(metrics)
    offered = [Outcome.ANSWERED, Outcome.ABANDONED, Outcome.TIMED_OUT, Outcome.LEFT_BY_KEY]
    within = got["cc_bridge_queue_wait_seconds_bucket", "20.0", "answered", "sales"]
    n = sum(got["cc_bridge_visits_total", outcome, "sales"] for outcome in offered)
    share = service_level(DAY, 20, 5)
    assert (within, n - got["cc_bridge_short_abandons_total", "sales"]) == (share.numerator, share.n)
