"""The counts that SQL returns for reports: one dataclass for each type of row, and the class Source. Pure.

The `key` of a row is its value of the report's dimension (`query.Dimension`), such as the name of a queue.
Durations are in seconds. Rows are unordered, and several rows may have the same key.
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
    "WaitCount",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class VisitSums:
    """The number and the wait times of the visits with the same `key`, `outcome` and `partial`.

    `key` is the value of the report's dimension, such as the name of a queue. `partial` is True for visits
    whose wait time is not exact, because the PBX's clock was set during the wait.
    """

    key: Group
    outcome: str
    n: int
    wait: float  # sum of the wait times.
    squares: float  # sum of the squares of the wait times.
    longest: float  # longest wait time.
    within: int  # visits with a wait of at most the queue's threshold.
    short: int  # visits shorter than the queue's short_abandon_seconds, with any outcome.
    ringing: int  # visits in which an agent's phone rang when the caller left.
    partial: bool = False


@dataclass(frozen=True, slots=True)
class WaitCount:
    """The number of the visits with the same `key` and `second`, without partial visits.

    `key` is the value of the report's dimension, such as the name of a queue. `second` is the wait time,
    rounded up to whole seconds.
    """

    key: Group
    second: int
    n: int


@dataclass(frozen=True, slots=True)
class TalkSums:
    """The number of the talks that have the same `key`, and the sums of their times in seconds.

    `key` is the value of the report's dimension, such as the name of a queue.
    """

    key: Group
    n: int
    whole: int  # talks observed from start to end; the sums contain only these
    talk: float
    hold: float
    wrap_up: float  # sum of the wrap-up times that are configured for the queues
    squares: float  # sum of the squares of talk + wrap_up


@dataclass(frozen=True, slots=True)
class AgentActivity:
    """A part of one agent's activity: talks, rings with one outcome, or the time in one state.

    Only time within the span of the query is counted. If the query names queues, talks and rings are those of
    these queues. A state belongs to no queue.
    """

    agent: str
    talks: int = 0  # observed from start to end
    talk_seconds: float = 0.0
    hold_seconds: float = 0.0  # part of talk_seconds
    all_talk_seconds: float = 0.0  # in all queues; 0 if the query names no queues
    ring_outcome: str = ""
    rings: int = 0
    state: str = ""
    state_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AnswerCount:
    """The number of survey answers that have the same `key`, question, kind of question and value.

    `key` is the value of the report's dimension, such as the name of a queue.
    """

    key: Group
    question: str
    kind: str
    value: int
    n: int


@dataclass(frozen=True, slots=True)
class InvitationCount:
    """The number of survey decisions that have the same `key` and `stage`; callbacks are not counted.

    `key` is the value of the report's dimension, such as the name of a queue. `stage` is the decision:
    `invited`, `caller_left_first` (the caller hung up before the agent did), or the reason against an
    invitation.
    """

    key: Group
    stage: str
    n: int


@dataclass(frozen=True, slots=True)
class NotRoutedCount:
    """The number of calls with the same `key` that were not routed to a survey.

    `key` is the value of the report's dimension, such as the name of a queue.
    """

    key: Group
    n: int


@dataclass(frozen=True, slots=True)
class HangupCount:
    """The number of survey decisions that have the same queue, agent, `stage` and trigger.

    `stage` is `invited` (the agent hung up first) or `caller_left_first` (the caller hung up first).
    `surveys/hangup_outliers.py` uses these numbers.
    """

    queue: str
    agent: str
    stage: str
    trigger: str
    n: int


@dataclass(frozen=True, slots=True)
class AttemptCount:
    """The number of survey attempts that have the same `key`, `result` and `reason`.

    `key` is the value of the report's dimension, such as the name of a queue. `result` is started, complete,
    partial or declined. `reason` says why a survey is not complete.
    """

    key: Group
    result: str
    reason: str
    n: int
    answered: int  # attempts with at least one valid answer


@dataclass(frozen=True, slots=True)
class RatedBy:
    """The number of ratings for one `value` (1 to 5), one `factor` and one `key`.

    A factor is a property of the rated call: the wait band (a range of wait times, such as 20 to 60 seconds),
    the number of talks (`agents_spoken`), the hour of the answer, or the queue. `key` says which band,
    number, hour or queue it is. For `agents_spoken`, the key 3 means three talks or more. Each rating is
    counted once for each factor. If the rated call is not stored, the key is -1 for the wait band and 0 for
    the number of talks.
    """

    factor: Dimension | str
    key: Group
    value: int
    n: int


@dataclass(frozen=True, slots=True)
class JourneyCount:
    """The number of calls that have the same `key`, `queues`, `talks` and `answered`.

    `key` is the value of the report's dimension, such as the name of a queue. `queues` is the number of
    queues in each of these calls, `talks` is the number of talks. `answered` says whether an agent answered
    these calls. Calls without a queue are not counted.
    """

    key: Group
    queues: int
    talks: int
    answered: bool
    n: int


@dataclass(frozen=True, slots=True)
class TransferCount:
    """The number of transfers that have the same `key` and `kind`: blind or attended.

    `key` is the value of the report's dimension, such as the name of a queue.
    """

    key: Group
    kind: str
    n: int


@dataclass(frozen=True, slots=True)
class PresenceSum:
    """The presence of all agents together, in seconds, within one local hour of one weekday.

    `hour` is from 0 to 23, `weekday` from 0 (Monday) to 6.
    """

    weekday: int
    hour: int
    seconds: float


class Source(Protocol):
    """The interface through which a report reads its counts; storage/reports/ implements it with SQL."""

    def visits(self, by: Dimension) -> Iterable[VisitSums]: ...
    def waits(self, by: Dimension) -> Iterable[WaitCount]: ...
    def talks(self, by: Dimension) -> Iterable[TalkSums]: ...
    def agent_activities(self, states: Collection[AgentState]) -> Iterable[AgentActivity]: ...
    def answers(self, by: Dimension) -> Iterable[AnswerCount]: ...
    def invitations(self, by: Dimension) -> Iterable[InvitationCount]: ...
    def not_routed(self, by: Dimension) -> Iterable[NotRoutedCount]: ...
    def hangups(self) -> Iterable[HangupCount]: ...
    def attempts(self, by: Dimension) -> Iterable[AttemptCount]: ...
    def rated(self) -> Iterable[RatedBy]: ...
    def journeys(self, by: Dimension) -> Iterable[JourneyCount]: ...
    def transfers(self, by: Dimension) -> Iterable[TransferCount]: ...
    def visited_hours(self) -> Iterable[tuple[str, int, int, str, int]]: ...
    def presence(self) -> Iterable[PresenceSum]: ...
    def unobserved(self) -> float: ...

    def first_record(self) -> float | None:
        """Return the time of the first record in the database, None if there is none.

        It is in UTC seconds since the epoch, and may be outside the report's span. The time before it was not
        observed.
        """
        ...

    def observed(self) -> Iterable[tuple[float, float]]:
        """Return the parts of the report's time span in which the PBX was observed, in order of time.

        A part is its start and its end, in UTC seconds since the epoch.
        """
        ...
