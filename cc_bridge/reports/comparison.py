"""The comparison of a report with the same report of an earlier span. Pure.

A change is clear only if chance does not explain it. Two figures with confidence intervals are compared by
their intervals, as in the other reports. Two numbers of events are compared per day, as numbers that vary by
chance (Poisson). The more pairs of figures a table has, the more a change must exceed chance (Bonferroni
correction). A figure that is "too few" is compared with nothing. The change of a figure
without an interval is never clear.

Days before the first record are not observed. If the earlier span has only such days, nothing is compared. If
it has some, numbers of events and sums of time are not compared.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import Cell, Column, Report, ReportRow, ReportTable, apart, comparable
from cc_bridge.reports.query import Dimension

__all__ = ["Change", "TableChanges", "changes", "has_changes", "shown"]

_NORMAL = NormalDist()
_NOT_COUNTED = {"open_hours"}  # a number of the configuration, which does not vary by chance


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one figure since the earlier span.

    before: the figure of the earlier span
    difference: the figure less the earlier one; None if one of them is missing or "too few"
    clear: chance does not explain the difference
    """

    before: Cell
    difference: float | None = None
    clear: bool = False


@dataclass(frozen=True, slots=True)
class TableChanges:
    """The changes of one table: for each row and for the row of totals, one change for each column."""

    rows: tuple[tuple[Change, ...], ...]
    total: tuple[Change, ...] | None = None


def has_changes(changes: TableChanges) -> bool:
    """Return whether a table has a figure that is compared with an earlier one."""
    rows = (*changes.rows, changes.total or ())
    return any(change.difference is not None for row in rows for change in row)


def shown(table: ReportTable, changes: TableChanges | None) -> tuple[ReportTable, TableChanges | None]:
    """Return a table and its changes without the columns in which no row has a figure."""
    less = table.with_data()
    if changes is None:
        return less, None
    names = {column.name for column in less.columns}
    kept = [place for place, column in enumerate(table.columns) if column.name in names]

    def of_kept(row: tuple[Change, ...]) -> tuple[Change, ...]:
        return tuple(row[place] for place in kept)

    total = of_kept(changes.total) if changes.total else None
    return less, TableChanges(tuple(map(of_kept, changes.rows)), total)


def changes(report: Report, before: Report) -> dict[str, TableChanges]:
    """Return the changes of each table of a report since the report of an earlier span, by the table's name.

    Rows are compared by their keys. A day is compared with the day at the same place of the earlier span.
    """
    if before.uncovered:
        return {table.name: _no_changes(table) for table in report.tables}
    tables = {table.name: table for table in before.tables}
    spans = _Spans(
        (report.ask.last - report.ask.first).days + 1,
        (before.ask.last - before.ask.first).days + 1,
        (report.ask.first - before.ask.first).days,
        before.begins is None,
    )
    return {
        table.name: _of_table(table, tables[table.name], spans)
        for table in report.tables
        if table.name in tables
    }


@dataclass(frozen=True, slots=True)
class _Spans:
    """The lengths of the span and of the earlier span in days.

    distance: the number of days from the first day of the earlier span to that of the span
    whole: no day of the earlier span is before the first record
    """

    days: int
    days_before: int
    distance: int
    whole: bool


def _no_changes(table: ReportTable) -> TableChanges:
    row = (Change(None),) * len(table.columns)
    return TableChanges((row,) * len(table.rows), row)


def _of_table(table: ReportTable, before: ReportTable, spans: _Spans) -> TableChanges:
    earlier = {row.keys: row for row in before.rows}
    of_day = [kind is Dimension.DAY for _, kind in table.keys]
    nothing = (None,) * len(table.columns)

    def cells_before(row: ReportRow) -> tuple[Cell, ...]:
        keys = (
            int(key) - spans.distance if is_day else key for key, is_day in zip(row.keys, of_day, strict=True)
        )
        found = earlier.get(tuple(keys))
        return found.cells if found else nothing

    pairs = [(row.cells, cells_before(row)) for row in table.rows]
    together = sum(
        _are_comparable(column, *cells)
        for now, then in pairs
        for column, *cells in zip(table.columns, now, then, strict=True)
    )
    total = None
    if table.total and before.total:
        total = _of_row(table, table.total.cells, before.total.cells, spans, len(table.columns))
    rows = tuple(_of_row(table, now, then, spans, max(1, together)) for now, then in pairs)
    return TableChanges(rows, total)


def _of_row(
    table: ReportTable, now: tuple[Cell, ...], before: tuple[Cell, ...], spans: _Spans, comparisons: int
) -> tuple[Change, ...]:
    return tuple(
        _change(column, cell, earlier, spans, comparisons)
        for column, cell, earlier in zip(table.columns, now, before, strict=True)
    )


def _change(column: Column, now: Cell, before: Cell, spans: _Spans, comparisons: int) -> Change:
    if now is None or before is None or not (now.enough and before.enough):
        return Change(before)
    if not spans.whole and _is_total(column):
        return Change(before)
    difference = now.value - before.value
    if comparable(now, before):
        return Change(before, difference, apart(now, before, comparisons))
    if not _are_comparable(column, now, before):
        return Change(before, difference)
    rates = now.value / spans.days - before.value / spans.days_before
    error = sqrt(now.value / spans.days**2 + before.value / spans.days_before**2)
    clear = abs(rates) > _NORMAL.inv_cdf(1 - 0.025 / comparisons) * error and rates * difference > 0
    return Change(before, difference, clear)


def _is_total(column: Column) -> bool:
    """Return whether figures of a column grow with the number of observed days."""
    return column.unit in {Unit.COUNT, Unit.TIME} and column.name not in _NOT_COUNTED


def _are_comparable(column: Column, now: Cell, before: Cell) -> bool:
    """Return whether chance and change can be distinguished: two intervals, or two numbers of events."""
    if now is None or before is None:
        return False
    counts = column.unit is Unit.COUNT and column.name not in _NOT_COUNTED
    return comparable(now, before) or (counts and now.low is None and before.low is None)
