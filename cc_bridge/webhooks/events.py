"""The events for other programs: made of records, as JSON. Pure.

An event is written in the same transaction as its record, so it is as durable as the record. Its id is made
of the record's key: a record that is written again, such as after a failed transaction, gives the same event
and never a second one.

An answer does not name its call, so an attempt is remembered from its start, and its events are put in the
order of the call that way. An answer whose attempt started before a restart is in its attempt's order only.
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

_REMEMBERED = 5_000  # attempts; as many as there may be callers in a survey
_LONGEST = 255  # characters of a text, as in the widest column of the tables


class EventType(StrEnum):
    """The types of events."""

    CALL_ENDED = "call_ended"
    RATING_GIVEN = "rating_given"  # every answer, a spoken comment too
    LOW_RATING = "low_rating"  # besides rating_given
    SURVEY_COMPLETED = "survey_completed"  # walked to its end with at least one answer
    FOLLOW_UP_OPENED = "follow_up_opened"
    FOLLOW_UP_CLOSED = "follow_up_closed"  # done or dismissed


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """One event."""

    id: str  # the same for all receivers and all attempts
    type: EventType
    call_id: str  # events of one call are delivered in their order
    body: str  # JSON


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one receiver wants to be told; `low` holds the highest low value for each kind of question."""

    receiver: str
    types: frozenset[EventType]
    low: Mapping[str, int]


class WebhookEvents:
    """Makes events of records, for receivers with their wishes."""

    def __init__(self, wishes: Sequence[Subscription]) -> None:
        self._wishes = wishes
        self._attempts: dict[tuple[str, str], SurveyAttempt] = {}

    def of(self, record: Record) -> Iterator[tuple[str, WebhookEvent]]:
        """Yield receivers and their events. Raises ValueError or so for what JSON cannot hold."""
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
        """Yield receivers and their events of a follow-up that was opened or closed, as it is by now."""
        closed_at = follow_up.closed_at if kind is EventType.FOLLOW_UP_CLOSED else None
        at = follow_up.opened_at if closed_at is None else closed_at
        whole = {"outcome": follow_up.outcome}  # the one text that people write; it has a bound of its own
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
        receivers = [wishes.receiver for wishes in self._wishes if _wanted(wishes, kind, record)]
        if receivers:
            name = sha256(f"{kind}\0{record.pbx}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()
            event_id = f"evt_{name[:32]}"
            data = {**_fields(record), **more}
            body = {"id": event_id, "type": kind, "timestamp": instant(at), "pbx": record.pbx, "data": data}
            # ASCII, so that half of a surrogate pair, which a caller's name may hold, can be sent.
            text = json.dumps(body, separators=(",", ":"), allow_nan=False)
            for receiver in receivers:
                yield receiver, WebhookEvent(event_id, kind, call_id, text)

    def _remember(self, attempt: SurveyAttempt) -> None:
        self._attempts[attempt.pbx, attempt.attempt_id] = attempt
        if len(self._attempts) > _REMEMBERED:
            del self._attempts[next(iter(self._attempts))]


def _wanted(wishes: Subscription, kind: EventType, record: Record | FollowUp) -> bool:
    if kind is EventType.LOW_RATING:
        low = wishes.low.get(record.kind) if isinstance(record, Answer) else None
        return kind in wishes.types and isinstance(record, Answer) and low is not None and record.value <= low
    return kind in wishes.types


def _fields(record: Record | FollowUp) -> dict[str, Any]:
    """Return what is in a record, by the names of its columns."""
    return {each.name: _plain(each.name, getattr(record, each.name)) for each in fields(record)
            if each.name != "pbx"}  # fmt: skip


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, float) and name.endswith("_at"):
        return instant(value)
    return str(value)[:_LONGEST] if isinstance(value, str) else value


def instant(at: float) -> str:
    """Return seconds since the epoch as UTC in ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
