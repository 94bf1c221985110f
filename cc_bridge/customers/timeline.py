"""One customer's history, newest first: visits, talks, ratings, follow-ups, and lost calls made good.

Pure. `storage/queries/customer_timeline.py` reads it, `customer show` and /api/customers show it. The trap:
entries of one call have the same instants at times; the kind decides then, so that two readings give the same
order.
"""

from collections.abc import Iterable, Mapping
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
    """What a CRM says of whoever calls; all empty when it said nothing."""

    customer_id: str = ""
    name: str = ""
    numbers: int = 1  # that are known for this customer


@dataclass(frozen=True, slots=True)
class TimelineVisit:
    """A stay in a queue; of a lost call also what became of it."""

    at: float
    pbx: str
    call_id: str
    queue: str
    outcome: str
    wait_seconds: float
    agent: str
    managed: str = ""  # see `LostCallStatus`; empty for a visit that lost no call
    managed_by: str = ""  # the agent
    managed_seconds: float | None = None  # from the loss to the answer


@dataclass(frozen=True, slots=True)
class TimelineTalk:
    """An agent with the customer."""

    at: float
    pbx: str
    call_id: str
    direction: str
    queue: str  # empty without one
    agent: str
    talk_seconds: float
    hold_seconds: float
    ended_by: str
    transfer_target: str


@dataclass(frozen=True, slots=True)
class TimelineRating:
    """An answer of the customer; the value of a spoken comment is its seconds."""

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


@dataclass(frozen=True, slots=True)
class TimelineFollowUp:
    """A follow-up, at the instant of what opened it."""

    at: float
    pbx: str
    call_id: str  # that opened it
    follow_up_id: str
    reason: str
    detail: str
    queue: str
    owner: str
    due_at: float
    state: str
    by: str  # who closed it, or has taken it
    closed_at: float | None
    outcome: str  # what came of it, or why it was dismissed
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
    """The newest entries of one customer; `more` tells that there are older ones."""

    customer: CustomerIdentity
    entries: tuple[TimelineEntry, ...]
    more: bool = False

    @classmethod
    def of(
        cls, customer: CustomerIdentity, entries: Iterable[TimelineEntry], *, more: bool = False
    ) -> "Timeline":
        newest_first = sorted(entries, key=lambda each: (each.at, _KINDS[type(each)]), reverse=True)
        return cls(customer, tuple(newest_first), more)


def instant(at: float) -> str:
    """Return an instant as a program reads it, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(timeline: Timeline) -> dict[str, Any]:
    """Return the fields of /api/customers; README has them in a table."""
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
