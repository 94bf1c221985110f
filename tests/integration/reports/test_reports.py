"""Reports of generated weeks: each figure against a count of the test, and the findings."""

import csv
import json
import math
import random
import re
import tomllib
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

import cc_bridge.reports
from cc_bridge.cli import main
from cc_bridge.commands import report as command
from cc_bridge.kpis.catalogue import KPIS
from cc_bridge.kpis.scores import response_rate
from cc_bridge.kpis.service_level import ServiceLevelDefinition, VisitCounts, from_counts
from cc_bridge.queue_names import QueueMap
from cc_bridge.records import (
    AgentInterval,
    Answer,
    Call,
    Direction,
    Gap,
    GapReason,
    NotRoutedCall,
    ObservationWatermark,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    SurveyAttempt,
    SurveyDecision,
    SurveyResult,
    Talk,
)
from cc_bridge.reports.calendar import Days, read_date
from cc_bridge.reports.figures import Figure, apart
from cc_bridge.reports.query import BANDS, INTERVALS, Dimension, QueueSettings, ReportQuery
from cc_bridge.reports.registry import REPORTS
from cc_bridge.reports.render.data import as_csv, as_json
from cc_bridge.reports.render.html import as_html
from cc_bridge.reports.render.localization import LANGUAGES, Localization, catalogue
from cc_bridge.reports.render.terminal import as_table
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.computed_report import compute_report
from cc_bridge.storage.reports import SqlSource, reading
from cc_bridge.storage.reports.queue_spellings import queues_of_reports
from cc_bridge.surveys.business_hours import BusinessHours
from support.records import visit as a_visit
from support.scores import csat, nps, yes_no
from support.year_of_calls import CHANGED, FIRST, LAST, LINGERING, QUEUES, RUDE, ZONE, fill, midnight, records

NOW = midnight(LAST) + 90_000
SETTINGS = QueueMap(
    {
        "sales": QueueSettings(
            30.0, 3.0, 12.0, "first_contact", BusinessHours(ZONE, 480, 1080, frozenset(range(5)))
        ),
        "support": QueueSettings(wrap_up=5.0, stage="support"),
    }
)
EVERY = [(name, by) for name, kind in REPORTS.items() for by in kind.by]


def asking(by=Dimension.QUEUE, **changes):
    settings = {"days": Days(ZONE, 5), "settings": SETTINGS, "changed": CHANGED} | changes
    return ReportQuery(FIRST, LAST, by, **settings)


def made(engine, name, by=None, **changes):
    kind = REPORTS[name]
    ask = asking(by or kind.by[0], **changes)
    answered = []
    with reading(engine) as connection:
        report = kind.make(ask, SqlSource(connection, ask, lambda: answered.append(1)))
    assert len(answered) <= kind.questions
    return report


def content(report):
    return json.loads(as_json(report, Localization(days=report.ask.days, bands=report.ask.bands), NOW))


@pytest.fixture(scope="module")
def all_records():
    return list(records())


@pytest.fixture(scope="module")
def engine(all_records, tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('reports') / 'calls.sqlite'}"
    engine = open_database(url)
    fill(engine, all_records)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def inside(all_records):
    """Return the records of the report's span by kind."""
    begins = {
        QueueVisit: "entered_at", Talk: "answered_at", Ring: "started_at", SurveyDecision: "decided_at",
        SurveyAttempt: "started_at", Answer: "answered_at", Call: "started_at", NotRoutedCall: "ended_at",
    }  # fmt: skip
    found = defaultdict(list)
    since, until = midnight(FIRST), midnight(date.fromordinal(LAST.toordinal() + 1))
    for record in all_records:
        at = begins.get(type(record))
        if at and since <= getattr(record, at) < until:
            found[type(record)].append(record)
    return found


def there(at):
    return datetime.fromtimestamp(at, ZONE)


def minute_of_day(at):
    return 60 * there(at).hour + there(at).minute


def band(seconds):
    return sum(seconds > bound for bound in BANDS)


VISIT_KEYS = {
    Dimension.QUEUE: lambda visit: visit.queue,
    Dimension.HOUR: lambda visit: there(visit.entered_at).hour,
    Dimension.HALF_HOUR: lambda visit: minute_of_day(visit.entered_at) // 30,
    Dimension.QUARTER_HOUR: lambda visit: minute_of_day(visit.entered_at) // 15,
    Dimension.WEEKDAY: lambda visit: there(visit.entered_at).weekday(),
    Dimension.DAY: lambda visit: there(visit.entered_at).toordinal() - 719163,
    Dimension.STAGE: lambda visit: SETTINGS[visit.queue].stage if visit.queue in SETTINGS else "",
    Dimension.LANGUAGE: lambda visit: visit.language,
    Dimension.WAIT_BAND: lambda visit: band(visit.wait_seconds),
}


# -- service


@pytest.mark.parametrize("by", REPORTS["service"].by)
def test_service_counts_what_is_there(engine, inside, by):
    report = made(engine, "service", by)
    visits = defaultdict(list)
    for visit in inside[QueueVisit]:
        visits[VISIT_KEYS[by](visit)].append(visit)
    service, waits, levels, outcomes = report.tables
    assert {row.keys[0] for row in service.rows} == set(visits)
    for row, times, level, outcome in zip(service.rows, waits.rows, levels.rows, outcomes.rows, strict=True):
        of_row = visits[row.keys[0]]
        counts = VisitCounts()
        for queue in {visit.queue for visit in of_row}:
            settings = SETTINGS.get(queue, QueueSettings())
            its = [visit for visit in of_row if visit.queue == queue]
            counts += VisitCounts.of(its, settings.threshold, settings.short_abandon)
        assert service.cell(row, "visits").value == len(of_row)
        assert service.cell(row, "short_abandons").value == counts.short_abandons
        for definition in ServiceLevelDefinition:
            cell, share = levels.cell(level, f"service_level_{definition}"), from_counts(counts, definition)
            assert (cell is None) == (share is None)
            if share:
                assert (cell.value, cell.n) == (pytest.approx(share.percent), share.n)
        for word in Outcome:
            assert outcomes.cell(outcome, f"outcome_{word}").value == sum(
                visit.outcome == word for visit in of_row
            )
        seconds = sorted(visit.wait_seconds for visit in of_row)
        assert waits.cell(times, "wait_mean").value == pytest.approx(sum(seconds) / len(seconds))
        assert waits.cell(times, "wait_max").value == seconds[-1]
        for name, part in (("wait_median", 0.5), ("wait_p90", 0.9)):
            whole = sorted(math.ceil(wait) for wait in seconds)
            quantile = min(whole[math.ceil(part * len(whole)) - 1], seconds[-1])
            assert waits.cell(times, name).value == quantile


def test_handle_time_has_the_wrap_up_of_each_queue(engine, inside):
    waits = made(engine, "service").tables[1]
    for row in waits.rows:
        queue = row.keys[0]
        wrap_up = SETTINGS.get(queue, QueueSettings()).wrap_up
        whole = [
            talk.talk_seconds + wrap_up for talk in inside[Talk] if talk.queue == queue and not talk.partial
        ]
        cell = waits.cell(row, "handle_mean")
        assert (cell.value, cell.n) == (pytest.approx(sum(whole) / len(whole)), len(whole))


def test_a_day_of_25_hours_is_one_day(engine):
    days = {row.keys[0] for row in made(engine, "service", Dimension.DAY).tables[0].rows}
    assert len(days) == (LAST - FIRST).days + 1
    late = ReportQuery(date(2026, 10, 25), date(2026, 10, 25), days=Days(ZONE))
    assert late.until - late.since == 25 * 3600


def test_the_week_starts_on_the_day_that_is_asked_for(engine):
    rows = made(engine, "service", Dimension.WEEKDAY).tables[0].rows
    assert [row.keys[0] for row in rows] == [5, 6, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_the_case_of_a_queues_name_does_not_matter(engine, name):
    """The configuration and the command line may write the name in another case than the PBX."""
    shouted = QueueMap({queue.upper(): settings for queue, settings in SETTINGS.items()})
    theirs = content(made(engine, name, queues=("SALES",), settings=shouted))
    ours = content(made(engine, name, queues=("sales",)))
    assert theirs | {"queues": ours["queues"]} == ours


@pytest.fixture(scope="module")
def renamed(all_records, tmp_path_factory):
    """Return a database in which the queue `sales` was spelled `SALES` in the first half of the span."""
    halfway = (midnight(FIRST) + midnight(LAST)) / 2
    times = ("entered_at", "answered_at", "started_at", "decided_at", "ended_at")

    def respelled(record):
        at = next((getattr(record, time) for time in times if hasattr(record, time)), halfway)
        old = getattr(record, "queue", "") == "sales" and at < halfway
        return replace(record, queue="SALES") if old else record

    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('renamed') / 'calls.sqlite'}")
    fill(engine, list(map(respelled, all_records)))
    yield engine
    engine.dispose()


@pytest.mark.parametrize(("name", "by"), EVERY)
@pytest.mark.parametrize("configured", [True, False])
def test_a_queue_that_is_stored_in_two_spellings_is_one_queue(engine, renamed, name, by, configured):
    """The spelling of the configuration is shown, otherwise the newest."""
    changes = {} if configured else {"settings": QueueMap({"support": SETTINGS["support"]})}
    assert content(made(renamed, name, by, **changes)) == content(made(engine, name, by, **changes))


@pytest.mark.parametrize("configured", [SETTINGS, QueueMap()])
def test_the_callbacks_of_a_queue_in_two_spellings_are_in_one_row(engine, renamed, configured):
    halfway = FIRST + (LAST - FIRST) / 2
    days = timedelta(3)
    ask = replace(
        asking(Dimension.QUEUE, settings=configured), first=halfway - days, last=halfway + days, changed=None
    )

    def callbacks(database):
        with reading(database) as connection:
            return compute_report(connection, "lost", ask, NOW).tables[-1]

    assert callbacks(renamed) == callbacks(engine)


@pytest.mark.parametrize(
    ("configured", "shown"), [((), "sales"), (("Sales", "first"), "Sales"), (("SALES", "first"), "SALES")]
)
def test_a_form_offers_each_queue_once_as_reports_show_it(renamed, configured, shown):
    with reading(renamed) as connection:
        names = queues_of_reports(connection, configured)
    assert names == sorted(names)
    assert [name for name in names if name.lower() == "sales"] == [shown]
    assert ("first" in names) == bool(configured)
    settings = QueueMap(dict.fromkeys(configured, QueueSettings()))
    (row,) = made(renamed, "service", queues=("sales",), settings=settings).tables[0].rows
    assert row.keys == (shown,)


def test_a_queue_alone(engine, inside):
    (row,) = made(engine, "service", queues=("sales",)).tables[0].rows
    assert row.cells[0].value == sum(visit.queue == "sales" for visit in inside[QueueVisit])


# -- voice


ANSWER_KEYS = {
    Dimension.AGENT: lambda answer, _attempt, _call: answer.agent,
    Dimension.QUEUE: lambda answer, attempt, _call: answer.queue or attempt.queue,
    Dimension.HOUR: lambda answer, _attempt, _call: there(answer.answered_at).hour,
    Dimension.QUARTER_HOUR: lambda answer, _attempt, _call: minute_of_day(answer.answered_at) // 15,
    Dimension.LANGUAGE: lambda _answer, attempt, _call: attempt.language,
    Dimension.WAIT_BAND: lambda _answer, _attempt, call: band(call.wait_seconds),
}


@pytest.mark.parametrize("by", ANSWER_KEYS)
def test_voice_scores_what_was_answered(engine, inside, all_records, by):
    attempts = {each.attempt_id: each for each in all_records if isinstance(each, SurveyAttempt)}
    calls = {each.call_id: each for each in all_records if isinstance(each, Call)}
    values = defaultdict(lambda: defaultdict(Counter))
    for answer in inside[Answer]:
        attempt = attempts[answer.attempt_id]
        key = ANSWER_KEYS[by](answer, attempt, calls[attempt.call_id])
        if key != "":
            values[key][answer.kind][answer.value] += 1
    table = made(engine, "voice", by).tables[0]
    assert {row.keys[0] for row in table.rows} == set(values)
    for row in table.rows:
        for name, score in {"csat": csat, "nps": nps, "yes_no": yes_no}.items():
            expected = score(values[row.keys[0]][name])
            cell = table.cell(row, name)
            assert (cell is None) == (expected is None)
            if expected:
                assert (cell.value, cell.n, cell.low, cell.high) == pytest.approx(
                    (expected.value, expected.n, expected.low, expected.high)
                )


def test_the_funnel_adds_up(engine, inside):
    report = made(engine, "voice")
    funnel = next(table for table in report.tables if table.name == "funnel")
    reasons = next(table for table in report.tables if table.name == "reasons")
    stages = Counter(entry.stage for entry in inside[SurveyDecision])
    eligible = stages.total() - stages["not_eligible"]
    answered = sum(attempt.result != "declined" for attempt in inside[SurveyAttempt])
    cell = funnel.cell(funnel.total, "response_rate")
    assert cell.value == pytest.approx(response_rate(answered, eligible).value)
    assert funnel.cell(funnel.total, "eligible").value == eligible
    counted = {row.keys[1]: row.cells[0].value for row in reasons.rows if row.keys[0] == "step_funnel"}
    assert counted == stages
    # Beside the eligible callers, never among them.
    not_routed = Counter(call.queue for call in inside[NotRoutedCall])
    assert {row.keys[0]: funnel.cell(row, "not_routed").value for row in funnel.rows} == not_routed
    assert funnel.cell(funnel.total, "not_routed").value == not_routed.total() > 0


def test_calls_that_were_not_routed_are_counted_of_a_queue_whose_callers_were_never_asked(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    at = midnight(FIRST) + 60
    fill(engine, [NotRoutedCall("main", "1.1", "1.1", "sales", "Agent 1", "PJSIP/1", at, "csat", "0912")])
    funnel = next(table for table in made(engine, "voice").tables if table.name == "funnel")
    (row,) = funnel.rows
    shown = {
        column.name: cell.value if cell else None
        for column, cell in zip(funnel.columns, row.cells, strict=True)
    }
    assert row.keys == ("sales",)
    assert (shown["eligible"], shown["response_rate"], shown["not_routed"]) == (0, None, 1)
    engine.dispose()


# -- agents


def test_agents_do_what_they_did(engine, inside, all_records):
    report = made(engine, "agents", Dimension.AGENT)
    (table,) = report.tables
    since, until = report.ask.since, report.ask.until
    for row in table.rows:
        agent = row.keys[0]
        talks = [talk for talk in inside[Talk] if talk.agent == agent and not talk.partial]
        states = defaultdict(float)
        for each in all_records:
            if isinstance(each, AgentInterval) and each.agent == agent:
                states[each.state] += max(0, min(each.ended_at, until) - max(each.started_at, since))
        talking = sum(talk.talk_seconds for talk in talks)
        assert table.cell(row, "talks").value == len(talks)
        assert table.cell(row, "talk_time").value == pytest.approx(talking)
        assert table.cell(row, "paused_time").value == pytest.approx(states["paused"], abs=0.01)
        worked = talking + states["wrap_up"]
        assert table.cell(row, "occupancy").value == pytest.approx(
            100 * worked / (worked + states["available"]), abs=1e-4
        )
        missed = sum(ring.agent == agent and ring.outcome == "no_answer" for ring in inside[Ring])
        assert table.cell(row, "rings_missed").value == missed
        stages = Counter(entry.stage for entry in inside[SurveyDecision] if entry.agent == agent)
        left, n = stages["caller_left_first"], stages["caller_left_first"] + stages["invited"]
        assert (table.cell(row, "left_first").value, table.cell(row, "left_first").n) == (
            pytest.approx(100 * left / n), n,
        )  # fmt: skip


def test_only_who_lingers_is_suspected(engine):
    findings = made(engine, "agents", Dimension.AGENT).findings
    assert {finding.keys["agent"][1] for finding in findings} == {LINGERING}


# -- lost, journey, gap, hours


def test_lost_are_all_that_nobody_answered(engine, inside):
    (table,) = made(engine, "lost").tables
    others = {"answered", "transferred_away", "unobserved"}
    for row in table.rows:
        its = [visit for visit in inside[QueueVisit] if visit.queue == row.keys[0]]
        assert table.cell(row, "lost").value == sum(visit.outcome not in others for visit in its)
        ringing = sum(visit.ringing and visit.outcome == "abandoned" for visit in its)
        assert table.cell(row, "abandoned_ringing").value == ringing


def test_journeys_are_calls(engine, inside):
    (table,) = made(engine, "journey").tables
    for row in table.rows:
        calls = [call for call in inside[Call] if call.queue == row.keys[0]]
        talks = [talk for talk in inside[Talk] if talk.queue == row.keys[0]]
        assert table.cell(row, "calls").value == len(calls)
        assert table.cell(row, "several_queues").value == sum(call.queues > 1 for call in calls)
        assert table.cell(row, "transfers_blind").value == sum(talk.transfer == "blind" for talk in talks)


def test_the_gap_is_between_service_level_and_csat(engine):
    service = made(engine, "service").tables[0]
    voice = {row.keys: row for row in made(engine, "voice").tables[0].rows}
    (table,) = made(engine, "delivery-gap").tables
    for row, of_service in zip(table.rows, service.rows, strict=True):
        level = service.cell(of_service, "service_level_no_short")
        assert table.cell(row, "service_level_no_short") == level
        if row.keys in voice:
            assert table.cell(row, "gap").value == pytest.approx(level.value - voice[row.keys].cells[0].value)
        else:
            assert table.cell(row, "gap") is None


def test_of_many_gaps_chance_makes_some(engine):
    report = made(engine, "delivery-gap", Dimension.DAY)
    (table,) = report.tables
    pairs = {row.keys[0]: row.cells[:2] for row in table.rows if row.cells[2]}
    assert len(pairs) > 20
    called = {finding.keys["key"][1] for finding in report.findings}
    assert called == {day for day, pair in pairs.items() if apart(*pair, len(pairs))}
    assert called < {day for day, pair in pairs.items() if apart(*pair)}


@pytest.mark.parametrize("by", [Dimension.HOUR, Dimension.WEEKDAY])
def test_hours_claimed_staffed_answered(engine, inside, all_records, by):
    (table,) = made(engine, "hours", by, queues=("sales",)).tables
    opening = SETTINGS["sales"].opening
    ask = asking()
    staffed = defaultdict(float)
    for each in all_records:
        if isinstance(each, AgentInterval) and each.state not in ("logged_out", "unreachable"):
            at = max(each.started_at, ask.since)
            while at < min(each.ended_at, ask.until):
                end = min((at // 3600 + 1) * 3600, each.ended_at, ask.until)
                staffed[there(at).hour if by is Dimension.HOUR else there(at).weekday()] += end - at
                at = end
    for row in table.rows:
        its = [
            visit for visit in inside[QueueVisit]
            if visit.queue == "sales" and VISIT_KEYS[by](visit) == row.keys[0]
        ]  # fmt: skip
        assert table.cell(row, "visits").value == len(its)
        assert table.cell(row, "visits_open").value == sum(
            opening.contains(visit.entered_at) for visit in its
        )
        hours = sum(
            (there(at).hour if by is Dimension.HOUR else there(at).weekday()) == row.keys[0]
            for at in range(round(ask.since), round(ask.until), 3600)
        )
        gap = 200 if row.keys[0] == (0 if by is Dimension.HOUR else FIRST.weekday()) else 0
        observed = 3600 * hours - gap
        assert table.cell(row, "agents_present").value == pytest.approx(staffed[row.keys[0]] / observed)


def test_hours_of_each_queue_and_of_the_whole(engine, inside):
    (table,) = made(engine, "hours", Dimension.QUEUE).tables
    rows = {row.keys[0]: row for row in table.rows}
    assert set(rows) == {*QUEUES, "second"}
    sales, support = rows["sales"], rows["support"]
    opening = SETTINGS["sales"].opening
    ask = asking()
    days = [day for day in ask.days.between(FIRST, LAST) if day.weekday() in opening.weekdays]
    assert table.cell(sales, "open_hours").value == len(days) * (opening.end - opening.begin) / 60
    assert table.cell(support, "open_hours") is None  # it has no hours
    of_sales = [visit for visit in inside[QueueVisit] if visit.queue == "sales"]
    within = [visit for visit in of_sales if opening.contains(visit.entered_at)]
    assert table.cell(sales, "visits_open").value == len(within)
    assert table.cell(support, "visits_closed_share").value == 0
    total = table.total
    assert table.cell(total, "open_hours") == table.cell(sales, "open_hours")  # the only one with hours
    closed = len(of_sales) - len(within)
    assert table.cell(total, "visits_open").value == len(inside[QueueVisit]) - closed


def test_the_agents_of_a_queue_are_those_with_calls_in_it(engine, inside):
    whole = made(engine, "agents", Dimension.AGENT).tables[0]
    occupancy = {row.keys[0]: whole.cell(row, "occupancy") for row in whole.rows}
    (table,) = made(engine, "agents", Dimension.AGENT, queues=("sales",)).tables
    kinds = (Talk, Ring, SurveyDecision, Answer)
    in_sales = {each.agent for kind in kinds for each in inside[kind] if each.queue == "sales" and each.agent}
    assert {row.keys[0] for row in table.rows} == in_sales
    for row in table.rows:
        agent = row.keys[0]
        talks = [
            talk for talk in inside[Talk]
            if (talk.agent, talk.queue, talk.partial) == (agent, "sales", False)
        ]  # fmt: skip
        assert table.cell(row, "talks").value == len(talks)
        assert table.cell(row, "occupancy").value == pytest.approx(occupancy[agent].value)
    parts = [table.cell(row, "available_time").value for row in table.rows]
    assert table.cell(table.total, "available_time").value == pytest.approx(sum(parts))


def test_an_agent_without_a_call_in_the_queue_is_in_no_report_of_it(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    at = midnight(FIRST) + 10 * 3600
    fill(engine, [
        AgentInterval("main", "Ali", "available", at, at + 7200, "", "", flagged=False),
        AgentInterval("main", "Sara", "available", at, at + 7200, "", "", flagged=False),
        Ring("main", "c1", "c1", "r1", "sales", "Ali", "PJSIP/1", at, at + 5, RingOutcome.NO_ANSWER),
        Ring("main", "c2", "c2", "r2", "tech", "Sara", "PJSIP/2", at, at + 5, RingOutcome.NO_ANSWER),
    ])  # fmt: skip
    (table,) = made(engine, "agents", Dimension.AGENT, queues=("sales",)).tables
    assert [row.keys[0] for row in table.rows] == ["Ali"]
    assert table.cell(table.total, "available_time").value == 7200
    engine.dispose()


def test_hours_count_no_time_without_observation(tmp_path):
    """Neither the future, nor the time before the first record, nor a gap."""
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    at = midnight(FIRST) + 10 * 3600
    fill(engine, [
        AgentInterval("main", "Ali", "available", at, at + 7200, "", "", flagged=False),
        Gap("main", at + 7200, at + 9000, GapReason.LINK_LOST, 0),
        AgentInterval("main", "Ali", "available", at + 9000, at + 10_800, "", "", flagged=False),
        ObservationWatermark("main", at + 12_600),
    ])  # fmt: skip
    with reading(engine) as connection:
        ask = asking(Dimension.HOUR)
        source = SqlSource(connection, ask)
        assert list(source.observed()) == [(at, at + 7200), (at + 9000, at + 12_600)]
        assert source.first_record() == at
        (table,) = REPORTS["hours"].make(ask, source).tables
    assert {row.keys[0]: table.cell(row, "agents_present").value for row in table.rows} == {
        10: pytest.approx(1),
        11: pytest.approx(1),
        12: pytest.approx(1),
        13: 0,
    }
    engine.dispose()
    engine = open_database(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    with reading(engine) as connection:
        source = SqlSource(connection, asking(Dimension.HOUR))
        assert list(source.observed()) == []
        assert source.first_record() is None
    engine.dispose()


@pytest.mark.parametrize("language", ["en", "fa"])
@pytest.mark.parametrize("name", REPORTS)
def test_a_table_fits_into_80_columns(engine, name, language):
    report = made(engine, name, changed=CHANGED if name == "change" else None)
    text = as_table(report, Localization(language, "persian", bands=BANDS), width=80)
    assert max(map(cell_len, text.splitlines())) <= 80
    assert "…" not in text


def test_a_median_is_never_above_the_longest_wait(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    at = midnight(FIRST) + 60
    fill(engine, [
        QueueVisit("main", f"1.{n}", f"1.{n}", "sales", at, at + wait, Outcome.JOIN_EMPTY, None, None, 1,
                   "0912", "", "fa", ringing=False, decided_by="QueueCallerLeave")
        for n, wait in enumerate((0.1, 0.2, 0.3))
    ])  # fmt: skip
    waits = made(engine, "service").tables[1]
    columns = ("wait_median", "wait_p90", "wait_max")
    assert [waits.cell(waits.total, column).value for column in columns] == [pytest.approx(0.3)] * 3
    engine.dispose()


@pytest.mark.parametrize("zone", ["Asia/Tehran", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_presence_is_of_local_hours_that_begin_at_half_past(database_url, zone):
    """The clocks of Lord Howe are set back by half an hour within the span."""
    zone = ZoneInfo(zone)
    first, last = date(2026, 4, 3), date(2026, 4, 6)
    ask = ReportQuery(first, last, days=Days(zone))
    chance = random.Random(1)
    ends = sorted(round(chance.uniform(ask.since - 5000, ask.until + 5000), 6) for _ in range(40))
    states = [
        AgentInterval("main", "Ali", "available" if n % 3 else "logged_out", *pair, "", "", flagged=False)
        for n, pair in enumerate(pairwise(ends))
    ]
    expected = defaultdict(float)
    for each in states:
        at, end = max(each.started_at, ask.since), min(each.ended_at, ask.until)
        while each.state == "available" and at < end:
            later = min((at // 900 + 1) * 900, end)
            local = datetime.fromtimestamp(at, zone)
            expected[local.weekday(), local.hour] += later - at
            at = later
    other = open_database(database_url)
    fill(other, states)
    found = defaultdict(float)
    with reading(other) as connection:
        for each in SqlSource(connection, ask).presence():
            found[each.weekday, each.hour] += each.seconds
    other.dispose()
    assert found == pytest.approx(expected, abs=0.01)  # SQLite's computation with instants is less exact


@pytest.mark.parametrize("zone", ["Asia/Tehran", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_intervals_of_the_day_are_local(database_url, zone):
    """The offset of Kathmandu is 5:45 h, and the clocks of Lord Howe are set back within the span."""
    days = Days(ZoneInfo(zone))
    ask = ReportQuery(date(2026, 4, 3), date(2026, 4, 6), days=days)
    chance = random.Random(2)
    visits = [
        replace(a_visit(n), entered_at=at, left_at=at + 5)
        for n, at in enumerate(round(chance.uniform(ask.since, ask.until - 1), 6) for _ in range(200))
    ]
    other = open_database(database_url)
    fill(other, visits)
    with reading(other) as connection:
        source = SqlSource(connection, ask)
        for by, minutes in {**INTERVALS, Dimension.HOUR_OF_WEEK: 60}.items():
            found = Counter()
            for row in source.visits(by):
                found[row.key] += row.n
            local = [datetime.fromtimestamp(visit.entered_at, days.zone) for visit in visits]
            day = 24 * 60 if by is Dimension.HOUR_OF_WEEK else 0
            expected = Counter((day * at.weekday() + 60 * at.hour + at.minute) // minutes for at in local)
            assert found == expected, by
    other.dispose()


def test_answers_count_without_their_call_or_attempt(database_url):
    at = midnight(FIRST) + 3600
    interface = "PJSIP/Ali"

    def attempt(name, result):
        return SurveyAttempt("main", name, name, name, "sales", "Ali", interface, "csat", 1, "fa", at, None,
                             result, "")  # fmt: skip

    def answer(name, queue, value):
        return Answer("main", name, "satisfaction", "csat", value, 1, at, queue, "", "")

    given = [
        attempt("whole", SurveyResult.COMPLETE), answer("whole", "sales", 5), answer("lost", "sales", 1),
        attempt("no call", SurveyResult.STARTED), answer("no call", "", 2),
        attempt("silent", SurveyResult.STARTED),
        Call("main", "whole", "whole", Direction.IN, at, at, "", "", "", "fa", "sales", True, 1, 4, 61.0, 9.0,
             partial=False),
    ]  # fmt: skip
    other = open_database(database_url)
    fill(other, given)
    with reading(other) as connection:
        source = SqlSource(connection, asking())
        rated = {
            (row.factor, row.key, row.value): row.n for row in source.rated() if row.factor != Dimension.HOUR
        }
        bands = {(row.key, row.value): row.n for row in source.answers(Dimension.WAIT_BAND)}
        queues = {(row.key, row.value): row.n for row in source.answers(Dimension.QUEUE)}
        asked = Counter()
        for row in source.attempts(Dimension.QUEUE):
            asked[row.result] += row.n
            asked["answered"] += row.answered
        of_sales = SqlSource(connection, asking(queues=("support",)))
        assert not [
            *of_sales.rated(),
            *of_sales.answers(Dimension.WAIT_BAND),
            *of_sales.answers(Dimension.HOUR),
        ]
    other.dispose()
    of_calls = {(Dimension.WAIT_BAND, 2, 5): 1, ("agents_spoken", 3, 5): 1}
    without = {
        (factor, key, value): 1
        for factor, key in ((Dimension.WAIT_BAND, -1), ("agents_spoken", 0))
        for value in (1, 2)
    }
    assert rated == of_calls | without | {(Dimension.QUEUE, "sales", value): 1 for value in (1, 2, 5)}
    assert bands == {(2, 5): 1, (-1, 1): 1, (-1, 2): 1}
    assert queues == {("sales", 5): 1, ("sales", 1): 1, ("sales", 2): 1}
    assert asked == {"complete": 1, "started": 2, "answered": 2}


# -- findings


def test_causes_call_out_what_was_planted_and_nothing_else(engine):
    findings = made(engine, "causes").findings
    found = {(each.sentence, each.keys["factor"][1], each.keys["key"][1]) for each in findings}
    more = {(factor, key) for sentence, factor, key in found if sentence == "more_low"}
    assert (
        {("wait-band", 2), ("agent", RUDE)} <= more <= {("wait-band", 2), ("wait-band", 3), ("agent", RUDE)}
    )
    assert {factor for _, factor, _ in found} == {"wait-band", "agent"}


def test_change_calls_out_what_changed_and_nothing_else(engine, inside):
    report = made(engine, "change")
    found = {(each.sentence, each.keys["measure"][1]) for each in report.findings}
    planted = {("rose", "service_level_no_short"), ("fell", "wait_mean"), ("fell", "answer_mean")}
    through_waits = {("rose", "csat"), ("rose", "csat_mean"), ("fell", "abandonment")}
    assert planted <= found <= planted | through_waits
    (table,) = report.tables
    (row,) = (row for row in table.rows if row.keys == ("wait_mean",))
    for cell, before in zip(row.cells, (True, False), strict=False):
        waits = [
            visit.wait_seconds for visit in inside[QueueVisit]
            if (visit.entered_at < midnight(CHANGED)) == before
        ]  # fmt: skip
        assert (cell.value, cell.n) == (pytest.approx(sum(waits) / len(waits)), len(waits))


def test_what_is_apart_once_may_be_chance_among_many():
    one, other = Figure(50.0, 400, 45.0, 55.0), Figure(61.0, 400, 56.0, 66.0)
    assert apart(one, other)
    assert apart(other, one)
    assert not apart(one, other, 9)
    assert apart(one, replace(other, value=66.0, low=61.0, high=71.0), 9)
    assert not apart(one, replace(other, enough=False))


def test_too_few_are_compared_with_nothing(engine):
    report = made(engine, "causes", minimum=100_000)
    assert report.findings == ()
    assert "too few" in as_table(report, Localization(bands=BANDS), width=150)


@pytest.mark.parametrize("name", ["service", "lost", "hours", "change", "delivery-gap"])
def test_a_visit_in_whose_wait_the_clock_was_set_is_in_no_figure_but_its_own(tmp_path, name):
    at = midnight(FIRST) + 60

    def visit(n, outcome, wait, *, partial=False):
        return QueueVisit(
            "main", f"1.{n}", f"1.{n}", "sales", at, at + wait, outcome, "Ali", "PJSIP/1", 1, "0912", "",
            "fa", ringing=True, decided_by="AgentConnect", partial=partial,
        )  # fmt: skip

    whole = [visit(0, Outcome.ANSWERED, 4), visit(1, Outcome.ANSWERED, 8), visit(2, Outcome.ABANDONED, 9)]
    moved = [visit(10 + n, one, 3 + n, partial=True) for n, one in enumerate(Outcome)]
    shown = []
    for stored in (whole, whole + moved):
        engine = open_database(f"sqlite:///{tmp_path / f'{len(stored)}.sqlite'}")
        fill(engine, stored)
        shown.append(
            {
                (table.name, column.name, row.keys): row.cells[place]
                for table in made(engine, name).tables
                for row in (*table.rows, *([table.total] if table.total else []))
                for place, column in enumerate(table.columns)
            }
        )
        engine.dispose()
    without, of_both = shown
    own = {key for key in of_both if key[1] == "partial_visits"}
    assert bool(own) == (name in {"service", "lost"})
    assert {of_both[key].value for key in own} <= {len(moved)}
    assert {key: cell for key, cell in of_both.items() if key not in own} == {
        key: cell for key, cell in without.items() if key not in own
    }


def test_without_any_call_there_is_no_data(tmp_path):
    empty = open_database(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    for name, by in EVERY:
        report = made(empty, name, by)
        as_html(report, Localization(days=report.ask.days, bands=BANDS), NOW)
        assert not report.findings
        assert content(report)["report"] == name
    assert made(empty, "service").tables[0].total.cells[6] is None
    empty.dispose()


# -- formats


HEADERS = {
    "service": "queue,visits,offered,answered,abandoned,short_abandons,abandonment,abandonment_n,"
    "abandonment_low,abandonment_high,service_level_no_short,service_level_no_short_n,service_level_no_short_low,"
    "service_level_no_short_high,threshold,partial_visits",
    "delivery-gap": "queue,service_level_no_short,service_level_no_short_n,service_level_no_short_low,"
    "service_level_no_short_high,csat,csat_n,csat_low,csat_high,gap",
}


@pytest.mark.parametrize("name", HEADERS)
def test_the_header_of_a_csv_is_stable(engine, name):
    text = as_csv(made(engine, name).tables[0], Localization())
    assert text.splitlines()[0] == HEADERS[name]


def test_a_csv_has_the_figures_and_no_formula(engine):
    table = made(engine, "service").tables[0]
    rows = list(csv.DictReader(StringIO(as_csv(table, Localization()))))
    assert [row["queue"] for row in rows] == ["'=billing", "sales", "second", "support"]
    assert [int(row["visits"]) for row in rows] == [row.cells[0].value for row in table.rows]


@pytest.mark.parametrize(("name", "by"), EVERY)
def test_every_report_in_every_format(engine, name, by):
    report = made(engine, name, by)
    told = content(report)
    for table, shown in zip(report.tables, told["tables"], strict=True):
        assert len(shown["rows"]) == len(table.rows)
        assert all(column["formula"] and column["unit"] for column in shown["columns"])
        for row in shown["rows"]:
            assert set(shown["keys"]) <= set(row)
            for column in shown["columns"]:
                figure = row[column["name"]]
                assert figure is None or set(figure) <= {"value", "n", "low", "high", "enough"}
        lines = list(csv.reader(StringIO(as_csv(table, Localization(days=report.ask.days, bands=BANDS)))))
        assert {len(line) for line in lines} == {len(lines[0])}
    for language in LANGUAGES:
        wording = Localization(language, "persian" if language == "fa" else "latin", report.ask.days, BANDS)
        page = as_html(report, wording, NOW)
        assert f'lang="{language}"' in page
        assert not re.search(r"https?://|<script|url\(|@import", page)
        assert "None" not in re.sub("<style>.*</style>", "", page, flags=re.DOTALL)
        assert as_table(report, wording, width=200)


def test_names_of_queues_are_text_in_html(engine):
    report = made(engine, "service", queues=("<img src=x>",))
    assert "<img" not in as_html(report, Localization(days=report.ask.days), NOW)


# -- words, dates


def flat(words, *path):
    """Return all texts of nested tables by their path of keys."""
    return {
        place: text
        for name, of in words.items()
        for place, text in (flat(of, *path, name) if isinstance(of, dict) else {(*path, name): of}).items()
    }


def test_both_languages_are_complete():
    path = Path(cc_bridge.reports.__file__).parent / "render" / "texts.toml"
    words = tomllib.loads(path.read_text(encoding="utf-8"))
    assert set(words) == set(LANGUAGES)
    english, persian = flat(words["en"]), flat(words["fa"])
    assert set(english) == set(persian)
    for name, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", persian[name])), name


@pytest.mark.parametrize(("name", "by"), EVERY)
def test_every_word_that_is_shown_is_in_the_catalogue(engine, name, by):
    report = made(engine, name, by)
    words = catalogue()
    assert report.name in words["en"]["titles"]
    assert set(report.notes) <= set(words["en"]["notes"])
    measures = {measure.name for of in KPIS.values() for measure in of}
    for table in report.tables:
        assert table.name in words["en"]["tables"]
        assert {key for key, _ in table.keys} <= set(words["en"]["by"])
        for column in table.columns:
            assert column.name in words["en"]["columns"]
            assert column.kpi in measures or (column.formula and not column.kpi)
        for row in table.rows:
            for (_, kind), key in zip(table.keys, row.keys, strict=True):
                assert kind != "word" or key in words["en"]["words"]


@pytest.mark.parametrize("text", ["2026-11-22", "2026/11/22", "1405-09-01", "1405/9/1", "۱۴۰۵/۰۹/۰۱"])  # noqa: RUF001 - Persian digits
def test_dates_of_both_calendars(text):
    assert read_date(text) == date(2026, 11, 22)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01", "1405-12-30x", "1404-12-30", "22-11-2026"])
def test_what_is_no_date_says_so(text):
    with pytest.raises(ValueError, match=r"not a date|no such day"):
        read_date(text)


@pytest.mark.parametrize("text", ["1899-12-31", "2200-01-01", "9999-12-31", "0001-01-01", "1699-12-29"])
def test_a_day_without_any_call_is_refused(text):
    with pytest.raises(ValueError, match="must be a day from 1900-01-01 to 2199-12-31"):
        read_date(text)


@pytest.mark.parametrize(("name", "by"), EVERY)
def test_a_report_may_start_before_1970(engine, name, by):
    ask = replace(asking(by), first=date(1960, 1, 1), last=date(1970, 2, 1), changed=date(1965, 1, 1))
    with reading(engine) as connection:
        report = REPORTS[name].make(ask, SqlSource(connection, ask))
    assert report.name == name


def test_persian_dates_and_digits():
    wording = Localization("fa", "persian", Days(ZoneInfo("Asia/Tehran"), 5, "persian"))
    assert wording.date(date(2026, 11, 22)) == "۱۴۰۵/۰۹/۰۱"  # noqa: RUF001 - Persian digits
    assert Days(kind="persian").first_of_month(date(2026, 11, 30)) == date(2026, 11, 22)


def test_a_midnight_that_clocks_skip_begins_with_the_jump():
    days = Days(ZoneInfo("Asia/Tehran"))  # until 2022 clocks were put forward at midnight
    assert days.began(date(2022, 3, 22)) == datetime(2022, 3, 21, 20, 30, tzinfo=ZoneInfo("UTC")).timestamp()
    changes = days.offsets(days.began(date(2022, 3, 1)), days.began(date(2022, 4, 1)))
    assert [(each.before, each.seconds) for each in changes] == [
        (days.began(date(2022, 3, 22)), 12_600), (None, 16_200),
    ]  # fmt: skip


# -- every kind of database


def test_every_server_says_what_sqlite_says(engine, all_records, server_url):
    other = open_database(server_url)
    fill(other, all_records)
    for name, by in EVERY:
        told, expected = content(made(other, name, by)), content(made(engine, name, by))
        assert told["findings"] == expected["findings"]
        for table, same in zip(told["tables"], expected["tables"], strict=True):
            for row, its in zip(table["rows"], same["rows"], strict=True):
                for column, figure in its.items():
                    close = pytest.approx(figure, abs=2e-3) if isinstance(figure, dict) else figure
                    assert row[column] == close, (name, by, column)
    other.dispose()


# -- the command


@pytest.fixture
def run(engine, monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", engine.url.render_as_string())
    monkeypatch.setenv("CC_BRIDGE_GENERAL__TIME_ZONE", "Europe/Berlin")

    def run(*words):
        return CliRunner().invoke(main, ["report", *words])

    return run


SPAN = ("--from", str(FIRST), "--to", str(LAST))


def test_the_command_knows_every_report():
    assert set(command._NAMES) == set(REPORTS)
    assert set(command._BY) == set(Dimension) - {Dimension.PART, Dimension.HOUR_OF_WEEK}


@pytest.mark.parametrize("form", ["table", "csv", "json", "html"])
def test_the_command_prints_or_writes(run, form, tmp_path):
    printed = run("service", *SPAN, "--format", form)
    assert printed.exit_code == 0, printed.output
    assert "sales" in printed.stdout
    written = run("service", *SPAN, "--format", form, "--out", str(tmp_path / "report"))
    assert (written.exit_code, written.stdout) == (0, "")
    assert len((tmp_path / "report").read_text()) > 200


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("service", "--by", "agent"), "no grouping by agent: use --by queue|hour"),
        (("service", "--from", "2026-11-31"), "there is no such day"),
        (("service", "--from", "2026-11-02", "--to", "2026-11-01"), "is after --to"),
        (("change", *SPAN), "is required for the report change"),
        (("change", *SPAN, "--at", "2027-01-01"), "must be after"),
        (("service", "--timezone", "Asia"), "is not a time zone"),
        (("service", *SPAN, "--format", "csv", "--table", "x"), "use --table service|waits"),
        (("service", *SPAN, "--out", "/no/such/folder/x"), "No such file"),
    ],
)
def test_a_wrong_command_says_what_to_do(run, words, says):
    result = run(*words)
    assert result.exit_code != 0
    assert says in result.stderr
    assert "Traceback" not in result.stderr
