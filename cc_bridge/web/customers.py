"""/api/customers/NUMBER: GET tells a customer's history, PUT takes an id and a name, for programs alone.

`app.py` makes it. The trap: it tells of people. So it needs the token always, answers only so many a
second, and its log lines hold no number; and since a database may be slow, it answers when that does and
the reactor never waits.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource

from cc_bridge.customers.numbers import Numbers
from cc_bridge.customers.table import check
from cc_bridge.customers.timeline import Timeline, as_json
from cc_bridge.web.access import Bearer
from cc_bridge.web.page import NOT_DONE_YET, Folder, Page, fault

__all__ = ["Customers", "Rate"]

_log = Logger()

# A CRM opens a customer for each phone that rings; it takes some milliseconds of the database.
_AT_ONCE = 20
_A_SECOND = 5.0
_SECONDS = 5.0  # whoever asks waits no longer
_LONGEST_BODY = 4096  # bytes; id and name have 200 characters

Read = Callable[[Sequence[str]], Deferred[Timeline]]
Store = Callable[[str, str, str], Deferred[None]]


_FIELDS = ("customer_id", "name")


def _is_customer(told: object) -> bool:
    return (
        isinstance(told, dict)
        and told.keys() <= set(_FIELDS)
        and all(isinstance(value, str) for value in told.values())
    )


class Rate:
    """Allows `at_once` and then so many a second."""

    def __init__(self, at_once: int = _AT_ONCE, a_second: float = _A_SECOND) -> None:
        self._most = self._left = float(at_once)
        self._a_second = a_second
        self._at = 0.0

    def take(self, now: float) -> bool:
        self._left = min(self._most, self._left + (now - self._at) * self._a_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Customers(Folder):
    """A page for each number.

    `read` gets the keys of a number, `store` the key, id and name of one; both fire in the reactor, and
    fail if the database or the disk does not answer.
    """

    def __init__(
        self, numbers: Numbers, read: Read, store: Store, access: Bearer, clock: IReactorTime
    ) -> None:
        super().__init__()
        self.numbers = numbers
        self.read = read
        self.store = store
        self.access = access
        self.clock = clock
        self.rate = Rate()

    def getChild(self, path: bytes, request: Any) -> Resource:  # noqa: ARG002, N802  # Twisted's
        return _Customer(self, path.decode("utf-8", "replace"))


class _Customer(Page):
    """The page of one number."""

    content_type = "application/json"
    methods = (b"GET", b"HEAD", b"PUT")

    def __init__(self, customers: Customers, number: str) -> None:
        super().__init__(customers.access)
        self._customers = customers
        self._number = number

    def render(self, request: Request) -> bytes | int:
        began_at = self._customers.clock.seconds()
        request.notifyFinish().addBoth(lambda _: self._log(request, began_at))
        return super().render(request)

    def answer(self, request: Request) -> bytes | int:
        if not self._customers.rate.take(self._customers.clock.seconds()):
            request.setHeader("retry-after", "1")
            return fault(request, 429, "too many questions about customers at once")
        numbers = self._customers.numbers
        keys = numbers.keys(self._number)
        if not keys:
            return fault(request, 404, "this is no phone number")
        if numbers.is_shared(self._number):
            return fault(request, 409, "many people call from this number, see customers.shared")
        if request.method == b"PUT":
            return self._put(request, numbers.key(self._number))
        return self._get(request, keys)

    def _get(self, request: Request, keys: Sequence[str]) -> int:
        def found(timeline: Timeline) -> bytes:
            return json.dumps(as_json(timeline), ensure_ascii=False).encode("utf-8", "replace") + b"\n"

        return self._later(request, self._customers.read(keys).addCallback(found))

    def _put(self, request: Request, key: str) -> bytes | int:
        body: Any = request.content
        told = body.read(_LONGEST_BODY + 1)
        if len(told) > _LONGEST_BODY:
            return fault(request, 413, f"more than {_LONGEST_BODY} bytes")
        try:
            customer = json.loads(told)
        except (ValueError, RecursionError):
            customer = None
        if not _is_customer(customer):
            return fault(request, 400, 'send {"customer_id": "...", "name": "..."}')
        customer_id, name = (customer.get(field, "").strip() for field in _FIELDS)
        if reason := check(customer_id, name):
            return fault(request, 400, reason)

        def stored(_: object) -> bytes:
            request.setResponseCode(204)
            return b""

        return self._later(request, self._customers.store(key, customer_id, name).addCallback(stored))

    def _later(self, request: Request, answer: Deferred[bytes]) -> int:
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def failed(failure: Failure) -> bytes:
            _log.warn("a customer could not be told of: {why}", why=type(failure.value).__name__)
            request.setHeader("retry-after", "5")
            return fault(request, 503, "the database does not answer in time")

        def finish(page: bytes) -> None:
            if not gone:
                request.setHeader("content-length", str(len(page)))
                request.write(page)
                request.finish()

        answer.addTimeout(_SECONDS, self._customers.clock).addErrback(failed).addCallback(finish)
        return NOT_DONE_YET

    def _log(self, request: Request, began_at: float) -> None:
        _log.info(
            "customer: {method} by {client}, {code} in {ms} ms",
            method=request.method.decode("ascii", "replace"),
            client=getattr(request.getClientAddress(), "host", ""),
            code=request.code,
            ms=round(1000 * (self._customers.clock.seconds() - began_at)),
        )
