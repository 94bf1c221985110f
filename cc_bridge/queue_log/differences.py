"""The differences between queue_log and the records: kinds, reasons, and the result of a comparison."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from cc_bridge.records import Outcome

__all__ = ["Comparison", "Difference", "DifferenceKind", "DifferenceReason"]


class DifferenceKind(StrEnum):
    """The kind of a difference between queue_log and the records: which part of a visit differs."""

    MISSING = "missing"  # only queue_log has the visit
    EXTRA = "extra"  # only cc_bridge has the visit
    CHANNEL = "channel"
    OUTCOME = "outcome"
    AGENT = "agent"
    WAIT = "wait"
    TALK = "talk"
    TALK_END = "talk_end"


class DifferenceReason(StrEnum):
    """The reason of a difference, if it is known; `report.py` has a sentence for each reason."""

    NOT_LET_IN = "not_let_in"
    ONE_WORD = "one_word"
    REDIRECTED = "redirected"
    OTHER_LEG = "other_leg"
    PICKED_UP = "picked_up"
    CLOCK_STEP = "clock_step"
    LATE_END = "late_end"
    UNSEEN_TRANSFER = "unseen_transfer"
    CONFERENCE = "conference"
    CONSULTATION = "consultation"
    NO_END = "no_end"
    NEVER_SPOKE = "never_spoke"
    RESTART = "restart"
    LOG_BEGAN = "log_began"
    LOG_ENDED = "log_ended"
    WE_BEGAN = "we_began"
    WE_ENDED = "we_ended"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between queue_log and the records about one visit.

    `reason` is None if no reason for the difference is known.
    """

    what: DifferenceKind
    call: str
    queue: str
    at: float  # time of entry into the queue, in UTC seconds since the epoch
    logged: str
    observed: str
    reason: DifferenceReason | None


@dataclass(slots=True)
class Comparison:
    """The result of one comparison of queue_log with the records.

    It has the number of visits by outcome in queue_log and in the records, the number of visits that match,
    and all differences.
    """

    logged: Counter[Outcome | None] = field(default_factory=Counter)  # None: queue_log has no outcome
    observed: Counter[Outcome | None] = field(default_factory=Counter)
    matched: int = 0  # number of pairs without a difference
    differences: list[Difference] = field(default_factory=list)

    @property
    def explained(self) -> Counter[DifferenceReason]:
        """The number of differences by reason."""
        return Counter(difference.reason for difference in self.differences if difference.reason)

    @property
    def unexplained(self) -> list[Difference]:
        """The differences that no known reason explains."""
        return [difference for difference in self.differences if difference.reason is None]
