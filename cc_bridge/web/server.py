"""The HTTP site: /metrics, /healthz, /readyz, /wallboard, /agent, /fonts, /api and the pages for persons.

/metrics, /healthz, /readyz, /agent and /fonts are open, unless /metrics demands the token. Each other path
checks access. prometheus_client has a Twisted resource for
/metrics, but it renders in a pool thread. The daemon's gauges read objects that the reactor changes. So this
module renders /metrics in the reactor.
"""

import json
import re
from collections.abc import Callable, Mapping
from math import inf

from prometheus_client.exposition import choose_encoder
from twisted.internet.interfaces import IReactorTime
from twisted.web.http import Request
from twisted.web.resource import Resource

from cc_bridge.web.connection import HttpLimits
from cc_bridge.web.openapi.document import AnyOperation
from cc_bridge.web.openapi.health import ALIVE, METRICS, READY
from cc_bridge.web.openapi_resource import OpenApiResource
from cc_bridge.web.page_site import PageSite
from cc_bridge.web.proxies import TrustedProxies
from cc_bridge.web.resources import AccessCheck, LeafResource, TreeResource
from cc_bridge.web.static_pages import agent, app, fonts, wallboard
from cc_bridge.web.wallboard_api import WallboardEventsResource, WallboardResource
from cc_bridge.web.wallboard_stream import EventStream

__all__ = ["Checks", "Scrape", "site"]

_TIMES_KEPT = 10  # times as long as it took to make, for which a page of metrics is kept

_VERSION = re.compile(r"version=[^;]*")
# Accept header -> page of metrics and its content type.
Scrape = Callable[[str], tuple[bytes, str]]
# Name of a check -> reason of its failure, empty if it passes.
Checks = Callable[[], Mapping[str, str]]


class _MetricsResource(LeafResource):
    """The page /metrics: the metrics in the format of Prometheus.

    The page of each format is kept for ten times as long as making it took. Until then, a request for the
    same format gets the kept page. So the requests for one format use at most a tenth of the time. `seconds`
    returns the time in seconds of a clock that is never set back.
    """

    operations = (METRICS,)

    def __init__(
        self, scrape: Scrape, seconds: Callable[[], float], access: AccessCheck | None = None
    ) -> None:
        super().__init__(access)
        self._scrape = scrape
        self._seconds = seconds
        self._kept: dict[str, tuple[float, bytes]] = {}  # by format: until when a page is kept, and the page

    def answer(self, request: Request) -> bytes:
        accept = request.getHeader("accept") or ""
        try:
            _, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # prometheus_client cannot read a version such as `1.x`
            accept = ""
            _, content_type = choose_encoder(accept)
        page_format = _VERSION.sub("", content_type)  # the version does not change the page
        until, page = self._kept.get(page_format, (-inf, b""))
        began_at = self._seconds()
        if began_at >= until:
            page, _ = self._scrape(accept)
            made_at = self._seconds()
            self._kept[page_format] = made_at + _TIMES_KEPT * (made_at - began_at), page
        request.setHeader("content-type", content_type)
        return page


class _HealthResource(LeafResource):
    """A page of health checks: status 200 if all checks pass, otherwise 503.

    The JSON has the reason of each check that failed. `operation` is the definition of the page.
    """

    content_type = "application/json"

    def __init__(self, checks: Checks, operation: AnyOperation) -> None:
        super().__init__()
        self._checks = checks
        self.operations = (operation,)

    def answer(self, request: Request) -> bytes:
        checks = dict(self._checks())
        faults = {name: why for name, why in checks.items() if why}
        request.setResponseCode(503 if faults else 200)
        answer = {"ok": not faults, "checks": {name: why or "ok" for name, why in checks.items()}}
        return json.dumps(answer).encode() + b"\n"


def site(
    scrape: Scrape,
    alive: Checks,
    ready: Checks,
    access: AccessCheck,
    board: Callable[[], Mapping[str, object]],
    stream: EventStream,
    reactor: IReactorTime | None = None,
    limits: HttpLimits | None = None,
    proxies: TrustedProxies | None = None,
    home: LeafResource | None = None,
    pages: Mapping[str, Resource] | None = None,
    scraper: AccessCheck | None = None,
    missing: Resource | None = None,
    **api: Resource,
) -> PageSite:
    """Return the HTTP site of the daemon.

    `scrape` makes the page /metrics. `alive` returns the checks of /healthz; a failed one means that the
    process needs a restart. `ready` returns the checks of /readyz; a failed one means that the process cannot
    do its work. `access` protects the wallboard. `board` returns the current wallboard as JSON, and `stream`
    sends it at each change. `reactor` is the clock of all time limits. `limits` are the limits of connections
    and requests. `proxies` are the proxies whose X-Forwarded headers are believed. `home` is the page at /.
    `pages` are the pages for persons, by the first part of their path. `scraper` protects the page /metrics.
    `missing` is the page of an unknown address. `api` are further resources below /api.
    """
    live = TreeResource(WallboardResource(board, access), events=WallboardEventsResource(stream, access))
    root = TreeResource(
        home,
        metrics=_MetricsResource(scrape, reactor.seconds if reactor else lambda: 0.0, scraper),
        healthz=_HealthResource(alive, ALIVE),
        readyz=_HealthResource(ready, READY),
        wallboard=wallboard(access),
        api=TreeResource(None, live=live, **{"openapi.json": OpenApiResource()}, **api),
        agent=agent(),
        app=app(),
        fonts=fonts(),
        **(pages or {}),
    )
    root.missing = missing
    return PageSite(root, reactor, limits, proxies)
