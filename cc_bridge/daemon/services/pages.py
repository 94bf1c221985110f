"""The pages for persons, with the data that each of them reads from the database."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.daemon.services.access import Access
from cc_bridge.daemon.services.report_pages import report_pages
from cc_bridge.web.pages.home import HomePage
from cc_bridge.web.pages.log_in import LogInPage, LogOutPage
from cc_bridge.web.pages.page import PageHost

if TYPE_CHECKING:
    from twisted.web.resource import Resource

__all__ = ["Pages"]

_READS = 4  # concurrent
_REPORT_READS = 2  # concurrent; each may use a whole core


class Pages(DaemonService):
    """The service of the pages.

    home: the page at /
    resources: the other pages, by the first part of their path
    """

    def __init__(self, context: Context, now: Callable[[], float], access: Access) -> None:
        """Create the pages; `now` returns the PBX's clock in UTC seconds since the epoch."""
        super().__init__(context)
        self.reads = context.database.read_pool("pages", _READS)
        self.host = PageHost(access.site, now, context.in_thread, context.reactor)
        self.home = HomePage(self.host)
        self.report_reads = context.database.read_pool("reports", _REPORT_READS)
        self.resources: Mapping[str, Resource] = {
            "login": LogInPage(self.host, access.site, access.log_in),
            "logout": LogOutPage(self.host),
            "reports": report_pages(self.host, self.report_reads, _REPORT_READS, lambda: self.config),
        }

    def start(self) -> None:
        self.reads.start()
        self.report_reads.start()

    def stop(self) -> None:
        self.reads.stop()
        self.report_reads.stop()
