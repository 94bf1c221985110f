"""The base class of pages that show stored instants, durations and words in the visitor's language."""

from collections.abc import Callable

from cc_bridge.reports.render.localization import Language, Localization
from cc_bridge.web.pages.page import PageHost, PageResource
from cc_bridge.web.pages.rendered import texts
from cc_bridge.web.pages.shown import Shown
from cc_bridge.web.pages.visit import PageVisit

__all__ = ["WordedPage", "Wording"]

Wording = Callable[[Language], Localization]
"""The language, digits, calendar and titles of the configuration in force, for a visitor's language."""


class WordedPage(PageResource):
    """A page that shows stored values; `wording` returns the form in which a language shows them."""

    def __init__(self, host: PageHost, wording: Wording) -> None:
        super().__init__(host)
        self.wording = wording

    def shown(self, visit: PageVisit) -> Shown:
        """Return the form in which the page shows values to the visitor."""
        return Shown(self.wording(visit.language), texts()[visit.language]["terms"])
