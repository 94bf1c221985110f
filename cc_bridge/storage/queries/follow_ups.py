"""The stored follow-ups: functions to open, list, update and link them, and to note notifications.

Every function takes an open connection and leaves the commit to the code that calls it. Only `opened` takes
an engine, because it opens each follow-up in a separate transaction.

A customer has at most one unclosed follow-up for each reason. The unique column `open_key`, which is null in
closed follow-ups, enforces this even between several daemons.

The answers and visits that open follow-ups are read repeatedly, but none of them opens a second follow-up. A
closed follow-up covers the answer or visit that opened it. It also covers all earlier ones of the same
customer and reason, because the person who closed it could see them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Engine, case, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from cc_bridge.errors import FollowUpError
from cc_bridge.follow_ups.follow_up import (
    TRANSITIONS,
    UNCLOSED,
    Action,
    FollowUp,
    FollowUpCount,
    FollowUpState,
    already_handled,
    apply_action,
)
from cc_bridge.queue_names import queue_key
from cc_bridge.storage.queries.id_batches import id_batches
from cc_bridge.storage.schema.tables import follow_ups

__all__ = [
    "CLOSED",
    "OPENED",
    "FollowUpCount",
    "closed_between",
    "counts",
    "covered",
    "known_ids",
    "linked",
    "listed",
    "moved",
    "notified",
    "of_customer",
    "one",
    "opened",
    "reasons",
    "unlinked",
    "unnotified",
]

# The values of `notified_state`: the last change that webhooks were notified of.
NOTHING, OPENED, CLOSED = "", "opened", "closed"

_LISTED = 200
_OF_CUSTOMER = 500
_AT_ONCE = 500  # follow-ups in one batch of notifications
_LEAST_ID = 4  # fewest characters of a typed id

_c = follow_ups.c
_COLUMNS = [_c[field.name] for field in fields(FollowUp)]
# By state and not by `closed_at`, because the state has an index.
_unclosed = _c.state.in_(sorted(UNCLOSED))


# -- for commands and pages


def listed(
    connection: Connection,
    *,
    owner: str = "",
    states: Collection[FollowUpState] = (FollowUpState.OPEN, FollowUpState.TAKEN),
    overdue_at: float | None = None,
    queues: Collection[str] | None = None,
    limit: int = _LISTED,
) -> list[FollowUp]:
    """Return follow-ups: first the unclosed ones by due time, then the closed ones, last closed first.

    `owner` limits the list to one owner; empty means all owners. `states` limits it to follow-ups in these
    states. `overdue_at` limits it to unclosed follow-ups that are overdue at that instant. `queues` limits it
    to these queues, whatever their case; None means all queues. At most `limit` follow-ups are returned.
    """
    wanted = select(*_COLUMNS).where(_c.state.in_(sorted(states)))
    if owner:
        wanted = wanted.where(_c.owner == owner)
    if overdue_at is not None:
        wanted = wanted.where(_unclosed, _c.due_at < overdue_at)
    if queues is not None:
        wanted = wanted.where(func.lower(_c.queue).in_(sorted(map(queue_key, queues))))
    order = case((_c.closed_at.is_(None), 0), else_=1), _c.closed_at.desc(), _c.due_at, _c.follow_up_id
    return _found(connection.execute(wanted.order_by(*order).limit(limit)))


def one(connection: Connection, follow_up_id: str) -> FollowUp | None:
    """Return the follow-up whose id starts with `follow_up_id`; None if there is none.

    At least four characters of the id are needed; fewer return None. Raises FollowUpError if several ids
    start with this text.
    """
    begin = follow_up_id.strip().lower()
    if len(begin) < _LEAST_ID or not begin.isalnum():
        return None
    found = _found(connection.execute(select(*_COLUMNS).where(_c.follow_up_id.startswith(begin)).limit(2)))
    if len(found) > 1:
        raise FollowUpError(f"several follow-ups start with {begin}: type more of the id")
    return found[0] if found else None


def moved(
    connection: Connection, follow_up_id: str, move: Action, by: str, text: str, now: float
) -> FollowUp:
    """Apply the action `move` to the follow-up with exactly this id; return the updated follow-up.

    `by` names the person who acts. `text` is the result, or the reason for a dismissal. Raises FollowUpError,
    and changes nothing, if the id does not exist or the stored state does not allow the action.
    """
    values = apply_action(move, by, text, now)
    if values["state"] not in UNCLOSED:
        values["open_key"] = None
    mine = _c.follow_up_id == follow_up_id
    starts = sorted(state for state, each in TRANSITIONS if each is move)
    # The update comes before any read: SQLite rejects a write after a read if another process has written
    # in between.
    done = connection.execute(update(follow_ups).where(mine, _c.state.in_(starts)).values(values))
    found = _found(connection.execute(select(*_COLUMNS).where(mine)))
    if not found:
        raise FollowUpError(f"there is no follow-up {follow_up_id}")
    if not done.rowcount:
        raise already_handled(found[0])
    return found[0]


def of_customer(connection: Connection, keys: Collection[str], limit: int = _OF_CUSTOMER) -> list[FollowUp]:
    """Return up to `limit` follow-ups that have one of these caller keys, newest first."""
    theirs = select(*_COLUMNS).where(_c.caller_key.in_(keys))
    return _found(connection.execute(theirs.order_by(_c.opened_at.desc()).limit(limit)))


def reasons(connection: Connection, keys: Collection[str]) -> list[str]:
    """Return the reasons of unclosed follow-ups that have one of these caller keys, sorted, each once."""
    wanted = select(_c.reason).where(_c.caller_key.in_(keys), _unclosed).distinct()
    return sorted(connection.scalars(wanted))


def counts(connection: Connection, now: float, pbx: str = "") -> dict[str, FollowUpCount]:
    """Return the numbers of unclosed follow-ups by owner: open, taken and overdue at `now`.

    An empty `pbx` counts the follow-ups of all PBXs. `now` is in UTC seconds since the epoch.
    """
    late = func.sum(case((_c.due_at < now, 1), else_=0))
    wanted = select(_c.owner, _c.state, func.count(), late).where(_unclosed)
    if pbx:
        wanted = wanted.where(_c.pbx == pbx)
    found: dict[str, FollowUpCount] = {}
    for owner, state, number, overdue in connection.execute(wanted.group_by(_c.owner, _c.state)):
        have = found.get(owner, FollowUpCount())
        taken = number if state == FollowUpState.TAKEN else 0
        found[owner] = FollowUpCount(
            have.open + number - taken, have.taken + taken, have.overdue + int(overdue)
        )
    return found


def closed_between(connection: Connection, since: float, until: float) -> list[FollowUp]:
    """Return the follow-ups that were closed from `since` up to `until`, in order of closing.

    Both instants are in UTC seconds since the epoch.
    """
    wanted = select(*_COLUMNS).where(_c.closed_at >= since, _c.closed_at < until)
    return _found(connection.execute(wanted.order_by(_c.closed_at)))


# -- opening


def known_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Return the ids in `ids` that belong to stored follow-ups."""
    found: set[str] = set()
    for some in id_batches(ids):
        found.update(connection.scalars(select(_c.follow_up_id).where(_c.follow_up_id.in_(some))))
    return found


def covered(connection: Connection, wanted: FollowUp, keys: Collection[str]) -> bool:
    """Return True if the follow-up `wanted` need not be opened, because a stored follow-up covers it.

    The stored follow-up has the same reason and one of the customer's caller keys, `keys`. It is unclosed, or
    it was closed after the visit or answer that would open `wanted`.
    """
    others = select(_c.follow_up_id).where(
        _c.caller_key.in_(keys),
        _c.reason == wanted.reason,
        _c.follow_up_id != wanted.follow_up_id,
        or_(_unclosed, _c.closed_at >= wanted.opened_at),
    )
    return connection.scalar(others.limit(1)) is not None


def opened(engine: Engine, wanted: FollowUp, customer: str, keys: Collection[str]) -> bool:
    """Store the new follow-up `wanted`; return False if it is stored already or a stored follow-up covers it.

    A stored follow-up of the same customer and reason covers `wanted` if it is unclosed, or if it was closed
    after the visit or answer that opens `wanted`. `customer` is the customer's name in `open_key`; `keys` are
    the caller keys of all the customer's numbers.
    """
    values = {column.name: getattr(wanted, column.name) for column in _COLUMNS}
    values |= {"open_key": f"{wanted.reason} {customer}", "notified_state": NOTHING}
    try:
        with engine.connect() as connection, connection.begin() as transaction:
            # The insert comes first: it waits for a transaction that is closing the earlier follow-up, and
            # the check after it sees the result.
            connection.execute(insert(follow_ups).values(values))
            if covered(connection, wanted, keys):
                transaction.rollback()
                return False
    except IntegrityError:  # it exists already, or another one is unclosed
        return False
    return True


# -- afterwards


def unlinked(connection: Connection, pbx: str, closed_since: float) -> list[FollowUp]:
    """Return a PBX's follow-ups that have no linked call, except those closed before `closed_since`.

    `closed_since` is in UTC seconds since the epoch.
    """
    wanted = select(*_COLUMNS).where(_c.pbx == pbx, _c.linked_call_id == "")
    return _found(connection.execute(wanted.where(or_(_unclosed, _c.closed_at >= closed_since))))


def linked(connection: Connection, follow_up_id: str, pbx: str, call_id: str, at: float) -> None:
    """Link a follow-up to an answered call with its customer; an existing link is not changed.

    `pbx` and `call_id` name the call. `at` is the start of the call, in UTC seconds since the epoch.
    """
    mine = update(follow_ups).where(_c.follow_up_id == follow_up_id, _c.linked_call_id == "")
    connection.execute(mine.values(linked_pbx=pbx, linked_call_id=call_id, linked_at=at))


def unnotified(connection: Connection, pbx: str) -> list[tuple[FollowUp, str]]:
    """Return up to 500 follow-ups of a PBX whose opening or closing was not yet reported to webhooks.

    Each follow-up comes with the last change that was reported: NOTHING or OPENED.
    """
    news = or_(_c.notified_state == NOTHING, _c.closed_at.is_not(None))
    wanted = select(*_COLUMNS, _c.notified_state).where(
        _c.pbx == pbx, _c.notified_state.in_((NOTHING, OPENED)), news
    )
    rows = connection.execute(wanted.order_by(_c.opened_at).limit(_AT_ONCE)).all()
    return [(_of(row), row.notified_state) for row in rows]


def notified(connection: Connection, states: Mapping[str, str]) -> None:
    """Store, for each follow-up, the last change that was reported to webhooks.

    `states` maps the id of a follow-up to OPENED or CLOSED.
    """
    for follow_up_id, state in states.items():
        mine = update(follow_ups).where(_c.follow_up_id == follow_up_id)
        connection.execute(mine.values(notified_state=state))


def _found(rows: Iterable[Any]) -> list[FollowUp]:
    return [_of(row) for row in rows]


def _of(row: Any) -> FollowUp:
    values = {column.name: getattr(row, column.name) for column in _COLUMNS}
    return FollowUp(**{**values, "state": FollowUpState(row.state)})
