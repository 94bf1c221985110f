"""What has happened today in each queue: visits and answers, counted as they come. Pure.

`daemon/services/wallboard_publisher.py` tells it each record, and at the start what the database knows of the
day. A visit belongs to the day on which its caller entered the queue, an answer to the one on which it was
given, as in reports. The day is the contact centre's own: it begins at local midnight.

The trap: what the database tells was told live too, perhaps, and the database is read more than once. So
every fact is known by its key and counted once, whoever told it. 20,000 visits take 6 MB until midnight.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol

from cc_bridge.kpis.question_kinds import KINDS
from cc_bridge.kpis.scores import AnswersByValue
from cc_bridge.kpis.service_level import QueueStay, VisitCounts
from cc_bridge.surveys.business_hours import start_of_day

__all__ = ["QueueLimits", "RatingToday", "Today", "VisitToday"]

# Visits are counted when somebody looks or so many have come: one by one it takes 20 times as long.
_TOGETHER = 100
_SHORTEST_DAY = 20 * 3600.0  # seconds; no clock has ever been put forward by more than some hours

QueueLimits = Callable[[str], tuple[float, float]]
"""A queue's threshold of the service level and its limit of a short abandon, seconds."""


class VisitToday(QueueStay, Protocol):
    """What must be known of a visit: a QueueVisit, or a row of the table."""

    @property
    def uniqueid(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def entered_at(self) -> float: ...


@dataclass(frozen=True, slots=True)
class RatingToday:
    """One answer, and the queue whose talk it rates."""

    queue: str
    attempt_id: str
    question: str
    kind: str
    value: int
    answered_at: float


class Today:
    """The visits and answers of the day that `start_day` was told of; those of other days are left out."""

    def __init__(self, limits: QueueLimits) -> None:
        self.began_at = 0.0  # UTC seconds since the epoch
        self.complete = False  # all that the database knows of the day is counted
        self._zone: tzinfo | None = None
        self._limits = limits
        self._visits: dict[str, VisitCounts] = {}
        self._uncounted: dict[str, list[VisitToday]] = {}  # by queue
        self._answers: dict[tuple[str, str, str], Counter[int]] = {}  # by queue, question and kind
        self._known: set[tuple[str | float, ...]] = set()

    def start_day(self, now: float, zone: tzinfo | None) -> bool:
        """Forget yesterday if another day has begun; tell whether one has."""
        if zone == self._zone and self.began_at <= now < self.began_at + _SHORTEST_DAY:
            return False
        self._zone = zone
        began_at = start_of_day(now, zone)
        if began_at == self.began_at:
            return False
        self.began_at = began_at
        self.complete = False
        self._visits.clear()
        self._uncounted.clear()
        self._answers.clear()
        self._known.clear()
        return True

    def add_visits(self, visits: Iterable[VisitToday]) -> None:
        """Take visits that are new."""
        for visit in visits:
            if visit.entered_at >= self.began_at and self._new(visit.uniqueid, visit.queue, visit.entered_at):
                uncounted = self._uncounted.setdefault(visit.queue, [])
                uncounted.append(visit)
                if len(uncounted) >= _TOGETHER:
                    self._count(visit.queue)

    def add_answers(self, answers: Iterable[RatingToday]) -> None:
        """Count answers that are new and on a scale; a choice or a comment has no score."""
        for answer in answers:
            kind = KINDS.get(answer.kind)
            counts = answer.answered_at >= self.began_at and kind is not None and answer.value in kind.scale
            if counts and self._new(answer.attempt_id, answer.question):
                key = answer.queue, answer.question, answer.kind
                self._answers.setdefault(key, Counter())[answer.value] += 1

    def visits(self, queue: str) -> VisitCounts:
        self._count(queue)
        return self._visits.get(queue, VisitCounts())

    def answers(self, queue: str, question: str, kind: str) -> AnswersByValue:
        return self._answers.get((queue, question, kind), {})

    def _count(self, queue: str) -> None:
        if stays := self._uncounted.pop(queue, None):
            counted = VisitCounts.of(stays, *self._limits(queue))
            self._visits[queue] = self._visits.get(queue, VisitCounts()) + counted

    def _new(self, *key: str | float) -> bool:
        before = len(self._known)
        self._known.add(key)
        return len(self._known) > before
