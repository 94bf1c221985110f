"""Customers as they are stored: who is behind a number, and what the dialplan may know of a caller.

`daemon/services/customer_lookup.py` reads for caller lookups, `daemon/services/follow_up_api.py` names for
its pages; `customer import` takes in what a CRM exports. What is read uses an index of each table by caller
key, and has a bound; instants are UTC seconds since the epoch. What happened with a customer is in
`customer_timeline.py`, the contacts of all in `contacts_by_caller.py`.

The trap: one person has several keys, of several numbers or writings, and the same `attempt_id` may be
another PBX's. So keys are looked for as lists, and what belongs together is compared with its PBX.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Engine, select

from cc_bridge.customers.lost_calls import LOST
from cc_bridge.customers.profile import CALLS_SECONDS, Profile
from cc_bridge.customers.timeline import CustomerIdentity
from cc_bridge.records import CustomerNumber
from cc_bridge.storage.queries.follow_ups import reasons
from cc_bridge.storage.queries.id_batches import id_batches
from cc_bridge.storage.schema.tables import answers, customers, queue_visits, row_of, survey_attempts
from cc_bridge.storage.schema.upsert import upsert

__all__ = ["CallerKeySet", "answers_of", "import_numbers", "known", "names", "profile"]

_NUMBERS = 50  # of one customer
_VISITS = 500  # of the days that count, the newest
_SURVEYS = 10  # in which the last rating is looked for

CallerKeySet = Sequence[str]


def known(
    connection: Connection, keys: CallerKeySet, shared: Collection[str] = ()
) -> tuple[CustomerIdentity, tuple[str, ...]]:
    """Return what a CRM says of who has these keys, with the keys of all their numbers that nobody shares."""
    c = customers.c
    rows = connection.execute(
        select(c.customer_id, c.name).where(c.caller_key.in_(keys)).order_by(c.updated_at)
    )
    told = rows.all()
    if not told:
        return CustomerIdentity(), tuple(keys)
    newest = told[-1]
    others: Iterable[str] = ()
    if newest.customer_id:
        same = select(c.caller_key).where(c.customer_id == newest.customer_id).limit(_NUMBERS)
        others = [key for key in connection.scalars(same) if key not in shared]
    also = [key for key in others if key not in keys]
    return CustomerIdentity(newest.customer_id, newest.name, 1 + len(also)), (*keys, *also)


def names(connection: Connection, keys: Collection[str]) -> dict[str, str]:
    """Return the names that a CRM told, by key."""
    c = customers.c
    found: dict[str, str] = {}
    for some in id_batches(sorted(keys)):
        rows = connection.execute(select(c.caller_key, c.name).where(c.caller_key.in_(some), c.name != ""))
        found.update((row.caller_key, row.name) for row in rows)
    return found


def profile(
    connection: Connection, keys: CallerKeySet, kind: str, now: float, shared: Collection[str] = ()
) -> Profile:
    """Return what the dialplan may know of a caller; `kind` is that of the question whose rating counts."""
    _, keys = known(connection, keys, shared)
    v, s = queue_visits.c, survey_attempts.c
    visits = connection.execute(
        select(v.pbx, v.call_id, v.entered_at, v.outcome, v.language)
        .where(v.caller_key.in_(keys), v.entered_at >= now - CALLS_SECONDS)
        .order_by(v.entered_at.desc())
        .limit(_VISITS)
    ).all()
    asked = connection.execute(
        select(s.pbx, s.attempt_id, s.started_at, s.language)
        .where(s.caller_key.in_(keys))
        .order_by(s.started_at.desc())
        .limit(_SURVEYS)
    ).all()
    ratings = [each for each in answers_of(connection, asked) if each.kind == kind]
    spoken = [(row.entered_at, row.language) for row in visits[:1]]
    spoken += [(row.started_at, row.language) for row in asked[:1]]
    return Profile(
        last_rating=max(ratings, key=attrgetter("answered_at")).value if ratings else None,
        calls=len({(row.pbx, row.call_id) for row in visits}),
        lost=bool(visits) and visits[0].outcome in LOST,
        language=max(spoken)[1] if spoken else "",
        follow_ups=tuple(reasons(connection, keys)),
    )


def answers_of(connection: Connection, attempts: Iterable[Any]) -> Iterator[Any]:
    """Yield what was answered in these surveys."""
    by_pbx: dict[str, list[str]] = {}
    for attempt in attempts:
        by_pbx.setdefault(attempt.pbx, []).append(attempt.attempt_id)
    for pbx, ids in by_pbx.items():
        for some in id_batches(ids):
            given = select(answers).where(answers.c.pbx == pbx, answers.c.attempt_id.in_(some))
            yield from connection.execute(given)


def import_numbers(engine: Engine, numbers: Sequence[CustomerNumber]) -> tuple[int, int]:
    """Store some customers' numbers, in one transaction; return how many are new and how many have changed.

    What says the same as before stays as it is, so a table can be taken in again.
    """
    c = customers.c
    wanted = {number.caller_key: number for number in numbers}  # the last one counts
    with engine.begin() as connection:
        stored: dict[str, Any] = {}
        for some in id_batches(sorted(wanted)):
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
