"""One stay of one caller in one queue, from joining to its outcome.

The tracker makes one for each `Joined` and tells it what it hears. The table says what each signal
means in each phase; a pair that is not in it is counted as unexpected and changes nothing, since
messages get lost and we may have come in mid-call.

The trap: `GaveUp` (Asterisk's QueueCallerAbandon) and `Left` come for a caller who hung up and for a
queue that timed out alike. Only a hang-up heard before, or QUEUESTATUS heard after, tells them apart;
with neither the visit is `unobserved`, never a guess.
"""

from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from cc_bridge.calls.events import Connected, GaveUp, Joined, QueueRun
from cc_bridge.records import Outcome, QueueVisit

__all__ = ["REFUSALS", "STATUS_OUTCOMES", "Visit", "VisitEvent", "VisitPhase"]


class VisitPhase(StrEnum):
    WAITING = auto()
    HANGING_UP = auto()  # the caller hung up; the queue has not noticed yet
    WITHDRAWN = auto()  # the queue gave the caller up, reason not known
    UNDECIDED = auto()  # ... and the caller has left it
    LEAVING = auto()  # left, not given up and not seen answered: by key, unless an answer follows at once
    ANSWERING = auto()  # left because an agent picked up; a gosub or announcement may still run
    MISSED = auto()  # a snapshot does not show the caller; the leaving may be on its way, or was not seen
    MISSED_HANGING_UP = auto()  # ... and the caller hung up, perhaps in the queue, perhaps long after it
    CLOSED = auto()


class VisitEvent(Enum):
    HUNG_UP = auto()  # the caller's side hung up
    GAVE_UP = auto()
    LEFT = auto()  # no agent had picked up
    LEFT_TO_AGENT = auto()  # an agent had picked up
    CONNECTED = auto()
    STATUS = auto()  # QUEUESTATUS told an outcome
    GRACE_OVER = auto()  # a second has passed since it left, or was missed
    STAYED = auto()  # ... the channel lives, and QUEUESTATUS would have been seen
    NOT_SHOWN = auto()  # Asterisk was asked, and does not know the caller in this queue
    LOST = auto()  # nothing is heard from now on
    MOVED_ON = auto()  # the channel joined a queue again, or observation ends
    ENDED = auto()  # the channel is gone


_P, _S, _O = VisitPhase, VisitEvent, Outcome

# (phase, signal) -> (next phase, outcome when it closes); STATUS brings the outcome with it.
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
    (_P.HANGING_UP, _S.CONNECTED): (_P.CLOSED, _O.ANSWERED),  # hung up in the moment of the answer
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
    (_P.ANSWERING, _S.HUNG_UP): (_P.ANSWERING, None),  # perhaps talking already, Connected lost
    (_P.ANSWERING, _S.CONNECTED): (_P.CLOSED, _O.ANSWERED),
    (_P.ANSWERING, _S.STATUS): (_P.CLOSED, None),
    (_P.ANSWERING, _S.NOT_SHOWN): (_P.ANSWERING, None),  # the queue's list is without such callers
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

# Outcomes that an earlier message decided, whichever closed the visit.
_DECIDED_BY: dict[Outcome, str] = {
    Outcome.ABANDONED: "HangupRequest",
    Outcome.LEFT_BY_KEY: "QueueCallerLeave",
    Outcome.TRANSFERRED_AWAY: "no QUEUESTATUS",
}

# QUEUESTATUS as app_queue sets it; CONTINUE says only that a talk ended. WITHDRAW is somebody's action.
STATUS_OUTCOMES: dict[str, Outcome] = {
    "TIMEOUT": Outcome.TIMED_OUT,
    "FULL": Outcome.QUEUE_FULL,
    "JOINEMPTY": Outcome.JOIN_EMPTY,
    "LEAVEEMPTY": Outcome.LEAVE_EMPTY,
    "JOINUNAVAIL": Outcome.JOIN_UNAVAILABLE,
    "LEAVEUNAVAIL": Outcome.LEAVE_UNAVAILABLE,
    "WITHDRAW": Outcome.TRANSFERRED_AWAY,
}

# A caller who is refused never joins; only QUEUESTATUS tells.
REFUSALS = frozenset({Outcome.QUEUE_FULL, Outcome.JOIN_EMPTY, Outcome.JOIN_UNAVAILABLE})


@dataclass(slots=True)
class Visit:
    """A visit in progress; `record` after it has closed."""

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
    approximate: bool = False  # entered_at is by Asterisk's whole seconds
    ringing: bool = False
    agent: str | None = None
    interface: str | None = None
    rings: dict[str, None] = field(default_factory=dict)  # the uniqueids of its open rings

    @classmethod
    def of(cls, pbx: str, event: Joined | GaveUp | Connected) -> "Visit":
        """Return the visit that an event begins; one that was joined unseen began `hold_time` before."""
        unseen = 0 if isinstance(event, Joined) else event.hold_time
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
        """Return the closed visit of a caller whom the queue did not let in."""
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
        """Take a signal; return False if it was not expected. `status` is the outcome of a STATUS."""
        move = _TABLE.get((self.phase, signal))
        if move is None:
            return False
        self.phase, outcome = move
        leaves = signal in (VisitEvent.LEFT, VisitEvent.LEFT_TO_AGENT)
        if leaves or (signal in (VisitEvent.HUNG_UP, VisitEvent.NOT_SHOWN) and self.left_at is None):
            self.left_at = at  # the best that is known; the leaving itself is better
        if self.phase is VisitPhase.CLOSED:
            self.outcome = outcome or status
            decided_earlier = self.outcome in _DECIDED_BY and signal is not VisitEvent.STATUS
            self.decided_by = _DECIDED_BY[self.outcome] if self.outcome and decided_earlier else source
            if self.left_at is None or signal is VisitEvent.CONNECTED:
                self.left_at = at
        return True

    def record(self) -> QueueVisit:
        """Return the fact. Only for a closed visit."""
        if self.outcome is None or self.left_at is None:
            raise ValueError(f"the visit of {self.uniqueid} in {self.queue} is still open")
        return QueueVisit(
            pbx=self.pbx,
            call_id=self.call_id,
            uniqueid=self.uniqueid,
            queue=self.queue,
            entered_at=self.entered_at,
            left_at=self.left_at,
            outcome=self.outcome,
            agent=self.agent,
            interface=self.interface,
            position=self.position,
            caller_number=self.number,
            caller_name=self.name,
            language=self.language,
            ringing=self.ringing,
            decided_by=self.decided_by,
        )
