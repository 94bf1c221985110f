"""The data of the page /api/agent: an agent's own figures, read from the database.

The database may be slow or unreachable, and many agents open the page at the start of a shift. So the
database is read in a few threads that serve only this page. The reads delay no other part of the daemon.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from cc_bridge.config.report_parameters import localization
from cc_bridge.customers.spoken_comment import StoredComment
from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.reports.agent_page import as_json
from cc_bridge.reports.calendar import Days
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.render.localization import Language
from cc_bridge.storage.personal_data.recordings import Recordings
from cc_bridge.storage.queries.agent_page import read_agent_page
from cc_bridge.storage.queries.spoken_comments import comment_of_agent
from cc_bridge.web.access.agent_links import AgentLinks
from cc_bridge.web.agent_api import AgentCommentsResource, AgentResource
from cc_bridge.web.resources import TreeResource

__all__ = ["AgentApi"]

_READS = 2  # concurrent


class AgentApi(DaemonService):
    """The service whose `resource` answers /api/agent; `now` returns the PBX's clock in UTC seconds."""

    taken_over = (
        "general.time_zone",
        "reports.min_sample_size",
        "recordings.comments_url",
        "survey.recordings_directory",
    )

    def __init__(self, context: Context, now: Callable[[], float]) -> None:
        super().__init__(context)
        config = context.config
        token = config.http.access_token()
        self._now = now
        self._reads = context.database.read_pool("agents", _READS)
        links = AgentLinks(token, config.pbx.name) if token else None
        comments = AgentCommentsResource(
            links,
            self.comment,
            self.sound,
            lambda: self.config.recordings.comments_url,
            now,
            context.reactor,
        )
        figures = AgentResource(links, self.read, now, context.reactor)
        self.resource = TreeResource(figures, comments=comments)

    def start(self) -> None:
        self._reads.start()

    def stop(self) -> None:
        self._reads.stop()

    def read(self, agent: str, days: int, language: Language) -> Deferred[dict[str, Any]]:
        """Read an agent's figures of the last `days` days including today.

        The Deferred fires with a JSON object in the given language.
        """
        config, now = self.config, self._now()

        def query(connection: Connection) -> dict[str, Any]:
            days_there = Days(config.general.zone)
            today = days_there.today(now)
            asked = ReportQuery(
                today - timedelta(days - 1),
                today,
                Dimension.AGENT,
                days_there,
                config.pbx.name,
                minimum=config.reports.min_sample_size,
                agent=agent,
            )
            found = read_agent_page(connection, asked)
            fields = as_json(found, localization(config, asked, language), now)
            for comment, spoken in zip(fields["comments"], found.comments, strict=True):
                comment["sound"] = spoken.at if spoken.kept else None
            return fields | {"plays": not config.recordings.comments_url}

        return self._reads.read(query)

    def comment(self, agent: str, at: float) -> Deferred[StoredComment | None]:
        """Find the spoken comment about an agent that was left at the instant `at`; None if there is none."""
        pbx = self.config.pbx.name
        return self._reads.read(lambda connection: comment_of_agent(connection, pbx, agent, at))

    def sound(self, comment: StoredComment) -> Deferred[bytes | None]:
        """Read the file of a comment; None if it is not on this machine."""
        folder = self.config.survey.recordings_directory
        return self._reads.read(lambda _connection: Recordings(folder).read(comment.recording))
