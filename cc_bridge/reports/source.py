"""What SQL counts for the reports: one dataclass for each kind of row, and who gives them. Pure.

`storage/reports/` is the Source. A `key` is what the report is asked by (see ask.By); durations are
seconds. The trap: rows come unordered, and several may have the same key.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from cc_bridge.records import AgentState
from cc_bridge.reports.query import Dimension, Group

__all__ = [
    "AgentActivity",
    "AnswerCount",
    "AttemptCount",
    "HangupCount",
    "InvitationCount",
    "JourneyCount",
    "PresenceSum",
    "RatedBy",
    "Source",
    "TalkSums",
    "TransferCount",
    "VisitSums",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class VisitSums:
    """Visits with one outcome that waited the same time to the second, rounded up."""

    key: Group
    outcome: str
    second: int
    n: int
    wait: float  # sum
    squares: float  # sum of the squares of the waits
    longest: float
    within: int  # after at most the queue's threshold
    short: int  # before the queue's short_abandon_seconds, whatever the outcome
    ringing: int  # with an agent ringing as the caller left


@dataclass(frozen=True, slots=True)
class TalkSums:
    key: Group
    n: int
    whole: int  # of them those seen from begin to end; the sums are of these
    talk: float
    hold: float
    wrap_up: float  # what the settings of their queues say
    squares: float  # sum of the squares of talk + wrap_up


@dataclass(frozen=True, slots=True)
class AgentActivity:
    """What an agent did, cut at both ends of the span: talks, rings of one outcome, or time in one state."""

    agent: str
    talks: int = 0  # seen from begin to end
    talk_seconds: float = 0.0
    hold_seconds: float = 0.0  # part of talk_seconds
    ring_outcome: str = ""
    rings: int = 0
    state: str = ""
    state_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AnswerCount:
    key: Group
    question: str
    kind: str
    value: int
    n: int


@dataclass(frozen=True, slots=True)
class InvitationCount:
    """Entries of the funnel, call-backs left out."""

    key: Group
    stage: str
    n: int


@dataclass(frozen=True, slots=True)
class HangupCount:
    """Callers who hung up on the agent, or did not and were asked; surveys/hangup_outliers.py counts them."""

    queue: str
    agent: str
    stage: str
    trigger: str
    n: int


@dataclass(frozen=True, slots=True)
class AttemptCount:
    key: Group
    result: str
    reason: str
    n: int
    answered: int  # with at least one valid answer


@dataclass(frozen=True, slots=True)
class RatedBy:
    """Answers on the scale of 1 to 5 by one of several things; each answer comes once for each of them.

    By wait band of the call (-1: the call is not stored), by how many agents the caller spoke with
    ("agents_spoken", 3: three or more, 0: the call is not stored), by hour and by queue.
    """

    factor: Dimension | str
    key: Group
    value: int
    n: int


@dataclass(frozen=True, slots=True)
class JourneyCount:
    """Calls that came into a queue."""

    key: Group
    queues: int
    talks: int
    answered: bool
    n: int


@dataclass(frozen=True, slots=True)
class TransferCount:
    key: Group
    kind: str
    n: int


@dataclass(frozen=True, slots=True)
class PresenceSum:
    """How long agents were there, in an hour of a weekday, both local."""

    weekday: int
    hour: int
    seconds: float


class Source(Protocol):
    """Gives the rows of the span that was asked."""

    def visits(self, by: Dimension) -> Iterable[VisitSums]: ...
    def talks(self, by: Dimension) -> Iterable[TalkSums]: ...
    def agent_activities(self, states: Collection[AgentState]) -> Iterable[AgentActivity]: ...
    def answers(self, by: Dimension) -> Iterable[AnswerCount]: ...
    def invitations(self, by: Dimension) -> Iterable[InvitationCount]: ...
    def hangups(self) -> Iterable[HangupCount]: ...
    def attempts(self, by: Dimension) -> Iterable[AttemptCount]: ...
    def rated(self) -> Iterable[RatedBy]: ...
    def journeys(self, by: Dimension) -> Iterable[JourneyCount]: ...
    def transfers(self, by: Dimension) -> Iterable[TransferCount]: ...
    def visited_hours(self) -> Iterable[tuple[str, int, int, str, int]]: ...
    def presence(self) -> Iterable[PresenceSum]: ...
    def unobserved(self) -> float: ...
