"""The HTTP site: /metrics for Prometheus, /healthz and /readyz for whoever starts and watches the daemon.

`app.py` listens with `site`. The trap: prometheus_client's own Twisted resource renders in a pool thread,
while our gauges read live objects of the reactor; so it is rendered here, in the reactor.
"""

import json
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

__all__ = ["Checks", "site"]

# Each check's name, and why it fails or an empty text.
Checks = Callable[[], Mapping[str, str]]


class _Page(Resource):
    isLeaf = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted has no types here


class _Metrics(_Page):
    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._registry = registry

    def render_GET(self, request: Request) -> bytes:
        encode, content_type = choose_encoder(request.getHeader("accept") or "")
        request.setHeader("content-type", content_type)
        return encode(self._registry)


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


def site(registry: CollectorRegistry, alive: Checks, ready: Checks) -> Site:
    """Return the site; `alive` tells why the process should be restarted, `ready` why it cannot work."""
    root = Resource()
    root.putChild(b"", _Home())
    root.putChild(b"metrics", _Metrics(registry))
    root.putChild(b"healthz", _Json(alive))
    root.putChild(b"readyz", _Json(ready))
    factory = Site(root)
    factory.displayTracebacks = False
    factory.noisy = False
    return factory
