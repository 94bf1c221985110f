"""One visit: one stay of one caller in one queue, from the entry to the outcome.

The table `_TABLE` gives the next phase for each phase and signal. A pair that is not in the table is counted
as unexpected and changes nothing, because messages can be lost and the daemon can connect during a call.

Asterisk sends QueueCallerAbandon (`GaveUp`) and QueueCallerLeave (`Left`) both for a caller who hung up and
for a queue that timed out. Only a hang-up request before them or QUEUESTATUS after them shows the difference.
Without either, the outcome is `unobserved`, because it is never guessed.
"""

from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from cc_bridge.calls.events import Connected, GaveUp, Joined, QueueRun
from cc_bridge.records import Outcome, QueueVisit

__all__ = ["REFUSALS", "STATUS_OUTCOMES", "Visit", "VisitEvent", "VisitPhase"]


class VisitPhase(StrEnum):
    """A phase of one visit, from the entry of the caller until the outcome is decided."""

    WAITING = auto()
    HANGING_UP = auto()  # The caller hung up, but has not left the queue yet.
    WITHDRAWN = auto()  # The queue removed the caller without an answer, for an unknown reason.
    UNDECIDED = auto()  # The caller left the queue after WITHDRAWN; the reason is still unknown.
    LEAVING = auto()  # The caller left: to an agent if an answer follows immediately, otherwise by key.
    ANSWERING = auto()  # The caller left to an agent; a Gosub or an announcement may still run.
    MISSED = auto()  # A snapshot does not show the caller, whose leaving was not received yet or is lost.
    MISSED_HANGING_UP = auto()  # After MISSED the caller hung up, in the queue or long after it.
    CLOSED = auto()


class VisitEvent(Enum):
    """A signal: an observation about one caller that can change the phase of the caller's visit."""

    HUNG_UP = auto()  # A hang-up of the caller's channel was requested.
    GAVE_UP = auto()  # The queue removed the caller without an answer (QueueCallerAbandon).
    LEFT = auto()  # The caller left, and no agent had answered.
    LEFT_TO_AGENT = auto()  # The caller left, and an agent had answered.
    CONNECTED = auto()  # Caller and agent were connected (AgentConnect).
    STATUS = auto()  # QUEUESTATUS shows the outcome.
    GRACE_OVER = auto()  # No event followed within a second of the leaving or of MISSED.
    STAYED = auto()  # No QUEUESTATUS followed, though the channel is open and it would be visible.
    NOT_SHOWN = auto()  # A snapshot does not show the caller in this queue.
    LOST = auto()  # A gap starts.
    MOVED_ON = auto()  # The channel entered a queue again, or the observation ends.
    ENDED = auto()  # The caller's channel ended.


_P, _S, _O = VisitPhase, VisitEvent, Outcome

# (phase, signal) -> (next phase, outcome of a closed visit). The signal STATUS carries its own outcome.
_TABLE: dict[tuple[VisitPhase, VisitEvent], tuple[VisitPhase, Outcome | None]] = {
    (_P.WAITING, _S.HUNG_UP): (_P.HANGING_UP, None),
    (_P.WAITING, _S.GAVE_UP): (_P.WITHDRAWN, None),
    (_P.WAITING, _S.LEFT): (_P.LEAVING, None),
    (_P.WAITING, _S.LEFT_TO_AGENT): (_P.ANSWERING, None),
    (_P.WAITING, _S.CONNECTED): (_P.CLOSED, _O.ANSWERED),
    (_P.WAITING, _S.STATUS): (_P.CLOSED, None),
    (_P.WAITING, _S.NOT_SHOWN): (_P.MISSED, None),
    (_P.WAITING, _S.MOVED_ON): (_P.CLOSED, _O.UNOBSERVED),
    (_P.WAITING, _S.ENDED): (_P.CLOSED, _O.UNOBSERVED),
    (_P.HANGING_UP, _S.GAVE_UP): (_P.HANGING_UP, None),
    (_P.HANGING_UP, _S.LEFT): (_P.CLOSED, _O.ABANDONED),
    (_P.HANGING_UP, _S.LEFT_TO_AGENT): (_P.ANSWERING, None),
    (_P.HANGING_UP, _S.CONNECTED): (_P.CLOSED, _O.ANSWERED),  # the caller hung up at the moment of the answer
    (_P.HANGING_UP, _S.STATUS): (_P.CLOSED, None),
    (_P.HANGING_UP, _S.NOT_SHOWN): (_P.CLOSED, _O.ABANDONED),
    (_P.HANGING_UP, _S.MOVED_ON): (_P.CLOSED, _O.ABANDONED),
    (_P.HANGING_UP, _S.ENDED): (_P.CLOSED, _O.ABANDONED),
    (_P.WITHDRAWN, _S.LEFT): (_P.UNDECIDED, None),
    (_P.WITHDRAWN, _S.LEFT_TO_AGENT): (_P.UNDECIDED, None),
    (_P.WITHDRAWN, _S.STATUS): (_P.CLOSED, None),
    (_P.WITHDRAWN, _S.NOT_SHOWN): (_P.CLOSED, _O.UNOBSERVED),
    (_P.WITHDRAWN, _S.MOVED_ON): (_P.CLOSED, _O.UNOBSERVED),
    (_P.WITHDRAWN, _S.ENDED): (_P.CLOSED, _O.UNOBSERVED),
    (_P.UNDECIDED, _S.STATUS): (_P.CLOSED, None),
    (_P.UNDECIDED, _S.STAYED): (_P.CLOSED, _O.TRANSFERRED_AWAY),
    (_P.UNDECIDED, _S.NOT_SHOWN): (_P.CLOSED, _O.UNOBSERVED),
    (_P.UNDECIDED, _S.LOST): (_P.CLOSED, _O.UNOBSERVED),
    (_P.UNDECIDED, _S.MOVED_ON): (_P.CLOSED, _O.UNOBSERVED),
    (_P.UNDECIDED, _S.ENDED): (_P.CLOSED, _O.UNOBSERVED),
    (_P.LEAVING, _S.CONNECTED): (_P.CLOSED, _O.ANSWERED),
    (_P.LEAVING, _S.STATUS): (_P.CLOSED, None),
    (_P.LEAVING, _S.GRACE_OVER): (_P.CLOSED, _O.LEFT_BY_KEY),
    (_P.LEAVING, _S.LOST): (_P.CLOSED, _O.UNOBSERVED),
    (_P.LEAVING, _S.MOVED_ON): (_P.CLOSED, _O.LEFT_BY_KEY),
    (_P.LEAVING, _S.ENDED): (_P.CLOSED, _O.LEFT_BY_KEY),
    (_P.ANSWERING, _S.HUNG_UP): (_P.ANSWERING, None),  # they may be talking already, with Connected lost
    (_P.ANSWERING, _S.CONNECTED): (_P.CLOSED, _O.ANSWERED),
    (_P.ANSWERING, _S.STATUS): (_P.CLOSED, None),
    (_P.ANSWERING, _S.NOT_SHOWN): (_P.ANSWERING, None),  # QueueStatus does not list such callers
    (_P.ANSWERING, _S.LOST): (_P.ANSWERING, None),
    (_P.ANSWERING, _S.MOVED_ON): (_P.CLOSED, _O.UNOBSERVED),
    (_P.ANSWERING, _S.ENDED): (_P.CLOSED, _O.UNOBSERVED),
    (_P.MISSED, _S.HUNG_UP): (_P.MISSED_HANGING_UP, None),
    (_P.MISSED, _S.GAVE_UP): (_P.WITHDRAWN, None),
    (_P.MISSED, _S.LEFT): (_P.LEAVING, None),
    (_P.MISSED, _S.LEFT_TO_AGENT): (_P.ANSWERING, None),
    (_P.MISSED, _S.CONNECTED): (_P.CLOSED, _O.ANSWERED),
    (_P.MISSED_HANGING_UP, _S.GAVE_UP): (_P.HANGING_UP, None),
    (_P.MISSED_HANGING_UP, _S.LEFT): (_P.CLOSED, _O.ABANDONED),
    (_P.MISSED_HANGING_UP, _S.LEFT_TO_AGENT): (_P.ANSWERING, None),
    (_P.MISSED_HANGING_UP, _S.CONNECTED): (_P.CLOSED, _O.ANSWERED),
    **{
        (phase, signal): (_P.CLOSED, _O.UNOBSERVED)
        for phase in (_P.MISSED, _P.MISSED_HANGING_UP)
        for signal in (_S.STATUS, _S.GRACE_OVER, _S.LOST, _S.MOVED_ON, _S.ENDED)
    },
}

# For outcomes that an earlier message decided: that message, whichever message closed the visit.
_DECIDED_BY: dict[Outcome, str] = {
    Outcome.ABANDONED: "HangupRequest",
    Outcome.LEFT_BY_KEY: "QueueCallerLeave",
    Outcome.TRANSFERRED_AWAY: "no QUEUESTATUS",
}

# Outcome for each value of QUEUESTATUS that app_queue sets. CONTINUE is left out because it shows only that a
# talk ended. WITHDRAW is an action of an administrator or an application.
STATUS_OUTCOMES: dict[str, Outcome] = {
    "TIMEOUT": Outcome.TIMED_OUT,
    "FULL": Outcome.QUEUE_FULL,
    "JOINEMPTY": Outcome.JOIN_EMPTY,
    "LEAVEEMPTY": Outcome.LEAVE_EMPTY,
    "JOINUNAVAIL": Outcome.JOIN_UNAVAILABLE,
    "LEAVEUNAVAIL": Outcome.LEAVE_UNAVAILABLE,
    "WITHDRAW": Outcome.TRANSFERRED_AWAY,
}

# Outcomes of a caller rejected by the queue. Such a caller never enters, so only QUEUESTATUS shows it.
REFUSALS = frozenset({Outcome.QUEUE_FULL, Outcome.JOIN_EMPTY, Outcome.JOIN_UNAVAILABLE})


@dataclass(slots=True)
class Visit:
    """A visit, open or closed, which becomes a `QueueVisit` record after it has closed.

    uniqueid: the caller's channel, which ran Queue()
    entered_at, left_at: UTC seconds since the epoch; left_at is None while the caller waits
    position: the caller's position on entry, from 1; 0 if the entry was not observed
    outcome: None while the visit is open
    decided_by: name of the AMI message that showed the outcome
    ringing: a phone rang for the caller when they left the queue
    clock_step: the PBX's clock was set during the wait
    agent, interface: name and phone of the queue member who answered; None unless answered
    """

    pbx: str
    call_id: str
    uniqueid: str
    queue: str
    entered_at: float
    position: int
    number: str
    name: str
    language: str
    phase: VisitPhase = VisitPhase.WAITING
    left_at: float | None = None
    outcome: Outcome | None = None
    decided_by: str = ""
    approximate: bool = False  # entered_at is computed from a wait time in whole seconds
    clock_step: bool = False
    ringing: bool = False
    agent: str | None = None
    interface: str | None = None
    rings: dict[str, None] = field(default_factory=dict)  # channels of its open rings, in order

    @classmethod
    def of(cls, pbx: str, event: Joined | GaveUp | Connected) -> "Visit":
        """Return a new visit for the caller of an event.

        If the entry into the queue was not observed, it is dated `hold_time` seconds before the event.
        """
        # A hold time is negative if the PBX's clock was put back.
        unseen = 0 if isinstance(event, Joined) else max(0, event.hold_time)
        return cls(
            pbx,
            event.linkedid,
            event.uniqueid,
            event.queue,
            event.at - unseen,
            0 if isinstance(event, Connected) else event.position,
            event.number,
            event.name,
            event.language,
            approximate=not isinstance(event, Joined),
        )

    @classmethod
    def refused(cls, pbx: str, run: QueueRun, outcome: Outcome, at: float, source: str) -> "Visit":
        """Return the visit, already closed, of a caller that the queue did not let in.

        `run` is the start of Queue() for the caller. `source` is the name of the AMI message that showed the
        outcome.
        """
        visit = cls(
            pbx,
            run.linkedid,
            run.uniqueid,
            run.queue,
            run.at,
            0,
            run.number,
            run.name,
            run.language,
            VisitPhase.CLOSED,
        )
        visit.left_at, visit.outcome, visit.decided_by = at, outcome, source
        return visit

    def handle_signal(
        self, signal: VisitEvent, at: float, source: str, status: Outcome | None = None
    ) -> bool:
        """Apply a signal to the visit; return whether the signal is expected in the phase of the visit.

        An unexpected signal changes nothing. `source` is the name of the AMI message that caused the signal.
        `status` is the outcome of the visit if the signal is STATUS.
        """
        move = _TABLE.get((self.phase, signal))
        if move is None:
            return False
        self.phase, outcome = move
        leaves = signal in (VisitEvent.LEFT, VisitEvent.LEFT_TO_AGENT)
        if leaves or (signal in (VisitEvent.HUNG_UP, VisitEvent.NOT_SHOWN) and self.left_at is None):
            self.left_at = at  # the best instant known so far; the leaving event replaces it
        if self.phase is VisitPhase.CLOSED:
            self.outcome = outcome or status
            decided_earlier = self.outcome in _DECIDED_BY and signal is not VisitEvent.STATUS
            self.decided_by = _DECIDED_BY[self.outcome] if self.outcome and decided_earlier else source
            if self.left_at is None or signal is VisitEvent.CONNECTED:
                self.left_at = at
        return True

    def record(self) -> QueueVisit:
        """Return the record of a closed visit. Raises ValueError for an open one."""
        if self.outcome is None or self.left_at is None:
            raise ValueError(f"the visit of {self.uniqueid} in {self.queue} is still open")
        # By position: with names, the creation of an object takes twice as long.
        return QueueVisit(
            self.pbx,
            self.call_id,
            self.uniqueid,
            self.queue,
            self.entered_at,
            self.left_at,
            self.outcome,
            self.agent,
            self.interface,
            self.position,
            self.number,
            self.name,
            self.language,
            self.ringing,
            self.decided_by,
            self.clock_step,
        )
