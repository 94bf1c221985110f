"""The follow-up: a customer to be called back, and its states open, taken, done and dismissed. Pure.

Two people may act on one follow-up at the same time. So each action is possible only in some states, and the
second person gets an error that names the first.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cc_bridge.errors import FollowUpError
from cc_bridge.safe_text.printable import one_line

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
_SHORT = 8  # characters of an id that are shown; commands also accept a longer prefix


class FollowUpReason(StrEnum):
    """The reason why a customer is to be called back."""

    LOW_RATING = "low_rating"
    NOT_SOLVED = "not_solved"
    COMMENT = "comment"
    ABANDONED_TWICE = "abandoned_twice"
    LONG_WAIT = "long_wait"
    LOST_CALL = "lost_call"  # a person has taken a lost call from the list; no rule opens it


class FollowUpState(StrEnum):
    """The state of a follow-up."""

    OPEN = "open"
    TAKEN = "taken"
    DONE = "done"
    DISMISSED = "dismissed"


class Action(StrEnum):
    """An action of a person on a follow-up."""

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
    """A follow-up: one customer to be called back for one reason. Key: follow_up_id, a hash of the cause."""

    follow_up_id: str
    pbx: str
    reason: str
    caller_key: str  # never empty: a caller with a withheld number cannot be called back
    number: str  # in the form that callers.number_storage allows
    queue: str
    agent: str
    call_id: str  # the call that opened the follow-up
    detail: str  # the cause, such as csat=1 or waited 612 s
    owner: str  # the owner of the queue; empty if it has none
    opened_at: float  # time of the cause, so that it does not depend on when the cause is found
    due_at: float
    state: FollowUpState = FollowUpState.OPEN
    taken_by: str = ""
    taken_at: float | None = None
    closed_by: str = ""
    closed_at: float | None = None
    outcome: str = ""  # the result, or the reason for the dismissal
    linked_call_id: str = ""  # the next answered call from or to the customer
    linked_at: float | None = None  # start of that call
    linked_pbx: str = ""

    def overdue(self, now: float) -> bool:
        """Return whether the follow-up is not closed and its due time has passed.

        `now` is in UTC seconds since the epoch.
        """
        return self.state in UNCLOSED and now > self.due_at

    @property
    def rating(self) -> tuple[str, int] | None:
        """The kind of question and the value of the low rating that opened the follow-up.

        None means that the follow-up has another reason.
        """
        found = _RATING.fullmatch(self.detail) if self.reason == FollowUpReason.LOW_RATING else None
        return (found[1], int(found[2])) if found else None

    @property
    def seconds_to_close(self) -> float | None:
        """The time in seconds from the cause of the follow-up to its closing; None while it is not closed."""
        return None if self.closed_at is None else self.closed_at - self.opened_at


@dataclass(frozen=True, slots=True)
class FollowUpCount:
    """The numbers of the follow-ups of one queue owner: open, taken and overdue ones."""

    open: int = 0
    taken: int = 0
    overdue: int = 0  # the overdue ones of both states


def detail_of_rating(kind: str, value: int) -> str:
    """Return the text that is stored as the detail of a follow-up after a low rating, such as `csat=2`.

    `kind` is the kind of the question, `value` is the rating. The property `FollowUp.rating` parses the text.
    """
    return f"{kind}={value}"


def short(follow_up_id: str) -> str:
    """Return the first 8 characters of a follow-up's id, as shown to people."""
    return follow_up_id[:_SHORT]


def apply_action(action: Action, by: str, text: str, now: float) -> dict[str, Any]:
    """Return the fields of the follow-up that an action sets, with their new values.

    `by` is the name of the person who acts. `text` is the result for DONE and the reason for DISMISS; TAKE
    needs none. `now` is in UTC seconds since the epoch. Raise FollowUpError if the name or the text is
    missing or too long.
    """
    by, text = _clean(by, "the name", LONGEST_NAME), _clean(text, "the text", LONGEST_TEXT)
    if not by:
        raise FollowUpError("your name is missing: enter it")
    if action is Action.TAKE:
        return {"state": FollowUpState.TAKEN, "taken_by": by, "taken_at": now}
    if not text:
        what = "result" if action is Action.DONE else "reason for the dismissal"
        raise FollowUpError(f"the {what} is missing: enter it as text")
    state = FollowUpState.DONE if action is Action.DONE else FollowUpState.DISMISSED
    return {"state": state, "closed_by": by, "closed_at": now, "outcome": text}


def already_handled(follow_up: FollowUp) -> FollowUpError:
    """Return the error for an action that is no longer possible, because another person has acted before.

    The error text has the state of the follow-up and the name of this person.
    """
    who = follow_up.closed_by or follow_up.taken_by or "another person"
    return FollowUpError(f"follow-up {short(follow_up.follow_up_id)} is already {follow_up.state}, by {who}")


def _clean(text: str, what: str, longest: int) -> str:
    """Return a text in one line without unprintable characters.

    Raise FollowUpError if the result is longer than `longest` characters. `what` names the text in the error
    message, such as `the name`.
    """
    line = one_line(text)
    if len(line) > longest:
        raise FollowUpError(f"{what} is longer than {longest} characters")
    return line
