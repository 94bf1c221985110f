"""The pages /reports, with the list of all reports, and /reports/<name>.

All of a report is read, computed and put into words in a thread; the reactor only sends the result.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from twisted.internet.defer import Deferred

from cc_bridge.queue_names import QueueNames
from cc_bridge.reports.calendar import Days
from cc_bridge.reports.comparison import TableChanges, changes
from cc_bridge.reports.figures import Report
from cc_bridge.reports.heat_map import HeatMap, HeatMeasure
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.registry import REPORTS
from cc_bridge.reports.render.data import as_csv, as_json
from cc_bridge.reports.render.localization import Language, Localization
from cc_bridge.reports.render.spreadsheet import as_xlsx
from cc_bridge.web.access.visitor import Role, Visitor
from cc_bridge.web.openapi.reports import REPORT
from cc_bridge.web.pages.page import PageHost, PageResource
from cc_bridge.web.pages.reports.addresses import Addresses
from cc_bridge.web.pages.reports.request import MakeQuery, ReportRequest, report_request
from cc_bridge.web.pages.reports.view import ReportPage, report_values
from cc_bridge.web.pages.visit import Answer, FileAnswer, HtmlAnswer, PageError, PageVisit

__all__ = ["ReportReader", "ReportSettings", "ReportsPage", "without_persons"]

_MARK = "\ufeff"  # byte-order mark: without it, a spreadsheet reads the bytes in a legacy encoding
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class ReportReader(Protocol):
    """The database as a report page needs it; all methods run in one transaction of one thread."""

    def report(self, name: str, query: ReportQuery) -> Report:
        """Return a computed report."""
        ...

    def heat_map(self, query: ReportQuery, measure: HeatMeasure) -> HeatMap:
        """Return a computed heat map."""
        ...

    def queues(self) -> Sequence[str]:
        """Return the names of all queues that have a visit or a configuration."""
        ...

    def pbxs(self) -> Sequence[str]:
        """Return the names of all PBXs that have a visit."""
        ...


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """The settings of reports. A reload of the configuration may change them, so functions return them.

    query: returns the query of a span and queues
    localization: returns the wording of a query in a language
    days: returns the calendar
    """

    query: MakeQuery
    localization: Callable[[ReportQuery, Language], Localization]
    days: Callable[[], Days]


Read = Callable[[Callable[[ReportReader], Answer]], Deferred[Answer]]
"""Calls a function with a reader in a thread; the Deferred fires in the reactor."""


class ReportsPage(PageResource):
    """The pages /reports and /reports/<name>."""

    name = "reports"
    longest_path = 1
    operations = (REPORT,)

    def __init__(self, host: PageHost, settings: ReportSettings, read: Read) -> None:
        super().__init__(host)
        self._settings = settings
        self._read = read

    def page(self, visit: PageVisit) -> Answer | Deferred[Answer]:
        if not visit.path:
            return self._list(visit)
        request = report_request(visit, visit.path[0], self._settings.query, self._settings.days())
        return self._read(lambda reader: self._answer(visit, request, reader))

    def _list(self, visit: PageVisit) -> Answer:
        addresses = Addresses(visit.address)
        names = [name for name in REPORTS if name != "agents" or visit.visitor.has(Role.LEAD)]
        found = [(name, addresses.of_report(name)) for name in names]
        days = self._settings.days()
        today = days.today(visit.now)
        wording = self._settings.localization(self._settings.query(today, today, ()), visit.language)
        titles = {name: wording.text("titles", name) for name in names}
        return HtmlAnswer("reports.html.j2", {"reports": found, "titles": titles})

    def _answer(self, visit: PageVisit, request: ReportRequest, reader: ReportReader) -> Answer:
        """Return the page or the file of a request."""

        def made(query: ReportQuery) -> Report:
            report = reader.report(request.name, query)
            return report if request.persons else without_persons(report)

        report = made(request.query)
        wording = self._settings.localization(request.query, visit.language)
        if request.format == "json":
            return _file(request, as_json(report, wording, visit.now).encode(), "application/json")
        before = made(request.query_before) if request.compare else None
        compared = changes(report, before) if before else None
        if request.format == "csv":
            return _csv(request, report, wording, compared)
        heat = reader.heat_map(request.query, request.heat) if request.heat else None
        if request.format == "xlsx":
            return _file(request, as_xlsx(report, wording, visit.now, compared, heat, before), _XLSX)
        before_begins = before.begins if before else None
        queues = _offered(reader.queues(), request.query.queues, visit.visitor)
        page = ReportPage(report, compared, before_begins, heat, queues, reader.pbxs())
        values = report_values(page, request, visit.visitor, visit.address, wording, visit.now)
        return HtmlAnswer("report.html.j2", values)


def _offered(queues: Sequence[str], chosen: Sequence[str], visitor: Visitor) -> Sequence[str]:
    """Return the queues that the filter of a page offers: a lead's own queues and the chosen ones.

    Other visitors get all `queues`.
    """
    if visitor.queues is None or not visitor.has(Role.LEAD):
        return queues
    return sorted(QueueNames([*chosen, *filter(visitor.sees, queues)]))


def without_persons(report: Report) -> Report:
    """Return a report without the tables and highlights about agents."""
    tables = tuple(
        table for table in report.tables if Dimension.AGENT not in {kind for _, kind in table.keys}
    )
    findings = report.findings
    if findings is not None:
        findings = tuple(
            each for each in findings if Dimension.AGENT not in {kind for kind, _ in each.keys.values()}
        )
    return replace(report, tables=tables, findings=findings)


def _csv(
    request: ReportRequest,
    report: Report,
    wording: Localization,
    compared: Mapping[str, TableChanges] | None,
) -> Answer:
    tables = {table.name: table for table in report.tables}
    name = request.table or report.tables[0].name
    if name not in tables:
        raise PageError(400, f"table: choose one of {', '.join(tables)}")
    text = _MARK + as_csv(tables[name], wording, (compared or {}).get(name))
    return _file(request, text.encode("utf-8", "replace"), "text/csv; charset=utf-8", f"-{name}")


def _file(request: ReportRequest, content: bytes, content_type: str, part: str = "") -> FileAnswer:
    span = f"{request.span.first}-{request.span.last}"
    return FileAnswer(content, content_type, f"{request.name}{part}-{span}.{request.format}")
