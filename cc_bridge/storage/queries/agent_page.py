"""Queries for the report page of one agent.

Each query uses an index of agent and time, except the query for the team average. The team average needs the
answers for all agents, over at most 30 days. So the cost of this query grows with the size of the contact
centre.
"""

from dataclasses import replace

from sqlalchemy import Connection, select

from cc_bridge.reports import agent_page as page
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.team_average import averages, ended_days
from cc_bridge.storage.reports import SqlSource
from cc_bridge.storage.schema.tables import answers

__all__ = ["COMMENTS", "read_agent_page"]

COMMENTS = 100  # number of spoken comments shown, the newest first


def read_agent_page(connection: Connection, ask: ReportQuery) -> page.AgentPage:
    """Return the figures and comments for the report page of the agent `ask.agent`."""
    ask = replace(ask, by=Dimension.AGENT)
    whole = ended_days(ask)
    team = averages(ask.agent, whole, SqlSource(connection, whole).answers(Dimension.AGENT)) if whole else {}
    return page.agent_page(ask, SqlSource(connection, ask), team, _comments(connection, ask), COMMENTS)


def _comments(connection: Connection, ask: ReportQuery) -> tuple[page.SpokenComment, ...]:
    c = answers.c
    span = (c.answered_at >= ask.since, c.answered_at < ask.until)
    rows = connection.execute(
        select(c.answered_at, c.queue, c.value, c.recording)
        .where(c.agent == ask.agent, *span, c.pbx == ask.pbx, c.kind == "comment")
        .order_by(c.answered_at.desc())
        .limit(COMMENTS + 1)
    )
    return tuple(
        page.SpokenComment(row.answered_at, row.queue, row.value, bool(row.recording)) for row in rows
    )
