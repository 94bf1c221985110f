"""The page /calls: the calls behind a figure of a report, or those of any span of days."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.web.http import Request
from twisted.web.resource import Resource

from cc_bridge.reports.calendar import Days
from cc_bridge.reports.call_filter import CallFilter
from cc_bridge.reports.listed_call import CallListPart
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.render.localization import Language, Localization
from cc_bridge.web.access.visitor import Role
from cc_bridge.web.pages.calls.csv_file import as_csv
from cc_bridge.web.pages.calls.view import PAGE_SIZE, CallRequest, call_values
from cc_bridge.web.pages.calls.words import FilterSentence
from cc_bridge.web.pages.page import PageHost, PageResource
from cc_bridge.web.pages.rendered import texts
from cc_bridge.web.pages.shown import Shown
from cc_bridge.web.pages.visit import Answer, FileAnswer, HtmlAnswer, PageError, PageVisit
from cc_bridge.web.resources import TreeResource

__all__ = ["CallListReader", "CallListSettings", "CallTree", "CallsPage", "Read"]

_DAYS = 7  # of a list without days in its address
_MOST = 10_000  # rows of a file
_LONGEST_PAGE = 6  # digits


class CallListReader(Protocol):
    """The database as the page needs it; its methods run in a thread."""

    def calls(self, ask: ReportQuery, wanted: CallFilter, skip: int, most: int) -> CallListPart:
        """Return up to `most` rows of a list after the first `skip` rows."""
        ...

    def queues(self) -> Sequence[str]:
        """Return the names of all queues that have a visit or a configuration."""
        ...


Read = Callable[[Callable[[CallListReader], Answer]], Deferred[Answer]]
"""Calls a function with a reader in a thread; the Deferred fires in the reactor."""


@dataclass(frozen=True, slots=True)
class CallListSettings:
    """The settings of the list. A reload of the configuration may change them, so functions return them.

    query: returns the query of a span of days and queues, with the settings of the queues
    localization: returns the wording of a query in a language
    days: returns the calendar
    """

    query: Callable[[date, date, tuple[str, ...]], ReportQuery]
    localization: Callable[[ReportQuery, Language], Localization]
    days: Callable[[], Days]


class CallsPage(PageResource):
    """The page /calls."""

    name = "calls"
    role = Role.LEAD

    def __init__(self, host: PageHost, settings: CallListSettings, read: Read) -> None:
        super().__init__(host)
        self._settings = settings
        self._read = read

    def page(self, visit: PageVisit) -> Deferred[Answer]:
        request = self._request(visit)
        wanted = request.wanted
        # Also with a row of one own queue: the details of a call leave out the queues of other leads.
        own = visit.visitor.queues if not wanted.queues else None
        ask = self._settings.query(wanted.first, wanted.last, wanted.queues or own or ())
        ask = replace(ask, pbx=wanted.pbx, agent=wanted.agent)
        if visit.argument("format") == "csv":
            return self._read(lambda reader: _file(reader.calls(ask, wanted, 0, _MOST), wanted))
        words = texts()[visit.language]
        wording = self._settings.localization(ask, visit.language)
        sentence = FilterSentence(Shown(wording, {**words["terms"], **words["calls"]}), ask)

        def answer(reader: CallListReader) -> Answer:
            part = reader.calls(ask, wanted, (request.page - 1) * PAGE_SIZE, PAGE_SIZE)
            queues = reader.queues() if visit.visitor.queues is None else visit.visitor.queues
            return HtmlAnswer("calls.html.j2", call_values(part, request, queues, sentence))

        return self._read(answer)

    def _request(self, visit: PageVisit) -> CallRequest:
        """Return the request of a visit. Raises PageError for a wrong one, or for queues of another lead."""
        today = self._settings.days().today(visit.now)
        try:
            wanted = CallFilter.from_query(visit.arguments, today - timedelta(_DAYS - 1), today)
        except ValueError as error:
            raise PageError(400, str(error)) from None
        of_row = wanted.key(Dimension.QUEUE)
        for queue in (*wanted.queues, *(() if of_row is None else (str(of_row),))):
            visit.need(queue)
        queues = visit.visitor.queues
        if queues is not None and not queues:
            raise PageError(403, "you are the owner of no queue")
        is_limited = queues is not None and not wanted.queues and of_row is None
        return CallRequest(wanted, is_limited, _page_number(visit.argument("page", "1")))


class CallTree(TreeResource):
    """The pages /calls and /calls/<pbx>/<call id>; `one` is the page of one call."""

    def __init__(self, own: CallsPage, one: Resource) -> None:
        super().__init__(own)
        self._one = one

    def getChild(self, path: bytes, request: Request) -> Resource:  # noqa: N802  # Twisted's
        """Return the page of one call, which gets the whole path below /calls."""
        request.postpath.insert(0, path)  # type: ignore[attr-defined]
        request.prepath.pop()  # type: ignore[attr-defined]
        return self._one


def _page_number(text: str) -> int:
    if not text.isdecimal() or len(text) > _LONGEST_PAGE or not int(text):
        raise PageError(400, f"page={text!r} is not a page number")
    return int(text)


def _file(part: CallListPart, wanted: CallFilter) -> Answer:
    name = f"{wanted.kind}-{wanted.first}-{wanted.last}.csv"
    content = as_csv(part, wanted.kind, has_marks=bool(wanted.marks))
    return FileAnswer(content, "text/csv; charset=utf-8", name)
