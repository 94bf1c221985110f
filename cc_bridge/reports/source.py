"""The counted rows for the reports: one dataclass for each kind, and the Source that returns them. Pure.

The `key` of a row is its value of the report's dimension (`query.Dimension`). Durations are in seconds. Rows
are unordered, and several rows may have the same key.
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
    """Sums over the visits with one outcome and one wait time, `second`, rounded up to whole seconds."""

    key: Group
    outcome: str
    second: int
    n: int
    wait: float  # sum of the wait times.
    squares: float  # sum of the squares of the wait times.
    longest: float  # longest wait time.
    within: int  # visits with a wait of at most the queue's threshold.
    short: int  # visits shorter than the queue's short_abandon_seconds, with any outcome.
    ringing: int  # visits in which an agent's phone rang when the caller left.


@dataclass(frozen=True, slots=True)
class TalkSums:
    """Sums over the talks with one key."""

    key: Group
    n: int
    whole: int  # talks observed from start to end; the sums contain only these
    talk: float
    hold: float
    wrap_up: float  # sum of the wrap-up times that are configured for the queues
    squares: float  # sum of the squares of talk + wrap_up


@dataclass(frozen=True, slots=True)
class AgentActivity:
    """Talks, rings with one outcome, or the time in one state, of one agent within the span.

    Times before the start and after the end of the span are not counted.
    """

    agent: str
    talks: int = 0  # observed from start to end
    talk_seconds: float = 0.0
    hold_seconds: float = 0.0  # part of talk_seconds
    ring_outcome: str = ""
    rings: int = 0
    state: str = ""
    state_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AnswerCount:
    """The number of answers with one value."""

    key: Group
    question: str
    kind: str
    value: int
    n: int


@dataclass(frozen=True, slots=True)
class InvitationCount:
    """The number of survey decisions with one stage, without callbacks."""

    key: Group
    stage: str
    n: int


@dataclass(frozen=True, slots=True)
class HangupCount:
    """The number of survey decisions with one stage and trigger, for `surveys/hangup_outliers.py`."""

    queue: str
    agent: str
    stage: str
    trigger: str
    n: int


@dataclass(frozen=True, slots=True)
class AttemptCount:
    """The number of survey attempts with one result and reason."""

    key: Group
    result: str
    reason: str
    n: int
    answered: int  # attempts with at least one valid answer


@dataclass(frozen=True, slots=True)
class RatedBy:
    """The number of answers with one value, on the scale from 1 to 5, for one value of a factor.

    Each answer is counted once for each factor. The factors are the call's wait band (-1: the call is not
    stored), `agents_spoken` (the number of agents; 3: three or more, 0: the call is not stored), hour and
    queue.
    """

    factor: Dimension | str
    key: Group
    value: int
    n: int


@dataclass(frozen=True, slots=True)
class JourneyCount:
    """The number of calls that entered a queue and had the given numbers of queues and talks."""

    key: Group
    queues: int
    talks: int
    answered: bool
    n: int


@dataclass(frozen=True, slots=True)
class TransferCount:
    """The number of transfers of one kind: blind or attended."""

    key: Group
    kind: str
    n: int


@dataclass(frozen=True, slots=True)
class PresenceSum:
    """The time that agents were present, in one local hour of one local weekday."""

    weekday: int
    hour: int
    seconds: float


class Source(Protocol):
    """The source of the rows within the span of a query."""

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
