"""The request for a report: the choices in the URL of the page, checked. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar

from cc_bridge.reports.calendar import Days, read_date
from cc_bridge.reports.heat_map import HeatMeasure
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.registry import REPORTS
from cc_bridge.reports.spans import ReportSpan, SpanLength, chosen_span, free_span
from cc_bridge.web.access.visitor import Role, Visitor
from cc_bridge.web.pages.visit import PageError, PageVisit

__all__ = ["FORMATS", "MakeQuery", "ReportRequest", "report_request"]

MakeQuery = Callable[[date, date, tuple[str, ...]], ReportQuery]
"""First day, last day, queues (none: all) -> query with the settings of the configuration."""

FORMATS = ("csv", "xlsx", "json")
_MOST_DAYS = 3660  # of a span: a report may examine each hour
_CHANGE_DAYS = 56  # of the report `change`, unless the URL has its days
_LONGEST = 128  # characters of the name of a queue or PBX
_MOST_QUEUES = 100

_Choice = TypeVar("_Choice", bound=str)


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """A request for a report.

    compare: the report is compared with the span before
    format: of a file to download, one of FORMATS; empty for a page
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
    by = _one_of(visit, "by", kind.by) or kind.by[0]
    span = _span(visit, name, days)
    queues = _names(visit, "queue")
    persons = _persons(visit.visitor, queues, needed=by is Dimension.AGENT)
    if by is Dimension.AGENT and not queues:
        queues = visit.visitor.queues or ()
    query = replace(
        make(span.first, span.last, queues),
        by=by,
        pbx=(*_names(visit, "pbx"), "")[0],
        changed=_changed(visit, span) if name == "change" else None,
    )
    heat = _one_of(visit, "heat", tuple(HeatMeasure))
    return ReportRequest(
        name,
        query,
        span,
        visit.argument("compare") == "1" and name != "change",
        heat if name == "service" else None,
        _one_of(visit, "format", FORMATS) or "",
        visit.argument("table"),
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


def _span(visit: PageVisit, name: str, days: Days) -> ReportSpan:
    today = days.today(visit.now)
    first, last = _day(visit, "from"), _day(visit, "to")
    length = _one_of(visit, "span", tuple(SpanLength))
    if length is None and not (first or last) and name != "change":
        length = SpanLength.MONTH
    if length is not None:
        return chosen_span(length, first or last or today, today, days)
    last = last or max(today, first or today)
    first = first or (last - timedelta(_CHANGE_DAYS - 1) if name == "change" else days.first_of_month(last))
    if first > last:
        raise PageError(400, f"the first day, {first}, is after the last, {last}")
    if (last - first).days >= _MOST_DAYS:
        raise PageError(400, f"a report has at most {_MOST_DAYS} days")
    return free_span(first, last, today)


def _changed(visit: PageVisit, span: ReportSpan) -> date:
    """Return the first day after a change; without one in the URL, the middle of the span."""
    changed = _day(visit, "at") or span.first + timedelta(span.n // 2)
    if not span.first < changed <= span.last:
        raise PageError(
            400, f"the day of the change, {changed}, must be after {span.first} and not after {span.last}"
        )
    return changed


def _day(visit: PageVisit, name: str) -> date | None:
    text = visit.argument(name)
    try:
        return read_date(text) if text else None
    except ValueError as error:
        raise PageError(400, f"{name}: {error}") from error


def _names(visit: PageVisit, name: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(value for value in visit.arguments.get(name, ()) if value))
    if len(names) > _MOST_QUEUES or any(len(each) > _LONGEST for each in names):
        raise PageError(400, f"{name}: too many or too long names")
    return names


def _one_of(visit: PageVisit, name: str, known: tuple[_Choice, ...]) -> _Choice | None:
    """Return the value of the argument `name`; None if the URL does not have it.

    Raises PageError (400) for a value that is not in `known`.
    """
    text = visit.argument(name)
    if not text:
        return None
    for each in known:
        if each == text:
            return each
    raise PageError(400, f"{name}: choose one of {', '.join(known)}")
