"""The words of a report: its tables, tiles and meanings as texts for an HTML template. Pure."""

from collections.abc import Iterator
from typing import Any

from cc_bridge.reports.figures import Report, ReportRow, ReportTable
from cc_bridge.reports.render.chart_geometry import charts
from cc_bridge.reports.render.localization import Localization

__all__ = ["in_words", "meanings", "tiles"]

_NO_BREAK = "\u00a0"
_LONG = 24  # characters


def tiles(report: Report, wording: Localization) -> Iterator[dict[str, str]]:
    """Yield the tiles of a report: label, value, details and meaning of a figure of the row of totals."""
    for name in report.tiles:
        table = next(each for each in report.tables if name in [column.name for column in each.columns])
        column = next(each for each in table.columns if each.name == name)
        cell = table.cell(table.total, name) if table.total else None
        yield {
            "label": wording.label(column),
            "value": wording.cell(column.unit, cell),
            "details": wording.details(column.unit, cell, column.name),
            "meaning": wording.meaning(column),
        }


def in_words(table: ReportTable, wording: Localization) -> dict[str, Any]:
    """Return a table as the values for the HTML template: headings, rows of figures, totals and charts.

    A figure is a text, with its confidence interval and its sample size (n) if it has them.
    """
    return {
        "title": wording.text("tables", table.name),
        "charts": charts(table, wording),
        "keys": [wording.text("by", name) for name, _ in table.keys],
        "columns": [(wording.label(column), wording.meaning(column)) for column in table.columns],
        "rows": [
            (
                [wording.key(kind, key) for (_, kind), key in zip(table.keys, row.keys, strict=True)],
                list(_cells(table, row, wording)),
            )
            for row in table.rows
        ],
        "total": None if table.total is None else list(_cells(table, table.total, wording)),
    }


def _cells(table: ReportTable, row: ReportRow, wording: Localization) -> Iterator[tuple[str, str, bool]]:
    for column, cell in zip(table.columns, row.cells, strict=True):
        unit = wording.unit(column, row)
        weak = cell is None or not cell.enough
        yield (
            wording.cell(unit, cell, signed=column.signed),
            _breakable(wording.details(unit, cell, column.name)),
            weak,
        )


def _breakable(details: str) -> str:
    """Return the details of a figure, in which a line can break only between its two parts.

    The parts are the confidence interval and the sample size. A line can also break in a long part, such as
    an interval between two durations in words. Details without the sign `·` between the parts are returned
    unchanged.
    """
    parts = details.split(" · ")
    if len(parts) == 1:
        return details
    return " · ".join(part if len(part) > _LONG else part.replace(" ", _NO_BREAK) for part in parts)


def meanings(report: Report, wording: Localization) -> dict[str, str]:
    """Return the meaning of each column of a report in words: label -> meaning."""
    return {
        wording.label(column): wording.meaning(column) for table in report.tables for column in table.columns
    }
