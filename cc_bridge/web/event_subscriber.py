"""One browser or program that receives the events of the wallboard, whatever its speed.

A subscriber that reads slowly must not delay the reactor or fill its memory. While the transport's buffer is
full, the subscriber gets no events. It gets the newest whole wallboard when it reads again.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.web.http import Request
from zope.interface import implementer

from cc_bridge.web.server_sent_event import GZIP_HEAD, ServerSentEvent, compressed

__all__ = ["EventSubscriber"]


@implementer(IPushProducer)
class EventSubscriber:
    """A receiver of events.

    whole: the subscriber gets whole wallboards only, and no changes
    slow_since: when the transport's buffer became full, in seconds of the clock; None while it is not full
    """

    def __init__(
        self,
        request: Request,
        seconds: Callable[[], float],
        newest: Callable[[], ServerSentEvent],
        *,
        whole: bool,
        compresses: bool,
    ) -> None:
        """Create the subscriber that sent a request; nothing is written yet.

        `seconds` returns the time of a clock. `newest` returns the event with the newest whole wallboard.
        With `compresses`, the events are sent as a gzip stream.
        """
        self.whole = whole
        self.slow_since: float | None = None
        self._request = request
        self._seconds = seconds
        self._newest = newest
        self._compresses = compresses
        self._missed = False

    def start(self, preface: bytes) -> None:
        """Write `preface`, the first lines of the event stream, and then the newest whole wallboard."""
        self._request.write(GZIP_HEAD + compressed(preface) if self._compresses else preface)
        self._write(self._newest())
        self._request.registerProducer(self, True)

    def take(self, event: ServerSentEvent) -> None:
        """Send an event with figures. While the transport's buffer is full, only note that one was missed."""
        if self.slow_since is None:
            self._write(event)
        else:
            self._missed = True

    def beat(self, event: ServerSentEvent) -> None:
        """Send an event without figures, unless the transport's buffer is full."""
        if self.slow_since is None:
            self._write(event)

    def drop(self) -> None:
        """Disconnect the subscriber immediately; unsent data is lost."""
        transport: Any = self._request.channel.transport
        transport.abortConnection()

    # -- called by the transport

    def pauseProducing(self) -> None:  # noqa: N802
        if self.slow_since is None:
            self.slow_since = self._seconds()

    def resumeProducing(self) -> None:  # noqa: N802
        self.slow_since = None
        if self._missed:
            self._missed = False
            self._write(self._newest())

    def stopProducing(self) -> None:  # noqa: N802
        self._missed = False

    # -- inside

    def _write(self, event: ServerSentEvent) -> None:
        self._request.write(event.compressed if self._compresses else event.plain)
