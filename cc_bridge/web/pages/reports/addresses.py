"""The addresses of reports: each choice of a page as a link that keeps the other choices. Pure."""

from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, urlencode

from cc_bridge.reports.drill_down import calls_behind
from cc_bridge.reports.figures import Column, Report, ReportRow, ReportTable
from cc_bridge.reports.query import Dimension
from cc_bridge.web.access.visitor import Visitor

__all__ = ["Addresses", "calls_address", "may_list"]

_FILE = ("format", "table")
_SPAN = ("from", "to", "span")


class Addresses:
    """The addresses of the links on a report page.

    Each is the address of the page itself, with other values of some query parameters, such as the queue.
    """

    def __init__(self, address: str) -> None:
        self.path, _, query = address.partition("?")
        self._choices = [
            (name, value)
            for name, value in parse_qsl(query, keep_blank_values=False, max_num_fields=200)
            if name not in _FILE
        ]

    def changed(self, **choices: str) -> str:
        """Return the address with other choices; an empty choice is left out. `from_` means `from`."""
        new = {name.rstrip("_"): value for name, value in choices.items()}
        kept = [(name, value) for name, value in self._choices if name not in new]
        query = urlencode([*kept, *((name, value) for name, value in new.items() if value)])
        return f"{self.path}?{query}" if query else self.path

    def of_report(self, name: str) -> str:
        """Return the address of another report about the same days, queues and PBX."""
        kept = [(each, value) for each, value in self._choices if each in {*_SPAN, "queue", "pbx", "compare"}]
        return f"/reports/{quote(name)}" + (f"?{urlencode(kept)}" if kept else "")

    def kept(self, *without: str) -> list[tuple[str, str]]:
        """Return the choices, except those named, as the hidden fields of a form."""
        return [(name, value) for name, value in self._choices if name not in without]


def may_list(visitor: Visitor, queues: Iterable[str], table: ReportTable, row: ReportRow) -> bool:
    """Return whether a visitor may see the calls behind a row of a report.

    These are calls of the row's queue. If the row is not about one queue, they are calls of `queues`, the
    queues of the report.
    """
    if visitor.queues is None:
        return visitor.sees("")
    of_row = [
        str(key)
        for (_, kind), key in zip(table.keys, row.keys, strict=True)
        if kind is Dimension.QUEUE and row is not table.total
    ]
    limited = of_row or list(queues)
    return bool(limited) and not visitor.foreign(limited)


def calls_address(report: Report, table: ReportTable, row: ReportRow, column: Column) -> str:
    """Return the address of the list of calls behind a figure; empty if there is no such list."""
    behind = calls_behind(report, table, row, column)
    return f"/calls?{behind.to_query()}" if behind else ""
