"""Queries for the facts that open follow-ups: answers, visits, and the customer of each caller key.

The queries run every few seconds, so each one uses an index and a short time span.

SQLite has no statistics about its tables. It expects that fewer rows belong to one PBX than to the last ten
minutes, so it would read all rows of the PBX. If rows are grouped by call id, it would read the whole table
in the order of an index. Therefore PBX and call id are written in a form that fits no index
(`without_index`). SQLite then uses the index of the time.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, case, func, or_, select

from cc_bridge.follow_ups.rules import AnswerFact, FollowUpRules, VisitFact
from cc_bridge.records import Direction, Outcome
from cc_bridge.storage.queries.id_batches import id_batches
from cc_bridge.storage.schema.column_types import without_index
from cc_bridge.storage.schema.tables import answers, calls, customers, queue_visits, survey_attempts

__all__ = ["CustomerKeys", "answers_since", "calls_after", "customers_of", "stays_since"]

# Seconds. A visit is stored when it ends, but selected by its start. So the search starts this much earlier.
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class CustomerKeys:
    """A customer, with the caller keys of all their numbers.

    `name` identifies the customer. It is "#" and the customer's id in the CRM, or the caller key if there is
    no CRM entry.
    """

    name: str
    keys: tuple[str, ...]


def answers_since(connection: Connection, pbx: str, since: float) -> list[AnswerFact]:
    """Return the answers at a PBX that were given at `since` or later.

    Answers of callers who withhold their number are left out. `since` is in UTC seconds since the epoch.
    """
    a, s, v, c = answers.c, survey_attempts.c, queue_visits.c, calls.c
    lately = and_(a.answered_at >= since, without_index(a.pbx) == pbx)
    of_visit = select(v.caller_number).where(
        v.call_id == s.call_id, v.pbx == s.pbx, v.caller_key == s.caller_key, v.caller_number != ""
    )
    outside = case((c.direction == Direction.OUT, c.dialed), else_=c.caller_number)
    of_call = select(outside).where(c.pbx == s.pbx, c.call_id == s.call_id, c.caller_key == s.caller_key)
    number = func.coalesce(of_visit.limit(1).scalar_subquery(), of_call.limit(1).scalar_subquery(), "")
    same = and_(a.pbx == s.pbx, a.attempt_id == s.attempt_id)
    rows = connection.execute(
        select(
            a.pbx,
            s.call_id,
            s.caller_key,
            number,
            case((a.queue != "", a.queue), else_=s.queue),
            case((a.agent != "", a.agent), else_=s.agent),
            a.attempt_id,
            a.question,
            a.kind,
            a.value,
            a.answered_at,
        )
        .select_from(answers.join(survey_attempts, same))
        .where(lately, s.caller_key != "")
    )
    return [AnswerFact(*row) for row in rows]


def stays_since(
    connection: Connection, pbx: str, since: float, rules: FollowUpRules, short: Callable[[str], float]
) -> tuple[list[VisitFact], Mapping[str, CustomerKeys]]:
    """Return the visits that may open follow-ups, and the customers who abandoned a visit, by caller key.

    There are two kinds of visits. First, the visits since `since` of calls on the PBX `pbx` that have an
    abandoned visit, or a total wait that is long according to `rules`. Their search starts an hour earlier,
    because a visit is stored only when it ends. Second, the earlier visits of the customers who abandoned a
    visit, on all PBXs and from all numbers of a customer. They show whether the customer has abandoned twice.

    `short` returns, for a queue, the wait in seconds below which an abandoned visit opens no follow-up.
    """
    v = queue_visits.c
    lately = and_(v.entered_at >= since - _LONGEST_WAIT, without_index(v.pbx) == pbx, v.caller_key != "")
    lost = func.sum(case((v.outcome == Outcome.ABANDONED, 1), else_=0)) > 0
    long = func.sum(v.wait_seconds) > rules.long_wait_seconds
    wanted = [rule for rule, on in ((lost, rules.abandoned_seconds), (long, rules.long_wait_seconds)) if on]
    if not wanted:
        return [], {}
    call_id = without_index(v.call_id)
    suspect = select(call_id).where(lately).group_by(call_id).having(or_(*wanted))
    stays = set(_stays(connection, [lately, v.call_id.in_(suspect)], short))
    who = {stay.caller_key for stay in stays if stay.outcome == Outcome.ABANDONED}
    found = customers_of(connection, who, rules.shared).values()
    people = {key: person for person in found for key in person.keys}
    if rules.abandoned_seconds:
        for keys in id_batches(sorted(people)):
            before = v.entered_at >= since - _LONGEST_WAIT - rules.abandoned_seconds
            stays.update(_stays(connection, [v.caller_key.in_(keys), before], short))
    return list(stays), people


def customers_of(
    connection: Connection, keys: Iterable[str], shared: Collection[str] = ()
) -> Mapping[str, CustomerKeys]:
    """Return the customer of each caller key; a key without a CRM entry counts as a separate customer.

    Keys in `shared`, which several customers use, are left out.
    """
    keys = sorted(set(keys) - set(shared))
    found = {key: CustomerKeys(key, (key,)) for key in keys}
    one, other = customers.alias("one").c, customers.alias("other").c
    for some in id_batches(keys):
        told = (
            select(one.caller_key, one.customer_id, other.caller_key)
            .join_from(one.caller_key.table, other.caller_key.table, one.customer_id == other.customer_id)
            .where(one.caller_key.in_(some), one.customer_id != "")
            .order_by(other.caller_key)
        )
        numbers: dict[tuple[str, str], list[str]] = {}
        for key, customer_id, theirs in connection.execute(told):
            if theirs not in shared:
                numbers.setdefault((key, customer_id), []).append(theirs)
        # The mark # keeps a CRM id distinct from a caller key.
        found |= {key: CustomerKeys(f"#{name}", tuple(theirs)) for (key, name), theirs in numbers.items()}
    return found


def calls_after(
    connection: Connection, keys: Collection[str], since: float
) -> Iterator[tuple[str, str, str, float]]:
    """Yield the answered calls with a caller key in `keys` that started after `since`.

    Incoming and outgoing calls are included. Each item is (caller key, PBX, Linkedid, start). The calls of
    one key are in order of time. Instants are UTC seconds since the epoch.
    """
    c = calls.c
    for some in id_batches(sorted(keys)):
        wanted = select(c.caller_key, c.pbx, c.call_id, c.started_at).where(
            c.caller_key.in_(some), c.started_at > since, c.answered
        )
        for row in connection.execute(wanted.order_by(c.started_at)):
            yield row.caller_key, row.pbx, row.call_id, row.started_at


def _stays(connection: Connection, where: list[Any], short: Callable[[str], float]) -> Iterator[VisitFact]:
    v = queue_visits.c
    columns = (v.pbx, v.call_id, v.caller_key, v.caller_number, v.queue, v.agent, v.entered_at, v.left_at,
               v.outcome)  # fmt: skip
    for row in connection.execute(select(*columns).where(*where)):
        soon = row.outcome == Outcome.ABANDONED and row.left_at - row.entered_at < short(row.queue)
        yield VisitFact(*row[:5], row.agent or "", *row[6:], soon)
