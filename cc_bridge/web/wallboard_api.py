"""The live wallboard as JSON: once at /api/live, and as server-sent events at /api/live/events.

With `?whole=1`, each event has the whole wallboard, for programs that do not apply changes.
"""

from collections.abc import Callable, Mapping

from twisted.web.http import Request

from cc_bridge.web.compression import accepts_gzip
from cc_bridge.web.openapi.wallboard import EVENTS, LIVE
from cc_bridge.web.proxies import peer_of
from cc_bridge.web.resources import NOT_DONE_YET, AccessCheck, LeafResource, fault
from cc_bridge.web.server_sent_event import json_text
from cc_bridge.web.wallboard_stream import EventStream

__all__ = ["WallboardEventsResource", "WallboardResource"]


class WallboardResource(LeafResource):
    """The page /api/live: the current wallboard as JSON."""

    content_type = "application/json"
    operations = (LIVE,)

    def __init__(self, current: Callable[[], Mapping[str, object]], access: AccessCheck) -> None:
        super().__init__(access)
        self._current = current

    def answer(self, request: Request) -> bytes:  # noqa: ARG002
        return json_text(self._current()) + b"\n"


class WallboardEventsResource(LeafResource):
    """The resource /api/live/events: sends each new wallboard, or its change, as a server-sent event."""

    content_type = "text/event-stream"
    operations = (EVENTS,)

    def __init__(self, stream: EventStream, access: AccessCheck) -> None:
        super().__init__(access)
        self._stream = stream

    def answer(self, request: Request) -> bytes | int:
        asked = EVENTS.query_of(request)
        compresses = accepts_gzip(request.getHeader("accept-encoding") or "")
        request.setHeader("vary", "Accept-Encoding")
        if request.method == b"HEAD":
            return b""
        if not self._stream.make_room(peer_of(request)):
            request.setHeader("retry-after", "10")
            return fault(request, 503, "wallboard.max_listeners is reached: close a wallboard or raise it")
        if compresses:
            request.setHeader("content-encoding", "gzip")
        request.setHeader("x-accel-buffering", "no")  # otherwise nginx would delay events
        self._stream.listen(request, whole=asked.whole == "1", compresses=compresses)
        return NOT_DONE_YET
