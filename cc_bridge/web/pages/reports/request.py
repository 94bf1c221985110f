"""The request for a report: the choices in the URL of the page, checked. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from cc_bridge.reports.calendar import Days
from cc_bridge.reports.heat_map import HeatMeasure
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.registry import REPORTS
from cc_bridge.reports.spans import ReportSpan, SpanLength, chosen_span, free_span
from cc_bridge.web.access.visitor import Role, Visitor
from cc_bridge.web.openapi.operation import WrongRequest
from cc_bridge.web.openapi.reports import MOST_DAYS, REPORT, ReportArguments
from cc_bridge.web.pages.visit import PageError, PageVisit

__all__ = ["MakeQuery", "ReportRequest", "report_request"]

MakeQuery = Callable[[date, date, tuple[str, ...]], ReportQuery]
"""First day, last day, queues (none: all) -> query with the settings of the configuration."""

_CHANGE_DAYS = 56  # of the report `change`, unless the URL has its days


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """A request for a report.

    compare: the report is compared with the span before
    format: of a file to download, csv, xlsx or json; empty for a page
    table: the table of a CSV file; empty for the first one
    persons: the visitor may see the agents in this report
    """

    name: str
    query: ReportQuery
    span: ReportSpan
    compare: bool = False
    heat: HeatMeasure | None = None
    format: str = ""
    table: str = ""
    persons: bool = False

    @property
    def query_before(self) -> ReportQuery:
        """The query of the span for comparison."""
        return replace(self.query, first=self.span.before_first, last=self.span.before_last)


def report_request(visit: PageVisit, name: str, make: MakeQuery, days: Days) -> ReportRequest:
    """Return the request of a visit for the report called `name`.

    Raises PageError: 400 for a wrong choice, 403 for agents that the visitor may not see, 404 for an unknown
    report.
    """
    kind = REPORTS.get(name)
    if kind is None:
        raise PageError(404, f"there is no report {name!r}")
    try:
        asked = REPORT.arguments(visit.arguments)
    except WrongRequest as error:
        raise PageError(error.code, str(error)) from None
    by = asked.by or kind.by[0]
    if by not in kind.by:
        raise PageError(400, f"by: choose one of {', '.join(kind.by)}")
    span = _span(asked, name, days.today(visit.now), days)
    queues = tuple(dict.fromkeys(asked.queue))
    persons = _persons(visit.visitor, queues, needed=by is Dimension.AGENT)
    if by is Dimension.AGENT and not queues:
        queues = visit.visitor.queues or ()
    query = replace(
        make(span.first, span.last, queues),
        by=by,
        pbx=asked.pbx,
        changed=_changed(asked, span) if name == "change" else None,
    )
    return ReportRequest(
        name,
        query,
        span,
        asked.compare == "1" and name != "change",
        asked.heat if name == "service" else None,
        asked.format or "",
        asked.table,
        persons,
    )


def _persons(visitor: Visitor, queues: tuple[str, ...], *, needed: bool) -> bool:
    """Return whether a visitor may see the agents in a report on `queues`; empty means all queues.

    With `needed`, the report is about agents: raise PageError (403) instead of returning False. A lead may
    then name no queue, because such a report is limited to the lead's queues.
    """
    if visitor.queues is None and visitor.has(Role.LEAD):
        return True
    if not needed:
        return visitor.has(Role.LEAD) and bool(queues) and not visitor.foreign(queues)
    if not visitor.has(Role.LEAD):
        raise PageError(403, "a report about agents is for the role lead or higher")
    if visitor.foreign(queues):
        raise PageError(403, "this queue belongs to another lead")
    if not (queues or visitor.queues):
        raise PageError(403, "you are the owner of no queue, so that there are no agents to see")
    return True


def _span(asked: ReportArguments, name: str, today: date, days: Days) -> ReportSpan:
    first, last, length = asked.first, asked.last, asked.span
    if length is None and not (first or last) and name != "change":
        length = SpanLength.MONTH
    if length is not None:
        span = chosen_span(length, first or last or today, today, days)
        if first and last and (first, last) != (span.first, span.last):
            raise PageError(
                400, f"span={length} is the {length} of one day: give from or to, or leave out span for both"
            )
        return span
    last = last or max(today, first or today)
    first = first or (last - timedelta(_CHANGE_DAYS - 1) if name == "change" else days.first_of_month(last))
    if first > last:
        raise PageError(400, f"the first day, {first}, is after the last, {last}")
    if (last - first).days >= MOST_DAYS:
        raise PageError(400, f"a report has at most {MOST_DAYS} days")
    return free_span(first, last, today)


def _changed(asked: ReportArguments, span: ReportSpan) -> date:
    """Return the first day after a change; without one in the URL, the middle of the span."""
    changed = asked.at or span.first + timedelta(span.n // 2)
    if not span.first < changed <= span.last:
        raise PageError(
            400, f"the day of the change, {changed}, must be after {span.first} and not after {span.last}"
        )
    return changed
