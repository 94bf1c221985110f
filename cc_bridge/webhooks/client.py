"""One request to one receiver, and what came of it. Never raises; whatever goes wrong is a reply in words.

Twisted's own Agent with a pool, because it is there with Twisted; treq would add a dependency (and
requests' cookies with it) for a nicer way to write headers and read JSON, and we send one header set and
read nothing.

- Certificates are verified, by the system's authorities or one of the configuration.
- No redirect is followed, to whatever host: the address is the administrator's to change, and a signed
  event must not be led elsewhere. It counts as a failure.
- One time limit covers everything, from the name's lookup to the answer's end.
- Of the answer only its status counts. Its body is thrown away as it comes, and after 64 KiB the connection
  is closed. An answer that breaks off has not been given: the event goes again.
- A connection is kept for two seconds, for the next event of a burst: less than servers keep theirs (uvicorn
  and Node 5 s), so that a request hardly meets one that is just being closed.
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
from cc_bridge.webhooks.retry_policy import AT_ONCE, WebhookReply, retry_after

__all__ = ["HttpClient"]

_KEPT_SECONDS = 2.0
_LONGEST_ANSWER = 65_536  # bytes
_LONGEST_REASON = 200  # characters
_AGENT = f"cc-bridge/{__version__}"


class HttpClient:
    """Posts to one address. `trust_root` None means the system's certificate authorities."""

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
        """Send a body; raises CancelledError only when the Deferred around it is cancelled."""
        asking = Deferred.fromCoroutine(self._post(headers, body))
        limit = self._reactor.callLater(self._seconds, asking.cancel)
        try:
            return await asking
        except Exception as error:  # the receiver's or the network's fault, of any kind
            if not limit.active():
                return WebhookReply(None, f"no answer within {self._seconds:g} s")
            cause = _cause(error)
            if isinstance(cause, CancelledError):  # somebody else has no more time
                raise cause from error
            return WebhookReply(None, _in_words(cause))
        finally:
            if limit.active():
                limit.cancel()

    def close(self) -> Deferred[None]:
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed

    async def _post(self, headers: Mapping[str, str], body: bytes) -> WebhookReply:
        fields = {"content-type": "application/json", "user-agent": _AGENT, **headers}
        sent = Headers({name: [value] for name, value in fields.items()})
        response: IResponse = await self._agent.request(b"POST", self._url, sent, _BytesProducer(body))
        await _ended(response)
        reason = ""
        if not 200 <= response.code <= 299:  # noqa: PLR2004 - HTTP's successes
            redirect = 300 <= response.code <= 399  # noqa: PLR2004 - HTTP's redirects
            reason = f"answered {response.code}" + (", redirects are not followed" if redirect else "")
        (wait,) = response.headers.getRawHeaders("retry-after", [""])[:1]
        return WebhookReply(response.code, reason, retry_after(wait, self._now()))


@implementer(IBodyProducer)
class _BytesProducer:
    """A body that is written at once: Twisted's own producer takes turns by the global reactor."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length: Any = len(body) if body else UNKNOWN_LENGTH

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:  # noqa: N802 - Twisted's name
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing is left to pause."""

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing is left to resume."""

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing is left to stop."""


class _DiscardBody(Protocol):
    """Counts an answer's bytes; closes the connection when they are too many."""

    def __init__(self, ended: "Deferred[None]") -> None:
        self._ended = ended
        self._left = _LONGEST_ANSWER

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self.abort()

    def abort(self) -> None:
        # Twisted 26.10 hides abortConnection behind a proxy, and loseConnection waits for the other side's
        # farewell when there is TLS, for ever if need be.
        transport: Any = getattr(self.transport, "_producer", None) or self.transport
        if transport is not None:
            getattr(transport, "abortConnection", transport.loseConnection)()

    def connectionLost(self, reason: Failure = Failure(PotentialDataLoss())) -> None:  # noqa: B008 - Twisted's signature
        if self._ended.called:
            return
        # Without a length the connection's end is the answer's; its status is known when it was too long.
        if reason.check(ResponseFailed) and self._left >= 0:
            self._ended.errback(reason)
        else:
            self._ended.callback(None)


def _ended(response: IResponse) -> "Deferred[None]":
    """Return what fires at the answer's end; cancelling it closes the connection."""
    ended: Deferred[None] = Deferred(lambda _: ignored.abort())
    ignored = _DiscardBody(ended)
    response.deliverBody(ignored)
    return ended


def _cause(error: BaseException) -> BaseException:
    """Return what is behind Twisted's ResponseFailed and its kin."""
    while reasons := getattr(error, "reasons", None):
        error = reasons[0].value
    return error


def _in_words(error: BaseException) -> str:
    """Say what went wrong, without what the receiver sent."""
    match error:
        case internet_error.ConnectionRefusedError():
            says = "connection refused"
        case internet_error.DNSLookupError():
            says = "the host's name is not known"
        case internet_error.TimeoutError():
            says = "no connection in time"
        case TlsError():
            details = error.args[0] if error.args else ()
            says = "TLS: " + ", ".join(str(part[-1]) for part in details if part) or "TLS"
        case _:
            says = f"{type(error).__name__}: {error}"
    return "".join(c if c.isprintable() else " " for c in says)[:_LONGEST_REASON]
