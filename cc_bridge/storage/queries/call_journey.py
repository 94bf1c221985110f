"""All records of one call, each table read by its index of call ids or by its primary key."""

from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, select

from cc_bridge.customers.call_journey import CallJourney
from cc_bridge.records import (
    Answer,
    Call,
    NotRoutedCall,
    QueueVisit,
    Ring,
    SurveyAttempt,
    SurveyDecision,
    Talk,
)
from cc_bridge.storage.queries.customers import answers_of, known
from cc_bridge.storage.queries.follow_ups import of_customer
from cc_bridge.storage.schema.tables import (
    calls,
    not_routed_calls,
    queue_visits,
    rings,
    survey_attempts,
    survey_decisions,
    talks,
)

__all__ = ["call_journey"]

_Record = TypeVar("_Record")


def call_journey(
    connection: Connection, pbx: str, call_id: str, shared: Collection[str] = ()
) -> CallJourney | None:
    """Return all stored records of one call; None if nothing is stored about it.

    `shared` has the caller keys that many people use.
    """

    def of_call(kind: type[_Record], table: "Table[Any]", order: str) -> tuple[_Record, ...]:
        where = (table.c.call_id == call_id, table.c.pbx == pbx)
        rows = connection.execute(select(table).where(*where).order_by(table.c[order]))
        return tuple(_record(kind, row) for row in rows)

    whole = of_call(Call, calls, "started_at")
    attempts = of_call(SurveyAttempt, survey_attempts, "started_at")
    found = CallJourney(
        pbx,
        call_id,
        whole[0] if whole else None,
        of_call(QueueVisit, queue_visits, "entered_at"),
        of_call(Ring, rings, "started_at"),
        of_call(Talk, talks, "answered_at"),
        of_call(SurveyDecision, survey_decisions, "decided_at"),
        of_call(NotRoutedCall, not_routed_calls, "ended_at"),
        attempts,
        tuple(_record(Answer, row) for row in answers_of(connection, attempts)),
    )
    if not found.is_stored:
        return None
    key = found.caller_key
    if not key:
        return found
    is_shared = key in shared
    customer, keys = known(connection, [key], shared)
    about = [
        each
        for each in of_customer(connection, [key] if is_shared else keys)
        if (pbx, call_id) in {(each.pbx, each.call_id), (each.linked_pbx, each.linked_call_id)}
    ]
    return replace(found, follow_ups=tuple(about), customer=customer, shared=is_shared)


def _record(kind: type[_Record], row: Any) -> _Record:
    return kind(*(getattr(row, field.name) for field in fields(kind)))  # type: ignore[arg-type]  # a record
