"""Follow-up rules: the calls and answers that open a follow-up. Pure.

Callers who withhold their number, and callers from a shared number, cannot be called back. They open no
follow-up.

Note: the same calls and answers are checked many times, also by a daemon that is started later. No check may
open a second follow-up for the same call or answer and the same reason. So the id of a follow-up depends only
on the call or answer and on the reason, never on the time of the check.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from operator import attrgetter
from typing import TypeVar

from cc_bridge.follow_ups.follow_up import FollowUp, FollowUpReason, detail_of_rating
from cc_bridge.records import Outcome

__all__ = ["DAYS_LOOKED_BACK", "AnswerFact", "FollowUpCause", "FollowUpRules", "VisitFact", "follow_up"]

# Older calls and answers open no follow-up, even if they are stored late.
DAYS_LOOKED_BACK = 7

_ID = 16  # hexadecimal digits: enough to make a million ids distinct


@dataclass(frozen=True, slots=True)
class VisitFact:
    """The fields of a queue visit that the follow-up rules need."""

    pbx: str
    call_id: str
    caller_key: str
    number: str
    queue: str
    agent: str
    entered_at: float
    left_at: float
    outcome: str
    short: bool = False  # a short abandon, which opens no follow-up


@dataclass(frozen=True, slots=True)
class AnswerFact:
    """The fields of a survey answer, and of the talk that it rates, that the follow-up rules need."""

    pbx: str
    call_id: str
    caller_key: str
    number: str
    queue: str
    agent: str
    attempt_id: str
    question: str
    kind: str
    value: int
    at: float


@dataclass(frozen=True, slots=True)
class FollowUpCause:
    """The cause of one follow-up: a visit or a survey answer, and the reason why it opens the follow-up.

    `source` identifies the visit's call or the answer. The PBX, the reason and `source` together identify the
    cause.
    """

    reason: FollowUpReason
    about: VisitFact | AnswerFact
    source: str
    detail: str
    at: float

    @property
    def id(self) -> str:
        """The id of the follow-up: a hash of PBX, reason and source."""
        name = f"{self.about.pbx}\0{self.reason}\0{self.source}"
        return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_ID]


@dataclass(frozen=True, slots=True)
class FollowUpRules:
    """The configured rules that open follow-ups. With the default values, no follow-up is opened."""

    low_ratings: Mapping[str, int] = field(default_factory=dict)  # kind of question -> highest low value
    unresolved_questions: Collection[str] = ()  # ids of questions whether the problem was solved
    comments: bool = False  # each spoken comment opens one
    abandoned_seconds: float = 0  # two abandoned calls within this time open one; 0: off
    long_wait_seconds: float = 0  # a longer wait opens one; 0: off
    shared: Collection[str] = ()  # caller keys of shared numbers

    def of_answers(self, answers: Iterable[AnswerFact]) -> Iterator[FollowUpCause]:
        """Yield a cause for each follow-up that these answers open."""
        for answer in answers:
            if self._has_caller(answer):
                source = f"{answer.attempt_id}\0{answer.question}"
                for reason, detail in self._answer_reasons(answer):
                    yield FollowUpCause(reason, answer, source, detail, answer.at)

    def of_visits(
        self, visits: Iterable[VisitFact], customer: Callable[[str], str] = str
    ) -> Iterator[FollowUpCause]:
        """Yield a cause for each follow-up that these visits open.

        A call is judged as a whole, by all its visits. `customer` returns the same value for all caller keys
        of one customer.
        """
        calls = _by(
            (visit for visit in visits if self._has_caller(visit)), lambda visit: (visit.pbx, visit.call_id)
        )
        whole = [sorted(call, key=attrgetter("entered_at")) for call in calls]
        if self.long_wait_seconds:
            for call in whole:
                yield from self._waited(call)
        if self.abandoned_seconds:
            lost = [call[-1] for call in whole if _abandoned(call)]
            for theirs in _by(lost, lambda visit: customer(visit.caller_key)):
                yield from self._abandoned_again(theirs)

    def _has_caller(self, about: VisitFact | AnswerFact) -> bool:
        return bool(about.caller_key) and about.caller_key not in self.shared

    def _answer_reasons(self, answer: AnswerFact) -> Iterator[tuple[FollowUpReason, str]]:
        low = self.low_ratings.get(answer.kind)
        if low is not None and answer.value <= low:
            yield FollowUpReason.LOW_RATING, detail_of_rating(answer.kind, answer.value)
        if answer.kind == "yes_no" and answer.value == 0 and answer.question in self.unresolved_questions:
            yield FollowUpReason.NOT_SOLVED, f"{answer.question}=no"
        if answer.kind == "comment" and self.comments:
            yield FollowUpReason.COMMENT, f"spoke {answer.value} s"

    def _waited(self, call: list[VisitFact]) -> Iterator[FollowUpCause]:
        """Yield a cause if the caller waited longer in the queues of a call than the rules allow.

        The waits in all visits of the call are added, and the sum is compared with `long_wait_seconds`.
        Visits after the first answered visit do not count. An unobserved visit counts as 0 s.
        """
        seconds = 0.0
        for visit in call:
            if visit.outcome != Outcome.UNOBSERVED:  # the length of an unobserved wait is unknown
                seconds += visit.left_at - visit.entered_at
            if seconds > self.long_wait_seconds:
                yield FollowUpCause(
                    FollowUpReason.LONG_WAIT, visit, visit.call_id, f"waited {seconds:.0f} s", visit.left_at
                )
                return
            if visit.outcome == Outcome.ANSWERED:
                return

    def _abandoned_again(self, lost: list[VisitFact]) -> Iterator[FollowUpCause]:
        for before, visit in pairwise(
            sorted(lost, key=lambda visit: (visit.left_at, visit.pbx, visit.call_id))
        ):
            hours = (visit.left_at - before.left_at) / 3600
            if hours * 3600 <= self.abandoned_seconds:
                detail = f"abandoned again after {hours:.1f} h"
                yield FollowUpCause(
                    FollowUpReason.ABANDONED_TWICE, visit, visit.call_id, detail, visit.left_at
                )


def follow_up(cause: FollowUpCause, owner: str, due_at: float) -> FollowUp:
    """Return the follow-up that a cause opens.

    `owner` is the owner of the queue, `due_at` is in UTC seconds since the epoch.
    """
    about = cause.about
    return FollowUp(
        follow_up_id=cause.id,
        pbx=about.pbx,
        reason=cause.reason,
        caller_key=about.caller_key,
        number=about.number or about.caller_key,
        queue=about.queue,
        agent=about.agent,
        call_id=about.call_id,
        detail=cause.detail,
        owner=owner,
        opened_at=cause.at,
        due_at=due_at,
    )


def _abandoned(call: list[VisitFact]) -> bool:
    last = call[-1]
    answered = any(visit.outcome == Outcome.ANSWERED for visit in call)
    return last.outcome == Outcome.ABANDONED and not last.short and not answered


_Each = TypeVar("_Each")


def _by(items: Iterable[_Each], key: Callable[[_Each], object]) -> list[list[_Each]]:
    """Return the items in lists, one list for each value of `key`, in the order of their first items."""
    parts: dict[object, list[_Each]] = {}
    for each in items:
        parts.setdefault(key(each), []).append(each)
    return list(parts.values())
