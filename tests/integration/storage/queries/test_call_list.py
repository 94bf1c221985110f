"""Each figure of each report opens a list with exactly that many calls."""

import random
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest

from cc_bridge.kpis.units import Unit
from cc_bridge.queue_names import QueueMap
from cc_bridge.reports.calendar import Days
from cc_bridge.reports.call_filter import CallFilter, ListKind
from cc_bridge.reports.drill_down import calls_behind
from cc_bridge.reports.lost_call_callbacks import BY, callback_table
from cc_bridge.reports.query import Dimension, QueueSettings, ReportQuery
from cc_bridge.reports.registry import REPORTS
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.call_list import read_calls
from cc_bridge.storage.queries.lost_calls import lost_between
from cc_bridge.storage.reports import SqlSource, reading
from cc_bridge.storage.rollups.refresh import refresh
from cc_bridge.surveys.business_hours import BusinessHours
from support.odd_calls import FIRST, LAST, SHARED, odd_records
from support.year_of_calls import CHANGED, ZONE, fill, midnight

NOW = midnight(LAST) + 30 * 3600.0
OPENING = BusinessHours(ZONE, 480, 1080, frozenset(range(5)))
SETTINGS = QueueMap(
    {
        "SALES": QueueSettings(30.0, 3.0, 12.0, "first_contact", OPENING),
        "support": QueueSettings(wrap_up=5.0, stage="support"),
        "second": QueueSettings(threshold=2.0, opening=BusinessHours(ZONE, 1, 1439, frozenset({6}))),
    }
)
EVERY = [(name, by) for name, kind in REPORTS.items() for by in kind.by]
WITHOUT = {
    "threshold", "wrap_up_time", "available_time", "paused_time", "occupancy", "gap", "difference",
    "open_hours", "agents_present",
}  # fmt: skip
VARIANTS = (
    {},
    {"pbx": "main"},
    {"queues": ("sAleS", "second")},
    {"others": QueueSettings(25.0, 9.0, 0.0, "late", OPENING)},
    {"settings": QueueMap({"support": QueueSettings(9.0)})},
)


@pytest.fixture(scope="module")
def all_records():
    return list(odd_records())


@pytest.fixture(scope="module")
def engine(all_records, tmp_path_factory):
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('lists') / 'calls.sqlite'}")
    fill(engine, all_records)
    yield engine
    engine.dispose()


def asking(by, **changes):
    settings = {"days": Days(ZONE, 5), "settings": SETTINGS, "changed": CHANGED, "minimum": 2} | changes
    return ReportQuery(FIRST, LAST, by, **settings)


def made(connection, name, ask):
    report = REPORTS[name].make(ask, SqlSource(connection, ask))
    if name == "lost" and ask.by in BY:
        lost = lost_between(connection, ask.since, ask.until, NOW, {SHARED})
        report = replace(report, tables=(*report.tables, callback_table(ask, lost)))
    return report


def cells(report):
    for table in report.tables:
        for row in (*table.rows, *((table.total,) if table.total else ())):
            for column in table.columns:
                if (cell := table.cell(row, column.name)) is not None:
                    yield table, row, column, cell


def listed(connection, report, wanted, **part):
    """Return a part of a list, with the filter as the address of its page has it."""
    again = CallFilter.from_query(parse_qs(wanted.to_query()), FIRST, FIRST)
    assert again == wanted
    ask = replace(
        report.ask, first=again.first, last=again.last, by=Dimension.QUEUE, queues=again.queues,
        pbx=again.pbx, agent=again.agent, changed=None,
    )  # fmt: skip
    return read_calls(connection, ask, again, NOW, {SHARED}, **part)


def check(connection, report, table, row, column, cell):
    """Compare a figure with the list that it opens. Return whether it opens one."""
    where = f"{report.name} by {report.ask.by}, {table.name}, {row.keys}, {column.name}"
    wanted = calls_behind(report, table, row, column)
    assert (wanted is None) == (column.name in WITHOUT), where
    if wanted is None:
        return False
    part = listed(connection, report, wanted, most=0)
    n = cell.n if cell.n is not None else cell.value
    if column.unit is Unit.TIME and cell.n is None:
        n = table.cell(row, "talks").value
    assert part.count == n, f"{where}: {cell}, {wanted.to_query()}"
    if wanted.marks:
        assert 100 * part.marked / part.count == pytest.approx(cell.value), (
            f"{where}: {part}, {wanted.to_query()}"
        )
    return True


@pytest.mark.parametrize(("name", "by"), EVERY)
def test_each_figure_opens_as_many_calls_as_it_says(engine, name, by):
    with reading(engine) as connection:
        report = made(connection, name, asking(by))
        opened = [check(connection, report, *place) for place in cells(report)]
    assert sum(opened) > 7


@pytest.mark.parametrize("changes", VARIANTS[1:])
@pytest.mark.parametrize("name", REPORTS)
def test_the_list_has_the_queues_pbx_and_settings_of_the_report(engine, name, changes):
    chance = random.Random(f"{name} {changes}")
    with reading(engine) as connection:
        for by in REPORTS[name].by:
            report = made(connection, name, asking(by, **changes))
            places = list(cells(report))
            for place in chance.sample(places, min(12, len(places))):
                check(connection, report, *place)


def test_every_server_opens_what_sqlite_opens(engine, all_records, server_url):
    """PostgreSQL reads past days of a report from the roll-ups, and the list reads the rows."""
    other = open_database(server_url)
    fill(other, all_records)
    if other.dialect.name == "postgresql":
        assert refresh(other, LAST)
    chance = random.Random(server_url.partition(":")[0])
    with reading(other) as connection, reading(engine) as same:
        for name, by in EVERY:
            for changes in VARIANTS:
                report = made(connection, name, asking(by, **changes))
                places = list(cells(report))
                for place in chance.sample(places, min(3, len(places))):
                    if check(connection, report, *place):
                        wanted = calls_behind(report, *place[:3])
                        assert listed(connection, report, wanted) == listed(same, report, wanted)
    other.dispose()


@pytest.mark.parametrize("kind", ListKind)
def test_the_pages_of_a_list_have_each_row_once_and_the_newest_first(engine, kind):
    wanted = CallFilter(FIRST, LAST, kind)
    report = SimpleNamespace(ask=asking(Dimension.QUEUE))
    with reading(engine) as connection:
        whole = listed(connection, report, wanted, most=100_000)
        pages = [listed(connection, report, wanted, skip=skip) for skip in range(0, whole.count + 50, 50)]
    assert [row for page in pages for row in page.rows] == list(whole.rows)
    assert len(whole.rows) == whole.count > 20
    assert [row.at for row in whole.rows] == sorted((row.at for row in whole.rows), reverse=True)
