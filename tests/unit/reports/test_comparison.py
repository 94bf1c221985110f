"""The comparison with the span before: only what chance does not explain is a clear change."""

from dataclasses import replace
from datetime import date

import pytest

from cc_bridge.kpis.units import Unit
from cc_bridge.reports.comparison import Change, changes, shown
from cc_bridge.reports.figures import Column, Figure, Report, ReportRow, ReportTable, count, share
from cc_bridge.reports.query import Dimension, ReportQuery

NOVEMBER = ReportQuery(date(2026, 11, 1), date(2026, 11, 30))
OCTOBER = ReportQuery(date(2026, 10, 1), date(2026, 10, 31))
VISITS, LEVEL = Column("visits", Unit.COUNT), Column("level", Unit.PERCENT)
LONGEST = Column("longest", Unit.SECONDS)


def report(ask, rows, columns=(VISITS, LEVEL), by=Dimension.QUEUE):
    made = tuple(ReportRow((key,), cells) for key, cells in rows.items())
    table = ReportTable("table", ((by.value, by),), columns, made, made[0] if made else None)
    return Report("service", ask, (table,))


def change_of(column, now, before, ask=NOVEMBER, ask_before=OCTOBER):
    of = [report(*each, (column,)) for each in ((ask, {"a": (now,)}), (ask_before, {"a": (before,)}))]
    return changes(*of)["table"].rows[0][0]


@pytest.mark.parametrize(
    ("now", "before", "clear"),
    [
        (share(90, 100), share(50, 100), True),
        (share(52, 100), share(50, 100), False),  # chance
        (share(9, 9), share(1, 100), None),  # too few
        (share(1, 100), share(9, 9), None),
        (None, share(1, 100), None),
        (share(1, 100), None, None),
    ],
)
def test_shares_are_compared_by_their_intervals(now, before, clear):
    found = change_of(LEVEL, now, before)
    assert found.before == before
    assert (found.difference is None) == (clear is None)
    assert found.clear == bool(clear)
    if clear is not None:
        assert found.difference == now.value - before.value


@pytest.mark.parametrize(
    ("now", "before", "clear"),
    [(1000, 800, True), (1000, 990, False), (4, 3, False), (0, 0, False), (0, 40, True)],
)
def test_counts_are_compared_as_counts_of_events(now, before, clear):
    found = change_of(VISITS, count(now), count(before))
    assert (found.difference, found.clear) == (now - before, clear)


def test_a_longer_span_is_no_change():
    """31 days have more calls than 28 days with the same calls a day."""
    february = ReportQuery(date(2026, 2, 1), date(2026, 2, 28))
    march = ReportQuery(date(2026, 3, 1), date(2026, 3, 31))
    assert not change_of(VISITS, count(31_000), count(28_000), march, february).clear
    assert change_of(VISITS, count(31_000), count(28_000)).clear


def test_a_figure_without_an_interval_has_no_clear_change():
    found = change_of(LONGEST, Figure(500.0, 100), Figure(1.0, 100))
    assert (found.difference, found.clear) == (499.0, False)


@pytest.mark.parametrize("begins", [date(2026, 11, 1), date(2026, 11, 3)])
def test_a_span_before_the_first_record_is_compared_with_nothing(begins):
    rows = {"a": (count(40), share(20, 40))}
    before = report(OCTOBER, {"a": (count(0), None)})
    found = changes(report(NOVEMBER, rows), replace(before, begins=begins))["table"]
    assert {*found.rows[0], *found.total} == {Change(None)}


def test_totals_of_a_partly_observed_span_are_not_compared():
    columns = (VISITS, LEVEL, Column("talk_time", Unit.TIME), LONGEST)
    then = (count(100), share(50, 100), count(3600.0), Figure(30.0))
    now = (count(400), share(360, 400), count(14_000.0), Figure(40.0))
    before = replace(report(OCTOBER, {"a": then}, columns), begins=date(2026, 10, 24))
    found = changes(report(NOVEMBER, {"a": now}, columns), before)["table"]
    differences = [None, 40.0, None, 10.0]
    for row in (found.rows[0], found.total):
        assert [change.difference for change in row] == differences
        assert [change.before for change in row] == list(then)
        assert [change.clear for change in row] == [False, True, False, False]


def test_of_many_rows_each_must_differ_more():
    one = {"a": (count(560), None)}
    assert (
        changes(report(NOVEMBER, one), report(NOVEMBER, {"a": (count(490), None)}))["table"].rows[0][0].clear
    )
    many = {f"queue {number}": (count(560), None) for number in range(100)}
    before = {key: (count(490), None) for key in many}
    found = changes(report(NOVEMBER, many), report(NOVEMBER, before))["table"]
    assert not any(row[0].clear for row in found.rows)


def test_days_are_compared_by_their_place_and_other_rows_by_their_key():
    first, earlier = (ask.days.number(ask.first) for ask in (NOVEMBER, OCTOBER))
    now = report(NOVEMBER, {first + 2: (count(5), None)}, by=Dimension.DAY)
    before = report(OCTOBER, {earlier + 2: (count(3), None), first + 2: (count(9), None)}, by=Dimension.DAY)
    assert changes(now, before)["table"].rows[0][0].difference == 2
    new = changes(report(NOVEMBER, {"new": (count(5), None)}), report(OCTOBER, {}))["table"]
    assert new.rows[0][0].before is None


def test_columns_without_data_are_left_out_with_their_changes():
    now = report(NOVEMBER, {"a": (None, share(90, 100))})
    table, less = shown(now.tables[0], changes(now, report(OCTOBER, {"a": (None, share(50, 100))}))["table"])
    assert [column.name for column in table.columns] == ["level"]
    assert [len(row) for row in (*less.rows, less.total)] == [1, 1]
