"""Query for the latest answered callers of each queue, and how many of them did not reach the survey."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, false, select

from cc_bridge.queue_names import queue_key
from cc_bridge.records import EndedBy
from cc_bridge.storage.schema.tables import not_routed_calls, talks

__all__ = ["QueueRouting", "latest_routing"]

_MAX_ROWS = 2_000  # of each table, so that the queries stay fast on a large database


@dataclass(frozen=True, slots=True)
class QueueRouting:
    """The latest answered callers of one queue: how many there are, and how many were not routed.

    Only calls that the agent ended are counted: a caller who hangs up first never reaches the survey.
    """

    callers: int
    not_routed: int
    last_at: float  # when the last of those ended, UTC seconds since the epoch; 0 if there is none


def latest_routing(
    connection: Connection, pbx: str, since: float, callers: int
) -> Mapping[str, QueueRouting]:
    """Return, by the name of the queue, how many of its latest callers were not routed to the survey.

    Names that differ only in case are one queue; the result has the name of the queue's latest call. Only
    calls since `since`, in UTC seconds since the epoch, are read. Of each queue, at most the latest `callers`
    callers are counted.
    """
    t, n = talks.c, not_routed_calls.c
    answered = (
        select(t.queue, t.call_id, t.ended_at)
        .where(t.pbx == pbx, t.answered_at >= since, t.ended_by == EndedBy.AGENT)
        .where(t.queue != "", t.source == "observed", t.partial == false())
        .order_by(t.answered_at.desc())
    )
    missed = (
        select(n.queue, n.call_id, n.ended_at)
        .where(n.pbx == pbx, n.ended_at >= since)
        .order_by(n.ended_at.desc())
    )
    ended: dict[str, dict[str, float]] = defaultdict(dict)  # by `queue_key` and call
    names: dict[str, tuple[float, str]] = {}  # the end of the latest call, and the queue's name in it
    for name, call_id, at in connection.execute(answered.limit(_MAX_ROWS)):
        queue = queue_key(name)
        names[queue] = max((at, name), names.get(queue, (at, name)))
        ended[queue][call_id] = max(at, ended[queue].get(call_id, 0.0))
    not_routed: dict[str, set[str]] = defaultdict(set)
    for name, call_id, at in connection.execute(missed.limit(_MAX_ROWS)):
        queue = queue_key(name)
        names[queue] = max((at, name), names.get(queue, (at, name)))
        ended[queue][call_id] = at
        not_routed[queue].add(call_id)
    return {
        names[queue][1]: _routing(calls, not_routed[queue], callers) for queue, calls in sorted(ended.items())
    }


def _routing(calls: Mapping[str, float], not_routed: Collection[str], callers: int) -> QueueRouting:
    """Return the routing of the latest calls of one queue; `calls` maps a call id to the end of the call."""
    latest = sorted(calls, key=lambda call_id: calls[call_id], reverse=True)[:callers]
    missed = [calls[call_id] for call_id in latest if call_id in not_routed]
    return QueueRouting(len(latest), len(missed), max(missed, default=0.0))
