"""The renderer of a report as text for a terminal, drawn by the library rich.

A table that is wider than the terminal is drawn in several parts, one below the other. Each part has the key
columns and some of the other columns.
"""

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table as Drawn
from rich.text import Text

from cc_bridge.reports.figures import Report, ReportRow, ReportTable
from cc_bridge.reports.render.localization import Localization

__all__ = ["as_table"]

_BORDER = 3  # characters of a column's border and padding


def as_table(report: Report, wording: Localization, *, width: int, colour: bool = False) -> str:
    """Return the report as text for a terminal that has `width` columns of characters."""
    console = Console(width=width, force_terminal=colour, no_color=not colour, legacy_windows=False)
    with console.capture() as capture:
        console.print(Group(*_parts(report, wording, width)), soft_wrap=False)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def _parts(report: Report, wording: Localization, width: int) -> Iterator[Text | Drawn]:
    ask = report.ask
    title = wording.text("titles", report.name)
    until = wording.text("page", "until")
    yield Text(f"{title}: {wording.date(ask.first)} {until} {wording.date(ask.last)}", style="bold")
    if unobserved := wording.unobserved(report.unobserved):
        yield Text(unobserved, style="yellow")
    if begins := wording.begins(report.begins):
        yield Text(begins, style="yellow")
    for table in report.tables:
        yield Text()
        yield Text(wording.text("tables", table.name), style="bold")
        yield from _drawn(table.with_data(), wording, width)
    if report.findings is not None:
        yield Text()
        yield Text(wording.text("page", "findings"), style="bold")
        for finding in report.findings:
            yield Text(f"• {wording.sentence(finding)}")
        if not report.findings:
            yield Text(wording.text("page", "nothing"))
    for note in report.notes:
        yield Text(wording.text("notes", note), style="dim")


def _drawn(table: ReportTable, wording: Localization, width: int) -> Iterator[Drawn]:
    """Yield the parts of the table. A part wider than `width` has only one column of figures."""
    rows = [row for row in (*table.rows, table.total) if row]
    keys = [
        [wording.key(kind, key) for (_, kind), key in zip(table.keys, row.keys, strict=True)]
        for row in table.rows
    ]
    if table.total is not None:
        keys.append([wording.text("page", "total"), *[""] * (len(table.keys) - 1)])
    cells = [list(_cells(table, row, wording)) for row in rows]
    names = [wording.text("by", name) for name, _ in table.keys]
    labels = [wording.label(column) for column in table.columns]
    most = (width // 2) // len(names) - _BORDER
    key_widths = [
        min(most, max(_longest([name]), _longest(row[place] for row in keys)))
        for place, name in enumerate(names)
    ]
    least = [
        max(
            _longest(label.split()), _longest(line for row in cells for line in row[place].plain.splitlines())
        )
        for place, label in enumerate(labels)
    ]
    room = width - 1 - sum(each + _BORDER for each in key_widths)
    for first, after in _spans(least, room):
        part = Drawn()
        for name, its_width in zip(names, key_widths, strict=True):
            part.add_column(name, width=its_width, overflow="fold")
        for label, its_width in _widened(labels[first:after], least[first:after], room):
            part.add_column(label, justify="right", width=its_width)
        for number, (row_keys, row_cells) in enumerate(zip(keys, cells, strict=True)):
            is_total = number == len(table.rows)
            if is_total:
                part.add_section()
            part.add_row(*map(Text, row_keys), *row_cells[first:after], style="bold" if is_total else None)
        yield part


def _longest(texts: Iterable[str]) -> int:
    """Return the width of the longest text in columns of the terminal; 0 without a text."""
    return max(map(cell_len, texts), default=0)


def _spans(least: Sequence[int], room: int) -> Iterator[tuple[int, int]]:
    """Divide a table into parts that fit into the width `room`.

    Yield for each part the index of its first column, and the index after its last one. A column that is
    wider than `room` is a part of its own. `least` has the smallest width of each column, with its heading
    wrapped between words. A table without columns has one empty part.
    """
    if not least:
        yield 0, 0
    first = 0
    while first < len(least):
        after = first + 1
        while after < len(least) and sum(each + _BORDER for each in least[first : after + 1]) <= room:
            after += 1
        yield first, after
        first = after


def _widened(labels: Sequence[str], least: Sequence[int], room: int) -> Iterator[tuple[str, int]]:
    """Yield each heading with the width of its column: the heading is in one line if there is space."""
    spare = room - sum(each + _BORDER for each in least)
    for label, its_width in zip(labels, least, strict=True):
        more = max(0, min(cell_len(label) - its_width, spare))
        spare -= more
        yield label, its_width + more


def _cells(table: ReportTable, row: ReportRow, wording: Localization) -> Iterator[Text]:
    for column, cell in zip(table.columns, row.cells, strict=True):
        unit = wording.unit(column, row)
        details = wording.details(unit, cell, column.name)
        text = Text(wording.cell(unit, cell, signed=column.signed))
        if details:
            text.append(f"\n{details}", style="dim")
        yield text
