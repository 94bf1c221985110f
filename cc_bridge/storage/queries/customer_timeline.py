"""The timeline of one customer: queries for visits, talks, ratings and follow-ups.

The functions take the caller keys of one number. `customers.py` adds the caller keys of the customer's other
numbers. Each table is read by its index of caller keys, and only the newest rows are read.

Calls on two PBXs may have the same `call_id`, and surveys the same `attempt_id`. So rows are searched by id,
and rows of another PBX are then left out.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from cc_bridge.customers.lost_calls import Contact, LostCall, lost_calls
from cc_bridge.customers.timeline import (
    Timeline,
    TimelineEntry,
    TimelineFollowUp,
    TimelineRating,
    TimelineTalk,
    TimelineVisit,
)
from cc_bridge.follow_ups.follow_up import FollowUp
from cc_bridge.records import Direction, Outcome
from cc_bridge.storage.queries.customers import CallerKeySet, answers_of, known
from cc_bridge.storage.queries.follow_ups import of_customer
from cc_bridge.storage.queries.id_batches import id_batches
from cc_bridge.storage.schema.tables import calls, queue_visits, survey_attempts, talks

__all__ = ["ENTRIES", "timeline"]

ENTRIES = 500  # limit for each of visits, direct calls, surveys and follow-ups, the newest first


def timeline(
    connection: Connection, keys: CallerKeySet, now: float, shared: Collection[str] = (), most: int = ENTRIES
) -> Timeline:
    """Return the newest visits, talks, ratings and follow-ups of a customer.

    `keys` are the caller keys of one of the customer's numbers. The customer's other numbers are included,
    except caller keys in `shared`, which many people use. At most `most` rows of each table are read. `now`
    is in UTC seconds since the epoch.
    """
    customer, keys = known(connection, keys, shared)
    v, c, s = queue_visits.c, calls.c, survey_attempts.c
    found = _newest(connection, queue_visits, v.entered_at, keys, most)
    direct = select(calls).where(c.caller_key.in_(keys), c.queues == 0)
    called = connection.execute(direct.order_by(c.started_at.desc()).limit(most)).all()
    asked = _newest(connection, survey_attempts, s.started_at, keys, most)
    ways = {(row.pbx, row.call_id): row.direction for row in called}
    ways |= {(row.pbx, row.call_id): Direction.IN for row in found}
    talked = [row for row in _of_calls(connection, ways) if (row.pbx, row.call_id) in ways]
    lost = {(each.pbx, each.call_id): each for each in lost_calls(_contacts(found, talked, ways), now)}
    surveys = {(row.pbx, row.attempt_id): row for row in asked}
    entries: list[TimelineEntry] = [_visited(row, lost) for row in found]
    entries += [_talked(row, ways[row.pbx, row.call_id]) for row in talked]
    entries += [_rated(row, surveys[row.pbx, row.attempt_id]) for row in answers_of(connection, asked)]
    followed = of_customer(connection, keys, most)
    entries += map(_followed_up, followed)
    more = most in (len(found), len(called), len(asked), len(followed))
    return Timeline.of(customer, entries, more=more)


def _newest(connection: Connection, table: Any, at: Any, keys: CallerKeySet, most: int) -> Sequence[Any]:
    theirs = select(table).where(table.c.caller_key.in_(keys))
    return connection.execute(theirs.order_by(at.desc()).limit(most)).all()


def _of_calls(connection: Connection, of: Collection[tuple[str, str]]) -> Iterator[Any]:
    for some in id_batches(sorted({call_id for _, call_id in of})):
        yield from connection.execute(select(talks).where(talks.c.call_id.in_(some)))


def _contacts(
    visits: Iterable[Any], talked: Iterable[Any], ways: dict[tuple[str, str], str]
) -> list[Contact]:
    """Return a customer's contacts: each queue visit, and each talk without a queue.

    `visits` and `talked` are the rows of the customer's visits and talks. `ways` maps the (PBX, call id) of
    each call to its direction. A contact has a field for the end of its call, but the rows do not say when
    the call ended. So the field gets the end of the visit or talk. Whether a lost call was followed by an
    answered one does not depend on this field.
    """
    of_queues = [
        Contact(row.caller_key, row.pbx, row.call_id, Direction.IN, row.queue, row.entered_at, row.left_at,
                row.left_at, Outcome(row.outcome), row.agent or "")
        for row in visits
    ]  # fmt: skip
    without = [
        Contact("", row.pbx, row.call_id, Direction(ways[row.pbx, row.call_id]), "", row.answered_at,
                row.answered_at, row.ended_at, Outcome.ANSWERED, row.agent)
        for row in talked
        if not row.queue
    ]  # fmt: skip
    return of_queues + without


def _visited(row: Any, lost: dict[tuple[str, str], LostCall]) -> TimelineVisit:
    call = lost.get((row.pbx, row.call_id))
    here = call if call is not None and call.lost_at == row.left_at and call.queue == row.queue else None
    return TimelineVisit(
        row.entered_at,
        row.pbx,
        row.call_id,
        row.queue,
        row.outcome,
        row.wait_seconds,
        row.agent or "",
        here.managed if here else "",
        here.agent if here else "",
        here.seconds if here else None,
    )


def _talked(row: Any, direction: str) -> TimelineTalk:
    return TimelineTalk(
        row.answered_at,
        row.pbx,
        row.call_id,
        direction,
        row.queue,
        row.agent,
        row.talk_seconds,
        row.hold_seconds,
        row.ended_by,
        row.transfer_target or "",
    )


def _rated(row: Any, attempt: Any) -> TimelineRating:
    """Return the timeline entry of a survey answer.

    An answer about the company names no queue and no agent. Its entry has those of the survey attempt.
    """
    whose = row if row.queue or row.agent else attempt
    return TimelineRating(
        row.answered_at,
        row.pbx,
        attempt.call_id,
        attempt.survey,
        row.question,
        row.kind,
        row.value,
        row.label,
        whose.queue,
        whose.agent,
        row.recording,
        row.attempt_id,
    )


def _followed_up(follow_up: FollowUp) -> TimelineFollowUp:
    return TimelineFollowUp(
        follow_up.opened_at,
        follow_up.pbx,
        follow_up.call_id,
        follow_up.follow_up_id,
        follow_up.reason,
        follow_up.detail,
        follow_up.queue,
        follow_up.owner,
        follow_up.due_at,
        follow_up.state,
        follow_up.closed_by or follow_up.taken_by,
        follow_up.closed_at,
        follow_up.outcome,
        follow_up.linked_call_id,
    )
