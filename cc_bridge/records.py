"""The records: calls, queue visits, talks, survey answers and the other facts that are stored.

`calls/` and `surveys/` make the records. `metrics/`, `storage/` and `web/` consume them. No other data passes
between these packages. Times are UTC seconds since the epoch, as stamped by the PBX (float, microsecond
resolution). Durations are in seconds. An interface is the device that Asterisk dials, such as `PJSIP/1005`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar, dataclass_transform

__all__ = [
    "AgentInterval",
    "AgentState",
    "Answer",
    "AttributedBy",
    "Call",
    "CustomerNumber",
    "Direction",
    "EndedBy",
    "Gap",
    "GapReason",
    "NotRoutedCall",
    "ObservationWatermark",
    "OpenStateRecord",
    "OptOut",
    "Outcome",
    "QueueVisit",
    "Record",
    "Ring",
    "RingOutcome",
    "SurveyAttempt",
    "SurveyDecision",
    "SurveyDefinition",
    "SurveyResult",
    "Talk",
    "Transfer",
    "Trigger",
]


_Class = TypeVar("_Class")


@dataclass_transform(frozen_default=True)
def _record(kind: type[_Class]) -> type[_Class]:
    """Make a class a record: a dataclass that is not changed after its creation.

    mypy rejects code that changes a record. At run time nothing prevents it, because the option `frozen` of
    a dataclass makes the creation of an object take three times as long.
    """
    return dataclass(slots=True, unsafe_hash=True)(kind)


class Outcome(StrEnum):
    """The way in which a queue visit ended. Each visit has exactly one outcome."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"  # the caller hung up
    TIMED_OUT = "timed_out"
    LEFT_BY_KEY = "left_by_key"
    QUEUE_FULL = "queue_full"
    JOIN_EMPTY = "join_empty"
    LEAVE_EMPTY = "leave_empty"
    JOIN_UNAVAILABLE = "join_unavailable"
    LEAVE_UNAVAILABLE = "leave_unavailable"
    TRANSFERRED_AWAY = "transferred_away"  # redirected while waiting, by an agent or an administrator
    UNOBSERVED = "unobserved"  # the visit ended in a gap, so its outcome is not known and not guessed


class Direction(StrEnum):
    """The direction of a call from the contact centre's point of view: incoming, outgoing or internal."""

    IN = "in"
    OUT = "out"
    INTERNAL = "internal"


class RingOutcome(StrEnum):
    """The way in which one ring attempt of one agent's phone ended."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    CONGESTION = "congestion"
    DECLINED = "declined"
    ANSWERED_ELSEWHERE = "answered_elsewhere"  # another phone answered the call
    FORWARDED = "forwarded"  # the phone sent the call elsewhere (SIP 302)
    CALLER_GONE = "caller_gone"  # the caller left the queue
    UNOBSERVED = "unobserved"


class EndedBy(StrEnum):
    """The side that ended a talk."""

    CALLER = "caller"
    AGENT = "agent"
    TRANSFER = "transfer"
    SYSTEM = "system"  # a redirect, a time limit or an administrator
    UNOBSERVED = "unobserved"


class Transfer(StrEnum):
    """The kind of transfer that ended a talk."""

    BLIND = "blind"
    ATTENDED = "attended"


class AgentState(StrEnum):
    """The state of an agent. An agent who is a member of several queues has the same state in all of them."""

    LOGGED_OUT = "logged_out"  # member of no queue
    AVAILABLE = "available"
    RINGING = "ringing"
    TALKING = "talking"  # in a talk of a queue, or on the phone otherwise
    WRAP_UP = "wrap_up"
    PAUSED = "paused"  # in every queue; an agent who is paused in only some queues counts as available
    UNREACHABLE = "unreachable"


AWAY = (AgentState.LOGGED_OUT, AgentState.UNREACHABLE)


class SurveyResult(StrEnum):
    """The result of a survey that was started."""

    STARTED = "started"  # still in progress, or the daemon was killed during the survey
    COMPLETE = "complete"  # at least one answer, and the last question was reached; skipped questions count
    PARTIAL = "partial"  # at least one answer, but the survey ended before the last question
    DECLINED = "declined"  # no answer


class Trigger(StrEnum):
    """The way in which the caller reached the survey."""

    QUEUE = "queue"  # the dialplan after Queue()
    DIAL = "dial"  # the dialplan after Dial()
    EXTENSION = "extension"  # an agent or supervisor transferred the caller to the survey's extension
    CALLBACK = "callback"  # cc_bridge called the caller back


class AttributedBy(StrEnum):
    """The source from which cc_bridge knows the agent that a survey rates."""

    EVENTS = "events"  # the AMI events of the talk
    CHANNEL = "channel"  # the dialplan's arguments, if no events were received; they can be wrong
    UNKNOWN_CHANNEL = "unknown_channel"  # none: AMI never announced the channel, so no agent is rated


class GapReason(StrEnum):
    """The reason why the PBX was not observed."""

    LINK_LOST = "link_lost"
    PBX_RESTARTED = "pbx_restarted"
    MESSAGE_DROPPED = "message_dropped"  # a malformed or forged message, whose content is not known
    DAEMON_DOWN = "daemon_down"
    CLOCK_STEP = "clock_step"  # the PBX's clock was set; the gap has no length
    RECORDS_LOST = "records_lost"  # records were discarded, because the queue in memory or the disk was full


@_record
class Call:
    """A call: all channels with one Linkedid, from the start of the first to the end of the last.

    Key: pbx, call_id.
    """

    pbx: str
    call_id: str  # Asterisk's Linkedid at the start of the call
    uniqueid: str  # of the first channel
    direction: Direction
    started_at: float
    ended_at: float
    caller_number: str
    caller_name: str
    dialed: str  # the first extension
    language: str
    queue: str  # the first queue that the caller entered; empty if there was none
    answered: bool  # there was a talk, or an agent of a queue answered
    queues: int  # number of queue visits
    talks: int
    wait_seconds: float  # in queues, before the first answer
    talk_seconds: float  # sum of the talks that were observed completely
    partial: bool  # the start, the end or a part of a talk was not observed.
    caller_key: str = ""  # pseudonym of the outside party, who is the called one of an outgoing call

    @property
    def call_seconds(self) -> float:
        return self.ended_at - self.started_at


@_record
class QueueVisit:
    """A queue visit: one stay of one caller in one queue. Key: pbx, uniqueid, queue, entered_at."""

    pbx: str
    call_id: str  # Asterisk's Linkedid, the same for all channels of a call
    uniqueid: str  # the caller's channel, which ran Queue()
    queue: str
    entered_at: float
    left_at: float
    outcome: Outcome
    agent: str | None  # the queue member's name; None unless answered
    interface: str | None  # the queue member's interface; None unless answered
    position: int  # in the queue on entry, from 1; 0 if the entry was not observed
    caller_number: str
    caller_name: str
    language: str
    ringing: bool  # a phone was ringing when the caller left the queue, and stopped because of that
    decided_by: str  # name of the AMI message that showed the outcome
    partial: bool = False  # the PBX's clock was set during the wait, so its length is not exact
    caller_key: str = ""  # pseudonym, the same for the same caller; empty if the number is withheld

    @property
    def wait_seconds(self) -> float:
        """Seconds in the queue, for every outcome: left_at - entered_at, rounded to microseconds."""
        return round(self.left_at - self.entered_at, 6)


@_record
class Ring:
    """A ring: one ring attempt of one agent's phone. Key: pbx, ring_uniqueid, started_at."""

    pbx: str
    call_id: str
    uniqueid: str  # the caller's channel
    ring_uniqueid: str  # the channel to the agent's phone
    queue: str
    agent: str
    interface: str
    started_at: float
    ended_at: float
    outcome: RingOutcome

    @property
    def ring_seconds(self) -> float:
        """Seconds from the start to the end of the ring attempt."""
        return self.ended_at - self.started_at


@_record
class Talk:
    """A talk: one conversation of one agent with one caller.

    Key: pbx, uniqueid, agent_uniqueid, answered_at.
    """

    pbx: str
    call_id: str
    uniqueid: str  # the caller's channel; for an outgoing call, the called party's channel
    agent_uniqueid: str  # the channel of the agent's device, also if Local channels are between
    queue: str  # empty for a call without a queue
    agent: str
    interface: str
    answered_at: float
    ended_at: float
    hold_seconds: float  # observed hold time; hold during a gap is not included
    holds: int  # number of holds
    ended_by: EndedBy
    transfer: Transfer | None  # None: the talk did not end with a transfer
    transfer_target: str | None  # the extension, or Asterisk's text for the other side
    picked_up: bool = (
        False  # answered on another phone than the one rung; `agent` and `interface` are of that phone
    )
    partial: bool = False  # the start or the end was not observed, so the duration does not count

    @property
    def talk_seconds(self) -> float:
        """Seconds from the start to the end of the talk, hold included."""
        return self.ended_at - self.answered_at


@_record
class AgentInterval:
    """An agent interval: one period of one agent in one state. Key: pbx, agent, started_at."""

    pbx: str
    agent: str
    state: AgentState
    started_at: float
    ended_at: float
    reason: str  # of a pause; do_not_disturb if the agent was unreachable for that; otherwise empty
    queue: str  # of the talk before a wrap-up, otherwise empty
    flagged: bool  # the wrap-up was ended at agents.max_wrap_up_seconds

    @property
    def seconds(self) -> float:
        """Length of the interval in seconds."""
        return self.ended_at - self.started_at


@_record
class SurveyDefinition:
    """A survey definition: the questions of one survey version, as the daemon first loaded them.

    Key: pbx, survey, version.
    """

    pbx: str
    survey: str  # the survey's id
    version: int
    languages: str  # separated by commas; the first one serves callers whose language is not in the list
    questions: str  # JSON, see surveys/versions.py
    first_seen: float  # time of the first load


@_record
class SurveyDecision:
    """A survey decision: whether a caller was invited to the survey of their queue, or why not.

    Key: pbx, uniqueid, decided_at.
    """

    pbx: str
    call_id: str
    uniqueid: str  # the caller's channel
    queue: str
    agent: str
    interface: str
    decided_at: float
    survey: str  # the survey's id; empty if none was chosen
    trigger: Trigger
    stage: str  # invited, caller_left_first, called_back, or the reason for not asking the caller
    caller_key: str  # pseudonym, see privacy/caller_keys.py; empty if the number is withheld


@_record
class NotRoutedCall:
    """A call whose caller was answered, but whose dialplan did not request the survey of the queue.

    `queue`, `agent` and `interface` are those of the last talk. If the last talk has no queue, such as after
    a transfer, `queue` is the queue of the latest earlier talk that has one. Key: pbx, call_id.
    """

    pbx: str
    call_id: str
    uniqueid: str  # the caller's channel
    queue: str
    agent: str
    interface: str
    ended_at: float  # end of the call
    survey: str  # the id of the survey to which the caller was not sent
    caller_key: str  # pseudonym, see privacy/caller_keys.py; empty if the number is withheld


@_record
class SurveyAttempt:
    """A survey attempt: one survey of one caller. Key: pbx, attempt_id.

    It is stored when the survey starts, and again when the survey ends.
    """

    pbx: str
    attempt_id: str
    call_id: str
    uniqueid: str
    queue: str
    agent: str
    interface: str
    survey: str  # the survey's id
    version: int
    language: str
    started_at: float
    ended_at: float | None  # None: still in progress, or the daemon was killed during the survey
    result: SurveyResult
    # The reason why the survey is not complete: hung_up, no_input, invalid, skipped, opted_out, time_limit,
    # error, shutdown.
    reason: str
    trigger: Trigger = Trigger.QUEUE
    attributed_by: AttributedBy = AttributedBy.EVENTS
    caller_key: str = ""  # pseudonym, the same for the same caller; empty if the number is withheld


@_record
class Answer:
    """An answer: one valid answer of one caller to one question. Key: pbx, attempt_id, question."""

    pbx: str
    attempt_id: str
    question: str
    kind: str  # as in kpis/question_kinds.py
    value: int  # the score, the pressed key of a choice, or the length of a spoken comment in seconds
    tries: int  # number of attempts until the answer was valid; 1: valid at the first
    answered_at: float
    queue: str = ""  # the rated queue; empty if the question rates the company as a whole
    agent: str = ""
    interface: str = ""
    label: str = ""  # the meaning of the pressed key of a choice
    recording: str = ""  # path of a spoken comment on the PBX


@_record
class OptOut:
    """A caller's choice to receive no surveys, or to receive them again. Key: caller_key."""

    caller_key: str
    updated_at: float
    opted_out: bool  # False: the caller has opted in again
    source: str  # "key": on the telephone keypad; "command": `cc-bridge opt-out`


@_record
class CustomerNumber:
    """A telephone number of a customer, as reported by the CRM. Key: caller_key."""

    caller_key: str
    customer_id: str  # the CRM's id; empty if only the name is known
    name: str
    updated_at: float


@_record
class Gap:
    """A gap: a period in which the PBX was not observed, or in which records were lost.

    Key: pbx, started_at.

    If the PBX's clock was set, a gap of length 0 is stored, with the new time as its start and end.
    """

    pbx: str
    started_at: float
    ended_at: float
    reason: GapReason
    calls_affected: (
        int  # visits and talks in progress at the start of the gap; if records were lost, the lost ones
    )


@_record
class ObservationWatermark:
    """The time up to which a PBX was observed. Key: pbx.

    After a restart, the next daemon starts a gap at this time.
    """

    pbx: str
    observed_until: float


@_record
class OpenStateRecord:
    """The checkpoint of an open call or of an agent's current state. Key: pbx, kind, name.

    A daemon that starts after a crash restores its open calls from these records. Only `calls/checkpoint.py`
    writes and reads them. A record with an empty state deletes the checkpoint.
    """

    pbx: str
    kind: str  # call or agent
    name: str  # the call's id or the agent's name
    state: str  # JSON, see calls/checkpoint_format.py; empty: the call or agent state has ended


Record = (
    Call
    | QueueVisit
    | Ring
    | Talk
    | AgentInterval
    | SurveyDefinition
    | SurveyDecision
    | NotRoutedCall
    | SurveyAttempt
    | Answer
    | OptOut
    | CustomerNumber
    | Gap
    | ObservationWatermark
    | OpenStateRecord
)
