"""Queries about customers: the identity behind a number, and the profile of a caller for the dialplan.

All queries use an index by caller key and have a limit. Instants are UTC seconds since the epoch. The history
of one customer is in `customer_timeline.py`, the contacts of all callers in `contacts_by_caller.py`.

A person can have several caller keys: for several numbers, or for one number written in several ways. So keys
are passed as lists. An `attempt_id` can exist on several PBXs, so it is always compared together with its
PBX.
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

_NUMBERS = 50  # numbers of one customer, at most
_VISITS = 500  # visits of one customer, the newest
_SURVEYS = 10  # surveys of one customer in which the last rating is searched, the newest

CallerKeySet = Sequence[str]


def known(
    connection: Connection, keys: CallerKeySet, shared: Collection[str] = ()
) -> tuple[CustomerIdentity, tuple[str, ...]]:
    """Return a customer's id and name from the CRM, and the caller keys of all the customer's numbers.

    `keys` are the caller keys of one number. Keys of the customer's other numbers are left out if they are in
    `shared`, the caller keys that many people use. Without a CRM entry the id and the name are empty, and the
    keys are the given ones.
    """
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
    """Return the customers' names from the CRM, by caller key; keys without a name are left out."""
    c = customers.c
    found: dict[str, str] = {}
    for some in id_batches(sorted(keys)):
        rows = connection.execute(select(c.caller_key, c.name).where(c.caller_key.in_(some), c.name != ""))
        found.update((row.caller_key, row.name) for row in rows)
    return found


def profile(
    connection: Connection, keys: CallerKeySet, kind: str, now: float, shared: Collection[str] = ()
) -> Profile:
    """Return the profile of a caller for the dialplan: last rating, recent calls, language, follow-ups.

    `keys` are the caller keys of the caller's number. The customer's other numbers are included, except
    caller keys in `shared`, which many people use. `kind` is the question kind from which the last rating is
    taken, such as csat. `now` is in UTC seconds since the epoch.
    """
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
    """Yield all answers that were given in the survey attempts `attempts`.

    An attempt is a row with a PBX and an `attempt_id`.
    """
    by_pbx: dict[str, list[str]] = {}
    for attempt in attempts:
        by_pbx.setdefault(attempt.pbx, []).append(attempt.attempt_id)
    for pbx, ids in by_pbx.items():
        for some in id_batches(ids):
            given = select(answers).where(answers.c.pbx == pbx, answers.c.attempt_id.in_(some))
            yield from connection.execute(given)


def import_numbers(engine: Engine, numbers: Sequence[CustomerNumber]) -> tuple[int, int]:
    """Store customers' numbers in one transaction; return how many are new and how many have changed.

    If `numbers` has a number twice, the later entry is stored; it counts as changed if it differs from the
    first. An unchanged entry is not written, so importing the same table twice has no effect.
    """
    c = customers.c
    with engine.begin() as connection:
        stored: dict[str, Any] = {}
        for some in id_batches(sorted({number.caller_key for number in numbers})):
            rows = connection.execute(select(customers).where(c.caller_key.in_(some)))
            stored |= {row.caller_key: row for row in rows}
        identities = {key: (row.customer_id, row.name) for key, row in stored.items()}
        rows_now: dict[str, dict[str, Any]] = {}
        new = changed = 0
        for number in numbers:
            key, identity = number.caller_key, (number.customer_id, number.name)
            before = identities.get(key)
            if before == identity:
                continue
            new += before is None
            changed += before is not None
            identities[key] = identity
            row = row_of(number)[1]
            if key in stored:  # keeps the row newest: another machine's clock may be ahead of this one's
                row["updated_at"] = max(stored[key].updated_at, number.updated_at)
            rows_now[key] = row
        if rows_now:
            connection.execute(upsert(customers, engine.dialect.name), list(rows_now.values()))
    return new, changed
