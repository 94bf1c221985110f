"""The page at /system: the state of the daemon, the link to the PBX, the storage and the gaps, in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twisted.internet.defer import Deferred

from cc_bridge.records import Gap
from cc_bridge.web.access.visitor import Role
from cc_bridge.web.pages.page import PageHost
from cc_bridge.web.pages.visit import Answer, HtmlAnswer, PageVisit
from cc_bridge.web.pages.worded_page import WordedPage, Wording

__all__ = ["SystemFact", "SystemPage", "SystemState"]


@dataclass(frozen=True, slots=True)
class SystemFact:
    """One fact about the daemon.

    name: the name of its text on the page
    value: a number or a text; its unit follows from `kind`
    kind: instant (UTC seconds since the epoch), seconds, count, megabytes or text
    """

    name: str
    value: float | str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class SystemState:
    """The state of the daemon at one moment.

    checks: the reason why each check of /healthz and /readyz failed, empty if it passed
    facts: the facts of each part of the page, by the part's name
    """

    checks: Mapping[str, str]
    facts: Mapping[str, tuple[SystemFact, ...]]


class SystemPage(WordedPage):
    """The page at /system. `state` returns the present state; `gaps` reads the newest gaps of all PBXs."""

    name = "system"
    role = Role.ADMIN

    def __init__(
        self,
        host: PageHost,
        wording: Wording,
        state: Callable[[], SystemState],
        gaps: Callable[[], Deferred[list[Gap]]],
    ) -> None:
        super().__init__(host, wording)
        self._state = state
        self._gaps = gaps

    def page(self, visit: PageVisit) -> Deferred[Answer]:
        values: dict[str, object] = {"shown": self.shown(visit), "state": self._state()}

        def answer(gaps: list[Gap] | None) -> Answer:
            return HtmlAnswer("system.html.j2", values | {"gaps": gaps})

        # The page must also show why the database does not answer.
        return self._gaps().addErrback(lambda _: None).addCallback(answer)
