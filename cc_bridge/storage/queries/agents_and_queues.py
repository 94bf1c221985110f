"""Queries for the names of agents and queues that the database has seen."""

from sqlalchemy import Connection, select, union

from cc_bridge.storage.schema.column_types import without_index
from cc_bridge.storage.schema.tables import (
    agent_intervals,
    queue_visits,
    talks,
)

__all__ = ["agents_since", "is_agent", "queues_between"]


def is_agent(connection: Connection, pbx: str, name: str) -> bool:
    """Return True if the database has a state or a talk of an agent with this name on a PBX."""
    i, t = agent_intervals.c, talks.c
    seen = (
        select(i.agent).where(i.pbx == pbx, i.agent == name),
        select(t.agent).where(without_index(t.pbx) == pbx, t.agent == name),
    )
    return any(connection.scalar(each.limit(1)) is not None for each in seen)


def agents_since(connection: Connection, pbx: str, since: float) -> list[str]:
    """Return the sorted names of a PBX's agents who have a state or talk that started at `since` or later.

    `since` is in UTC seconds since the epoch.
    """
    i, t = agent_intervals.c, talks.c
    seen = union(
        select(i.agent).where(without_index(i.pbx) == pbx, i.started_at >= since),
        select(t.agent).where(without_index(t.pbx) == pbx, t.answered_at >= since, t.agent != ""),
    )
    return sorted(connection.scalars(seen))


def queues_between(connection: Connection, since: float, until: float) -> set[str]:
    """Return the names of the queues that a caller entered from `since` up to, but not including, `until`.

    Both instants are in UTC seconds since the epoch.
    """
    v = queue_visits.c
    entered = select(v.queue).where(v.entered_at >= since, v.entered_at < until)
    return set(connection.scalars(entered.distinct()))
