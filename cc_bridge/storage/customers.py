"""Customers as they are stored: who is behind a number, profile and history, and contacts for recalls.

`cc_bridge/knowing.py` reads for the pages and the greeting, `customer` for the command line; `contacts`
is for figures of many days. Every function takes an open connection; instants are UTC seconds since the
epoch. What is read of one customer uses an index of each table by caller key, and has a bound.

The trap: one person has several keys, of several numbers or writings, and the same `attempt_id` or
`call_id` may be another PBX's. So keys and ids are looked for as lists, and what belongs together is
compared with its PBX.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    union_all,
)

from cc_bridge.customers.profile import CALLS_SECONDS, Profile
from cc_bridge.customers.recall import LOST, Contact, LostCall, lost_calls
from cc_bridge.customers.timeline import Customer, Entry, FollowedUp, Rated, Talked, Timeline, Visited
from cc_bridge.follow_ups.life import FollowUp
from cc_bridge.records import CustomerNumber, Direction, Outcome
from cc_bridge.storage.follow_ups import of_customer, reasons
from cc_bridge.storage.schema import (
    answers,
    calls,
    customers,
    queue_visits,
    row_of,
    survey_attempts,
    talks,
)
from cc_bridge.storage.upsert import upsert

__all__ = ["ENTRIES", "contacts", "known", "names", "profile", "rows_between", "take_in", "timeline"]

ENTRIES = 500  # visits, talks or surveys of a timeline, the newest of each
_NUMBERS = 50  # of one customer
_SURVEYS = 10  # in which the last rating is looked for
_IN_ROWS = 500  # in one list of a statement
_BATCH = 5000  # rows that are fetched at once
# A call that began before the first day may end in it.
_LOOK_BACK = 86_400.0

Keys = Sequence[str]
_Id = TypeVar("_Id")


def known(
    connection: Connection, keys: Keys, shared: Collection[str] = ()
) -> tuple[Customer, tuple[str, ...]]:
    """Return what a CRM says of who has these keys, with the keys of all their numbers that nobody shares."""
    c = customers.c
    rows = connection.execute(
        select(c.customer_id, c.name).where(c.caller_key.in_(keys)).order_by(c.updated_at)
    )
    told = rows.all()
    if not told:
        return Customer(), tuple(keys)
    newest = told[-1]
    others: Iterable[str] = ()
    if newest.customer_id:
        same = select(c.caller_key).where(c.customer_id == newest.customer_id).limit(_NUMBERS)
        others = [key for key in connection.scalars(same) if key not in shared]
    also = [key for key in others if key not in keys]
    return Customer(newest.customer_id, newest.name, 1 + len(also)), (*keys, *also)


def names(connection: Connection, keys: Collection[str]) -> dict[str, str]:
    """Return the names that a CRM told, by key."""
    c = customers.c
    found: dict[str, str] = {}
    for some in _parts(sorted(keys)):
        rows = connection.execute(select(c.caller_key, c.name).where(c.caller_key.in_(some), c.name != ""))
        found.update((row.caller_key, row.name) for row in rows)
    return found


def profile(
    connection: Connection, keys: Keys, kind: str, now: float, shared: Collection[str] = ()
) -> Profile:
    """Return what the dialplan may know of a caller; `kind` is that of the question whose rating counts."""
    _, keys = known(connection, keys, shared)
    v, s = queue_visits.c, survey_attempts.c
    visits = connection.execute(
        select(v.pbx, v.call_id, v.entered_at, v.outcome, v.language)
        .where(v.caller_key.in_(keys), v.entered_at >= now - CALLS_SECONDS)
        .order_by(v.entered_at.desc())
        .limit(ENTRIES)
    ).all()
    asked = connection.execute(
        select(s.pbx, s.attempt_id, s.started_at, s.language)
        .where(s.caller_key.in_(keys))
        .order_by(s.started_at.desc())
        .limit(_SURVEYS)
    ).all()
    ratings = [each for each in _answers(connection, asked) if each.kind == kind]
    spoken = [(row.entered_at, row.language) for row in visits[:1]]
    spoken += [(row.started_at, row.language) for row in asked[:1]]
    return Profile(
        last_rating=max(ratings, key=attrgetter("answered_at")).value if ratings else None,
        calls=len({(row.pbx, row.call_id) for row in visits}),
        lost=bool(visits) and visits[0].outcome in LOST,
        language=max(spoken)[1] if spoken else "",
        follow_ups=tuple(reasons(connection, keys)),
    )


def timeline(
    connection: Connection, keys: Keys, now: float, shared: Collection[str] = (), most: int = ENTRIES
) -> Timeline:
    """Return the newest of what happened with a customer."""
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
    entries: list[Entry] = [_visited(row, lost) for row in found]
    entries += [_talked(row, ways[row.pbx, row.call_id]) for row in talked]
    entries += [_rated(row, surveys[row.pbx, row.attempt_id]) for row in _answers(connection, asked)]
    followed = of_customer(connection, keys, most)
    entries += map(_followed_up, followed)
    more = most in (len(found), len(called), len(asked), len(followed))
    return Timeline.of(customer, entries, more=more)


def contacts(
    connection: Connection,
    since: float,
    until: float,
    shared: Collection[str] = (),
    progress: Callable[[int], None] = lambda _rows: None,
    *,
    only_lost: bool = False,
) -> Iterator[list[Contact]]:
    """Yield the contacts of each caller who entered from `since` to `until`, in order, some rows in memory.

    Withheld and shared numbers are left out. Some contacts of the day before are there too, since what began
    there may go on. `only_lost` leaves out callers whom no queue has lost meanwhile.
    """
    theirs = queue_visits.alias()
    lost = select(theirs.c.caller_key).where(
        theirs.c.entered_at >= since, theirs.c.entered_at < until, theirs.c.outcome.in_(sorted(LOST))
    )
    statement = _contacts_between(since - _LOOK_BACK, until, lost if only_lost else None)
    rows = connection.execution_options(yield_per=_BATCH).execute(statement)

    def counted() -> Iterator[Any]:
        for part in rows.partitions():
            progress(len(part))
            yield from part

    for key, found in groupby(counted(), key=attrgetter("caller_key")):
        if key not in shared:
            yield [_contact(row) for row in found]


def rows_between(connection: Connection, since: float, until: float) -> int:
    """Return how many rows `contacts` reads."""
    counted = select(func.count()).select_from(_contacts_between(since - _LOOK_BACK, until).subquery())
    return connection.execute(counted).scalar_one()


def take_in(engine: Engine, numbers: Sequence[CustomerNumber]) -> tuple[int, int]:
    """Store some customers' numbers, in one transaction; return how many are new and how many have changed.

    What says the same as before stays as it is, so a table can be taken in again.
    """
    c = customers.c
    wanted = {number.caller_key: number for number in numbers}  # the last one counts
    with engine.begin() as connection:
        stored: dict[str, Any] = {}
        for some in _parts(sorted(wanted)):
            rows = connection.execute(select(customers).where(c.caller_key.in_(some)))
            stored |= {row.caller_key: row for row in rows}
        rows_now: list[dict[str, Any]] = []
        new = 0
        for key, number in wanted.items():
            before = stored.get(key)
            if before is not None and (before.customer_id, before.name) == (number.customer_id, number.name):
                continue
            new += before is None
            row = row_of(number)[1]
            if before is not None:  # a daemon's clock may be ahead of this machine's
                row["updated_at"] = max(before.updated_at, number.updated_at)
            rows_now.append(row)
        if rows_now:
            connection.execute(upsert(customers, engine.dialect.name), rows_now)
    return new, len(rows_now) - new


def _parts(ids: Sequence[_Id]) -> Iterator[Sequence[_Id]]:
    for first in range(0, len(ids), _IN_ROWS):
        yield ids[first : first + _IN_ROWS]


def _newest(connection: Connection, table: Any, at: Any, keys: Keys, most: int) -> Sequence[Any]:
    theirs = select(table).where(table.c.caller_key.in_(keys))
    return connection.execute(theirs.order_by(at.desc()).limit(most)).all()


def _of_calls(connection: Connection, of: Collection[tuple[str, str]]) -> Iterator[Any]:
    for some in _parts(sorted({call_id for _, call_id in of})):
        yield from connection.execute(select(talks).where(talks.c.call_id.in_(some)))


def _answers(connection: Connection, attempts: Iterable[Any]) -> Iterator[Any]:
    by_pbx: dict[str, list[str]] = {}
    for attempt in attempts:
        by_pbx.setdefault(attempt.pbx, []).append(attempt.attempt_id)
    for pbx, ids in by_pbx.items():
        for some in _parts(ids):
            given = select(answers).where(answers.c.pbx == pbx, answers.c.attempt_id.in_(some))
            yield from connection.execute(given)


def _visited(row: Any, lost: dict[tuple[str, str], LostCall]) -> Visited:
    call = lost.get((row.pbx, row.call_id))
    here = call if call is not None and call.lost_at == row.left_at and call.queue == row.queue else None
    return Visited(
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


def _talked(row: Any, direction: str) -> Talked:
    return Talked(
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


def _rated(row: Any, attempt: Any) -> Rated:
    return Rated(
        row.answered_at,
        row.pbx,
        attempt.call_id,
        attempt.survey,
        row.question,
        row.kind,
        row.value,
        row.label,
        row.queue,
        row.agent,
        row.recording,
    )


def _followed_up(follow_up: FollowUp) -> FollowedUp:
    return FollowedUp(
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


def _contacts(
    visits: Iterable[Any], talked: Iterable[Any], ways: dict[tuple[str, str], str]
) -> list[Contact]:
    """Return the contacts in what was read of one customer; when their calls ended does not matter here."""
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


def _contacts_between(since: float, until: float, keys: Select[Any] | None = None) -> Select[Any]:
    """Return the statement; `keys` selects the callers, else it is everybody."""
    v, c, t = queue_visits.c, calls.c, talks.c

    def wanted(key: Column[Any]) -> ColumnElement[bool]:
        return key != "" if keys is None else and_(key != "", key.in_(keys))

    same = and_(c.pbx == v.pbx, c.call_id == v.call_id)
    of_queues = (
        select(
            v.caller_key,
            v.pbx,
            v.call_id,
            literal(Direction.IN.value).label("direction"),
            v.queue,
            v.entered_at,
            v.left_at,
            func.coalesce(c.ended_at, v.left_at, type_=c.ended_at.type).label("call_ended_at"),
            v.outcome,
            v.agent,
        )
        .select_from(queue_visits.outerjoin(calls, same))
        .where(v.entered_at >= since, v.entered_at < until, wanted(v.caller_key))
    )
    without = (
        select(
            c.caller_key,
            t.pbx,
            t.call_id,
            c.direction,
            t.queue,
            t.answered_at,
            t.answered_at,
            c.ended_at,
            literal(Outcome.ANSWERED.value),
            t.agent,
        )
        .select_from(talks.join(calls, and_(c.pbx == t.pbx, c.call_id == t.call_id)))
        .where(
            t.answered_at >= since,
            t.answered_at < until,
            t.queue == "",
            wanted(c.caller_key),
            or_(c.direction == Direction.IN, c.direction == Direction.OUT),
        )
    )
    both = union_all(of_queues, without).subquery()
    return select(both).order_by(both.c.caller_key, both.c.entered_at)


def _contact(row: Any) -> Contact:
    return Contact(
        row.caller_key,
        row.pbx,
        row.call_id,
        Direction(row.direction),
        row.queue,
        row.entered_at,
        row.left_at,
        row.call_ended_at,
        Outcome(row.outcome),
        row.agent or "",
    )
