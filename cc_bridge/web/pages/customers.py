"""The pages at /customers: the search by number, name or id, and the timeline of one customer.

A lead sees only entries of the own queues, and finds only customers who called these queues. The address of a
customer's page contains the number; this site writes no addresses to a log.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from cc_bridge.customers.customer_search import FoundCustomer, keys_of
from cc_bridge.customers.number_keys import NumberKeys
from cc_bridge.customers.timeline import CustomerIdentity, Timeline
from cc_bridge.privacy.caller_keys import shown as shown_key
from cc_bridge.web.access.visitor import Role, Visitor
from cc_bridge.web.pages.addresses import call_address, comment_address, customer_address
from cc_bridge.web.pages.page import PageHost
from cc_bridge.web.pages.shown import tel
from cc_bridge.web.pages.visit import Answer, HtmlAnswer, PageError, PageVisit, RedirectAnswer
from cc_bridge.web.pages.worded_page import WordedPage, Wording

__all__ = ["CustomerReads", "CustomersPage", "visible"]

_LONGEST = 200  # characters of a search
_SHORTEST = 2  # of a part of a name: a single letter would find nearly all customers


class CustomerReads(Protocol):
    """The reads of the database that the pages need."""

    def timeline(self, keys: Sequence[str]) -> Deferred[Timeline]:
        """Read the timeline of the customer who has these caller keys."""
        ...

    def search(self, text: str, sees: Callable[[str], bool] | None) -> Deferred[list[FoundCustomer]]:
        """Search customers by a part of the name or of the CRM id.

        With `sees`, only customers who have entered a queue for which `sees` returns True are found.
        """
        ...


class CustomersPage(WordedPage):
    """The pages /customers and /customers/NUMBER. `sounds` returns whether recordings are local files."""

    name = "customers"
    role = Role.LEAD
    longest_path = 1

    def __init__(
        self,
        host: PageHost,
        wording: Wording,
        reads: CustomerReads,
        numbers: NumberKeys,
        sounds: Callable[[], bool],
    ) -> None:
        super().__init__(host, wording)
        self._reads = reads
        self._numbers = numbers
        self._sounds = sounds

    def page(self, visit: PageVisit) -> Answer | Deferred[Answer]:
        if visit.path:
            return self._customer(visit, visit.path[0])
        text = visit.argument("q").strip()[:_LONGEST].replace("\0", "")
        if not text:
            return self._found(visit, "", [])
        if keys_of(text, self._numbers):
            return RedirectAnswer(customer_address(self._numbers.written(text)))
        if len(text) < _SHORTEST:
            return self._found(visit, text, [])
        return Deferred.fromCoroutine(self._search(visit, text))

    async def _search(self, visit: PageVisit, text: str) -> Answer:
        sees = None if visit.visitor.queues is None else visit.visitor.sees
        return self._found(visit, text, await self._reads.search(text, sees))

    def _found(self, visit: PageVisit, text: str, found: list[FoundCustomer]) -> Answer:
        values = {
            "shown": self.shown(visit),
            "text": text,
            "found": found,
            "too_short": 0 < len(text) < _SHORTEST,
            "customer_address": customer_address,
            "shown_key": shown_key,
            "tel": tel,
        }
        return HtmlAnswer("customers.html.j2", values)

    def _customer(self, visit: PageVisit, number: str) -> Answer | Deferred[Answer]:
        keys = keys_of(number, self._numbers)
        if not keys:
            raise PageError(404, "this is not a phone number")
        values = {
            "shown": self.shown(visit),
            "number": shown_key(self._numbers.written(number)),
            "tel": tel,
            "call_address": call_address,
            "comment_address": comment_address,
            "is_lead": visit.visitor.queues is not None,
            "sounds": self._sounds(),
        }
        if not self._numbers.shared.isdisjoint(keys):
            return HtmlAnswer("customer.html.j2", values | {"timeline": None})

        def answer(timeline: Timeline) -> Answer:
            return HtmlAnswer("customer.html.j2", values | {"timeline": visible(timeline, visit.visitor)})

        return self._reads.timeline(keys).addCallback(answer)


def visible(timeline: Timeline, visitor: Visitor) -> Timeline:
    """Return the entries of a timeline that a visitor may see: those of the visitor's queues.

    The customer's id and name are left out if no entry remains.
    """
    if visitor.queues is None:
        return timeline
    entries = tuple(entry for entry in timeline.entries if visitor.sees(entry.queue))
    return Timeline(timeline.customer if entries else CustomerIdentity(), entries, timeline.more)
