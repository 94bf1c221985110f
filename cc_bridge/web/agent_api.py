"""The JSON API of the agent page: /api/agent returns the figures of one agent.

Each agent has a link with a signed key; see `agent_links.py`. Only this key decides which agent's figures a
request gets. The URL does not name the agent, so a changed URL never shows another agent's figures. The log
does not contain the agent's name. The page at /agent shows the figures.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.http import Request

from cc_bridge.web.agent_links import AgentLinks, BadLink
from cc_bridge.web.auth import ONLY_WITH_ONE, bearer
from cc_bridge.web.json_resource import JsonResource, as_bytes, usual_rate
from cc_bridge.web.resources import fault
from cc_bridge.web.static_pages import chosen_language

if TYPE_CHECKING:
    from cc_bridge.reports.render.localization import Language

__all__ = ["AgentResource"]

SPANS = (1, 7, 30)  # numbers of days, the last of which is today

# Agent, number of days, language -> the fields of the page.
ReadAgentPage = Callable[[str, int, "Language"], Deferred[dict[str, Any]]]


class AgentResource(JsonResource):
    """The resource /api/agent, which returns the figures of one agent.

    `read` gets the agent's name, the number of days and the language. It returns a Deferred that fires with
    the JSON fields of these figures.
    """

    subject = "agent's own page"

    def __init__(
        self, links: AgentLinks | None, read: ReadAgentPage, now: Callable[[], float], clock: IReactorTime
    ) -> None:
        """Set the verifier of agent links (`links`) and the function that reads an agent's figures (`read`).

        `links` is None if no token is configured; every request is then refused with 403. `now` returns UTC
        seconds since the epoch.
        """
        super().__init__(clock, usual_rate())
        self._links = links
        self._read = read
        self._now = now

    def answer(self, request: Request) -> bytes | int:
        if self._links is None:
            return fault(request, 403, ONLY_WITH_ONE)
        try:
            agent, until = self._links.verify(bearer(request).decode("ascii", "replace"), self._now())
        except BadLink as error:
            request.setHeader("www-authenticate", "Bearer")
            return fault(request, 401, str(error))
        if refused := self.refused(request, "agents"):
            return refused
        days = (request.args or {}).get(b"days", [b"7"])[-1].decode("ascii", "replace")
        if days not in map(str, SPANS):
            return fault(request, 400, f"days must be one of {', '.join(map(str, SPANS))}")

        def found(figures: dict[str, Any]) -> bytes:
            return as_bytes(figures | {"link_ends": until})

        answer = self._read(agent, int(days), chosen_language(request))
        return self.later(request, answer.addCallback(found))
