"""The pages about calls, customers, agents and the system."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from cc_bridge.config import Config
from cc_bridge.config.report_parameters import localization, report_days
from cc_bridge.customers.number_keys import NumberKeys
from cc_bridge.daemon.service import Context, DaemonService, per_queue
from cc_bridge.daemon.services.pages import Pages
from cc_bridge.daemon.services.people_reads import (
    AgentReader,
    CallReader,
    CustomerReader,
    LostCallReader,
    Surroundings,
)
from cc_bridge.reports.calendar import Days
from cc_bridge.reports.render.localization import Language, Localization
from cc_bridge.web.access.agent_links import AgentLinks
from cc_bridge.web.pages.agents import AgentsPage
from cc_bridge.web.pages.call import CallPage
from cc_bridge.web.pages.calls.page import CallTree
from cc_bridge.web.pages.comments import CommentsPage
from cc_bridge.web.pages.customers import CustomersPage
from cc_bridge.web.pages.lost import LostPage
from cc_bridge.web.pages.system import SystemPage, SystemState

if TYPE_CHECKING:
    from twisted.web.resource import Resource

__all__ = ["PeoplePages"]


class PeoplePages(DaemonService):
    """The service of the pages about persons and the system, which it adds to the pages of the site."""

    taken_over = (
        "general.time_zone",
        "reports.*",
        "recordings.*",
        "follow_ups.*",
        "survey.recordings_directory",
        *per_queue("title", "owner"),
    )

    def __init__(
        self,
        context: Context,
        pages: Pages,
        numbers: NumberKeys,
        now: Callable[[], float],
        state: Callable[[], SystemState],
        on_opened: Callable[[str], None],
    ) -> None:
        """Create the pages.

        `numbers` recognises customers by their numbers. `now` returns the PBX's clock in UTC seconds. `state`
        returns the state of the daemon. `on_opened` counts an opened follow-up by its reason.
        """
        super().__init__(context)
        self._wordings = _wordings(context.config)
        token = context.config.http.access_token()
        self._links = AgentLinks(token, context.config.pbx.name) if token else None
        around = Surroundings(pages.reads, context.database.engine, numbers, now, lambda: self.config)
        host, wording, sounds, calls = pages.host, self._wording, self._has_sounds, CallReader(around)
        people = AgentReader(around, wording)
        lost = LostCallReader(around, on_opened)
        call = CallPage(host, wording, calls.journey, lambda: self.config.recordings.url, sounds)
        resources: dict[str, Resource] = {
            "calls": CallTree(pages.calls, call),
            "lost": LostPage(host, wording, lost, self._queues, self._days),
            "customers": CustomersPage(host, wording, CustomerReader(around), numbers, sounds),
            "comments": CommentsPage(
                host, calls.comment, calls.sound, lambda: self.config.recordings.comments_url
            ),
            "agents": AgentsPage(host, wording, people, self._queues, self._days, self._own_link, sounds),
            "system": SystemPage(host, wording, state, calls.gaps),
        }
        pages.resources.update(resources)

    def reconfigure(self, config: Config) -> None:
        super().reconfigure(config)
        self._wordings = _wordings(config)

    def _wording(self, language: Language) -> Localization:
        return self._wordings[language]

    def _queues(self) -> list[str]:
        return list(self.config.queues)

    def _days(self) -> Days:
        return report_days(self.config)

    def _has_sounds(self) -> bool:
        return not self.config.recordings.comments_url

    def _own_link(self, agent: str, until: int) -> str:
        return f"/agent#{self._links.sign(agent, until)}" if self._links else ""


def _wordings(config: Config) -> dict[Language, Localization]:
    """Return the language, digits and calendar of the pages, by language."""
    return {
        "en": localization(config, None, "en", "latin"),
        "fa": localization(config, None, "fa", "persian"),
    }
