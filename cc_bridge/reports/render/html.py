"""The renderer of a report as one HTML file that needs no other file, for screen, paper and email.

jinja2 escapes every value, because names of queues and agents come from the PBX. The page loads nothing and
runs no script; its Content-Security-Policy forbids both.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import Report, ReportRow, ReportTable
from cc_bridge.reports.query import Dimension
from cc_bridge.reports.render.chart_geometry import charts
from cc_bridge.reports.render.localization import Localization

__all__ = ["as_html", "in_words", "pages"]

_NO_BREAK = "\u00a0"


@pass_context
def _with_isolated_numbers(context: Context, value: object) -> object:
    """Return a value for the page; in a text of a right-to-left language each number is isolated.

    Numbers that are no text, such as coordinates, and finished HTML are returned unchanged.
    """
    if isinstance(value, str) and not isinstance(value, Markup):
        wording: Localization = context["wording"]
        return wording.isolated(value)
    return value


pages = Environment(
    finalize=_with_isolated_numbers,
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def as_html(report: Report, wording: Localization, now: float) -> str:
    """Return the report as an HTML page; `now`, its creation time, is in UTC seconds since the epoch."""
    ask = report.ask
    facts = {
        wording.text("page", "zone"): str(ask.days.zone or ""),
        wording.text("page", "pbx"): ask.pbx,
        wording.text("page", "queues"): ", ".join(wording.key(Dimension.QUEUE, each) for each in ask.queues),
        wording.text("page", "change"): wording.date(ask.changed) if ask.changed else "",
    }
    return pages.get_template("page.html.j2").render(
        wording=wording,
        title=wording.text("titles", report.name),
        first=wording.date(ask.first),
        last=wording.date(ask.last),
        facts={name: fact for name, fact in facts.items() if fact},
        made=wording.instant(now),
        minimum=wording.figures_of(str(ask.minimum)),
        unobserved=wording.value(Unit.TIME, report.unobserved) if report.unobserved else "",
        tiles=list(_tiles(report, wording)),
        findings=None if report.findings is None else [wording.sentence(each) for each in report.findings],
        tables=[in_words(table.with_data(), wording) for table in report.tables],
        notes=[wording.text("notes", note) for note in report.notes],
        meanings=_meanings(report, wording),
    )


def _tiles(report: Report, wording: Localization) -> Iterator[dict[str, str]]:
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
        yield wording.cell(unit, cell), _breakable(wording.details(unit, cell, column.name)), weak


def _breakable(details: str) -> str:
    """Return the details of a figure, in which a line can break only between its two parts.

    The parts are the confidence interval and the sample size. Details without the sign `·` between the parts
    are returned unchanged.
    """
    if " · " not in details:
        return details
    return details.replace(" ", _NO_BREAK).replace(f"{_NO_BREAK}·{_NO_BREAK}", " · ")


def _meanings(report: Report, wording: Localization) -> dict[str, str]:
    """Return the meaning of each column of a report in words: label -> meaning."""
    return {
        wording.label(column): wording.meaning(column) for table in report.tables for column in table.columns
    }
