"""The renderer of a report as a spreadsheet file (XLSX), one sheet for each table. Pure.

The library XlsxWriter is used rather than openpyxl: it only writes, needs no other package, and each value
has the type with which it is written. So a name that looks like a formula stays a text.

Numbers are those of the JSON output. A figure that is "too few" is that word, as on the page, so that no
formula uses it.
"""

import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

from xlsxwriter import Workbook

from cc_bridge.kpis.units import Unit, stored
from cc_bridge.reports.calendar import day_of
from cc_bridge.reports.comparison import Change, TableChanges, shown
from cc_bridge.reports.figures import Cell, Column, KeyKind, Report, ReportRow, ReportTable
from cc_bridge.reports.heat_map import HOURS, HeatMap
from cc_bridge.reports.query import Dimension, Group
from cc_bridge.reports.render.localization import Localization, time_of_day
from cc_bridge.safe_text.printable import printable

__all__ = ["as_xlsx"]

_FORMATS = {
    Unit.COUNT: "#,##0",
    Unit.SECONDS: '#,##0.0" s"',
    Unit.TIME: '#,##0" s"',
    Unit.PERCENT: '0.0" %"',
    Unit.POINTS: "+0.0;-0.0;0.0",
    Unit.MEAN: "0.00",
}
_DIFFERENCES = {
    unit: pattern if unit is Unit.POINTS else f"+{pattern};-{pattern};{pattern}"
    for unit, pattern in _FORMATS.items()
}
_DATE = "yyyy-mm-dd"
_FORBIDDEN = re.compile(r"[\[\]:*?/\\']")  # in the name of a sheet
_WIDTHS = 12, 28  # characters: of a column with figures, of a column with keys


def as_xlsx(
    report: Report,
    wording: Localization,
    now: float,
    changes: Mapping[str, TableChanges] | None = None,
    heat: HeatMap | None = None,
    before: Report | None = None,
) -> bytes:
    """Return a report as the bytes of an XLSX file.

    The first sheet says what the report covers. `now`, the time at which the report is made, is in UTC
    seconds since the epoch. `changes` adds the columns of a comparison with the report `before`, and `heat`
    the sheet of a heat map.
    """
    content = BytesIO()
    book = Workbook(content, {"in_memory": True})
    sheets = _Book(book, wording)
    sheets.cover(report, now, before)
    for table in report.tables:
        sheets.table(*shown(table, (changes or {}).get(table.name)))
    if heat is not None:
        sheets.heat_map(heat)
    book.close()
    return content.getvalue()


class _Book:
    """A workbook in the language of one reader."""

    def __init__(self, book: Any, wording: Localization) -> None:
        self._book = book
        self._wording = wording
        self._names: set[str] = set()
        self._head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        self._date = book.add_format({"num_format": _DATE, "align": "left"})
        self._weak = book.add_format({"italic": True, "font_color": "#5D6B7C", "align": "right"})
        self._numbers = {
            (unit, bold): book.add_format({"num_format": pattern, "bold": bold})
            for unit, pattern in _FORMATS.items()
            for bold in (False, True)
        }
        self._differences = {
            (unit, bold): book.add_format({"num_format": pattern, "bold": bold})
            for unit, pattern in _DIFFERENCES.items()
            for bold in (False, True)
        }
        self._bold = book.add_format({"bold": True})

    def cover(self, report: Report, now: float, before: Report | None) -> None:
        """Add the sheet with the title of the report, its days and queues, its highlights and notes."""
        wording, ask = self._wording, report.ask
        sheet = self._sheet(wording.text("titles", report.name))
        sheet.set_column(0, 0, _WIDTHS[1])
        facts: list[tuple[str, object]] = [
            (wording.text("titles", report.name), ""),
            (wording.text("page", "from"), ask.first),
            (wording.text("page", "until_day"), ask.last),
            (wording.text("page", "zone"), str(ask.days.zone or "")),
            (wording.text("page", "by"), wording.text("by", ask.by.value)),
            (wording.text("page", "queues"), ", ".join(wording.key(Dimension.QUEUE, q) for q in ask.queues)),
            (wording.text("page", "pbx"), printable(ask.pbx)),
            (wording.text("page", "change"), ask.changed or ""),
            (wording.text("page", "made"), wording.instant(now)),
        ]
        texts = [wording.text("notes", note) for note in report.notes]
        texts += [wording.sentence(finding) for finding in report.findings or ()]
        warnings = [wording.unobserved(report.unobserved), wording.begins(report.begins)]
        if before:
            warnings.append(wording.begins_before(before.begins, before.ask.last))
        texts += [each for each in warnings if each]
        place = 0
        for name, fact in facts:
            if fact == "" and place:
                continue
            sheet.write_string(place, 0, name, self._bold)
            if isinstance(fact, str):
                sheet.write_string(place, 1, fact)
            else:
                sheet.write_datetime(place, 1, fact, self._date)
            place += 1
        for text in texts:
            place += 1
            sheet.write_string(place, 0, text)

    def table(self, table: ReportTable, changes: TableChanges | None) -> None:
        """Add the sheet of a table."""
        sheet = self._sheet(self._wording.sheet(table.name))
        headings = [*self._key_headings(table)]
        keys = len(headings)
        headings += [each for column in table.columns for each in self._headings(column, changes is not None)]
        for place, heading in enumerate(headings):
            sheet.write_string(0, place, heading, self._head)
        sheet.set_column(0, max(0, keys - 1), _WIDTHS[1])
        sheet.set_column(keys, max(keys, len(headings) - 1), _WIDTHS[0])
        sheet.freeze_panes(1, keys)
        for line, row in enumerate(table.rows, 1):
            place = 0
            for (_, kind), key in zip(table.keys, row.keys, strict=True):
                place = self._write_key(sheet, line, place, kind, key)
            self._write_cells(sheet, line, place, table, row, changes.rows[line - 1] if changes else None)
        if table.total is not None:
            line = len(table.rows) + 1
            sheet.write_string(line, 0, self._wording.text("page", "total"), self._bold)
            self._write_cells(sheet, line, keys, table, table.total, changes.total if changes else None)

    def heat_map(self, heat: HeatMap) -> None:
        """Add the sheet of a heat map: a row for each weekday and a column for each hour."""
        wording = self._wording
        sheet = self._sheet(wording.text("tables", "heat_map"))
        sheet.set_column(0, 0, _WIDTHS[1])
        sheet.write_string(0, 0, wording.label(heat.column), self._head)
        for hour in HOURS:
            sheet.write_string(0, 1 + hour, time_of_day(60 * hour), self._head)
        for line, (weekday, cells) in enumerate(heat.rows, 1):
            sheet.write_string(line, 0, wording.key(Dimension.WEEKDAY, weekday))
            for place, cell in enumerate(cells, 1):
                self._write(sheet, line, place, heat.column.unit, cell)

    # -- inside

    def _sheet(self, title: str) -> Any:
        """Return a new sheet with this title; a number follows the title if another sheet has it already."""
        name = whole = _FORBIDDEN.sub(" ", title)
        number = 1
        while name.casefold() in self._names:
            number += 1
            name = f"{whole} {number}"
        self._names.add(name.casefold())
        sheet = self._book.add_worksheet(name)
        if self._wording.direction == "rtl":
            sheet.right_to_left()
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        return sheet

    def _key_headings(self, table: ReportTable) -> Iterator[str]:
        for name, kind in table.keys:
            yield self._wording.text("by", name)
            if kind is Dimension.DAY and self._wording.days.kind == "persian":
                yield self._wording.text("page", "persian_date")

    def _headings(self, column: Column, compared: bool) -> Iterator[str]:
        label, text = self._wording.label(column), self._wording.text
        yield label
        if column.has_n:
            yield f"{label}: n"
        if column.has_interval:
            yield f"{label}: {text('page', 'low_bound')}"
            yield f"{label}: {text('page', 'high_bound')}"
        if compared:
            yield f"{label}: {text('page', 'before')}"
            yield f"{label}: {text('page', 'change_of')}"

    def _write_key(self, sheet: Any, line: int, place: int, kind: Dimension | KeyKind, key: Group) -> int:
        """Write one key of a row; return the place of the next cell. A day is written as a date."""
        if kind is not Dimension.DAY:
            sheet.write_string(line, place, self._wording.key(kind, key))
            return place + 1
        sheet.write_datetime(line, place, day_of(int(key)), self._date)
        if self._wording.days.kind != "persian":
            return place + 1
        sheet.write_string(line, place + 1, self._wording.key(kind, key))
        return place + 2

    def _write_cells(
        self,
        sheet: Any,
        line: int,
        place: int,
        table: ReportTable,
        row: ReportRow,
        changes: tuple[Change, ...] | None,
    ) -> None:
        bold = row is table.total
        for number, (column, cell) in enumerate(zip(table.columns, row.cells, strict=True)):
            unit = self._wording.unit(column, row)
            if column.signed and cell and cell.enough:
                self._write_difference(sheet, line, place, unit, cell.value, bold)
            else:
                self._write(sheet, line, place, unit, cell, bold)
            place += 1
            shown = cell if cell and cell.enough else None
            if column.has_n:
                if cell and cell.n is not None:
                    sheet.write_number(line, place, cell.n, self._numbers[Unit.COUNT, bold])
                place += 1
            if column.has_interval:
                for step, bound in enumerate((shown.low, shown.high) if shown else ()):
                    if bound is not None:
                        sheet.write_number(line, place + step, stored(bound), self._numbers[unit, bold])
                place += 2
            if changes is not None:
                change = changes[number]
                self._write(sheet, line, place, unit, change.before, bold)
                if change.difference is not None:
                    self._write_difference(sheet, line, place + 1, unit, change.difference, bold)
                place += 2

    def _write_difference(
        self, sheet: Any, line: int, place: int, unit: Unit, difference: float, bold: bool
    ) -> None:
        """Write the difference of two figures in `unit`; a difference of shares is written in points.

        `line` and `place` are the row and the column of the cell, counted from 0.
        """
        shown_as = Unit.POINTS if unit is Unit.PERCENT else unit
        sheet.write_number(line, place, stored(difference), self._differences[shown_as, bold])

    def _write(self, sheet: Any, line: int, place: int, unit: Unit, cell: Cell, bold: bool = False) -> None:
        if cell is None:
            return
        if cell.enough:
            sheet.write_number(line, place, stored(cell.value), self._numbers[unit, bold])
        else:
            sheet.write_string(line, place, self._wording.text("page", "too_few"), self._weak)
