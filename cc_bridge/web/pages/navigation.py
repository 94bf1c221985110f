"""The navigation of the pages: their names, paths and least roles. Pure."""

from typing import NamedTuple

from cc_bridge.web.access.visitor import Role, Visitor

__all__ = ["NAVIGATION", "NavigationItem", "visible"]


class NavigationItem(NamedTuple):
    """A page in the navigation; texts.toml has the text of each name."""

    name: str
    path: str
    role: Role


NAVIGATION = (
    NavigationItem("wallboard", "/wallboard", Role.VIEWER),
    NavigationItem("reports", "/reports", Role.VIEWER),
    NavigationItem("calls", "/calls", Role.LEAD),
    NavigationItem("lost", "/lost", Role.LEAD),
    NavigationItem("follow_ups", "/follow-ups", Role.LEAD),
    NavigationItem("customers", "/customers", Role.LEAD),
    NavigationItem("agents", "/agents", Role.LEAD),
    NavigationItem("system", "/system", Role.ADMIN),
)


def visible(visitor: Visitor) -> list[NavigationItem]:
    """Return the pages of the navigation that a visitor may see."""
    return [item for item in NAVIGATION if visitor.has(item.role)]
