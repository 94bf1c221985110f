"""The renderer of a report as text for a terminal, drawn by the library rich."""

from collections.abc import Iterator

from rich.console import Console, Group
from rich.table import Table as Drawn
from rich.text import Text

from cc_bridge.reports.figures import Report, ReportRow, ReportTable
from cc_bridge.reports.render.localization import Localization

__all__ = ["as_table"]


def as_table(report: Report, wording: Localization, *, width: int | None = None, colour: bool = False) -> str:
    """Return the report as text for a terminal.

    `width` is in characters; None means the width of the terminal in which this program runs.
    """
    console = Console(width=width, force_terminal=colour, no_color=not colour, legacy_windows=False)
    with console.capture() as capture:
        console.print(Group(*_parts(report, wording)), soft_wrap=False)
    return capture.get()


def _parts(report: Report, wording: Localization) -> Iterator[Text | Drawn]:
    ask = report.ask
    title = wording.text("titles", report.name)
    until = wording.text("page", "until")
    yield Text(f"{title}: {wording.date(ask.first)} {until} {wording.date(ask.last)}", style="bold")
    if unobserved := wording.unobserved(report.unobserved):
        yield Text(unobserved, style="yellow")
    for table in report.tables:
        yield Text()
        yield from _drawn(table.with_data(), wording)
    if report.findings is not None:
        yield Text()
        yield Text(wording.text("page", "findings"), style="bold")
        for finding in report.findings:
            yield Text(f"• {wording.sentence(finding)}")
        if not report.findings:
            yield Text(wording.text("page", "nothing"))
    for note in report.notes:
        yield Text(wording.text("notes", note), style="dim")


def _drawn(table: ReportTable, wording: Localization) -> Iterator[Text | Drawn]:
    """Yield one item: the table object of the library rich that prints the report table."""
    drawn = Drawn(title=wording.text("tables", table.name), title_justify="left", title_style="bold")
    for name, _ in table.keys:
        drawn.add_column(wording.text("by", name), overflow="fold")
    for column in table.columns:
        drawn.add_column(wording.label(column), justify="right")
    for row in table.rows:
        keys = (wording.key(kind, key) for (_, kind), key in zip(table.keys, row.keys, strict=True))
        drawn.add_row(*(Text(key) for key in keys), *_cells(table, row, wording))
    if table.total is not None:
        drawn.add_section()
        words = [wording.text("page", "total"), *[""] * (len(table.keys) - 1)]
        drawn.add_row(*words, *_cells(table, table.total, wording), style="bold")
    yield drawn


def _cells(table: ReportTable, row: ReportRow, wording: Localization) -> Iterator[Text]:
    for column, cell in zip(table.columns, row.cells, strict=True):
        unit = wording.unit(column, row)
        details = wording.details(unit, cell, column.name)
        text = Text(wording.cell(unit, cell))
        if details:
            text.append(f"\n{details}", style="dim")
        yield text
