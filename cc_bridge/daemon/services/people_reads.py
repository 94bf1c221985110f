"""The database reads of the pages about persons, in the threads of the pages' read pool.

Reports and searches take the database and the CPU long, so nothing of them runs in the reactor's thread.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, select
from twisted.internet.defer import Deferred

from cc_bridge.config import Config
from cc_bridge.config.report_parameters import report_query
from cc_bridge.customers.call_journey import CallJourney
from cc_bridge.customers.customer_search import FoundCustomer
from cc_bridge.customers.lost_callers import LostCaller
from cc_bridge.customers.lost_calls import LostCall
from cc_bridge.customers.number_keys import NumberKeys
from cc_bridge.customers.spoken_comment import StoredComment
from cc_bridge.customers.timeline import Timeline
from cc_bridge.daemon.jobs.follow_ups import follow_up_policy
from cc_bridge.errors import FollowUpError
from cc_bridge.records import Gap, GapReason
from cc_bridge.reports.agent_page import as_json
from cc_bridge.reports.agents import agents
from cc_bridge.reports.figures import Report
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.render.localization import Language, Localization
from cc_bridge.storage.personal_data.recordings import Recordings
from cc_bridge.storage.queries.agent_page import COMMENTS, read_agent_page
from cc_bridge.storage.queries.call_journey import call_journey
from cc_bridge.storage.queries.customer_search import customers_like
from cc_bridge.storage.queries.customer_timeline import timeline
from cc_bridge.storage.queries.lost_callers import lost_caller, lost_callers, take_lost_call
from cc_bridge.storage.queries.spoken_comments import comment_of_attempt, comments_about
from cc_bridge.storage.read_pool import DatabaseReadPool
from cc_bridge.storage.reports import SqlSource
from cc_bridge.storage.schema.tables import gaps
from cc_bridge.web.pages.agents import AgentFigures, has_worked
from cc_bridge.web.pages.arguments import Span
from cc_bridge.web.pages.lost import TakeResult

__all__ = ["AgentReader", "CallReader", "CustomerReader", "LostCallReader", "Surroundings"]

_GAPS = 20


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The database and the configuration that all readers use.

    numbers: recognises customers by their numbers
    now: the PBX's clock in UTC seconds since the epoch
    config: returns the configuration in force
    """

    reads: DatabaseReadPool
    engine: Engine
    numbers: NumberKeys
    now: Callable[[], float]
    config: Callable[[], Config]

    @property
    def shared(self) -> Collection[str]:
        """The caller keys of numbers that many people use."""
        return self.numbers.shared


class LostCallReader:
    """The reads of lost calls. `on_opened` counts a follow-up that was opened, by its reason."""

    def __init__(self, around: Surroundings, on_opened: Callable[[str], None]) -> None:
        self._around = around
        self._on_opened = on_opened

    def listed(
        self, since: float, until: float, wanted: Callable[[LostCall], bool]
    ) -> Deferred[list[LostCaller]]:
        """Read the lost calls of a span for which `wanted` returns True, the newest first."""
        now, shared = self._around.now(), self._around.shared
        return self._around.reads.read(
            lambda connection: lost_callers(connection, since, until, now, shared, wanted)
        )

    def one(self, pbx: str, call_id: str) -> Deferred[LostCaller | None]:
        """Read one lost call; None if there is none."""
        now, shared = self._around.now(), self._around.shared
        return self._around.reads.read(lambda connection: lost_caller(connection, pbx, call_id, now, shared))

    def take(self, lost: LostCaller, by: str) -> Deferred[TakeResult]:
        """Open the follow-up of a lost call if there is none, and take it for the person `by`."""
        around, now, shared = self._around, self._around.now(), self._around.shared
        policy = follow_up_policy(around.config(), frozenset(shared))
        opened: list[str] = []

        def write(connection: Connection) -> TakeResult:
            terms = (policy.owner, policy.due_at)
            try:
                taken, is_new = take_lost_call(around.engine, lost, by, now, terms, shared)
            except FollowUpError:
                current = lost_caller(connection, lost.call.pbx, lost.call.call_id, now, shared)
                return TakeResult(current.follow_up if current else None, refused=True)
            if is_new:
                opened.append(taken.reason)
            return TakeResult(taken, refused=False)

        def count(result: TakeResult) -> TakeResult:
            for reason in opened:
                self._on_opened(reason)
            return result

        return around.reads.read(write).addCallback(count)


class CallReader:
    """The reads of one call, of its spoken comments, and of the gaps."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def journey(self, pbx: str, call_id: str) -> Deferred[CallJourney | None]:
        """Read all records of one call; None if nothing is stored about it."""
        shared = self._around.shared
        return self._around.reads.read(lambda connection: call_journey(connection, pbx, call_id, shared))

    def comment(self, pbx: str, attempt_id: str, question: str) -> Deferred[StoredComment | None]:
        """Find the spoken comment that answers a question of a survey attempt; None if there is none."""
        return self._around.reads.read(
            lambda connection: comment_of_attempt(connection, pbx, attempt_id, question)
        )

    def sound(self, comment: StoredComment) -> Deferred[bytes | None]:
        """Read the file of a comment; None if it is not on this machine, or is of another PBX."""
        config = self._around.config()

        def read(_connection: Connection) -> bytes | None:
            own = comment.pbx == config.pbx.name
            return Recordings(config.survey.recordings_directory).read(comment.recording) if own else None

        return self._around.reads.read(read)

    def gaps(self) -> Deferred[list[Gap]]:
        """Read the newest gaps of all PBXs."""

        def read(connection: Connection) -> list[Gap]:
            rows = connection.execute(select(gaps).order_by(gaps.c.started_at.desc()).limit(_GAPS))
            return [
                Gap(row.pbx, row.started_at, row.ended_at, GapReason(row.reason), row.calls_affected)
                for row in rows
            ]

        return self._around.reads.read(read)


class CustomerReader:
    """The reads of customers."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def timeline(self, keys: Sequence[str]) -> Deferred[Timeline]:
        """Read the timeline of the customer who has these caller keys."""
        now, shared = self._around.now(), self._around.shared
        return self._around.reads.read(lambda connection: timeline(connection, keys, now, shared))

    def search(self, text: str, sees: Callable[[str], bool] | None) -> Deferred[list[FoundCustomer]]:
        """Search customers by a part of the name or of the CRM id; see `customers_like`."""
        return self._around.reads.read(lambda connection: customers_like(connection, text, sees))


class AgentReader:
    """The reads of agents' figures. `wording` returns the labels of a language."""

    def __init__(self, around: Surroundings, wording: Callable[[Language], Localization]) -> None:
        self._around = around
        self._wording = wording

    def report(self, span: Span, queues: Collection[str]) -> Deferred[Report]:
        """Compute the report `agents` of the queues; an empty collection means all queues."""
        ask = self._query(span, queues)
        return self._around.reads.read(lambda connection: agents(ask, SqlSource(connection, ask)))

    def figures(
        self, agent: str, span: Span, queues: Collection[str], language: Language
    ) -> Deferred[AgentFigures]:
        """Read the figures of one agent in the queues; an empty collection means all queues."""
        ask = replace(self._query(span, queues), agent=agent)
        wording, now = self._wording(language), self._around.now()

        def read(connection: Connection) -> AgentFigures:
            found = read_agent_page(connection, ask)
            said = comments_about(connection, agent, span.since, span.until, COMMENTS)
            comments = tuple(each for each in said if ask.covers(each.queue))
            table = found.work.tables[0]
            present = any(has_worked(table, row) for row in table.rows) or bool(comments)
            return AgentFigures(as_json(found, wording, now), comments, present)

        return self._around.reads.read(read)

    def _query(self, span: Span, queues: Collection[str]) -> ReportQuery:
        asked = report_query(self._around.config(), span.first, span.last, tuple(queues))
        return replace(asked, by=Dimension.AGENT)
