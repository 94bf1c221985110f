"""The rows of a list of calls. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["CallListPart", "GivenAnswer", "ListedCall", "StoredWord"]


class StoredWord(NamedTuple):
    """A stored word, such as `answered`, with its kind, such as `outcome`, for the visitor's language."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer in a survey; `label` is the meaning of the value in words, and may be empty."""

    question: str
    kind: str
    value: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class ListedCall:
    """A row of a list: a visit, a talk, a ring, an answer or another part of a call, and its customer.

    at: the instant at which it began, in UTC seconds since the epoch
    call_id: the id of the call; empty if it is not known
    number: the outside party's number as it is stored, or the caller key if only that is known; empty if the
        call has no number; None if no record says the number, as of a talk in a call that has not ended
    customer: the customer's name from the CRM; empty if it is not known
    agents: the names of the agents who talked with the caller, or of the agent who was rung
    words: the outcome, the result and the reason of the row; those that it lacks are left out
    wait_seconds, talk_seconds: None if it has no such time; the wait of a ring is the time for which it rang
    marked: whether the row counts in the numerator of the figure that the list explains
    """

    at: float
    pbx: str
    call_id: str
    queue: str
    number: str | None = ""
    caller_key: str = ""
    customer: str = ""
    agents: tuple[str, ...] = ()
    words: tuple[StoredWord, ...] = ()
    wait_seconds: float | None = None
    talk_seconds: float | None = None
    answers: tuple[GivenAnswer, ...] = ()
    marked: bool = False


@dataclass(frozen=True, slots=True)
class CallListPart:
    """A part of a list: the numbers of all rows and of all marked rows, and the rows of this part."""

    count: int
    marked: int
    rows: Sequence[ListedCall]
