"""The base class of HTTP resources that return JSON about people: rate limit, time limit and log line.

If the database does not answer within `_SECONDS`, the response has the status 503. The text of an exception
may contain a caller's number, so only the exception's type is logged.
"""

from http import HTTPStatus
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request

from cc_bridge.safe_text.printable import json_text
from cc_bridge.web.proxies import peer_of
from cc_bridge.web.rate_limit import LogLimiter, RateLimiter
from cc_bridge.web.resources import NOT_DONE_YET, AccessCheck, LeafResource, fault

__all__ = ["JsonResource", "as_bytes", "usual_rate"]

_log = Logger()

# A CRM requests a customer for each ringing phone; one request takes the database some milliseconds.
_AT_ONCE = 20
_A_SECOND = 5.0
_SECONDS = 5.0  # time limit of an answer
_REFUSED = (401, 403, 429)  # statuses of requests without a valid token, or above the rate limit


def usual_rate() -> RateLimiter:
    """Return a new rate limit with the usual values, for requests of programs (such as a CRM) and pages."""
    return RateLimiter(_AT_ONCE, _A_SECOND)


def as_bytes(value: object) -> bytes:
    """Return a value as one line of JSON in UTF-8."""
    return json_text(value).encode("utf-8", "replace") + b"\n"


class JsonResource(LeafResource):
    """Base class of an HTTP resource that returns JSON about people.

    Each answered request is logged in a line that contains `subject`, such as `customer`, but no name and no
    phone number. Refused requests are logged once a minute, because a peer can send any number of them.
    `rate` limits the rate of each peer's requests, `refused_lines` the log lines about refused ones. Several
    resources may share one limit.
    """

    content_type = "application/json"
    subject = ""

    def __init__(
        self,
        clock: IReactorTime,
        rate: RateLimiter,
        access: AccessCheck | None = None,
        refused_lines: LogLimiter | None = None,
    ) -> None:
        super().__init__(access)
        self._clock = clock
        self._rate = rate
        self._refused_lines = refused_lines or LogLimiter(clock.seconds)

    def render(self, request: Request) -> bytes | int:
        started_at = self._clock.seconds()
        request.notifyFinish().addBoth(lambda _: self._log(request, started_at))
        return super().render(request)

    def refused(self, request: Request, what: str) -> bytes | None:
        """Return the error response if the request is above its peer's rate limit, otherwise None.

        `what` names the requested data in the error text.
        """
        peer = peer_of(request)
        wait = self._rate.take(peer, self._clock.seconds())
        if not wait:
            return None
        site: Any = request.site  # type: ignore[attr-defined]
        site.refused["rate_limit"] += 1
        request.setHeader("retry-after", str(wait))
        return fault(request, 429, f"too many requests for {what} from {peer}: try again in {wait} s")

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
                if not page:
                    request.responseHeaders.removeHeader("content-type")
                if request.code != HTTPStatus.NO_CONTENT:  # which has no length
                    request.setHeader("content-length", str(len(page)))
                request.write(page)
                request.finish()

        answer.addTimeout(_SECONDS, self._clock).addErrback(failed).addCallback(finish)
        return NOT_DONE_YET

    def _log(self, request: Request, started_at: float) -> None:
        if request.code in _REFUSED:
            if times := self._refused_lines.note():
                _log.info(
                    "{subject}: {times} requests were refused since the last such line, the last one from"
                    " {client} with status {code}",
                    subject=self.subject,
                    times=times,
                    client=peer_of(request),
                    code=request.code,
                )
            return
        _log.info(
            "{subject}: {method} request from {client} answered with status {code} in {ms} ms",
            subject=self.subject,
            method=request.method.decode("ascii", "replace"),
            client=peer_of(request),
            code=request.code,
            ms=round(1000 * (self._clock.seconds() - started_at)),
        )
