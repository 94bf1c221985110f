"""The view of a report: the values of the page's template, in the language of the visitor. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from cc_bridge.kpis.units import Unit
from cc_bridge.reports.comparison import Change, TableChanges, has_changes, shown
from cc_bridge.reports.figures import Cell, Report, ReportRow, ReportTable
from cc_bridge.reports.heat_map import HOURS, LEVELS_OF_HEAT, HeatMap, HeatMeasure
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.registry import REPORTS
from cc_bridge.reports.render.localization import Localization, time_of_day
from cc_bridge.reports.render.report_words import in_words, meanings, tiles
from cc_bridge.reports.spans import SpanLength
from cc_bridge.safe_text.printable import printable
from cc_bridge.web.access.visitor import Role, Visitor
from cc_bridge.web.pages.reports.addresses import Addresses, calls_address, may_list
from cc_bridge.web.pages.reports.request import ReportRequest

__all__ = ["ReportPage", "report_values"]

_SETTINGS = {"threshold"}  # columns that show a setting of the queues and not a measurement


@dataclass(frozen=True, slots=True)
class ReportPage:
    """A computed report with all that its page shows beside it.

    changes: the changes since the span before, by the name of the table; None without a comparison
    before_begins: the day of the first record, if it is after the first day of the span before
    queues, pbxs: the names from which the visitor can choose
    """

    report: Report
    changes: Mapping[str, TableChanges] | None = None
    before_begins: date | None = None
    heat: HeatMap | None = None
    queues: Sequence[str] = ()
    pbxs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Change:
    """The change of a figure in words; `trend` is `up`, `down`, or empty if chance may explain the change."""

    text: str
    before: str
    trend: str


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    details: str = ""
    weak: bool = False
    href: str = ""
    change: _Change | None = None
    level: int = 0


@dataclass(frozen=True, slots=True)
class _Choice:
    """A choice of the page: its text, its address, and whether it is the present one."""

    text: str
    href: str
    current: bool = False


@dataclass(slots=True)
class _Table:
    name: str
    words: dict[str, Any]
    rows: list[tuple[list[str], list[_Cell]]]
    total: list[_Cell] | None
    csv: str


def report_values(
    page: ReportPage,
    request: ReportRequest,
    visitor: Visitor,
    address: str,
    wording: Localization,
    now: float,
) -> dict[str, object]:
    """Return the values of the template `report.html.j2`; `now` is in UTC seconds since the epoch."""
    report, ask, span = page.report, page.report.ask, request.span
    addresses = Addresses(address)
    warnings = (
        wording.unobserved(report.unobserved),
        wording.begins(report.begins),
        wording.begins_before(page.before_begins, span.before_last),
    )
    return {
        "wording": wording,
        "name": report.name,
        "title": wording.text("titles", report.name),
        "first": wording.date(ask.first),
        "last": wording.date(ask.last),
        "before": (wording.date(span.before_first), wording.date(span.before_last)),
        "compared": page.changes is not None,
        "has_changes": any(has_changes(table) for table in (page.changes or {}).values()),
        "running": ask.days.today(now) <= ask.last,
        "made": wording.instant(now),
        "zone": str(ask.days.zone or ""),
        "reports": [
            _Choice(wording.text("titles", name), addresses.of_report(name), name == report.name)
            for name in REPORTS
            if name != "agents" or visitor.has(Role.LEAD)
        ],
        "lengths": _lengths(request, addresses),
        "earlier": _moved(request, addresses, earlier=True),
        "later": _moved(request, addresses, earlier=False),
        "dimensions": _dimensions(request, visitor, addresses, wording),
        "heats": _heats(request, addresses),
        "heat": _heat(page, visitor, wording) if page.heat else None,
        "queues": [(name, wording.key(Dimension.QUEUE, name)) for name in page.queues],
        "pbxs": [(name, name) for name in page.pbxs],
        "chosen_queues": ask.queues,
        "chosen_pbx": ask.pbx,
        "chosen": _chosen(ask, wording),
        "comparison": addresses.changed(compare="" if request.compare else "1"),
        "can_compare": report.name != "change",
        "files": [(form, addresses.changed(format=form)) for form in ("xlsx", "csv", "json")],
        "kept_for_days": addresses.kept("from", "to", "span", "at"),
        "kept_for_names": addresses.kept("queue", "pbx"),
        "days": [_field(wording, day) for day in (ask.first, ask.last, ask.changed)],
        "persian": ask.days.kind == "persian",
        "tiles": list(tiles(report, wording)),
        "findings": None if report.findings is None else [wording.sentence(one) for one in report.findings],
        "tables": [_table(page, table, visitor, addresses, wording) for table in report.tables],
        "notes": [wording.text("notes", note) for note in report.notes],
        "meanings": meanings(report, wording),
        "minimum": wording.figures_of(str(ask.minimum)),
        "warnings": [each for each in warnings if each],
        "without_persons": not request.persons and report.name == "causes",
    }


def _chosen(ask: ReportQuery, wording: Localization) -> list[tuple[str, str]]:
    """Return the chosen queues and PBX, each with its label."""
    queues = wording.text("page", "comma").join(wording.key(Dimension.QUEUE, queue) for queue in ask.queues)
    found = [(wording.text("page", "queues"), queues), (wording.text("page", "pbx"), printable(ask.pbx))]
    return [(label, value) for label, value in found if value]


def _field(wording: Localization, day: date | None) -> str:
    """Return the value of a form's field for a day; empty for None.

    In the Persian calendar it is a Persian date. Otherwise it is an ISO date, as browsers need it.
    """
    if day is None:
        return ""
    return wording.date(day) if wording.days.kind == "persian" else day.isoformat()


def _lengths(request: ReportRequest, addresses: Addresses) -> list[_Choice]:
    """Return the choices of the span's length; each leads to the span that has the present one's last day."""
    return [
        _Choice(
            length.value,
            addresses.changed(span=length.value, from_=request.span.last.isoformat(), to="", at=""),
            length is request.span.length,
        )
        for length in SpanLength
    ]


def _moved(request: ReportRequest, addresses: Addresses, *, earlier: bool) -> str:
    """Return the address of the span before or after; empty if there is none."""
    span = request.span
    day = span.earlier if earlier else span.later
    if day is None:
        return ""
    if span.length is not None:
        return addresses.changed(span=span.length.value, from_=day.isoformat(), to="", at="")
    last = day.fromordinal(day.toordinal() + span.n - 1)
    return addresses.changed(span="", from_=day.isoformat(), to=last.isoformat(), at="")


def _dimensions(
    request: ReportRequest, visitor: Visitor, addresses: Addresses, wording: Localization
) -> list[_Choice]:
    known = REPORTS[request.name].by
    return [
        _Choice(wording.text("by", by.value), addresses.changed(by=by.value), by is request.query.by)
        for by in known
        if len(known) > 1 and (by is not Dimension.AGENT or visitor.has(Role.LEAD))
    ]


def _heats(request: ReportRequest, addresses: Addresses) -> list[_Choice]:
    if request.name != "service":
        return []
    return [
        _Choice(measure.value, addresses.changed(heat=measure.value) + "#heat", measure is request.heat)
        for measure in HeatMeasure
    ]


# -- tables


def _table(
    page: ReportPage, table: ReportTable, visitor: Visitor, addresses: Addresses, wording: Localization
) -> _Table:
    less, changes = shown(table, (page.changes or {}).get(table.name))
    words = in_words(less, wording)
    cells = _CellViews(page.report, less, visitor, wording)
    nothing = (None,) * len(less.columns)
    rows = [
        (keys, list(cells.of(row, changes.rows[place] if changes else nothing)))
        for place, (row, (keys, _)) in enumerate(zip(less.rows, words["rows"], strict=True))
    ]
    total = None
    if less.total is not None:
        total = list(cells.of(less.total, (changes.total if changes else None) or nothing))
    csv = addresses.changed(format="csv", table=table.name)
    return _Table(table.name, words, rows, total, csv)


class _CellViews:
    """The cells of one table, with links to the calls behind them."""

    def __init__(self, report: Report, table: ReportTable, visitor: Visitor, wording: Localization) -> None:
        self._report = report
        self._table = table
        self._visitor = visitor
        self._wording = wording

    def of(self, row: ReportRow, changes: Sequence[Change | None]) -> Iterator[_Cell]:
        """Yield the cells of a row."""
        linked = may_list(self._visitor, self._report.ask.queues, self._table, row)
        for column, cell, change in zip(self._table.columns, row.cells, changes, strict=True):
            unit = self._wording.unit(column, row)
            yield _Cell(
                self._wording.cell(unit, cell, signed=column.signed),
                self._wording.details(unit, cell, column.name),
                cell is None or not cell.enough,
                calls_address(self._report, self._table, row, column) if linked else "",
                _change(self._wording, unit, change) if change and column.name not in _SETTINGS else None,
            )


def _change(wording: Localization, unit: Unit, change: Change) -> _Change | None:
    if change.before is None:
        return None
    before = wording.cell(unit, change.before)
    if change.difference is None:
        return _Change("", before, "")
    text = wording.difference(unit, change.difference)
    is_shown = text != wording.difference(unit, 0.0)
    trend = ("up" if change.difference > 0 else "down") if change.clear and is_shown else ""
    return _Change(text, before, trend)


# -- heat map


def _heat(page: ReportPage, visitor: Visitor, wording: Localization) -> dict[str, object] | None:
    heat = page.heat
    if heat is None:
        return None
    keys = (("weekday", Dimension.WEEKDAY), ("hour", Dimension.HOUR))
    rows = [
        (weekday, [ReportRow((weekday, hour), (cell,)) for hour, cell in enumerate(cells)])
        for weekday, cells in heat.rows
    ]
    table = ReportTable("heat_map", keys, (heat.column,), tuple(row for _, its in rows for row in its))
    linked = bool(table.rows) and may_list(visitor, page.report.ask.queues, table, table.rows[0])

    def view(row: ReportRow) -> _Cell:
        cell = row.cells[0]
        address = calls_address(page.report, table, row, heat.column) if linked else ""
        text, details = _short(wording, cell), wording.full(heat.column.unit, cell, heat.column.name)
        return _Cell(text, details, cell is None or not cell.enough, address, None, heat.level(cell))

    low, high = heat.range
    return {
        "label": wording.label(heat.column),
        "meaning": wording.meaning(heat.column),
        "hours": [
            (wording.figures_of(f"{hour:02}"), wording.figures_of(time_of_day(60 * hour))) for hour in HOURS
        ],
        "rows": [
            (wording.key(Dimension.WEEKDAY, weekday), [view(row) for row in its]) for weekday, its in rows
        ],
        "levels": range(1, LEVELS_OF_HEAT + 1),
        "low": wording.value(heat.column.unit, low),
        "high": wording.value(heat.column.unit, high),
        "empty": not any(row.cells[0] for _, its in rows for row in its),
    }


def _short(wording: Localization, cell: Cell) -> str:
    """Return the text of a cell of the heat map: whole numbers, because there are many narrow cells."""
    if cell is None:
        return ""
    if not cell.enough:
        return "·"
    return wording.value(Unit.COUNT, cell.value)
