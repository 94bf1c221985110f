"""The base of the JSON pages about people: a rate limit, a time limit, and a log line.

A request is answered when the database has answered, and fails after `SECONDS`. The text of an exception may
hold a caller's number, so only its kind is sent and logged.
"""

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request

from cc_bridge.web.auth import TokenAuth
from cc_bridge.web.resources import NOT_DONE_YET, LeafResource, fault

__all__ = ["JsonResource", "RateLimiter", "as_bytes"]

_log = Logger()

# A CRM opens a customer for each phone that rings; it takes some milliseconds of the database.
_AT_ONCE = 20
_A_SECOND = 5.0
_SECONDS = 5.0  # whoever asks waits no longer


class RateLimiter:
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


def as_bytes(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


class JsonResource(LeafResource):
    """A page of JSON. Its log line names `subject`, and nobody whom it is about."""

    content_type = "application/json"
    subject = ""

    def __init__(self, clock: IReactorTime, rate: RateLimiter, access: TokenAuth | None = None) -> None:
        super().__init__(access)
        self._clock = clock
        self._rate = rate

    def render(self, request: Request) -> bytes | int:
        began_at = self._clock.seconds()
        request.notifyFinish().addBoth(lambda _: self._log(request, began_at))
        return super().render(request)

    def refused(self, request: Request, what: str) -> bytes | None:
        """Return the answer for one too many, None while there is room."""
        if self._rate.take(self._clock.seconds()):
            return None
        request.setHeader("retry-after", "1")
        return fault(request, 429, f"too many questions about {what} at once")

    def later(self, request: Request, answer: Deferred[bytes]) -> int:
        """Answer when `answer` fires, with 503 if it fails or does not fire in time."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def failed(failure: Failure) -> bytes:
            why = type(failure.value).__name__
            _log.warn("{subject}: could not be answered: {why}", subject=self.subject, why=why)
            request.setHeader("retry-after", "5")
            return fault(request, 503, "the database does not answer in time")

        def finish(page: bytes) -> None:
            if not gone:
                request.setHeader("content-length", str(len(page)))
                request.write(page)
                request.finish()

        answer.addTimeout(_SECONDS, self._clock).addErrback(failed).addCallback(finish)
        return NOT_DONE_YET

    @staticmethod
    def body(request: Request, longest: int) -> bytes | None:
        """Return what was sent; None for more than `longest` bytes."""
        content: Any = request.content
        body: bytes = content.read(longest + 1)
        return body if len(body) <= longest else None

    def _log(self, request: Request, began_at: float) -> None:
        _log.info(
            "{subject}: {method} by {client}, {code} in {ms} ms",
            subject=self.subject,
            method=request.method.decode("ascii", "replace"),
            client=getattr(request.getClientAddress(), "host", ""),
            code=request.code,
            ms=round(1000 * (self._clock.seconds() - began_at)),
        )
