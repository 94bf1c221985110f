"""The facts: what happened, in the contact centre's own words.

`calls/` and `surveys/` make them, `metrics`, `storage/` and `web/` use them; nothing else passes
between those. Instants are UTC seconds since the epoch as the PBX stamped them (float, microsecond
resolution); durations are seconds.
"""

from dataclasses import dataclass
from enum import StrEnum

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


class Outcome(StrEnum):
    """How a stay in a queue ended; the outcomes of all visits add up to the visits."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"  # the caller hung up
    TIMED_OUT = "timed_out"
    LEFT_BY_KEY = "left_by_key"
    QUEUE_FULL = "queue_full"
    JOIN_EMPTY = "join_empty"
    LEAVE_EMPTY = "leave_empty"
    JOIN_UNAVAILABLE = "join_unavailable"
    LEAVE_UNAVAILABLE = "leave_unavailable"
    TRANSFERRED_AWAY = "transferred_away"  # redirected by someone else
    UNOBSERVED = "unobserved"  # we lost sight; never guessed


class Direction(StrEnum):
    """Which way a call goes, as the contact centre sees it."""

    IN = "in"
    OUT = "out"
    INTERNAL = "internal"


class RingOutcome(StrEnum):
    """How one attempt to reach one agent ended."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    CONGESTION = "congestion"
    DECLINED = "declined"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    CALLER_GONE = "caller_gone"
    UNOBSERVED = "unobserved"


class EndedBy(StrEnum):
    """Who ended a talk."""

    CALLER = "caller"
    AGENT = "agent"
    TRANSFER = "transfer"
    SYSTEM = "system"  # a redirect, a time limit or an administrator
    UNOBSERVED = "unobserved"


class Transfer(StrEnum):
    """How the agent passed the caller on."""

    BLIND = "blind"
    ATTENDED = "attended"


class AgentState(StrEnum):
    """What an agent does; one state at a time, whatever the number of queues."""

    LOGGED_OUT = "logged_out"  # member of no queue
    AVAILABLE = "available"
    RINGING = "ringing"
    TALKING = "talking"  # a talk of a queue, or the phone is in use otherwise
    WRAP_UP = "wrap_up"
    PAUSED = "paused"  # in every queue; a pause in some of them leaves the agent available
    UNREACHABLE = "unreachable"


AWAY = (AgentState.LOGGED_OUT, AgentState.UNREACHABLE)


class SurveyResult(StrEnum):
    """How far a started survey came."""

    STARTED = "started"  # still running, or the daemon was killed in it
    COMPLETE = "complete"  # at least one answer, and walked to the end; what was skipped counts as walked
    PARTIAL = "partial"  # at least one answer, but it ended on the way
    DECLINED = "declined"  # no answer


class Trigger(StrEnum):
    """What brought the caller to the survey."""

    QUEUE = "queue"  # the dialplan after Queue()
    DIAL = "dial"  # the dialplan after Dial()
    EXTENSION = "extension"  # an agent or supervisor transferred the caller to it
    CALLBACK = "callback"  # we called the caller back


class AttributedBy(StrEnum):
    """Where it is known from whom a survey rates."""

    EVENTS = "events"  # the tracker saw the talk
    CHANNEL = "channel"  # the dialplan's word, when events were not heard; it can be wrong


class GapReason(StrEnum):
    """Why the PBX was not observed."""

    LINK_LOST = "link_lost"
    PBX_RESTARTED = "pbx_restarted"
    MESSAGE_DROPPED = "message_dropped"  # malformed or forged; what it would have told is not known
    DAEMON_DOWN = "daemon_down"


@dataclass(frozen=True, slots=True)
class Call:
    """Everything with one Linkedid, from the first channel to the end of the last. Key: pbx, call_id."""

    pbx: str
    call_id: str  # Asterisk's Linkedid when the call began
    uniqueid: str  # the first channel
    direction: Direction
    started_at: float
    ended_at: float
    caller_number: str
    caller_name: str
    dialed: str  # the first extension
    language: str
    queue: str  # the first one, where the caller came in; empty without any
    answered: bool  # there was a talk, or a queue had an agent answer
    queues: int  # visits
    talks: int
    wait_seconds: float  # in queues, before the first answer
    talk_seconds: float  # of all talks that were seen whole
    partial: bool  # its begin, its end or a part of a talk was not seen
    caller_key: str = ""  # of the person outside: who called, or whom a call that went out has called

    @property
    def call_seconds(self) -> float:
        return self.ended_at - self.started_at


@dataclass(frozen=True, slots=True)
class QueueVisit:
    """One stay of one caller in one queue. Key: pbx, uniqueid, queue, entered_at."""

    pbx: str
    call_id: str  # Asterisk's Linkedid: everything with the same one is one call
    uniqueid: str  # the channel that ran Queue()
    queue: str
    entered_at: float
    left_at: float
    outcome: Outcome
    agent: str | None  # the member's name, answered visits only
    interface: str | None  # the member's interface, answered visits only
    position: int  # on entry, from 1; 0 when the entry was not seen
    caller_number: str
    caller_name: str
    language: str
    ringing: bool  # a phone rang for the caller and stopped because the caller left, in whichever way
    decided_by: str  # which message told the outcome
    caller_key: str = ""  # the same for the same caller; empty when the number is withheld

    @property
    def wait_seconds(self) -> float:
        """Seconds in the queue, whatever the outcome: left_at - entered_at, to the microsecond of both."""
        return round(self.left_at - self.entered_at, 6)


@dataclass(frozen=True, slots=True)
class Ring:
    """One attempt to reach one agent. Key: pbx, ring_uniqueid, started_at."""

    pbx: str
    call_id: str
    uniqueid: str  # the caller's channel
    ring_uniqueid: str  # the channel towards the agent
    queue: str
    agent: str
    interface: str
    started_at: float
    ended_at: float
    outcome: RingOutcome

    @property
    def ring_seconds(self) -> float:
        return self.ended_at - self.started_at


@dataclass(frozen=True, slots=True)
class Talk:
    """One agent with one caller. Key: pbx, uniqueid, agent_uniqueid, answered_at."""

    pbx: str
    call_id: str
    uniqueid: str  # the caller's channel; of an outgoing call the one of whom was called
    agent_uniqueid: str  # the agent's own channel, behind Local channels too
    queue: str  # empty for a call without a queue
    agent: str
    interface: str
    answered_at: float
    ended_at: float
    hold_seconds: float  # as far as it was observed; a gap may hide a part
    holds: int
    ended_by: EndedBy
    transfer: Transfer | None
    transfer_target: str | None  # extension, or what Asterisk says of the other side
    picked_up: bool = False  # another phone than the one that rang; agent and interface are of that phone
    partial: bool = False  # its begin or its end was not seen: no duration to count

    @property
    def talk_seconds(self) -> float:
        """Agent's bridge entry to agent's leaving, hold included."""
        return self.ended_at - self.answered_at


@dataclass(frozen=True, slots=True)
class AgentInterval:
    """One stretch of one agent in one state. Key: pbx, agent, started_at."""

    pbx: str
    agent: str
    state: AgentState
    started_at: float
    ended_at: float
    reason: str  # of the pause, else empty
    queue: str  # whose talk is wrapped up, else empty
    flagged: bool  # a wrap-up that was cut off at the cap

    @property
    def seconds(self) -> float:
        return self.ended_at - self.started_at


@dataclass(frozen=True, slots=True)
class SurveyDefinition:
    """What a version of a survey asks, as it was loaded first. Key: pbx, survey, version."""

    pbx: str
    survey: str  # the definition's id
    version: int
    languages: str  # the survey's, with commas between; the first is for callers of another one
    questions: str  # JSON, see surveys/versions.py
    first_seen: float


@dataclass(frozen=True, slots=True)
class SurveyDecision:
    """One call that could have been rated: asked, or why not. Key: pbx, uniqueid, decided_at."""

    pbx: str
    call_id: str
    uniqueid: str  # the caller's channel
    queue: str
    agent: str
    interface: str
    decided_at: float
    survey: str  # the definition's id; empty when none was chosen
    trigger: Trigger
    stage: str  # invited, caller_left_first, or the reason why the caller was not asked
    caller_key: (
        str  # the same for the same caller, see privacy/caller_keys.py; empty when the number is withheld
    )


@dataclass(frozen=True, slots=True)
class SurveyAttempt:
    """One caller asked. Stored when it starts and again when it ends. Key: pbx, attempt_id."""

    pbx: str
    attempt_id: str
    call_id: str
    uniqueid: str
    queue: str
    agent: str
    interface: str
    survey: str  # the definition's id
    version: int
    language: str
    started_at: float
    ended_at: float | None
    result: SurveyResult
    # Why it is not complete: hung_up, no_input, invalid, skipped, opted_out, time_limit, error, shutdown.
    reason: str
    trigger: Trigger = Trigger.QUEUE
    attributed_by: AttributedBy = AttributedBy.EVENTS
    caller_key: str = ""  # the same for the same caller; empty when the number is withheld


@dataclass(frozen=True, slots=True)
class Answer:
    """One valid answer. Key: pbx, attempt_id, question."""

    pbx: str
    attempt_id: str
    question: str
    kind: str  # as in kpis/question_kinds.py
    value: int  # the score; the key of a choice; the seconds of a comment
    tries: int  # keys and silences until it was valid, 1 for the first
    answered_at: float
    queue: str = ""  # whom it rates: empty for the company as a whole
    agent: str = ""
    interface: str = ""
    label: str = ""  # what the key of a choice means
    recording: str = ""  # where the PBX keeps a spoken comment


@dataclass(frozen=True, slots=True)
class OptOut:
    """One caller's wish not to be asked, or to be asked again. Key: caller_key."""

    caller_key: str
    updated_at: float
    opted_out: bool
    source: str  # key, command


@dataclass(frozen=True, slots=True)
class CustomerNumber:
    """One number of a customer, as the CRM knows them. Key: caller_key."""

    caller_key: str
    customer_id: str  # the CRM's; empty when it has only a name
    name: str
    updated_at: float


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which the PBX was not observed. Key: pbx, started_at."""

    pbx: str
    started_at: float
    ended_at: float
    reason: GapReason
    calls_affected: int  # visits and talks that went on when it began


@dataclass(frozen=True, slots=True)
class ObservationWatermark:
    """Until when a PBX was observed; the next daemon's gap begins there. Key: pbx."""

    pbx: str
    observed_until: float


@dataclass(frozen=True, slots=True)
class OpenStateRecord:
    """What goes on, for the daemon that comes after one that was killed. Key: pbx, kind, name.

    Nothing but `calls/checkpoint.py` writes and reads it, and it goes when what it tells of has ended.
    """

    pbx: str
    kind: str  # call or agent
    name: str  # the call's id or the agent's name
    state: str  # JSON, see calls/checkpoint_format.py; empty when it is over


Record = (
    Call
    | QueueVisit
    | Ring
    | Talk
    | AgentInterval
    | SurveyDefinition
    | SurveyDecision
    | SurveyAttempt
    | Answer
    | OptOut
    | CustomerNumber
    | Gap
    | ObservationWatermark
    | OpenStateRecord
)
