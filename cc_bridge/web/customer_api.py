"""The JSON API of customers, for programs with the token and for leads and administrators.

GET /api/customers/NUMBER returns the timeline of the customer with this phone number; PUT stores the
customer's id and name. A lead gets only the entries of the own queues, and stores nothing. The data is
personal. So the rate of requests is limited, and log lines contain no number. The reactor never waits for the
database.
"""

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.http import Request
from twisted.web.resource import Resource

from cc_bridge.customers.number_keys import NumberKeys
from cc_bridge.customers.timeline import Timeline, as_json
from cc_bridge.web.access.site_access import visitor_of
from cc_bridge.web.json_resource import JsonResource, as_bytes, usual_rate
from cc_bridge.web.openapi.customers import READ_CUSTOMER, STORE_CUSTOMER
from cc_bridge.web.rate_limit import LogLimiter
from cc_bridge.web.resources import AccessCheck, TreeResource, fault

__all__ = ["CustomersResource"]

ReadTimeline = Callable[[Sequence[str]], Deferred[Timeline]]
StoreCustomer = Callable[[str, str, str], Deferred[None]]


class CustomersResource(TreeResource):
    """The resource /api/customers, which has one child resource for each phone number.

    `read` gets the caller keys of a phone number and returns the customer's timeline. `store` gets a caller
    key, an id and a name. Both return a Deferred that fires in the reactor. The Deferred fails if the
    database or the disk does not answer.
    """

    def __init__(
        self,
        numbers: NumberKeys,
        read: ReadTimeline,
        store: StoreCustomer,
        access: AccessCheck,
        clock: IReactorTime,
    ) -> None:
        super().__init__()
        self.numbers = numbers
        self.read = read
        self.store = store
        self.access = access
        self.clock = clock
        self.rate = usual_rate()
        self.refused_lines = LogLimiter(clock.seconds)

    def getChild(self, path: bytes, request: Any) -> Resource:  # noqa: ARG002, N802  # Twisted's
        return _CustomerResource(self, path.decode("utf-8", "replace"))


class _CustomerResource(JsonResource):
    """The resource /api/customers/NUMBER of one phone number."""

    operations = (READ_CUSTOMER, STORE_CUSTOMER)
    subject = "customer"

    def __init__(self, customers: CustomersResource, number: str) -> None:
        super().__init__(customers.clock, customers.rate, customers.access, customers.refused_lines)
        self._customers = customers
        self._number = number

    def answer(self, request: Request) -> bytes | int:
        if refused := self.refused(request, "customers"):
            return refused
        numbers = self._customers.numbers
        keys = numbers.keys(self._number)
        if not keys:
            return fault(request, 404, "this is not a phone number")
        if numbers.is_shared(self._number):
            return fault(request, 409, "many people call from this number, see customers.shared_numbers")
        if request.method == b"PUT":
            return self._put(request, numbers.key(self._number))
        return self._get(request, keys)

    def _get(self, request: Request, keys: Sequence[str]) -> int:
        visitor = visitor_of(request)

        def found(timeline: Timeline) -> bytes:
            if visitor.queues is None:
                return as_bytes(as_json(timeline))
            own = timeline.only(visitor.sees)
            if not own.entries:
                return fault(request, 404, "this customer has no call in your queues")
            return as_bytes(as_json(own))

        return self.later(request, self._customers.read(keys).addCallback(found))

    def _put(self, request: Request, key: str) -> bytes | int:
        if visitor_of(request).queues is not None:
            return fault(request, 403, "the role lead may not store customers: ask an administrator")
        customer = STORE_CUSTOMER.body_of(request)

        def stored(_: object) -> bytes:
            request.setResponseCode(204)
            return b""

        answer = self._customers.store(key, customer.customer_id, customer.name)
        return self.later(request, answer.addCallback(stored))
