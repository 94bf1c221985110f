"""The list of lost calls with their callers, and the follow-up that a person takes for one of them.

The list also has the lost calls of withheld and shared numbers, whose callers cannot be called back. Instants
are UTC seconds since the epoch.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Engine, or_, select

from cc_bridge.customers.lost_callers import LostCaller, cause_of, follow_up_of
from cc_bridge.customers.lost_calls import LOST, RECALL_SECONDS, Contact, LostCall, lost_calls
from cc_bridge.errors import FollowUpError
from cc_bridge.follow_ups.follow_up import Action, FollowUp, FollowUpState
from cc_bridge.follow_ups.rules import follow_up
from cc_bridge.records import Direction, Outcome
from cc_bridge.storage.queries.customers import names
from cc_bridge.storage.queries.follow_up_candidates import customers_of
from cc_bridge.storage.queries.follow_ups import moved, opened
from cc_bridge.storage.queries.id_batches import id_batches
from cc_bridge.storage.queries.lost_calls import lost_between
from cc_bridge.storage.schema.column_types import without_index
from cc_bridge.storage.schema.tables import follow_ups, queue_visits, talks

__all__ = ["FollowUpTerms", "lost_caller", "lost_callers", "take_lost_call"]

_DAY = 86_400.0  # seconds; the longest call
_COLUMNS = [follow_ups.c[field.name] for field in fields(FollowUp)]

FollowUpTerms = tuple[Callable[[str], str], Callable[[float], float]]
"""The owner of a queue, and the due time of a follow-up that is opened at an instant."""


def lost_callers(
    connection: Connection,
    since: float,
    until: float,
    now: float,
    shared: Collection[str] = (),
    wanted: Callable[[LostCall], bool] = lambda _call: True,
) -> list[LostCaller]:
    """Return the lost calls whose callers entered a queue from `since` up to `until`, the newest first.

    `shared` has the caller keys that many people use. `now` is the present time: it decides whether the 24
    hours after a call, in which the caller should be reached, are over. Only calls for which `wanted` returns
    True are returned.
    """
    known = [call for call in lost_between(connection, since, until, now, shared) if wanted(call)]
    others = [call for call in _of_nobody(connection, since, until, now, shared) if wanted(call)]
    found = [*_described(connection, known, shared), *_described(connection, others, shared, known=False)]
    return sorted(found, key=lambda each: (each.call.lost_at, each.call.call_id), reverse=True)


def lost_caller(
    connection: Connection, pbx: str, call_id: str, now: float, shared: Collection[str] = ()
) -> LostCaller | None:
    """Return one lost call with its caller; None if there is no such call, or an agent answered it."""
    v = queue_visits.c
    at = connection.scalar(
        select(v.entered_at).where(v.call_id == call_id, v.pbx == pbx).order_by(v.entered_at).limit(1)
    )
    if at is None:
        return None
    found = lost_callers(
        connection, at, at + 1e-3, now, shared, lambda call: (call.pbx, call.call_id) == (pbx, call_id)
    )
    return found[0] if found else None


def take_lost_call(
    engine: Engine, lost: LostCaller, by: str, now: float, terms: FollowUpTerms, shared: Collection[str] = ()
) -> tuple[FollowUp, bool]:
    """Take the follow-up of a lost call for the person `by`; open the follow-up first if there is none.

    Return the follow-up, and whether this function opened it. `terms` has the owner and the due time of a new
    follow-up. Raises FollowUpError for a withheld or shared number. It is also raised if another person has
    taken or closed the follow-up before; its text names this person.
    """
    owner, due_at = terms
    key = lost.call.caller_key
    with engine.connect() as connection:
        customer = customers_of(connection, [key], shared).get(key)
        if customer is None:
            raise FollowUpError("a withheld or shared number cannot be called back")
        there = follow_up_of(lost.call, _follow_ups(connection, customer.keys))
    is_new = False
    if there is None:
        cause = cause_of(lost)
        new = follow_up(cause, owner(lost.call.queue), due_at(cause.at))
        is_new = opened(engine, new, customer.name, customer.keys)
        with engine.connect() as connection:
            there = follow_up_of(lost.call, _follow_ups(connection, customer.keys)) or new
    with engine.begin() as connection:
        return moved(connection, there.follow_up_id, Action.TAKE, by, "", now), is_new


def _of_nobody(
    connection: Connection, since: float, until: float, now: float, shared: Collection[str]
) -> Iterator[LostCall]:
    """Yield the lost calls of withheld and shared numbers from `since` up to `until`.

    Nothing is known about later calls of these callers.
    """
    v, t = queue_visits.c, talks.c
    statement = select(
        v.caller_key, v.pbx, v.call_id, v.queue, v.entered_at, v.left_at, v.outcome, v.agent
    ).where(
        v.entered_at >= since - _DAY,
        v.entered_at < min(now, until + RECALL_SECONDS),
        or_(v.caller_key == "", v.caller_key.in_(sorted(shared))),
    )
    by_call: dict[tuple[str, str], list[Contact]] = {}
    for row in connection.execute(statement.order_by(v.entered_at)):
        by_call.setdefault((row.pbx, row.call_id), []).append(
            Contact(row.caller_key, row.pbx, row.call_id, Direction.IN, row.queue, row.entered_at,
                    row.left_at, row.left_at, Outcome(row.outcome), row.agent or "")
        )  # fmt: skip
    maybe = {call: stays for call, stays in by_call.items() if stays[-1].outcome in LOST}
    for some in id_batches(sorted({call_id for _, call_id in maybe})):
        answered = select(t.pbx, t.call_id).where(t.call_id.in_(some), without_index(t.queue) == "")
        for row in connection.execute(answered):
            maybe.pop((row.pbx, row.call_id), None)
    for stays in maybe.values():
        yield from (call for call in lost_calls(stays, now) if since <= call.entered_at < until)


def _described(
    connection: Connection, calls: Sequence[LostCall], shared: Collection[str], *, known: bool = True
) -> Iterator[LostCaller]:
    waits = _waits(connection, calls)
    keys = {call.caller_key for call in calls} if known else set()
    named = names(connection, keys)
    people = customers_of(connection, keys, shared)
    theirs: dict[str, list[FollowUp]] = {}
    for each in _follow_ups(connection, {key for person in people.values() for key in person.keys}):
        theirs.setdefault(each.caller_key, []).append(each)
    for call in calls:
        number, seconds = waits.get((call.pbx, call.call_id), ("", call.lost_at - call.entered_at))
        person = people.get(call.caller_key)
        of_them = [each for key in (person.keys if person else ()) for each in theirs.get(key, ())]
        yield LostCaller(
            call, number, named.get(call.caller_key, ""), seconds, known, follow_up_of(call, of_them)
        )


def _waits(connection: Connection, calls: Iterable[LostCall]) -> Mapping[tuple[str, str], tuple[str, float]]:
    """Return the caller's number and the sum of the waits of each call, by PBX and call id."""
    v = queue_visits.c
    found: dict[tuple[str, str], tuple[str, float]] = {}
    for some in id_batches(sorted({call.call_id for call in calls})):
        rows = connection.execute(
            select(v.pbx, v.call_id, v.caller_number, v.wait_seconds).where(v.call_id.in_(some))
        )
        for row in rows:
            number, seconds = found.get((row.pbx, row.call_id), ("", 0.0))
            found[row.pbx, row.call_id] = (row.caller_number or number, seconds + row.wait_seconds)
    return found


def _follow_ups(connection: Connection, keys: Collection[str]) -> list[FollowUp]:
    found: list[FollowUp] = []
    for some in id_batches(sorted(keys)):
        rows: Iterable[Any] = connection.execute(
            select(*_COLUMNS).where(follow_ups.c.caller_key.in_(some))
        ).mappings()
        found += (FollowUp(**{**row, "state": FollowUpState(row["state"])}) for row in rows)
    return found
