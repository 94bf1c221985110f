"""The pages of the reports, served by this process from a database with the weeks of year_of_calls.py."""

from twisted.internet import reactor

from cc_bridge.config import Config
from cc_bridge.daemon.service import Context
from cc_bridge.daemon.services.access import Access
from cc_bridge.daemon.services.pages import Pages
from cc_bridge.storage.migrate import open_database
from cc_bridge.web.server import site
from cc_bridge.web.wallboard_stream import EventStream
from support.reactor_loop import result_of, until
from support.year_of_calls import LAST, fill, midnight, records

__all__ = ["NOW", "QUEUES", "SPAN", "TOKEN", "ReportSite", "settings"]

TOKEN = "a-token-of-the-house"
NOW = midnight(LAST) + 70_000
SPAN = "from=2026-10-08&to=2026-11-16"

QUEUES = {
    "sales": {
        "owner": "sara", "title": "Sales", "service_level_seconds": 30, "short_abandon_seconds": 3,
        "wrap_up_seconds": 12, "journey_stage": "first_contact", "opening_from": "08:00",
        "opening_until": "18:00", "opening_weekdays": "mon-fri",
    },
    "support": {"wrap_up_seconds": 5, "journey_stage": "support"},
}  # fmt: skip


def settings(url, **changes):
    """Return a configuration whose queue `sales` belongs to sara."""
    given = {
        "pbx": {"name": "main"},
        "storage": {"url": url},
        "general": {"time_zone": "Europe/Berlin"},
        "queues": QUEUES,
    }
    return Config(**given | changes)


class ReportSite:
    """A site on a port of this machine, in the reactor of the test's thread."""

    def __init__(self, directory, **changes):
        until(lambda: True)  # starts the reactor
        url = f"sqlite:///{directory / 'calls.sqlite'}"
        engine = open_database(url)
        fill(engine, records())
        engine.dispose()
        self.config = settings(url, http={"token": TOKEN}, **changes)
        context = Context.of(self.config, reactor)
        access = Access(context, lambda: NOW, lambda _config: QUEUES)
        self._pages = Pages(context, lambda: NOW, access)
        self._pages.startService()
        stream = EventStream(lambda: 1, lambda: None, reactor, 1)
        served = site(
            lambda _: (b"", "text/plain"), dict, dict, access.site, dict, stream, reactor,
            home=self._pages.home, pages=self._pages.resources,
        )  # fmt: skip
        self._port = reactor.listenTCP(0, served, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port.getHost().port}"

    def close(self):
        result_of(self._port.stopListening())
        self._pages.stopService()
