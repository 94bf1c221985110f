"""The HTTP site: /metrics, /healthz and /readyz for all; /wallboard and /api with access of their own.

/agent and /follow-ups are pages for people, who get in at /api; /fonts is for all. prometheus_client's own
Twisted resource renders in a pool thread, while our gauges read live objects of the reactor; so /metrics is
rendered here, in the reactor.
"""

import json
from collections.abc import Callable, Mapping

from twisted.web.http import Request
from twisted.web.resource import Resource

from cc_bridge.web.auth import TokenAuth
from cc_bridge.web.resources import LeafResource, PageSite, TreeResource
from cc_bridge.web.static_pages import agent, follow_ups, fonts, wallboard
from cc_bridge.web.wallboard_stream import EventStream, Json, WallboardEventsResource, WallboardResource

__all__ = ["Checks", "Scrape", "site"]

# What a scrape with this Accept header gets, and its content type.
Scrape = Callable[[str], tuple[bytes, str]]
# Each check's name, and why it fails or an empty text.
Checks = Callable[[], Mapping[str, str]]


class _MetricsResource(LeafResource):
    def __init__(self, scrape: Scrape) -> None:
        super().__init__()
        self._scrape = scrape

    def answer(self, request: Request) -> bytes:
        page, content_type = self._scrape(request.getHeader("accept") or "")
        request.setHeader("content-type", content_type)
        return page


class _HealthResource(LeafResource):
    """A page that is 200 while `checks` finds no fault, else 503; the JSON names each fault."""

    content_type = "application/json"

    def __init__(self, checks: Checks) -> None:
        super().__init__()
        self._checks = checks

    def answer(self, request: Request) -> bytes:
        checks = dict(self._checks())
        faults = {name: why for name, why in checks.items() if why}
        request.setResponseCode(503 if faults else 200)
        answer = {"ok": not faults, "checks": {name: why or "ok" for name, why in checks.items()}}
        return json.dumps(answer).encode() + b"\n"


class _HomeRedirect(LeafResource):
    def answer(self, request: Request) -> bytes:  # noqa: ARG002
        return b"cc_bridge: /wallboard /follow-ups /agent /api/live /metrics /healthz /readyz\n"


def site(
    scrape: Scrape,
    alive: Checks,
    ready: Checks,
    access: TokenAuth,
    board: Callable[[], Json],
    stream: EventStream,
    **api: Resource,
) -> PageSite:
    """Return the site; `alive` tells why the process should be restarted, `ready` why it cannot work.

    `board` gives the JSON of this moment, `stream` sends it on as it changes; under /api is also `api`.
    """
    live = TreeResource(WallboardResource(board, access), events=WallboardEventsResource(stream, access))
    return PageSite(
        TreeResource(
            _HomeRedirect(),
            metrics=_MetricsResource(scrape),
            healthz=_HealthResource(alive),
            readyz=_HealthResource(ready),
            wallboard=wallboard(access),
            api=TreeResource(None, live=live, **api),
            agent=agent(),
            fonts=fonts(),
            **{"follow-ups": follow_ups()},
        )
    )
