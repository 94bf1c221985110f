"""The base class of HTTP resources that return JSON about people: rate limit, time limit and log line.

If the database does not answer within `_SECONDS`, the response has the status 503. The text of an exception
may contain a caller's number, so only the exception's type is logged.
"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request

from cc_bridge.safe_text.printable import json_text
from cc_bridge.web.auth import TokenAuth
from cc_bridge.web.resources import NOT_DONE_YET, LeafResource, fault

__all__ = ["JsonResource", "RateLimiter", "as_bytes"]

_log = Logger()

# A CRM requests a customer for each ringing phone; one request takes the database some milliseconds.
_AT_ONCE = 20
_A_SECOND = 5.0
_SECONDS = 5.0  # time limit of an answer


class RateLimiter:
    """A limit for the rate of requests.

    Up to `at_once` requests may come together. In the long run, up to `a_second` requests per second are
    allowed.
    """

    def __init__(self, at_once: int = _AT_ONCE, a_second: float = _A_SECOND) -> None:
        self._most = self._left = float(at_once)
        self._a_second = a_second
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Return whether one more request is within the limit, and count the request if it is.

        `now` is the time of the request in seconds, by a clock with any starting point.
        """
        self._left = min(self._most, self._left + (now - self._at) * self._a_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def as_bytes(value: object) -> bytes:
    """Return a value as one line of JSON in UTF-8."""
    return json_text(value).encode("utf-8", "replace") + b"\n"


class JsonResource(LeafResource):
    """Base class of an HTTP resource that returns JSON about people.

    Each request is logged in a line that contains `subject`, such as `customer`, but no name and no phone
    number. `rate` limits the rate of requests; several resources may share one limit.
    """

    content_type = "application/json"
    subject = ""

    def __init__(self, clock: IReactorTime, rate: RateLimiter, access: TokenAuth | None = None) -> None:
        super().__init__(access)
        self._clock = clock
        self._rate = rate

    def render(self, request: Request) -> bytes | int:
        started_at = self._clock.seconds()
        request.notifyFinish().addBoth(lambda _: self._log(request, started_at))
        return super().render(request)

    def refused(self, request: Request, what: str) -> bytes | None:
        """Return the error response if the request is above the rate limit, otherwise None.

        `what` names the requested data in the error text.
        """
        if self._rate.take(self._clock.seconds()):
            return None
        request.setHeader("retry-after", "1")
        return fault(request, 429, f"too many requests for {what}: try again in a second")

    def later(self, request: Request, answer: Deferred[bytes]) -> int:
        """Send the result of the Deferred `answer` as the response, and return NOT_DONE_YET for Twisted.

        If the Deferred fails or takes more than `_SECONDS`, the response has the status 503.
        """
        disconnected: list[object] = []
        request.notifyFinish().addErrback(disconnected.append)

        def failed(failure: Failure) -> bytes:
            why = type(failure.value).__name__
            _log.warn(
                "{subject}: the request failed: {why}; it is answered with status 503",
                subject=self.subject,
                why=why,
            )
            request.setHeader("retry-after", "5")
            return fault(request, 503, "the database does not answer in time")

        def finish(page: bytes) -> None:
            if not disconnected:
                request.setHeader("content-length", str(len(page)))
                request.write(page)
                request.finish()

        answer.addTimeout(_SECONDS, self._clock).addErrback(failed).addCallback(finish)
        return NOT_DONE_YET

    @staticmethod
    def body(request: Request, longest: int) -> bytes | None:
        """Return the body of a request; None if it has more than `longest` bytes."""
        content: Any = request.content
        body: bytes = content.read(longest + 1)
        return body if len(body) <= longest else None

    def _log(self, request: Request, started_at: float) -> None:
        _log.info(
            "{subject}: {method} request from {client} answered with status {code} in {ms} ms",
            subject=self.subject,
            method=request.method.decode("ascii", "replace"),
            client=getattr(request.getClientAddress(), "host", ""),
            code=request.code,
            ms=round(1000 * (self._clock.seconds() - started_at)),
        )
