"""Shows people what is about them or for them to do: an agent's own page, and the list of follow-ups.

`daemon/bridge.py` makes one. The trap: the database may be slow or away, and both pages are asked for by many
at the begin of a shift; so they read beside the reactor, few at a time, apart from the greeting and from each
other.
"""

from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from twisted.internet.defer import Deferred, fail

from cc_bridge.config import Config
from cc_bridge.errors import FollowUpError
from cc_bridge.follow_ups.follow_up import Action, FollowUp, FollowUpState, change
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.queries.customers import names
from cc_bridge.storage.queries.follow_ups import listed, moved, one
from cc_bridge.storage.read_pool import DatabaseReadPool
from cc_bridge.web.agent_api import AgentResource
from cc_bridge.web.follow_up_api import ActionResult, FollowUpList, FollowUpsResource
from cc_bridge.web.session import FollowUpSession
from cc_bridge.web.signed_links import SignedLinks

if TYPE_CHECKING:
    from cc_bridge.reports.render.localization import Language

__all__ = ["PeopleApi"]

_AT_ONCE = 2  # readings of each kind at a time
_LISTED = 200  # follow-ups


class PeopleApi:
    """`agent` serves /api/agent and `follow_ups` /api/follow-ups, from `start` on.

    `now` is the PBX's clock, `config` gives the configuration in force.
    """

    def __init__(self, config: Callable[[], Config], now: Callable[[], float], reactor: Any) -> None:
        self._config = config
        self._now = now
        fixed = config()
        open_engine = partial(make_engine, fixed.storage.url)
        token = fixed.http.access_token()
        self._own = DatabaseReadPool(open_engine, _AT_ONCE, "agents", reactor)
        links = SignedLinks(token, fixed.pbx.name) if token else None
        self.agent = AgentResource(links, self._of_agent, now, reactor)
        self._list = DatabaseReadPool(open_engine, _AT_ONCE, "follow-ups", reactor)
        session = FollowUpSession(token, now)
        self.follow_ups = FollowUpsResource(
            session, self._listed, self._moved, now, lambda: self._config().survey.zone, reactor
        )

    def start(self) -> None:
        self._own.start()
        self._list.start()

    def stop(self) -> None:
        self._own.stop()
        self._list.stop()

    def _of_agent(self, agent: str, days: int, language: "Language") -> Deferred[dict[str, Any]]:
        config, now = self._config(), self._now()

        def read(connection: Connection) -> dict[str, Any]:
            # Here: reports are memory that those need not spend whose agents never look.
            from cc_bridge.digest.report_settings import localization  # noqa: PLC0415
            from cc_bridge.reports.agent_page import as_json  # noqa: PLC0415
            from cc_bridge.reports.calendar import Days  # noqa: PLC0415
            from cc_bridge.reports.query import Dimension, ReportQuery  # noqa: PLC0415
            from cc_bridge.storage.queries.agent_page import own  # noqa: PLC0415

            days_there = Days(config.survey.zone)
            today = days_there.today(now)
            ask = ReportQuery(
                today - timedelta(days - 1),
                today,
                Dimension.AGENT,
                days_there,
                config.pbx.name,
                minimum=config.reports.minimum,
                agent=agent,
            )
            return as_json(own(connection, ask), localization(config, ask, language), now)

        return self._own.read(read)

    def _listed(self, owner: str, states: Collection[FollowUpState]) -> Deferred[FollowUpList]:
        def read(connection: Connection) -> FollowUpList:
            found = listed(connection, owner=owner, states=states, limit=_LISTED + 1)
            return _named(connection, found[:_LISTED], more=len(found) > _LISTED)

        return self._list.read(read)

    def _moved(self, follow_up_id: str, move: Action, by: str, text: str) -> Deferred[ActionResult]:
        now = self._now()
        try:
            change(move, by, text, now)  # what can never be stored is told before the database is asked
        except FollowUpError as error:
            return fail(error)

        def write(connection: Connection) -> ActionResult:
            try:
                found = moved(connection, follow_up_id, move, by, text, now)
            except FollowUpError as error:
                current = one(connection, follow_up_id)
                is_there = current is not None and current.follow_up_id == follow_up_id
                return ActionResult(
                    str(error), _named(connection, [current]) if current and is_there else None
                )
            connection.commit()
            return ActionResult("", _named(connection, [found]))

        return self._list.read(write)


def _named(connection: Connection, follow_ups: Collection[FollowUp], *, more: bool = False) -> FollowUpList:
    """Return follow-ups with the names of their customers."""
    known = names(connection, {each.caller_key for each in follow_ups})
    return FollowUpList(tuple(follow_ups), known, more)
