"""The timeline of one customer, newest first: visits, talks, ratings, follow-ups and results of lost calls.

Entries of one call may have the same instant. They are then sorted by their kind, such as talk or rating, so
that the order is always the same. Pure.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

__all__ = [
    "VERSION",
    "CustomerIdentity",
    "Timeline",
    "TimelineEntry",
    "TimelineFollowUp",
    "TimelineRating",
    "TimelineTalk",
    "TimelineVisit",
    "as_json",
    "instant",
]

VERSION = 1
_DECIMALS = 3
_INSTANTS = {"at", "due_at", "closed_at"}


@dataclass(frozen=True, slots=True)
class CustomerIdentity:
    """The customer's id and name; both are empty if the CRM has not supplied them."""

    customer_id: str = ""
    name: str = ""
    numbers: int = 1  # known phone numbers of this customer


@dataclass(frozen=True, slots=True)
class TimelineVisit:
    """A timeline entry for a queue visit.

    If no agent answered, the entry also says what followed: the customer called again, was called back, or
    neither.
    """

    at: float
    pbx: str
    call_id: str
    queue: str
    outcome: str
    wait_seconds: float
    agent: str
    managed: str = ""  # a `LostCallStatus`; empty for a visit without a lost call
    managed_by: str = ""  # the agent of the later call
    managed_seconds: float | None = None  # from the loss to the answer


@dataclass(frozen=True, slots=True)
class TimelineTalk:
    """A timeline entry for a talk of the customer with an agent."""

    at: float
    pbx: str
    call_id: str
    direction: str
    queue: str  # empty for a talk without a queue
    agent: str
    talk_seconds: float
    hold_seconds: float
    ended_by: str
    transfer_target: str


@dataclass(frozen=True, slots=True)
class TimelineRating:
    """A timeline entry for a survey answer; the value of a spoken comment is its length in seconds."""

    at: float
    pbx: str
    call_id: str
    survey: str
    question: str
    kind: str
    value: int
    label: str
    queue: str
    agent: str
    recording: str
    attempt_id: str


@dataclass(frozen=True, slots=True)
class TimelineFollowUp:
    """A timeline entry for a follow-up; `at` is the instant of the call or answer that caused it."""

    at: float
    pbx: str
    call_id: str  # the call that opened the follow-up
    follow_up_id: str
    reason: str
    detail: str
    queue: str
    owner: str
    due_at: float
    state: str
    by: str  # the person who closed it, else the person who has taken it
    closed_at: float | None
    outcome: str  # the result, or the reason for the dismissal
    linked_call_id: str  # the next answered call with the customer


TimelineEntry = TimelineVisit | TimelineTalk | TimelineRating | TimelineFollowUp
_KINDS: Mapping[type, str] = {
    TimelineVisit: "visit",
    TimelineTalk: "talk",
    TimelineRating: "rating",
    TimelineFollowUp: "follow_up",
}


@dataclass(frozen=True, slots=True)
class Timeline:
    """The newest entries of one customer's timeline; `more` means that older entries exist."""

    customer: CustomerIdentity
    entries: tuple[TimelineEntry, ...]
    more: bool = False

    @classmethod
    def of(
        cls, customer: CustomerIdentity, entries: Iterable[TimelineEntry], *, more: bool = False
    ) -> "Timeline":
        """Return the timeline of a customer with the entries sorted, newest first.

        `more` means that older entries exist.
        """
        newest_first = sorted(entries, key=lambda each: (each.at, _KINDS[type(each)]), reverse=True)
        return cls(customer, tuple(newest_first), more)

    def only(self, sees: Callable[[str], bool]) -> "Timeline":
        """Return the timeline with only the entries of the queues for which `sees` returns True.

        If no entry remains, the customer has never called these queues. Then the customer's id and name are
        removed too.
        """
        entries = tuple(entry for entry in self.entries if sees(entry.queue))
        return Timeline(self.customer if entries else CustomerIdentity(), entries, self.more)


def instant(at: float) -> str:
    """Return the instant `at` (UTC seconds since the epoch) as ISO 8601 text in UTC with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(timeline: Timeline) -> dict[str, Any]:
    """Return the timeline of one customer as the fields of /api/customers/NUMBER."""
    customer = timeline.customer
    return {
        "version": VERSION,
        "customer_id": customer.customer_id,
        "name": customer.name,
        "numbers": customer.numbers,
        "more": timeline.more,
        "timeline": [_entry(entry) for entry in timeline.entries],
    }


def _entry(entry: TimelineEntry) -> dict[str, Any]:
    values: dict[str, Any] = {"kind_of_entry": _KINDS[type(entry)]}
    for field in fields(entry):
        value = getattr(entry, field.name)
        if field.name in _INSTANTS and value is not None:
            value = instant(value)
        elif isinstance(value, float):
            value = round(value, _DECIMALS)
        elif isinstance(value, StrEnum):
            value = str(value)
        values[field.name] = value
    return values
