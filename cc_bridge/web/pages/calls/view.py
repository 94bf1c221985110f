"""The values of the template of the page /calls. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from cc_bridge.queue_names import queue_key
from cc_bridge.records import Outcome
from cc_bridge.reports.call_filter import CallFilter, ListKind
from cc_bridge.reports.listed_call import CallListPart, ListedCall
from cc_bridge.reports.query import Dimension
from cc_bridge.safe_text.printable import printable
from cc_bridge.web.pages.calls.words import CallWords

__all__ = ["COLUMNS", "PAGE_SIZE", "CallRequest", "call_values"]

PAGE_SIZE = 50  # rows
_NO_PHONE = re.compile(r"[A-Za-z]")  # a masked number or a hash
_NOT_DIALLED = re.compile(r"[^0-9+*#]")

COLUMNS: Mapping[ListKind, Sequence[str]] = {
    ListKind.VISITS: ("words", "wait", "talk", "answers"),
    ListKind.CALLS: ("words", "wait", "talk", "answers"),
    ListKind.TALKS: ("words", "talk", "answers"),
    ListKind.RINGS: ("words", "ring"),
    ListKind.ANSWERS: ("question", "answers"),
    ListKind.DECISIONS: ("words", "answers"),
    ListKind.ATTEMPTS: ("words", "answers"),
    ListKind.NOT_ROUTED: (),
    ListKind.LOST_CALLS: ("words", "wait"),
}
"""The columns of each kind of list, besides those that all have: time, number, customer, queue and agent."""

_FIELDS = {"from", "to", "queue", "agent"}  # of the form, for each kind of list
_OF_VISITS = {"outcome", "rated"}


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A request for a list.

    wanted: the filter of the address
    is_limited: the list has only the visitor's own queues, which the filter does not name
    page: the number of the page, from 1
    """

    wanted: CallFilter
    is_limited: bool = False
    page: int = 1

    def address(self, **more: str) -> str:
        """Return the address of the list, with more arguments."""
        query = self.wanted.to_query()
        return f"/calls?{query}" + (f"&{urlencode(more)}" if more else "")


def call_values(
    part: CallListPart, request: CallRequest, queues: Sequence[str], words: CallWords
) -> Mapping[str, object]:
    """Return the values of the template. `queues` are the names of the queues that the form offers."""
    wanted = request.wanted
    pages = max(1, -(-part.count // PAGE_SIZE))
    return {
        "sentence": words.sentence(wanted, part.count),
        "marks": words.marks(wanted, part.marked),
        "count": words.count(part.count),
        "is_limited": request.is_limited,
        "columns": COLUMNS[wanted.kind],
        "rows": [_row(call, wanted.kind, words) for call in part.rows],
        "is_marked": bool(wanted.marks),
        "csv": request.address(format="csv") if part.count else "",
        "newer": request.address(page=str(request.page - 1)) if request.page > 1 else "",
        "older": request.address(page=str(request.page + 1)) if request.page < pages else "",
        "page_number": words.wording.figures_of(str(request.page)),
        "pages": words.count(pages),
        "form": _form(wanted, queues, words),
    }


def _form(wanted: CallFilter, queues: Sequence[str], words: CallWords) -> Mapping[str, object]:
    """Return the values of the form's fields, and the other arguments of the address as hidden fields."""
    is_visits = wanted.kind is ListKind.VISITS
    fields = _FIELDS | (_OF_VISITS if is_visits else set())
    row_queue, row_agent = wanted.key(Dimension.QUEUE), wanted.key(Dimension.AGENT)
    queue = str(row_queue or "") if row_queue is not None else ",".join(wanted.queues[:1])
    several = wanted.queues if len(wanted.queues) > 1 else ()
    own = {f"{by}:{key}" for by, key in ((Dimension.QUEUE, row_queue), (Dimension.AGENT, row_agent))}
    persian = words.wording.days.kind == "persian"
    days = (wanted.first, wanted.last)
    names = list(queues) if queue_key(queue) in {"", *map(queue_key, queues)} else [*queues, queue]
    return {
        "days": [words.wording.date(day) if persian else day.isoformat() for day in days],
        "persian": persian,
        "several_queues": [(name, words.queue(name)) for name in several],
        "queues": [(name, words.queue(name), queue_key(name) == queue_key(queue)) for name in names],
        "takes_agent": wanted.takes_agent,
        "agent": wanted.agent or str(row_agent or ""),
        "outcomes": _outcomes(wanted, words) if is_visits else (),
        "rated": ",".join(wanted.values("rated")),
        "is_visits": is_visits,
        "hidden": [
            (name, value)
            for name, value in wanted.pairs()
            if name not in fields and not (name == "row" and value in own)
        ],
    }


def _outcomes(wanted: CallFilter, words: CallWords) -> list[tuple[str, str, bool]]:
    """Return the choices of the outcome: value, label and whether it is chosen."""
    chosen = wanted.values("outcome")
    several = [(",".join(chosen), words.texts["several"], True)] if len(chosen) > 1 else []
    each = [(str(one), words.word(wanted.kind, one), chosen == (one,)) for one in Outcome]
    return several + each


def _row(call: ListedCall, kind: ListKind, words: CallWords) -> Mapping[str, object]:
    return {
        "at": words.wording.instant(call.at),
        "address": _path("calls", call.pbx, call.call_id) if call.call_id else "",
        "number": printable(call.number),
        "tel": "" if _NO_PHONE.search(call.number) else _NOT_DIALLED.sub("", call.number),
        "customer": printable(call.customer),
        "history": _path("customers", call.caller_key) if call.caller_key else "",
        "queue": words.queue(call.queue),
        "agents": [printable(agent) for agent in call.agents],
        "words": [words.word(kind, word) for word in call.words],
        "wait": words.seconds(call.wait_seconds),
        "ring": words.seconds(call.wait_seconds),
        "talk": words.seconds(call.talk_seconds),
        "question": words.question(call.answers[0].question) if call.answers else "",
        "answers": [words.answer(answer) for answer in call.answers],
        "marked": call.marked,
    }


def _path(*parts: str) -> str:
    return "".join(f"/{quote(part, safe='')}" for part in parts)
