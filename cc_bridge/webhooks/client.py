"""The HTTP client of the webhooks: it sends one request and returns the reply, or the reason of a failure.

It uses Twisted's Agent. treq would add nothing: few headers are written, no body is read.

- TLS certificates are verified.
- Redirects count as failures: a signed event must not reach another host.
- One time limit covers the request from the name lookup to the end of the response.
- Only the status of a complete response counts. Its body is discarded. After 64 KiB the connection is closed,
  and the response counts as complete.
- An idle connection is kept for two seconds. Servers keep it longer (uvicorn and Node 5 s), so a request
  rarely meets a closing connection. After an HTTP/1.0 response, none is kept.
"""

from collections.abc import Callable, Mapping
from typing import Any

from OpenSSL.SSL import Error as TlsError
from twisted.internet import error as internet_error
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer, IResponse
from zope.interface import implementer

from cc_bridge import __version__
from cc_bridge.safe_text.printable import one_line
from cc_bridge.webhooks.retry_policy import AT_ONCE, WebhookReply, retry_after

__all__ = ["HttpClient"]

_KEPT_SECONDS = 2.0  # for an idle connection
_LONGEST_ANSWER = 65_536  # bytes of a response body
_LONGEST_REASON = 200  # characters
_AGENT = f"cc-bridge/{__version__}"


class HttpClient:
    """An HTTP client for one URL.

    `trust_root` has the trusted certificate authorities; None means those of the operating system.
    """

    def __init__(
        self, url: str, timeout_seconds: float, trust_root: Any, reactor: Any, now: Callable[[], float]
    ) -> None:
        self._url = url.encode("ascii")
        self._seconds = timeout_seconds
        self._reactor = reactor
        self._now = now
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = AT_ONCE
        self._pool.cachedConnectionTimeout = _KEPT_SECONDS  # type: ignore[assignment]  # any number will do
        self._pool.retryAutomatically = False
        policy = BrowserLikePolicyForHTTPS(trust_root)
        self._agent = Agent(reactor, policy, connectTimeout=timeout_seconds, pool=self._pool)

    async def post(self, headers: Mapping[str, str], body: bytes) -> WebhookReply:
        """Send a POST request and return the endpoint's reply.

        If the request fails, the reply has the reason as text. Raises only CancelledError, if the Deferred
        that waits for the reply is cancelled.
        """
        asking = Deferred.fromCoroutine(self._post(headers, body))
        limit = self._reactor.callLater(self._seconds, asking.cancel)
        try:
            return await asking
        except Exception as error:  # any fault of the endpoint or the network
            if not limit.active():
                return WebhookReply(None, f"no answer within {self._seconds:g} s")
            cause = _cause(error)
            if isinstance(cause, CancelledError):  # cancelled from outside, not by the time limit
                raise cause from error
            return WebhookReply(None, _in_words(cause))
        finally:
            if limit.active():
                limit.cancel()

    def close(self) -> Deferred[None]:
        """Close the idle connections; the Deferred fires when they are closed."""
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed

    async def _post(self, headers: Mapping[str, str], body: bytes) -> WebhookReply:
        fields = {"content-type": "application/json", "user-agent": _AGENT, **headers}
        sent = Headers({name: [value] for name, value in fields.items()})
        response: IResponse = await self._agent.request(b"POST", self._url, sent, _BytesProducer(body))
        await _ended(response)
        if response.version[1:] == (1, 0):
            # An HTTP/1.0 server closes the connection. Twisted would keep it and send the next event into it.
            self._pool.closeCachedConnections()
        reason = ""
        if not 200 <= response.code <= 299:  # noqa: PLR2004 - HTTP's successes
            redirect = 300 <= response.code <= 399  # noqa: PLR2004 - HTTP's redirects
            reason = f"answered {response.code}" + (", redirects are not followed" if redirect else "")
        (wait,) = response.headers.getRawHeaders("retry-after", [""])[:1]
        return WebhookReply(response.code, reason, retry_after(wait, self._now()))


@implementer(IBodyProducer)
class _BytesProducer:
    """A request body that is written in one piece.

    Twisted's FileBodyProducer writes a body in parts and always uses the global reactor. This client must use
    the reactor that it was given.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length: Any = len(body) if body else UNKNOWN_LENGTH

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:  # noqa: N802 - Twisted's name
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Do nothing: the body has already been written."""

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Do nothing: the body has already been written completely."""

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Do nothing: no part of the body is left to write."""


class _DiscardBody(Protocol):
    """A receiver of a response body that discards the bytes, and closes the connection after 64 KiB.

    The Deferred `ended` fires when the response has ended or was too long. It fails if the connection was
    lost before the end of the response.
    """

    def __init__(self, ended: "Deferred[None]") -> None:
        self._ended = ended
        self._left = _LONGEST_ANSWER

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self.abort()

    def abort(self) -> None:
        """Close the connection without waiting until the server closes it too."""
        # Twisted 26.10 hides abortConnection behind a proxy. loseConnection is no substitute: with TLS it
        # waits, possibly for ever, until the other side closes too.
        transport: Any = getattr(self.transport, "_producer", None) or self.transport
        if transport is not None:
            getattr(transport, "abortConnection", transport.loseConnection)()

    def connectionLost(self, reason: Failure = Failure(PotentialDataLoss())) -> None:  # noqa: B008 - Twisted's signature
        if self._ended.called:
            return
        # A response without a length ends with the connection. For a response that was too long, the status
        # is known, so the abort counts as its end.
        if reason.check(ResponseFailed) and self._left >= 0:
            self._ended.errback(reason)
        else:
            self._ended.callback(None)


def _ended(response: IResponse) -> "Deferred[None]":
    """Return a Deferred that fires at the end of the response; cancelling it closes the connection."""
    ended: Deferred[None] = Deferred(lambda _: ignored.abort())
    ignored = _DiscardBody(ended)
    response.deliverBody(ignored)
    return ended


def _cause(error: BaseException) -> BaseException:
    """Return the underlying error inside Twisted's ResponseFailed and similar wrappers."""
    while reasons := getattr(error, "reasons", None):
        error = reasons[0].value
    return error


def _in_words(error: BaseException) -> str:
    """Return a short text for an error, up to 200 printable characters."""
    match error:
        case internet_error.ConnectionRefusedError():
            says = "connection refused"
        case internet_error.DNSLookupError():
            says = "the host name cannot be resolved"
        case internet_error.TimeoutError():
            says = "the connection attempt timed out"
        case TlsError():
            details = error.args[0] if error.args else ()
            says = "TLS: " + ", ".join(str(part[-1]) for part in details if part) or "TLS"
        case _:
            says = f"{type(error).__name__}: {error}"
    return one_line(says)[:_LONGEST_REASON]
