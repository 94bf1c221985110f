"""The webhook events: JSON texts that are built from records. Pure.

An event is written in the same transaction as its record, so it is as durable as the record. The event id is
computed from the record's key. So a record that is written again, for example after a failed transaction,
gives the same event id and no second event.

Events of one call are delivered in order. The record of an answer has no call id, only the id of its survey
attempt. So each survey attempt is remembered from its start, and the events of its answers get its call id.
If an attempt started before a restart of the daemon, its answers are in order among themselves, but not with
other events of the call.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from cc_bridge.follow_ups.follow_up import FollowUp
from cc_bridge.records import Answer, Call, Record, SurveyAttempt, SurveyResult

__all__ = ["EventType", "Subscription", "WebhookEvent", "WebhookEvents", "instant"]

_REMEMBERED = 5_000  # attempts; the largest possible number of simultaneous surveys
_LONGEST = 255  # characters of a text, the size of the widest text column in the database


class EventType(StrEnum):
    """The type of a webhook event; an endpoint subscribes to some of these types."""

    CALL_ENDED = "call_ended"
    RATING_GIVEN = "rating_given"  # every survey answer, including spoken comments
    LOW_RATING = "low_rating"  # in addition to rating_given
    SURVEY_COMPLETED = "survey_completed"  # the survey was heard to its end, with at least one answer
    FOLLOW_UP_OPENED = "follow_up_opened"
    FOLLOW_UP_CLOSED = "follow_up_closed"  # done or dismissed


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A webhook event: a JSON text about one record, to be sent to each endpoint that subscribes to it."""

    id: str  # the same for all endpoints and all attempts
    type: EventType
    call_id: str  # events with the same call id are delivered in order
    body: str  # JSON


@dataclass(frozen=True, slots=True)
class Subscription:
    """The subscription of one endpoint to types of events.

    `low` has, for each kind of survey question, the highest answer that counts as a low rating.
    """

    receiver: str
    types: frozenset[EventType]
    low: Mapping[str, int]


class WebhookEvents:
    """A builder of webhook events from records, for the given subscriptions."""

    def __init__(self, subscriptions: Sequence[Subscription]) -> None:
        self._subscriptions = subscriptions
        self._attempts: dict[tuple[str, str], SurveyAttempt] = {}

    def of(self, record: Record) -> Iterator[tuple[str, WebhookEvent]]:
        """Yield the events of a record, each with the name of an endpoint that subscribes to it.

        Raise ValueError or TypeError if a value cannot be written as JSON.
        """
        match record:
            case Call():
                more = {"call_seconds": round(record.call_seconds, 6)}
                yield from self._events(
                    EventType.CALL_ENDED, record, record.ended_at, record.call_id, record.call_id, more
                )
            case SurveyAttempt(ended_at=None):
                self._remember(record)
            case SurveyAttempt(result=SurveyResult.COMPLETE, ended_at=float(at)):
                yield from self._events(
                    EventType.SURVEY_COMPLETED, record, at, record.call_id, record.attempt_id, {}
                )
            case Answer():
                yield from self._answered(record)

    def of_follow_up(self, follow_up: FollowUp, kind: EventType) -> Iterator[tuple[str, WebhookEvent]]:
        """Yield the event of an opened or closed follow-up for each endpoint that subscribes to it.

        Each event comes with the endpoint's name, and has the current state of the follow-up.
        """
        closed_at = follow_up.closed_at if kind is EventType.FOLLOW_UP_CLOSED else None
        at = follow_up.opened_at if closed_at is None else closed_at
        # The outcome is not truncated: a person wrote it, and its length is limited elsewhere.
        whole = {"outcome": follow_up.outcome}
        yield from self._events(kind, follow_up, at, follow_up.call_id, follow_up.follow_up_id, whole)

    def _answered(self, answer: Answer) -> Iterator[tuple[str, WebhookEvent]]:
        attempt = self._attempts.get((answer.pbx, answer.attempt_id))
        more = {"call_id": attempt.call_id, "survey": attempt.survey} if attempt else {}
        call_id = attempt.call_id if attempt else answer.attempt_id
        key = f"{answer.attempt_id}\0{answer.question}"
        for kind in (EventType.RATING_GIVEN, EventType.LOW_RATING):
            yield from self._events(kind, answer, answer.answered_at, call_id, key, more)

    def _events(
        self,
        kind: EventType,
        record: Call | SurveyAttempt | Answer | FollowUp,
        at: float,
        call_id: str,
        key: str,
        more: Mapping[str, Any],
    ) -> Iterator[tuple[str, WebhookEvent]]:
        """Yield an event of the type `kind` for each endpoint that subscribes to it, with the endpoint name.

        `at` is the time of the event in UTC seconds, `key` identifies the record within its type, and `more`
        holds additional fields of the event's data.
        """
        receivers = [each.receiver for each in self._subscriptions if _is_subscribed(each, kind, record)]
        if receivers:
            name = sha256(f"{kind}\0{record.pbx}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()
            event_id = f"evt_{name[:32]}"
            data = {**_fields(record), **more}
            body = {"id": event_id, "type": kind, "timestamp": instant(at), "pbx": record.pbx, "data": data}
            # ASCII, because a caller's name may contain half of a surrogate pair, which UTF-8 cannot encode.
            text = json.dumps(body, separators=(",", ":"), allow_nan=False)
            for receiver in receivers:
                yield receiver, WebhookEvent(event_id, kind, call_id, text)

    def _remember(self, attempt: SurveyAttempt) -> None:
        """Remember a survey attempt, because the webhook events of its later answers contain data of it.

        If more than 5,000 attempts are remembered, the oldest is forgotten.
        """
        self._attempts[attempt.pbx, attempt.attempt_id] = attempt
        if len(self._attempts) > _REMEMBERED:
            del self._attempts[next(iter(self._attempts))]


def _is_subscribed(subscription: Subscription, kind: EventType, record: Record | FollowUp) -> bool:
    """Return whether an endpoint with this subscription receives this type of event for this record."""
    subscribed = kind in subscription.types
    if kind is EventType.LOW_RATING:
        low = subscription.low.get(record.kind) if isinstance(record, Answer) else None
        return subscribed and isinstance(record, Answer) and low is not None and record.value <= low
    return subscribed


def _fields(record: Record | FollowUp) -> dict[str, Any]:
    """Return the fields of a record by column name, without `pbx`, as values for JSON."""
    return {each.name: _plain(each.name, getattr(record, each.name)) for each in fields(record)
            if each.name != "pbx"}  # fmt: skip


def _plain(name: str, value: Any) -> Any:
    """Return a field's value for JSON: a time as ISO 8601 text, a text truncated to 255 characters."""
    if isinstance(value, float) and name.endswith("_at"):
        return instant(value)
    return str(value)[:_LONGEST] if isinstance(value, str) else value


def instant(at: float) -> str:
    """Return a time in UTC seconds since the epoch as ISO 8601 text, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
