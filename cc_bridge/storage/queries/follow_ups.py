"""Follow-ups as they are stored: opened once, listed, moved on, linked, notified of.

`daemon/jobs/follow_ups.py` opens and links them, `cc-bridge follow-up` and the pages list and move them, the
caller lookup, customer histories and digests read them. Every function takes an open connection, and whoever
opened it commits; `opened` alone takes an engine, since each opening is a transaction of its own.

At most one of a customer and a reason is not closed. A unique column says so, `open_key`, which is null in
those that are closed: daemons that know nothing of each other cannot open two, in whatever order they come.

The trap: what opened one is read again and again. It must not open a second one when the first is closed,
and neither must what happened before that: whoever closed it had the whole matter before them. So a closing
covers all that happened until then, for that customer and reason.
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

# What webhooks were notified of.
NOTHING, OPENED, CLOSED = "", "opened", "closed"

_LISTED = 200
_OF_CUSTOMER = 500
_AT_ONCE = 500  # follow-ups that webhooks are notified of
_LEAST_ID = 4  # characters of an id that somebody typed

_c = follow_ups.c
_COLUMNS = [_c[field.name] for field in fields(FollowUp)]
# By the states, which have an index for it.
_unclosed = _c.state.in_(sorted(UNCLOSED))


# -- for people


def listed(
    connection: Connection,
    *,
    owner: str = "",
    states: Collection[FollowUpState] = (FollowUpState.OPEN, FollowUpState.TAKEN),
    overdue_at: float | None = None,
    limit: int = _LISTED,
) -> list[FollowUp]:
    """Return open ones by due time, so the overdue ones first, then closed ones, the newest first.

    `owner`: of one alone; `overdue_at`: only those that are overdue then.
    """
    wanted = select(*_COLUMNS).where(_c.state.in_(sorted(states)))
    if owner:
        wanted = wanted.where(_c.owner == owner)
    if overdue_at is not None:
        wanted = wanted.where(_unclosed, _c.due_at < overdue_at)
    order = case((_c.closed_at.is_(None), 0), else_=1), _c.closed_at.desc(), _c.due_at, _c.follow_up_id
    return _found(connection.execute(wanted.order_by(*order).limit(limit)))


def one(connection: Connection, follow_up_id: str) -> FollowUp | None:
    """Return the one with this id, or whose id alone begins so; None if there is none.

    Raises FollowUpError when several begin so.
    """
    begin = follow_up_id.strip().lower()
    if len(begin) < _LEAST_ID or not begin.isalnum():
        return None
    found = _found(connection.execute(select(*_COLUMNS).where(_c.follow_up_id.startswith(begin)).limit(2)))
    if len(found) > 1:
        raise FollowUpError(f"{begin} is the begin of several follow-ups: type more of it")
    return found[0] if found else None


def moved(
    connection: Connection, follow_up_id: str, move: Action, by: str, text: str, now: float
) -> FollowUp:
    """Move the one with exactly this id on; return it as it is then.

    Raises FollowUpError, and changes nothing, for a move that does not fit what is stored by now.
    """
    values = apply_action(move, by, text, now)
    if values["state"] not in UNCLOSED:
        values["open_key"] = None
    mine = _c.follow_up_id == follow_up_id
    starts = sorted(state for state, each in TRANSITIONS if each is move)
    # Before anything is read: SQLite refuses to write for whoever has read what another has changed since.
    done = connection.execute(update(follow_ups).where(mine, _c.state.in_(starts)).values(values))
    found = _found(connection.execute(select(*_COLUMNS).where(mine)))
    if not found:
        raise FollowUpError(f"there is no follow-up {follow_up_id}")
    if not done.rowcount:
        raise already_handled(found[0])
    return found[0]


def of_customer(connection: Connection, keys: Collection[str], limit: int = _OF_CUSTOMER) -> list[FollowUp]:
    """Return those of who has these keys, newest first."""
    theirs = select(*_COLUMNS).where(_c.caller_key.in_(keys))
    return _found(connection.execute(theirs.order_by(_c.opened_at.desc()).limit(limit)))


def reasons(connection: Connection, keys: Collection[str]) -> list[str]:
    """Return why somebody with these keys is to be called back, each reason once, in their order."""
    wanted = select(_c.reason).where(_c.caller_key.in_(keys), _unclosed).distinct()
    return sorted(connection.scalars(wanted))


def counts(connection: Connection, now: float, pbx: str = "") -> dict[str, FollowUpCount]:
    """Return how many are not closed by owner, of one PBX or of all."""
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
    """Return those that were closed in a period, in that order; each tells the seconds that it took."""
    wanted = select(*_COLUMNS).where(_c.closed_at >= since, _c.closed_at < until)
    return _found(connection.execute(wanted.order_by(_c.closed_at)))


# -- opening


def known_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Return which of these exist."""
    found: set[str] = set()
    for some in id_batches(ids):
        found.update(connection.scalars(select(_c.follow_up_id).where(_c.follow_up_id.in_(some))))
    return found


def covered(connection: Connection, wanted: FollowUp, keys: Collection[str]) -> bool:
    """Tell whether another one of this customer and reason is not closed, or was closed after it happened."""
    others = select(_c.follow_up_id).where(
        _c.caller_key.in_(keys),
        _c.reason == wanted.reason,
        _c.follow_up_id != wanted.follow_up_id,
        or_(_unclosed, _c.closed_at >= wanted.opened_at),
    )
    return connection.scalar(others.limit(1)) is not None


def opened(engine: Engine, wanted: FollowUp, customer: str, keys: Collection[str]) -> bool:
    """Store one that is new; tell whether it was opened.

    `customer` is the same for all of a customer's numbers, `keys` are those of all of them.
    """
    values = {column.name: getattr(wanted, column.name) for column in _COLUMNS}
    values |= {"open_key": f"{wanted.reason} {customer}", "notified_state": NOTHING}
    try:
        with engine.connect() as connection, connection.begin() as transaction:
            # First, as it waits for whoever closes the one that is open; what is read then is newer.
            connection.execute(insert(follow_ups).values(values))
            if covered(connection, wanted, keys):
                transaction.rollback()
                return False
    except IntegrityError:  # it is there, or another one is open
        return False
    return True


# -- afterwards


def unlinked(connection: Connection, pbx: str, closed_since: float) -> list[FollowUp]:
    """Return those of a PBX whose customer nobody has talked with: not closed, or closed since then."""
    wanted = select(*_COLUMNS).where(_c.pbx == pbx, _c.linked_call_id == "")
    return _found(connection.execute(wanted.where(or_(_unclosed, _c.closed_at >= closed_since))))


def linked(connection: Connection, follow_up_id: str, pbx: str, call_id: str, at: float) -> None:
    """Note the call with the customer that came after."""
    mine = update(follow_ups).where(_c.follow_up_id == follow_up_id, _c.linked_call_id == "")
    connection.execute(mine.values(linked_pbx=pbx, linked_call_id=call_id, linked_at=at))


def unnotified(connection: Connection, pbx: str) -> list[tuple[FollowUp, str]]:
    """Return some of a PBX's that webhooks are to be notified of, each with its state: NOTHING or OPENED."""
    news = or_(_c.notified_state == NOTHING, _c.closed_at.is_not(None))
    wanted = select(*_COLUMNS, _c.notified_state).where(
        _c.pbx == pbx, _c.notified_state.in_((NOTHING, OPENED)), news
    )
    rows = connection.execute(wanted.order_by(_c.opened_at).limit(_AT_ONCE)).all()
    return [(_of(row), row.notified_state) for row in rows]


def notified(connection: Connection, states: Mapping[str, str]) -> None:
    """Note the state that webhooks were notified of, by id: OPENED or CLOSED."""
    for follow_up_id, state in states.items():
        mine = update(follow_ups).where(_c.follow_up_id == follow_up_id)
        connection.execute(mine.values(notified_state=state))


def _found(rows: Iterable[Any]) -> list[FollowUp]:
    return [_of(row) for row in rows]


def _of(row: Any) -> FollowUp:
    values = {column.name: getattr(row, column.name) for column in _COLUMNS}
    return FollowUp(**{**values, "state": FollowUpState(row.state)})
