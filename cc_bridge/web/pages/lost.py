"""The page at /lost: who was lost, whether they were reached later, and the button that takes one."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from typing import NamedTuple, Protocol

from twisted.internet.defer import Deferred

from cc_bridge.customers.lost_callers import LostCaller
from cc_bridge.customers.lost_calls import LostCall, LostCallStatus
from cc_bridge.follow_ups.follow_up import FollowUp
from cc_bridge.privacy.caller_keys import shown as shown_key
from cc_bridge.queue_names import queue_key
from cc_bridge.reports.calendar import Days
from cc_bridge.safe_text.spreadsheet import as_cell
from cc_bridge.web.access.visitor import Role
from cc_bridge.web.pages.addresses import call_address, customer_address
from cc_bridge.web.pages.arguments import Span, filter_queues, span_of, stored_name
from cc_bridge.web.pages.page import PageHost
from cc_bridge.web.pages.shown import tel
from cc_bridge.web.pages.visit import Answer, FileAnswer, HtmlAnswer, PageError, PageVisit, RedirectAnswer
from cc_bridge.web.pages.worded_page import WordedPage, Wording

__all__ = ["SHOW", "LostCallReads", "LostPage", "TakeResult"]

_DAYS = 7
_LONGEST = 92  # days
_MOST = 500  # calls on the page

_TODO, _UNKNOWN = "todo", "unknown"
SHOW = ("", _TODO, *LostCallStatus, _UNKNOWN)
"""The values of the argument `show`: all, those to call back, those with one result, those without number."""


class TakeResult(NamedTuple):
    """The result of taking a lost call: its follow-up, and whether another person was faster."""

    follow_up: FollowUp | None
    refused: bool


class LostCallReads(Protocol):
    """The database queries that the page needs, and its one write."""

    def listed(
        self, since: float, until: float, wanted: Callable[[LostCall], bool]
    ) -> Deferred[list[LostCaller]]:
        """Read the lost calls of a span for which `wanted` returns True, the newest first."""
        ...

    def one(self, pbx: str, call_id: str) -> Deferred[LostCaller | None]:
        """Read one lost call; None if there is none."""
        ...

    def take(self, lost: LostCaller, by: str) -> Deferred[TakeResult]:
        """Open the follow-up of a lost call if there is none, and take it for the person `by`."""
        ...


class LostPage(WordedPage):
    """The page at /lost.

    `queues` returns the names of the configured queues, for the filter. `days` returns the calendar.
    """

    name = "lost"
    role = Role.LEAD
    accepts_form = True

    def __init__(
        self,
        host: PageHost,
        wording: Wording,
        reads: LostCallReads,
        queues: Callable[[], list[str]],
        days: Callable[[], Days],
    ) -> None:
        super().__init__(host, wording)
        self._reads = reads
        self._queues = queues
        self._days = days

    def page(self, visit: PageVisit) -> Deferred[Answer]:
        return self._listed(visit)

    def posted(self, visit: PageVisit) -> Deferred[Answer]:
        return Deferred.fromCoroutine(self._take(visit))

    async def _take(self, visit: PageVisit) -> Answer:
        pbx, call_id = (stored_name(visit.form.get(name, "")) for name in ("pbx", "call_id"))
        if not visit.visitor.name:
            raise PageError(403, "log in with your name to take a call")
        lost = await self._reads.one(pbx, call_id)
        if lost is None:
            raise PageError(404, "there is no such lost call")
        visit.need(lost.call.queue)
        if not lost.known:
            raise PageError(400, "a withheld or shared number cannot be called back")
        taken = await self._reads.take(lost, visit.visitor.name)
        return await self._listed(visit, taken.follow_up) if taken.refused else RedirectAnswer(visit.address)

    def _listed(self, visit: PageVisit, late: FollowUp | None = None) -> Deferred[Answer]:
        """Return the list; `late` is a follow-up that another person has taken or closed before."""
        span = span_of(visit, self._days(), _DAYS, _LONGEST)
        queue, show = visit.argument("queue"), visit.argument("show")
        if queue:
            visit.need(queue)
        if show not in SHOW:
            raise PageError(400, f"show must be one of {', '.join(filter(None, SHOW))}")

        def wanted(call: LostCall) -> bool:
            is_asked = not queue or queue_key(call.queue) == queue_key(queue)
            return is_asked and visit.visitor.sees(call.queue)

        def answer(found: list[LostCaller]) -> Answer:
            chosen = [each for each in found if _fits(each, show)]
            if visit.argument("format") == "csv":
                name = f"lost-calls-{span.first}-{span.last}.csv"
                return FileAnswer(_csv(chosen), "text/csv; charset=utf-8", name)
            return self._html(visit, span, chosen, late)

        return self._reads.listed(span.since, span.until, wanted).addCallback(answer)

    def _html(self, visit: PageVisit, span: Span, found: list[LostCaller], late: FollowUp | None) -> Answer:
        shown = self.shown(visit)
        queues, queue = filter_queues(visit.visitor, self._queues(), visit.argument("queue"))
        values = {
            "shown": shown,
            "calls": found[:_MOST],
            "total": len(found),
            "todo": sum(each.is_open for each in found),
            "span": span,
            "queues": queues,
            "queue": queue,
            "show": visit.argument("show"),
            "shows": SHOW,
            "late": late,
            "call_address": call_address,
            "customer_address": customer_address,
            "shown_key": shown_key,
            "tel": tel,
            "can_take": bool(visit.form_key and visit.visitor.name),
        }
        return HtmlAnswer("lost.html.j2", values, 409 if late else 200)


def _fits(lost: LostCaller, show: str) -> bool:
    if show == _TODO:
        return lost.is_open
    if show == _UNKNOWN:
        return not lost.known
    return not show or (lost.known and lost.call.managed == show)


def _csv(found: list[LostCaller]) -> bytes:
    """Return the calls as CSV in UTF-8 with a byte-order mark. Instants are in UTC."""
    out = StringIO()
    lines = csv.writer(out)
    lines.writerow(
        ("entered_at", "lost_at", "pbx", "call_id", "queue", "outcome", "wait_seconds", "number", "customer",
         "result", "answered_at", "answered_by", "follow_up", "follow_up_by")
    )  # fmt: skip
    for each in found:
        call, follow_up = each.call, each.follow_up
        lines.writerow(
            (
                _utc(call.entered_at),
                _utc(call.lost_at),
                as_cell(call.pbx),
                as_cell(call.call_id),
                as_cell(call.queue),
                call.outcome,
                round(each.wait_seconds, 3),
                as_cell(each.number),
                as_cell(each.name),
                call.managed if each.known else _UNKNOWN,
                _utc(call.answered_at),
                as_cell(call.agent),
                follow_up.state if follow_up else "",
                as_cell((follow_up.closed_by or follow_up.taken_by) if follow_up else ""),
            )
        )
    return ("\ufeff" + out.getvalue()).encode("utf-8", "replace")


def _utc(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
