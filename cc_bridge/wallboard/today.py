"""The counts of today for each queue: visits and survey answers. Pure.

New records are added as soon as they are made. After a start of the daemon, today's records in the database
are added too. As in reports, a visit belongs to the day on which the caller entered the queue, and an answer
to the day on which it was given. A day starts at midnight in the contact centre's time zone.

The same record may arrive live and from the database, and the database may be read more than once. So each
record is identified by its key and counted once. The keys of 20,000 visits take 6 MB of memory until
midnight.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol

from cc_bridge.kpis.question_kinds import KINDS
from cc_bridge.kpis.scores import AnswersByValue
from cc_bridge.kpis.service_level import QueueStay, VisitCounts
from cc_bridge.queue_names import queue_key
from cc_bridge.surveys.business_hours import start_of_day

__all__ = ["QueueLimits", "RatingToday", "Today", "VisitToday"]

# Visits are counted in groups of up to this number, or when the counts are read. To count them one by one
# would take 20 times as long.
_TOGETHER = 100
# Seconds; no clock change makes a day shorter or longer by more than a few hours.
_SHORTEST_DAY, _MIDDLE_OF_NEXT_DAY = 20 * 3600.0, 36 * 3600.0

QueueLimits = Callable[[str], tuple[float, float]]
"""A function that returns a queue's service level threshold and short abandon limit, both in seconds."""


class VisitToday(QueueStay, Protocol):
    """A queue visit that `Today` can count: a QueueVisit record, or a row of the table of visits."""

    @property
    def uniqueid(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def entered_at(self) -> float: ...


@dataclass(frozen=True, slots=True)
class RatingToday:
    """A survey answer with the queue of the talk that it rates."""

    queue: str
    attempt_id: str
    question: str
    kind: str
    value: int
    answered_at: float


class Today:
    """The counts of the current day. `start_day` sets this day; records of other days are ignored."""

    def __init__(self, limits: QueueLimits) -> None:
        # Start and end of the day, UTC seconds since the epoch; 0: no day has been set.
        self.began_at = self.ends_at = 0.0
        self.complete = False  # True: all records of the day in the database have been counted
        self._zone: tzinfo | None = None
        self._limits = limits
        # Queues are written as `queue_key` returns them.
        self._visits: dict[str, VisitCounts] = {}  # by queue
        self._uncounted: dict[str, list[VisitToday]] = {}  # by queue
        self._answers: dict[tuple[str, str, str], Counter[int]] = {}  # by queue, question and kind
        self._known: set[tuple[str | float, ...]] = set()
        self._names: dict[str, str] = {}  # by queue: its name as first written today

    @property
    def queues(self) -> list[str]:
        """The names of the queues with a visit or a survey answer today."""
        return list(self._names.values())

    def start_day(self, now: float, zone: tzinfo | None) -> bool:
        """Set the current day. If it is a new day, reset all counts and return True; otherwise return False.

        `now` is UTC seconds since the epoch. `zone` is the contact centre's time zone; None means the time
        zone of this machine.
        """
        if zone == self._zone and self.began_at <= now < self.began_at + _SHORTEST_DAY:
            return False
        self._zone = zone
        began_at = start_of_day(now, zone)
        if began_at == self.began_at:
            return False
        self.began_at = began_at
        self.ends_at = start_of_day(began_at + _MIDDLE_OF_NEXT_DAY, zone)
        self.complete = False
        self._visits.clear()
        self._uncounted.clear()
        self._answers.clear()
        self._known.clear()
        self._names.clear()
        return True

    def add_visits(self, visits: Iterable[VisitToday]) -> None:
        """Add the visits of today that have not been added before."""
        for visit in visits:
            if self._is_today(visit.entered_at) and self._new(visit.uniqueid, visit.queue, visit.entered_at):
                queue = queue_key(visit.queue)
                self._names.setdefault(queue, visit.queue)
                uncounted = self._uncounted.setdefault(queue, [])
                uncounted.append(visit)
                if len(uncounted) >= _TOGETHER:
                    self._count(queue)

    def add_answers(self, answers: Iterable[RatingToday]) -> None:
        """Count the answers of today that have not been added before and have a value on a scale.

        Answers to choice questions and comments have no score and are ignored.
        """
        for answer in answers:
            kind = KINDS.get(answer.kind)
            counts = self._is_today(answer.answered_at) and kind is not None and answer.value in kind.scale
            if counts and self._new(answer.attempt_id, answer.question):
                key = queue_key(answer.queue), answer.question, answer.kind
                if answer.queue:  # empty: no queue sent the caller to the agent
                    self._names.setdefault(key[0], answer.queue)
                self._answers.setdefault(key, Counter())[answer.value] += 1

    def visits(self, queue: str) -> VisitCounts:
        """Return the counts of today's visits of a queue."""
        key = queue_key(queue)
        self._count(key)
        return self._visits.get(key, VisitCounts())

    def answers(self, queue: str, question: str, kind: str) -> AnswersByValue:
        """Return the number of today's answers by value, for one question of a queue."""
        return self._answers.get((queue_key(queue), question, kind), {})

    def _count(self, queue: str) -> None:
        if stays := self._uncounted.pop(queue, None):
            counted = VisitCounts.of(stays, *self._limits(queue))
            self._visits[queue] = self._visits.get(queue, VisitCounts()) + counted

    def _is_today(self, instant: float) -> bool:
        return self.began_at <= instant < self.ends_at

    def _new(self, *key: str | float) -> bool:
        """Remember the key of a record; return False if the record was already counted."""
        before = len(self._known)
        self._known.add(key)
        return len(self._known) > before
