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
from twisted.web.resource import Resource

from cc_bridge.customers.recording_address import comment_url
from cc_bridge.customers.spoken_comment import StoredComment
from cc_bridge.web.access.agent_links import AgentLinks, BadLink
from cc_bridge.web.access.token_auth import ONLY_WITH_ONE, bearer
from cc_bridge.web.json_resource import JsonResource, as_bytes, usual_rate
from cc_bridge.web.openapi.agents import AGENT, COMMENT
from cc_bridge.web.pages.comments import ReadSound
from cc_bridge.web.preferences import preferences
from cc_bridge.web.resources import TreeResource, fault, part_of

if TYPE_CHECKING:
    from cc_bridge.reports.render.localization import Language

__all__ = ["AgentCommentsResource", "AgentResource"]

_HALF_DAY = 12 * 3600  # seconds

FindAgentComment = Callable[[str, float], Deferred[StoredComment | None]]
"""A function that finds a spoken comment by the rated agent and its instant."""

# Agent, number of days, language -> the fields of the page.
ReadAgentPage = Callable[[str, int, "Language"], Deferred[dict[str, Any]]]


class AgentResource(JsonResource):
    """The resource /api/agent, which returns the figures of one agent.

    `read` gets the agent's name, the number of days and the language. It returns a Deferred that fires with
    the JSON fields of these figures.
    """

    subject = "agent's own page"
    operations = (AGENT,)

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
        asked = AGENT.query_of(request)
        links, now = self._links, self._now()

        def found(figures: dict[str, Any]) -> bytes:
            for comment in figures.get("comments", ()):
                if (at := comment.get("sound")) is not None:
                    key = links.sign_comment(agent, at, min(until, _sound_until(now)))
                    comment["sound"] = f"api/agent/comments/{key}"
            return as_bytes(figures | {"link_ends": until})

        answer = self._read(agent, asked.days, preferences(request).language)
        return self.later(request, answer.addCallback(found))


class AgentCommentsResource(TreeResource):
    """The recordings below /api/agent/comments; each address has the key of one comment about one agent.

    `find` finds a comment by its agent and instant. `read` reads its file. `template` returns the template of
    the addresses of recordings on another machine; if it is empty, they are files of this machine. `now`
    returns UTC seconds since the epoch.
    """

    def __init__(
        self,
        links: AgentLinks | None,
        find: FindAgentComment,
        read: ReadSound,
        template: Callable[[], str],
        now: Callable[[], float],
        clock: IReactorTime,
    ) -> None:
        super().__init__()
        self.links = links
        self.find = find
        self.read = read
        self.template = template
        self.now = now
        self.clock = clock
        self.rate = usual_rate()

    def getChild(self, path: bytes, request: Any) -> Resource:  # noqa: ARG002, N802  # Twisted's
        return _AgentCommentResource(self, path.decode("ascii", "replace"))


class _AgentCommentResource(JsonResource):
    """One recording: /api/agent/comments/KEY."""

    subject = "comment on an agent's own page"
    operations = (COMMENT,)

    def __init__(self, comments: AgentCommentsResource, key: str) -> None:
        super().__init__(comments.clock, comments.rate)
        self._comments = comments
        self._key = key

    def answer(self, request: Request) -> bytes | int:
        if self._comments.links is None:
            return fault(request, 403, ONLY_WITH_ONE)
        try:
            agent, at = self._comments.links.verify_comment(self._key, self._comments.now())
        except BadLink as error:
            return fault(request, 401, str(error))
        if refused := self.refused(request, "comments"):
            return refused
        return self.later(request, Deferred.fromCoroutine(self._sound(request, agent, at)))

    async def _sound(self, request: Request, agent: str, at: float) -> bytes:
        found = await self._comments.find(agent, at)
        if found is None or not found.recording:
            return fault(request, 404, "this recording has been erased")
        if elsewhere := comment_url(self._comments.template(), found.pbx, found.recording):
            request.setResponseCode(303)
            request.setHeader("location", elsewhere)
            return b""
        sound = await self._comments.read(found)
        if sound is None:
            return fault(request, 404, "this recording is not on this machine")
        return part_of(request, sound, "audio/wav")


def _sound_until(now: float) -> int:
    """Return the expiry time of a comment's key: noon or midnight UTC, 12 to 24 hours after `now`.

    All pages that are loaded in the same half of a day have the same keys. So a player is not interrupted
    when its page is loaded again.
    """
    return (int(now) // _HALF_DAY + 2) * _HALF_DAY
