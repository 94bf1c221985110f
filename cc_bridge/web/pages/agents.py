"""The pages at /agents: the figures of the agents, and the page of one agent for a lead.

A lead sees only agents who had a ring or a talk in the own queues. Talks, rings and ratings are then those of
the own queues; the times of an agent's states belong to no queue.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from cc_bridge.customers.spoken_comment import StoredComment
from cc_bridge.kpis.units import Unit
from cc_bridge.reports.calendar import Days
from cc_bridge.reports.figures import Figure, Report, ReportRow, ReportTable
from cc_bridge.reports.render.localization import Language
from cc_bridge.web.access.visitor import Role
from cc_bridge.web.pages.addresses import agent_address, comment_address
from cc_bridge.web.pages.arguments import Span, filter_queues, span_of, stored_name
from cc_bridge.web.pages.page import PageHost
from cc_bridge.web.pages.visit import Answer, HtmlAnswer, PageError, PageVisit
from cc_bridge.web.pages.worded_page import WordedPage, Wording

__all__ = ["AgentFigures", "AgentReads", "AgentsPage", "has_worked"]

_DAYS = 7
_LONGEST = 92  # days
_LINK_DAYS = 90


@dataclass(frozen=True, slots=True)
class AgentFigures:
    """The figures of one agent.

    page: the fields of the agent page, see `reports/agent_page.py`
    comments: the spoken comments about the agent, the newest first
    has_worked: the agent had a ring or a talk, or was rated
    """

    page: Mapping[str, Any]
    comments: tuple[StoredComment, ...]
    has_worked: bool


class AgentReads(Protocol):
    """The reads of the database that the pages need."""

    def report(self, span: Span, queues: Collection[str]) -> Deferred[Report]:
        """Compute the report `agents` of the queues; an empty collection means all queues."""
        ...

    def figures(
        self, agent: str, span: Span, queues: Collection[str], language: Language
    ) -> Deferred[AgentFigures]:
        """Read the figures of one agent in the queues; an empty collection means all queues."""
        ...


def has_worked(table: ReportTable, row: ReportRow) -> bool:
    """Return whether a row of the report `agents` has a talk, a ring or a rating."""
    cells = (table.cell(row, name) for name in ("talks", "rings"))
    rated = table.cell(row, "csat")
    return any(cell is not None and cell.value for cell in cells) or bool(rated and rated.n)


class AgentsPage(WordedPage):
    """The pages /agents and /agents/NAME.

    `queues` returns the configured queues, `days` the calendar. `own_link` gets an agent's name and an expiry
    time in UTC seconds since the epoch. It returns the address of the page that this agent may open without a
    log-in until then; empty if the daemon has no token. `sounds` returns whether recordings are files of this
    machine.
    """

    name = "agents"
    role = Role.LEAD
    longest_path = 1

    def __init__(
        self,
        host: PageHost,
        wording: Wording,
        reads: AgentReads,
        queues: Callable[[], list[str]],
        days: Callable[[], Days],
        own_link: Callable[[str, int], str],
        sounds: Callable[[], bool],
    ) -> None:
        super().__init__(host, wording)
        self._reads = reads
        self._queues = queues
        self._days = days
        self._own_link = own_link
        self._sounds = sounds

    def page(self, visit: PageVisit) -> Deferred[Answer]:
        span = span_of(visit, self._days(), _DAYS, _LONGEST)
        asked = visit.argument("queue")
        if asked:
            visit.need(asked)
        queues, queue = filter_queues(visit.visitor, self._queues(), asked)
        only = (queue,) if queue else tuple(visit.visitor.queues or ())
        if visit.visitor.queues is not None and not only:
            raise PageError(403, "you are the owner of no queue")
        values = {
            "shown": self.shown(visit),
            "span": span,
            "queues": queues,
            "queue": queue,
            "filters": {name: visit.argument(name) for name in ("from", "to", "queue")},
            "agent_address": agent_address,
            "comment_address": comment_address,
            "sounds": self._sounds(),
        }
        if visit.path:
            return self._one(visit, stored_name(visit.path[0]), span, only, values)

        def answer(report: Report) -> Answer:
            return HtmlAnswer("agents.html.j2", values | self._all(visit, report))

        return self._reads.report(span, only).addCallback(answer)

    def _all(self, visit: PageVisit, report: Report) -> dict[str, object]:
        (table,) = report.tables
        is_admin = visit.visitor.has(Role.ADMIN)
        rows = [row for row in table.rows if visit.visitor.queues is None or has_worked(table, row)]
        until = int(visit.now) + _LINK_DAYS * 86_400
        names = [str(row.keys[0]) for row in rows]
        links = {name: self._own_link(name, until) for name in names} if is_admin else {}
        return {
            "table": table,
            "rows": rows,
            "total": table.total if visit.visitor.queues is None else None,
            "links": {name: link for name, link in links.items() if link},
            "link_days": _LINK_DAYS,
        }

    def _one(
        self, visit: PageVisit, agent: str, span: Span, only: Collection[str], values: dict[str, object]
    ) -> Deferred[Answer]:
        def answer(found: AgentFigures) -> Answer:
            if not found.has_worked and visit.visitor.queues is not None:
                raise PageError(403, "this agent had no call of your queues in these days")
            return HtmlAnswer(
                "agent.html.j2",
                values | {"agent": agent, "found": found, "figure": _figure, "parts_of": _reasons},
            )

        return self._reads.figures(agent, span, only, visit.language).addCallback(answer)


def _figure(field: Mapping[str, Any]) -> tuple[Unit, Figure | None]:
    """Return the unit and the figure of one field of the agent page."""
    unit = Unit(field["unit"])
    if field["value"] is None:
        return unit, Figure(0.0, field["n"], enough=False) if field["n"] is not None else None
    return unit, Figure(field["value"], field["n"], field["low"], field["high"])


def _reasons(reasons: Collection[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the reasons of the agent page, grouped by the label of their step."""
    steps: dict[str, list[Mapping[str, Any]]] = {}
    for reason in reasons:
        steps.setdefault(reason["step_label"], []).append(reason)
    return steps
