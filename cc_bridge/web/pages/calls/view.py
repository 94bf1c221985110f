"""The values of the template of the page /calls. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from cc_bridge.privacy.caller_keys import shown as shown_key
from cc_bridge.queue_names import queue_key
from cc_bridge.records import Outcome
from cc_bridge.reports.call_filter import CallFilter, ListKind
from cc_bridge.reports.listed_call import CallListPart
from cc_bridge.reports.query import Dimension
from cc_bridge.web.pages.addresses import call_address, customer_address
from cc_bridge.web.pages.calls.words import FilterSentence
from cc_bridge.web.pages.shown import Shown, tel

__all__ = ["COLUMNS", "PAGE_SIZE", "CallRequest", "call_values"]

PAGE_SIZE = 50  # rows

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
    is_limited: the address names no queue, and the list has only the visitor's own queues
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
    part: CallListPart, request: CallRequest, queues: Sequence[str], sentence: FilterSentence
) -> Mapping[str, object]:
    """Return the values of the template. `queues` are the names of the queues that the form offers."""
    wanted, shown = request.wanted, sentence.shown
    pages = max(1, -(-part.count // PAGE_SIZE))
    return {
        "shown": shown,
        "sentence": sentence.of(wanted, part.count),
        "marks": sentence.of_marks(wanted, part.marked),
        "is_limited": request.is_limited,
        "columns": COLUMNS[wanted.kind],
        "rows": part.rows,
        "csv": request.address(format="csv") if part.count else "",
        "newer": request.address(page=str(request.page - 1)) if request.page > 1 else "",
        "older": request.address(page=str(request.page + 1)) if request.page < pages else "",
        "page_number": shown.count(request.page),
        "pages": shown.count(pages),
        "form": _form(wanted, queues, shown),
        "span": wanted,
        "call_address": call_address,
        "customer_address": customer_address,
        "shown_key": shown_key,
        "tel": tel,
    }


def _form(wanted: CallFilter, queues: Sequence[str], shown: Shown) -> Mapping[str, object]:
    """Return the values of the form's fields, and the other arguments of the address as hidden fields."""
    is_visits = wanted.kind is ListKind.VISITS
    fields = _FIELDS | (_OF_VISITS if is_visits else set())
    row_queue, row_agent = wanted.key(Dimension.QUEUE), wanted.key(Dimension.AGENT)
    queue = str(row_queue or "") if row_queue is not None else ",".join(wanted.queues[:1])
    several = wanted.queues if len(wanted.queues) > 1 else ()
    own = {f"{by}:{key}" for by, key in ((Dimension.QUEUE, row_queue), (Dimension.AGENT, row_agent))}
    names = list(queues) if queue_key(queue) in {"", *map(queue_key, queues)} else [*queues, queue]
    return {
        "several_queues": [(name, shown.queue(name)) for name in several],
        "queues": [(name, shown.queue(name), queue_key(name) == queue_key(queue)) for name in names],
        "takes_agent": wanted.takes_agent,
        "agent": wanted.agent or str(row_agent or ""),
        "outcomes": _outcomes(wanted, shown) if is_visits else (),
        "rated": ",".join(wanted.values("rated")),
        "is_visits": is_visits,
        "hidden": [
            (name, value)
            for name, value in wanted.pairs()
            if name not in fields and not (name == "row" and value in own)
        ],
    }


def _outcomes(wanted: CallFilter, shown: Shown) -> list[tuple[str, str, bool]]:
    """Return the choices of the outcome: value, label and whether it is chosen."""
    chosen = wanted.values("outcome")
    several = [(",".join(chosen), shown.words["several"], True)] if len(chosen) > 1 else []
    each = [(str(one), shown.word(one, "outcome"), chosen == (one,)) for one in Outcome]
    return several + each
