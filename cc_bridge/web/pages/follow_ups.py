"""The page at /follow-ups: the list of /api/follow-ups with its buttons, which a script fills and renews."""

from cc_bridge.web.access.visitor import Role
from cc_bridge.web.pages.page import PageResource
from cc_bridge.web.pages.visit import Answer, HtmlAnswer, PageVisit

__all__ = ["FollowUpsPage"]


class FollowUpsPage(PageResource):
    """The page at /follow-ups."""

    name = "follow_ups"
    role = Role.LEAD

    def page(self, visit: PageVisit) -> Answer:  # noqa: ARG002
        return HtmlAnswer("follow_ups.html.j2")
