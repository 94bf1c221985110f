"""One HTTP connection: at most one answer waits, a body is short, and a request arrives in time.

A peer may send many requests before it reads an answer. Twisted would answer all of them. With thousands of
requests, these answers would fill the memory and stop the reactor. Here the next request is read only after
the transport has taken the answer before it. At most 64 KiB then still wait in the transport's buffer.

Twisted stores a body of any size in a file before the page's code runs. Here a body that is too long is
refused as soon as the header announces it, or as soon as too many bytes have arrived. No body is parsed here:
a page that accepts a form reads it itself.
"""

from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from typing import Any, AnyStr, Protocol, cast

from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, parse_qs
from twisted.web.server import Request

from cc_bridge.web.turns import Turns

__all__ = ["MAX_BODY_BYTES", "ConnectionOwner", "HttpConnection", "HttpLimits", "PageRequest"]

MAX_BODY_BYTES = 16_384  # longer than the longest body that a page reads
# Chunks of one byte each would take the decoder long, so the bytes around them are limited too.
_MAX_CHUNKED_BYTES = 2 * MAX_BODY_BYTES
_MAX_DISCARDED_BYTES = 262_144  # of a body that was refused; the peer can send no more after that
_MAX_WAITING_BYTES = 16_384  # of requests that arrive while another one is answered
_MOST_DIGITS = 15  # of a Content-Length; Python refuses to read thousands of digits
_LONGEST_NAME = 64  # of a header; Twisted never forgets the first 10,000 different names
_IDLE_SECONDS = 75.0  # between two requests; Prometheus asks every 15 to 60 s
_UNREAD_SECONDS = 75.0  # within which a peer must read the last answer
# A refused peer may still be sending. Closing earlier would make its system discard the answer.
_LINGER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The limits of the HTTP server.

    connections: largest number of open connections
    request_seconds: time within which a whole request must arrive
    """

    connections: int = 200
    request_seconds: float = 10.0


class ConnectionOwner(Protocol):
    """The interface of the site, as its connections use it.

    turns: the turns in which requests are answered
    limits: the limits of connections and requests
    refused: number of refused requests and closed connections by reason
    """

    turns: Turns
    limits: HttpLimits
    refused: Counter[str]

    def moved(self, connection: "HttpConnection") -> None:
        """Note that a request on this connection was answered."""

    def closed(self, connection: "HttpConnection") -> None:
        """Note that a connection has ended."""


class PageRequest(Request):
    """A request whose body Twisted does not parse, and which is limited to MAX_BODY_BYTES."""

    channel: "HttpConnection"

    def gotLength(self, length: int | None) -> None:  # noqa: ARG002, N802  # Twisted's name, likewise below
        """Keep the body in memory, whatever its announced length; `handleContentChunk` limits its size."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Store a part of the body; refuse the request if the body is too long."""
        content: Any = self.content
        if content.tell() + len(data) > MAX_BODY_BYTES:
            self.channel.refuse_body()
        else:
            content.write(data)

    def getHeader(self, key: AnyStr) -> AnyStr | None:  # noqa: N802
        """Return the last value of a header; None if the request has no such header.

        For a text as `key` the value is a text too, in which U+FFFD replaces what is not UTF-8.
        """
        as_text = isinstance(key, str)
        values = self.requestHeaders.getRawHeaders(cast("Any", key).encode() if as_text else key)
        if not values:
            return None
        value: Any = values[-1]
        return cast("AnyStr", value.decode("utf-8", "replace") if as_text else value)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """Answer the request, whose body has arrived. `path` is the whole URL path, with the query."""
        content: Any = self.content
        content.seek(0)
        self.method, self.uri, self.clientproto = command, path, version
        self.path, _, query = path.partition(b"?")
        self.args = parse_qs(query, keep_blank_values=True)
        self.process()  # type: ignore[no-untyped-call]


class HttpConnection(HTTPChannel):
    """One connection of a peer to the site.

    answering: a request is being answered, or waits for its turn to be
    peer: the IP address of the other end; `?` if unknown
    """

    site: ConnectionOwner
    transport: Any  # a TCP transport; Twisted declares a narrower interface

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.answering = False
        self.peer = "?"
        self._refused = False
        self._between_requests = True
        self._chunked_bytes = 0
        self._discarded_bytes = 0

    # -- called by Twisted

    def resetTimeout(self) -> None:  # noqa: N802
        """Do nothing, so that no received byte extends a time limit; `dataReceived` sets these limits."""

    def dataReceived(self, data: bytes) -> None:
        """Read a part of a request. The first part sets the time limit within which the rest must arrive.

        Twisted's own method would let each part extend the limit.
        """
        if self._refused:
            self._discard(data)
            return
        if data and self._between_requests:
            self._between_requests = False
            self.setTimeout(self.site.limits.request_seconds)  # type: ignore[no-untyped-call]
        LineReceiver.dataReceived(self, data)
        waiting = self.paused and not self.transport.disconnecting
        if waiting and len(self._buffer) > _MAX_WAITING_BYTES:
            self.transport.pauseProducing()

    def lineReceived(self, line: bytes) -> None:
        """Read one line of the header; ignore it after a refusal."""
        if not self._refused:
            super().lineReceived(line)  # type: ignore[no-untyped-call]

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802
        """Read a part of a body."""
        if self._refused:
            return
        if self.length is None and not self._handlingRequest:
            self._chunked_bytes += len(data)
            if self._chunked_bytes > _MAX_CHUNKED_BYTES:
                self.refuse_body()
                return
        super().rawDataReceived(data)

    def headerReceived(self, line: bytes) -> bool:  # noqa: N802
        """Read one line of the header; return whether it is valid."""
        name, _, value = line.partition(b":")
        endless = name.lower() == b"content-length" and len(value.strip()) > _MOST_DIGITS
        if endless or len(name) > _LONGEST_NAME:
            self._respondToBadRequestAndDisconnect()
            return False
        valid: bool = super().headerReceived(line)  # type: ignore[no-untyped-call]
        return valid

    def allHeadersReceived(self) -> None:  # noqa: N802
        """Refuse a request whose header announces a body that is too long; otherwise read its body."""
        if self.length is not None and self.length > MAX_BODY_BYTES:
            self.refuse_body()
        else:
            super().allHeadersReceived()  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:  # noqa: N802
        """Answer the complete request in its turn; until then, read no other request."""
        if self._refused:
            return
        self.answering = self.paused = True
        self._chunked_bytes = 0
        self.setTimeout(None)  # type: ignore[no-untyped-call]
        self.transport.pauseProducing()
        self.site.turns.take(self, self._answer)

    def requestDone(self, request: Request) -> None:  # noqa: N802
        """End the answer to a request. The next one is read after the answer has left for the network."""
        self.answering = False
        self.site.moved(self)
        rest, self._dataBuffer = b"".join(self._dataBuffer), []
        super().requestDone(request)  # type: ignore[no-untyped-call]
        if not self.persistent:
            self._abort_after(_UNREAD_SECONDS)
            return
        self._buffer = rest + self._buffer  # of LineReceiver
        self._between_requests = not self._buffer
        idle = _IDLE_SECONDS if self._between_requests else self.site.limits.request_seconds
        self.setTimeout(idle)  # type: ignore[no-untyped-call]
        if not self._waitingForTransport:
            self._read_on()

    def resumeProducing(self) -> None:  # noqa: N802
        """Read the next request if it waited until the transport had sent all that was written."""
        super().resumeProducing()  # type: ignore[no-untyped-call]
        if self.paused and not self.answering:
            self._read_on()

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: ARG002
        """Refuse the request, because a line of the header is longer than the whole header may be."""
        if self.requests:
            self._refuse("malformed", 431, f"the header has more than {self.MAX_LENGTH} bytes")
        else:
            self._refuse("malformed", 414, f"this address is longer than {self.MAX_LENGTH} bytes")

    def timeoutConnection(self) -> None:
        """Close the connection: its peer was too slow, or was silent for long between two requests."""
        if not self._between_requests:
            self.site.refused["timeout"] += 1
        self.setTimeout(None)  # type: ignore[no-untyped-call]
        if self._waitingForTransport:
            self.abort()  # the peer does not read
            return
        self._abort_after(_LINGER_SECONDS)
        self.loseConnection()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Forget the connection, which has ended."""
        self.site.turns.drop(self)
        self.site.closed(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    # -- called by the site and the requests

    def refuse_body(self) -> None:
        """Refuse the request because its body is too long, and close the connection a little later.

        What the peer still sends is discarded. Reading all of it would take much time, so after 256 KiB the
        transport reads no more.
        """
        if self._refused:
            return
        self._refuse("body_too_long", 413, f"the body has more than {MAX_BODY_BYTES} bytes")

    def abort(self) -> None:
        """Close the connection immediately; an unsent answer is lost."""
        self.transport.abortConnection()

    # -- inside

    def _refuse(self, reason: str, code: int, text: str) -> None:
        """Answer with an error of one line, and close the connection a little later; `reason` is counted."""
        self._refused = True
        self.site.refused[reason] += 1
        body = f"{text}\n".encode()
        head = (
            f"HTTP/1.1 {code} {HTTPStatus(code).phrase}\r\nConnection: close\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.setTimeout(None)  # type: ignore[no-untyped-call]
        self._abort_after(_LINGER_SECONDS)

    def _answer(self) -> None:
        if len(self._buffer) <= _MAX_WAITING_BYTES:
            self.transport.resumeProducing()  # shows when the peer leaves
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def _read_on(self) -> None:
        """Read the next request, whose first bytes may have arrived already."""
        self.paused = False
        self.transport.resumeProducing()
        if self._buffer:
            self.dataReceived(b"")

    def _discard(self, data: bytes) -> None:
        """Discard a part of a refused body; after 256 KiB, read no more."""
        self._discarded_bytes += len(data)
        if self._discarded_bytes > _MAX_DISCARDED_BYTES:
            self.transport.pauseProducing()

    def _abort_after(self, seconds: float) -> None:
        """Close the connection after `seconds`, unless it is closed before."""
        if self._abortingCall is None:
            later: Any = self.callLater
            self._abortingCall = later(seconds, self.forceAbortClient)

    def forceAbortClient(self) -> None:  # noqa: N802
        """Close the connection immediately."""
        self._abortingCall = None
        self.transport.abortConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        """Refuse a request that is not valid HTTP.

        This method replaces Twisted's own, whose answer has no text and no content type.
        """
        if not self._refused:
            most = self.totalHeadersSize
            self._refuse(
                "malformed", 400, f"this is no valid HTTP request with a header of up to {most} bytes"
            )
