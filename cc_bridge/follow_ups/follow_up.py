"""The life of a follow-up: open, taken by somebody, and done or dismissed. Pure.

`storage/queries/follow_ups.py` keeps them, `cc-bridge follow-up` and the pages move them on. The trap: two
people may press the same button; so a move holds from some states only, and the one who is late is told who
was first.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from unicodedata import category

from cc_bridge.errors import FollowUpError

__all__ = [
    "LONGEST_NAME",
    "LONGEST_TEXT",
    "TRANSITIONS",
    "UNCLOSED",
    "Action",
    "FollowUp",
    "FollowUpCount",
    "FollowUpReason",
    "FollowUpState",
    "already_handled",
    "apply_action",
    "detail_of_rating",
    "short",
]

LONGEST_NAME, LONGEST_TEXT = 64, 1000  # characters
_RATING = re.compile(r"([a-z0-9_]+)=(-?\d+)")
_SHORT = 8  # characters of an id for people; any longer begin of it will do too

# Signs that turn the direction of all that is shown after them; the joiners of Persian words stay.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class FollowUpReason(StrEnum):
    """Why somebody is to be called back."""

    LOW_RATING = "low_rating"
    NOT_SOLVED = "not_solved"
    COMMENT = "comment"
    ABANDONED_TWICE = "abandoned_twice"
    LONG_WAIT = "long_wait"


class FollowUpState(StrEnum):
    """How far a follow-up has come."""

    OPEN = "open"
    TAKEN = "taken"
    DONE = "done"
    DISMISSED = "dismissed"


class Action(StrEnum):
    """What somebody does with a follow-up."""

    TAKE = "take"
    DONE = "done"
    DISMISS = "dismiss"


TRANSITIONS: Mapping[tuple[FollowUpState, Action], FollowUpState] = {
    (FollowUpState.OPEN, Action.TAKE): FollowUpState.TAKEN,
    (FollowUpState.OPEN, Action.DONE): FollowUpState.DONE,
    (FollowUpState.OPEN, Action.DISMISS): FollowUpState.DISMISSED,
    (FollowUpState.TAKEN, Action.DONE): FollowUpState.DONE,
    (FollowUpState.TAKEN, Action.DISMISS): FollowUpState.DISMISSED,
}
UNCLOSED = frozenset({FollowUpState.OPEN, FollowUpState.TAKEN})


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One customer to be called back for one reason. Key: follow_up_id, made of what opened it."""

    follow_up_id: str
    pbx: str
    reason: str
    caller_key: str  # never empty: who withholds the number cannot be called back
    number: str  # as callers.number_storage lets it be stored
    queue: str
    agent: str
    call_id: str  # the call that opened it
    detail: str  # what opened it: csat=1, waited 612 s
    owner: str  # of the queue; empty where it has none
    opened_at: float  # when that happened, so that whoever notes it, and how late, notes the same
    due_at: float
    state: FollowUpState = FollowUpState.OPEN
    taken_by: str = ""
    taken_at: float | None = None
    closed_by: str = ""
    closed_at: float | None = None
    outcome: str = ""  # what came of it, or why it was dismissed
    linked_call_id: str = ""  # the next answered call from or to the customer
    linked_at: float | None = None  # when that call began
    linked_pbx: str = ""

    def overdue(self, now: float) -> bool:
        return self.state in UNCLOSED and now > self.due_at

    @property
    def rating(self) -> tuple[str, int] | None:
        """The kind and the value of the low rating that opened it; None for another reason."""
        found = _RATING.fullmatch(self.detail) if self.reason == FollowUpReason.LOW_RATING else None
        return (found[1], int(found[2])) if found else None

    @property
    def seconds_to_close(self) -> float | None:
        return None if self.closed_at is None else self.closed_at - self.opened_at


@dataclass(frozen=True, slots=True)
class FollowUpCount:
    """The follow-ups of one owner that are not closed."""

    open: int = 0
    taken: int = 0
    overdue: int = 0  # of both


def detail_of_rating(kind: str, value: int) -> str:
    """Return the detail from which `FollowUp.rating` reads."""
    return f"{kind}={value}"


def short(follow_up_id: str) -> str:
    """Return as much of an id as people type."""
    return follow_up_id[:_SHORT]


def apply_action(action: Action, by: str, text: str, now: float) -> dict[str, Any]:
    """Return the fields that an action sets. Raises FollowUpError for what cannot be stored.

    `text` is what came of it, or why it is dismissed; who takes it needs to say nothing.
    """
    by, text = _clean(by, "the name", LONGEST_NAME), _clean(text, "the text", LONGEST_TEXT)
    if not by:
        raise FollowUpError("say who you are")
    if action is Action.TAKE:
        return {"state": FollowUpState.TAKEN, "taken_by": by, "taken_at": now}
    if not text:
        raise FollowUpError("say what came of it" if action is Action.DONE else "say why it is dismissed")
    state = FollowUpState.DONE if action is Action.DONE else FollowUpState.DISMISSED
    return {"state": state, "closed_by": by, "closed_at": now, "outcome": text}


def already_handled(follow_up: FollowUp) -> FollowUpError:
    """Return what to tell somebody whose action does not fit the state any more."""
    who = follow_up.closed_by or follow_up.taken_by or "somebody"
    return FollowUpError(f"follow-up {short(follow_up.follow_up_id)} is {follow_up.state} already, by {who}")


def _clean(text: str, what: str, longest: int) -> str:
    """Return a text in one line that can be shown anywhere. Raises FollowUpError for too long a one."""
    kept = "".join(" " if category(sign) in ("Cc", "Cs") else sign for sign in text if sign not in _TURNING)
    line = " ".join(kept.split())
    if len(line) > longest:
        raise FollowUpError(f"{what} is longer than {longest} characters")
    return line
