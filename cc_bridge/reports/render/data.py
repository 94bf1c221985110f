"""The renderers of a report for programs: CSV of one table, JSON of the whole report. Pure.

The header of a table depends only on the report and its dimension, so that a program may rely on it. A
figure without data is empty in CSV and null in JSON.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from cc_bridge.kpis.units import stored
from cc_bridge.reports.calendar import day_of
from cc_bridge.reports.comparison import Change, TableChanges
from cc_bridge.reports.figures import Cell, Column, KeyKind, Report, ReportRow, ReportTable
from cc_bridge.reports.query import INTERVALS, Dimension, Group
from cc_bridge.reports.render.localization import Localization, kpi_of, time_of_day
from cc_bridge.safe_text.printable import json_text
from cc_bridge.safe_text.spreadsheet import as_cell
from cc_bridge.surveys.business_hours import WEEKDAYS

__all__ = ["as_csv", "as_json"]


def as_csv(table: ReportTable, wording: Localization, changes: TableChanges | None = None) -> str:
    """Return a table as CSV.

    Additional columns after the column of a figure have its sample size (n), the two ends of its confidence
    interval and, with `changes`, the figure of the earlier span and the difference from it.
    """
    out = StringIO()
    lines = csv.writer(out)
    compared = changes is not None
    header = (name for one in table.columns for name in _header(one, compared))
    lines.writerow([*(name for name, _ in table.keys), *header])
    for place, row in enumerate(table.rows):
        keys = (_key(kind, key, wording) for (_, kind), key in zip(table.keys, row.keys, strict=True))
        its_changes = changes.rows[place] if changes else (None,) * len(table.columns)
        cells = (
            "" if value is None else value
            for column, cell, change in zip(table.columns, row.cells, its_changes, strict=True)
            for value in _values(column, cell, change)
        )
        lines.writerow([*(as_cell(key) if isinstance(key, str) else key for key in keys), *cells])
    return out.getvalue()


def as_json(report: Report, wording: Localization, now: float) -> str:
    """Return the whole report as JSON text; `now`, its creation time, is in UTC seconds since the epoch."""
    ask = report.ask
    content = {
        "report": report.name,
        "made_at": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        "from": ask.first.isoformat(),
        "to": ask.last.isoformat(),
        "since": datetime.fromtimestamp(ask.since, UTC).isoformat(),
        "until": datetime.fromtimestamp(ask.until, UTC).isoformat(),
        "change": ask.changed.isoformat() if ask.changed else None,
        "by": ask.by.value,
        "pbx": ask.pbx or None,
        "queues": list(ask.queues) or None,
        "minimum": ask.minimum,
        "begins": report.begins.isoformat() if report.begins else None,
        "unobserved_seconds": stored(report.unobserved),
        "tables": [_table(table, wording) for table in report.tables],
        "findings": None
        if report.findings is None
        else [
            {
                "finding": each.sentence,
                **{name: _key(kind, key, wording) for name, (kind, key) in each.keys.items()},
                **{name: _figure(figure) for name, (_, figure) in each.figures.items()},
                "text": wording.sentence(each),
            }
            for each in report.findings
        ],
        "notes": [wording.text("notes", note) for note in report.notes],
    }
    return json_text(content, 2) + "\n"


def _table(table: ReportTable, wording: Localization) -> dict[str, Any]:
    return {
        "name": table.name,
        "keys": [name for name, _ in table.keys],
        "columns": [
            {
                "name": one.name,
                "unit": one.unit.value,
                "label": wording.label(one),
                "formula": kpi.formula if (kpi := kpi_of(one)) else one.formula,
            }
            for one in table.columns
        ],
        "rows": [_row(table, row, wording) for row in table.rows],
        "total": None if table.total is None else _cells(table, table.total),
    }


def _row(table: ReportTable, row: ReportRow, wording: Localization) -> dict[str, Any]:
    keys = {name: _key(kind, key, wording) for (name, kind), key in zip(table.keys, row.keys, strict=True)}
    unit = {"unit": row.unit.value} if row.unit else {}
    return keys | unit | _cells(table, row)


def _cells(table: ReportTable, row: ReportRow) -> dict[str, Any]:
    return {one.name: _figure(cell) for one, cell in zip(table.columns, row.cells, strict=True)}


def _figure(cell: Cell) -> dict[str, Any] | None:
    if cell is None:
        return None
    found = {"value": _number(cell.value), "n": cell.n, "low": _number(cell.low), "high": _number(cell.high)}
    return {name: value for name, value in found.items() if value is not None} | {"enough": cell.enough}


def _key(kind: Dimension | KeyKind, key: Group, wording: Localization) -> str | int:
    """Return a row's key in a form that does not depend on the reader's language.

    Days are in ISO 8601 and hours are numbers. A half or quarter of an hour is its start, such as `09:15`.
    Words of texts.toml are not translated.
    """
    match kind:
        case Dimension.DAY:
            return day_of(int(key)).isoformat()
        case Dimension.WEEKDAY:
            return WEEKDAYS[int(key)]
        case Dimension.HALF_HOUR | Dimension.QUARTER_HOUR:
            return time_of_day(INTERVALS[kind] * int(key))
        case Dimension.WAIT_BAND:
            return _band(int(key), wording.bands)
        case _:
            return key


def _band(number: int, bounds: tuple[int, ...]) -> str:
    if number < 0:
        return ""
    above = [f">{bounds[number - 1]}"] if number else []
    below = [f"<={bounds[number]}"] if number < len(bounds) else []
    return " ".join(above + below)


def _header(column: Column, compared: bool) -> Iterator[str]:
    yield column.name
    if column.has_n:
        yield f"{column.name}_n"
    if column.has_interval:
        yield f"{column.name}_low"
        yield f"{column.name}_high"
    if compared:
        yield f"{column.name}_before"
        yield f"{column.name}_change"


def _values(column: Column, cell: Cell, change: Change | None) -> Iterator[float | None]:
    yield _number(cell.value) if cell else None
    if column.has_n:
        yield cell.n if cell else None
    if column.has_interval:
        yield _number(cell.low) if cell else None
        yield _number(cell.high) if cell else None
    if change:
        yield _number(change.before.value) if change.before else None
        yield _number(change.difference)


def _number(value: float | None) -> float | None:
    return None if value is None else stored(value)
