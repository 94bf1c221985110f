"""queue_log's lines put together to visits, each with its talk; also as records of ours, for history.

Fed line by line, it holds only what is open, so that a log of any length fits. The commands use it
through `reconcile.py` and `storage/queries/queue_log_import.py`.

The trap: the line that ends a talk is written by another thread and may come late, even after the same
caller joined the same queue again; and its call may be another channel than the one that joined, when a
transfer or a Local channel put one channel into another's place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from cc_bridge.queue_log.parse import QueueLogLine
from cc_bridge.records import EndedBy, Outcome, QueueVisit, Talk, Transfer

__all__ = ["TRANSFERS", "LoggedVisit", "QueueLogVisits", "ended_by"]

# The event that ends a stay: its outcome, and which datum holds the seconds of wait.
# SYSCOMPAT: caller and agent have no codec in common, Asterisk hangs up; no word of ours says that.
_ENDS: dict[str, tuple[Outcome, int]] = {
    "CONNECT": (Outcome.ANSWERED, 0),
    "ABANDON": (Outcome.ABANDONED, 2),
    "EXITWITHTIMEOUT": (Outcome.TIMED_OUT, 2),
    "EXITEMPTY": (Outcome.LEAVE_EMPTY, 2),
    "EXITWITHKEY": (Outcome.LEFT_BY_KEY, 3),
    "WITHDRAW": (Outcome.TRANSFERRED_AWAY, 2),
    "SYSCOMPAT": (Outcome.UNOBSERVED, 0),
}
# The event that ends a talk, and which datum holds its seconds. TRANSFER is what 11 and older wrote.
_TALKS: dict[str, int] = {
    "COMPLETEAGENT": 1,
    "COMPLETECALLER": 1,
    "BLINDTRANSFER": 3,
    "TRANSFER": 3,
    "ATTENDEDTRANSFER": -2,
}
TRANSFERS = {
    "BLINDTRANSFER": Transfer.BLIND,
    "TRANSFER": Transfer.BLIND,
    "ATTENDEDTRANSFER": Transfer.ATTENDED,
}
_SAME_END = 2.0  # seconds; several whole seconds are added and subtracted
_TIE = 0.001  # seconds between stays of one caller that began in the same second, to keep them apart


def ended_by(event: str) -> EndedBy:
    """Return who ended a talk, by the event that queue_log has for it."""
    if event in TRANSFERS:
        return EndedBy.TRANSFER
    return EndedBy.AGENT if event == "COMPLETEAGENT" else EndedBy.CALLER


@dataclass(slots=True)
class LoggedVisit:
    """One stay as queue_log tells it. Instants and durations are in whole seconds, unless from a table."""

    call: str
    queue: str
    entered_at: float  # computed from the wait when the log began later
    position: int = 0  # on entry, from 1; 0 when the log has no entry
    number: str = ""
    name: str = ""
    left_at: float | None = None  # None: the log does not say
    outcome: Outcome | None = None
    told_by: str = ""  # the event that told the outcome
    wait_seconds: float = 0.0
    rung_until: float | None = None  # when the last ring was cancelled
    ringing: bool = False
    agent: str | None = None
    agent_channel: str = ""
    end: str = ""  # the event that ended the talk; empty: the log has none
    ended_at: float | None = None  # when that was written
    talk_seconds: float = 0.0
    target: str | None = None
    restarted: bool = False  # Asterisk started again before the log said how this went on
    open: bool = False  # the log ended before

    def records(self, pbx: str) -> tuple[QueueVisit, Talk | None]:
        """Return it as records of ours. Only for a visit whose outcome the log tells.

        queue_log knows no Linkedid, interface or language: the call is the caller's channel.
        """
        if self.outcome is None or self.left_at is None:
            raise ValueError(f"the log does not say how the visit of {self.call} in {self.queue} ended")
        visit = QueueVisit(
            pbx=pbx,
            call_id=self.call,
            uniqueid=self.call,
            queue=self.queue,
            entered_at=self.entered_at,
            left_at=self.left_at,
            outcome=self.outcome,
            agent=self.agent,
            interface=None,
            position=self.position,
            caller_number=self.number,
            caller_name=self.name,
            language="",
            ringing=self.ringing,
            decided_by=self.told_by,
        )
        if not self.end:
            return visit, None
        return visit, Talk(
            pbx=pbx,
            call_id=self.call,
            uniqueid=self.call,
            agent_uniqueid=self.agent_channel,
            queue=self.queue,
            agent=self.agent or "",
            interface="",
            answered_at=self.left_at,
            ended_at=self.left_at + self.talk_seconds,
            hold_seconds=0.0,
            holds=0,
            ended_by=ended_by(self.end),
            transfer=TRANSFERS.get(self.end),
            transfer_target=self.target,
        )


class QueueLogVisits:
    """Takes lines, gives each visit once nothing more can be said about it."""

    def __init__(self) -> None:
        self.stray = 0  # ends of talks whose beginning is not in the log
        self._waiting: dict[tuple[str, str], LoggedVisit] = {}  # by call and queue
        self._talking: dict[tuple[str, str], list[LoggedVisit]] = {}
        self._second = 0.0
        self._entries: dict[tuple[str, str], int] = {}  # of this second

    def feed(self, line: QueueLogLine) -> Iterator[LoggedVisit]:
        """Take a line; yield the visits that it completes."""
        if line.event == "ENTERQUEUE":
            yield from self._entered(line)
        elif line.event in _ENDS:
            yield from self._left(line)
        elif line.event in _TALKS:
            yield from self._ended(line)
        elif line.event == "RINGCANCELED":
            visit = self._waiting.get((line.call, line.queue))
            if visit is not None:
                visit.rung_until = line.at
        elif line.event == "QUEUESTART":
            for visit in self._take_open():
                visit.restarted = True
                yield visit

    def finish(self) -> Iterator[LoggedVisit]:
        """Yield what is open at the end of the log."""
        for visit in self._take_open():
            visit.open = True
            yield visit

    def _take_open(self) -> list[LoggedVisit]:
        found = [*self._waiting.values(), *chain.from_iterable(self._talking.values())]
        self._waiting, self._talking = {}, {}
        return found

    def _entered(self, line: QueueLogLine) -> Iterator[LoggedVisit]:
        key = line.call, line.queue
        if key in self._waiting:  # the line that ended it is missing
            yield self._waiting.pop(key)
        if line.at != self._second:
            self._second, self._entries = line.at, {}
        earlier = self._entries.get(key, 0)
        self._entries[key] = earlier + 1
        number, position, name = _caller(line)
        self._waiting[key] = LoggedVisit(
            line.call, line.queue, line.at + earlier * _TIE, position, number, name
        )

    def _left(self, line: QueueLogLine) -> Iterator[LoggedVisit]:
        outcome, place = _ENDS[line.event]
        said = line.number(place)
        key = line.call, line.queue
        visit = self._waiting.pop(key, None) or LoggedVisit(*key, line.at - (said or 0))
        visit.ringing = visit.rung_until == line.at and outcome is not Outcome.ANSWERED
        visit.left_at = max(line.at, visit.entered_at)
        visit.outcome, visit.told_by = outcome, line.event
        visit.wait_seconds = visit.left_at - visit.entered_at if said is None else said
        if outcome is not Outcome.ANSWERED:
            yield visit
            return
        visit.agent, visit.agent_channel = line.agent, line.data[1] if len(line.data) > 1 else ""
        self._talking.setdefault(key, []).append(visit)

    def _ended(self, line: QueueLogLine) -> Iterator[LoggedVisit]:
        talk = line.number(_TALKS[line.event])
        key = line.call, line.queue
        visit = next((visit for visit in self._talking.get(key, ()) if visit.agent == line.agent), None)
        if visit is None:
            visit = self._under_another_name(line, talk)
        if visit is None or visit.left_at is None:
            self.stray += 1
            return
        key = visit.call, visit.queue
        self._talking[key].remove(visit)
        if not self._talking[key]:
            del self._talking[key]
        visit.end, visit.ended_at = line.event, line.at
        visit.talk_seconds = max(0.0, line.at - visit.left_at if talk is None else talk)
        if TRANSFERS.get(line.event) is Transfer.BLIND:
            visit.target = line.data[0]
        yield visit

    def _under_another_name(self, line: QueueLogLine, talk: int | None) -> LoggedVisit | None:
        """Return the talk of this agent that began when the line's must have begun."""
        if talk is None:
            return None
        for talking in self._talking.values():
            for visit in talking:
                same = visit.queue == line.queue and visit.agent == line.agent
                if same and abs((visit.left_at or 0.0) + talk - line.at) <= _SAME_END:
                    return visit
        return None


def _caller(line: QueueLogLine) -> tuple[str, int, str]:
    """Return number, position and name of an ENTERQUEUE: url, number, position and, in some, name.

    Only the number can hold a `|`: Asterisk takes it out of the name. So the position is the last datum
    or the last but one.
    """
    data = line.data
    if len(data) < 3:  # noqa: PLR2004 - a line feed in the number cut the line
        return data[1] if len(data) > 1 else "", 0, ""
    last = line.number(-1)
    named = len(data) > 3 and line.number(-2) is not None and (last is None or len(data) == 4)  # noqa: PLR2004
    place = len(data) - (2 if named else 1)
    return "|".join(data[1:place]), max(0, line.number(place) or 0), data[-1] if named else ""
