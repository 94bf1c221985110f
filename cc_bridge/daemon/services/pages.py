"""The pages for persons, with the data that each of them reads from the database."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.web.access.token_access import TokenAccess
from cc_bridge.web.auth import TokenAuth
from cc_bridge.web.pages.home import HomePage
from cc_bridge.web.pages.page import PageHost

if TYPE_CHECKING:
    from twisted.web.resource import Resource

__all__ = ["Pages"]

_READS = 4  # concurrent


class Pages(DaemonService):
    """The service of the pages.

    home: the page at /
    resources: the other pages, by the first part of their path
    """

    def __init__(self, context: Context, now: Callable[[], float]) -> None:
        """Create the pages; `now` returns the PBX's clock in UTC seconds since the epoch."""
        super().__init__(context)
        http = context.config.http
        access = TokenAccess(TokenAuth(http.host, http.access_token()))
        self.reads = context.database.read_pool("pages", _READS)
        self.host = PageHost(access, now, context.in_thread, context.reactor)
        self.home = HomePage(self.host)
        self.resources: Mapping[str, Resource] = {}

    def start(self) -> None:
        self.reads.start()

    def stop(self) -> None:
        self.reads.stop()
