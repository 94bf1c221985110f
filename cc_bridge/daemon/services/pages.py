"""The pages for persons, with the data that each of them reads from the database."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from cc_bridge.config.short_texts import text_in
from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.daemon.services.access import Access
from cc_bridge.daemon.services.call_pages import calls_page
from cc_bridge.daemon.services.report_pages import report_pages
from cc_bridge.reports.render.localization import Language
from cc_bridge.web.pages.follow_ups import FollowUpsPage
from cc_bridge.web.pages.home import HomePage
from cc_bridge.web.pages.log_in import LogInPage, LogOutPage
from cc_bridge.web.pages.not_found import NotFoundPage
from cc_bridge.web.pages.page import PageHost

if TYPE_CHECKING:
    from twisted.web.resource import Resource

__all__ = ["Pages"]

_READS = 4  # concurrent
_REPORT_READS = 2  # concurrent; each may use a whole core


class Pages(DaemonService):
    """The service of the pages.

    home: the page at /
    missing: the page of an unknown address
    calls: the page at /calls, without the pages of single calls below it
    resources: the other pages, by the first part of their path
    """

    taken_over = ("http.grafana_url", "http.notice")

    def __init__(self, context: Context, now: Callable[[], float], access: Access) -> None:
        """Create the pages; `now` returns the PBX's clock in UTC seconds since the epoch."""
        super().__init__(context)
        self.reads = context.database.read_pool("pages", _READS)
        self.host = PageHost(access.site, now, context.in_thread, context.reactor, self._links, self._notice)
        self.home = HomePage(self.host)
        self.missing = NotFoundPage(self.host)
        self.calls = calls_page(self.host, self.reads, lambda: self.config)
        self.report_reads = context.database.read_pool("reports", _REPORT_READS)
        self.resources: dict[str, Resource] = {
            "calls": self.calls,
            "follow-ups": FollowUpsPage(self.host),
            "login": LogInPage(self.host, access.site, access.log_in),
            "logout": LogOutPage(self.host, access.site),
            "reports": report_pages(self.host, self.report_reads, _REPORT_READS, lambda: self.config),
        }

    def _links(self) -> dict[str, str]:
        address = self.config.http.grafana_url
        return {"grafana": address} if address else {}

    def _notice(self, language: Language) -> str:
        return text_in(self.config.http.notice, language)

    def start(self) -> None:
        self.reads.start()
        self.report_reads.start()

    def stop(self) -> None:
        self.reads.stop()
        self.report_reads.stop()
