"""The page at /: links to all pages that the visitor may see."""

from cc_bridge.web.pages.page import PageResource
from cc_bridge.web.pages.visit import Answer, HtmlAnswer, PageVisit

__all__ = ["HomePage"]


class HomePage(PageResource):
    """The page at /."""

    name = "home"

    def page(self, visit: PageVisit) -> Answer:  # noqa: ARG002
        return HtmlAnswer("home.html.j2")
