"""The page for a browser that opens an address at which there is no page."""

from typing import ClassVar

from cc_bridge.web.pages.page import PageResource
from cc_bridge.web.pages.visit import Answer, PageError, PageVisit

__all__ = ["NotFoundPage"]


class NotFoundPage(PageResource):
    """The answer with the status 404 and the navigation; without a log-in it is the same for any address."""

    name = "not_found"
    longest_path = 100
    is_open: ClassVar[bool] = True

    def page(self, visit: PageVisit) -> Answer:  # noqa: ARG002
        raise PageError(404, "there is no such page")
