"""The HTTP site: /metrics for Prometheus, /healthz and /readyz for whoever starts and watches the daemon.

`app.py` listens with `site`. The trap: prometheus_client's own Twisted resource renders in a pool thread,
while our gauges read live objects of the reactor; so the page is made here, in the reactor.
"""

import json
from collections.abc import Callable, Mapping

from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

__all__ = ["Checks", "Scrape", "site"]

# What a scrape with this Accept header gets, and its content type.
Scrape = Callable[[str], tuple[bytes, str]]
# Each check's name, and why it fails or an empty text.
Checks = Callable[[], Mapping[str, str]]


class _Page(Resource):
    isLeaf = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted has no types here


class _Metrics(_Page):
    def __init__(self, scrape: Scrape) -> None:
        super().__init__()
        self._scrape = scrape

    def render_GET(self, request: Request) -> bytes:
        page, content_type = self._scrape(request.getHeader("accept") or "")
        request.setHeader("content-type", content_type)
        return page


class _Json(_Page):
    """A page that is 200 while `checks` finds no fault, else 503; the JSON names each fault."""

    def __init__(self, checks: Checks) -> None:
        super().__init__()
        self._checks = checks

    def render_GET(self, request: Request) -> bytes:
        checks = dict(self._checks())
        faults = {name: why for name, why in checks.items() if why}
        request.setResponseCode(503 if faults else 200)
        request.setHeader("content-type", "application/json")
        request.setHeader("cache-control", "no-store")
        answer = {"ok": not faults, "checks": {name: why or "ok" for name, why in checks.items()}}
        return json.dumps(answer).encode() + b"\n"


class _Home(_Page):
    def render_GET(self, request: Request) -> bytes:
        request.setHeader("content-type", "text/plain; charset=utf-8")
        return b"cc_bridge: /metrics /healthz /readyz\n"


def site(scrape: Scrape, alive: Checks, ready: Checks) -> Site:
    """Return the site; `alive` tells why the process should be restarted, `ready` why it cannot work."""
    root = Resource()
    root.putChild(b"", _Home())
    root.putChild(b"metrics", _Metrics(scrape))
    root.putChild(b"healthz", _Json(alive))
    root.putChild(b"readyz", _Json(ready))
    factory = Site(root)
    factory.displayTracebacks = False
    factory.noisy = False
    return factory
