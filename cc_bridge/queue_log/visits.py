"""The visits in queue_log. Each visit with its talk is combined from several lines of the log.

`LoggedVisit.records` converts a visit to records for an import. Lines are added one by one, and only open
visits are in memory, so a log of any length can be read.

The line that ends a talk may come late, even after the same caller has entered the same queue again, because
another thread of Asterisk writes it. The call id in this line may also be that of another channel than the
one that entered the queue, because a transfer or a Local channel can replace a channel by another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from cc_bridge.calls.caller_names import CallerNames
from cc_bridge.queue_log.parse import QueueLogLine
from cc_bridge.queue_names import queue_key
from cc_bridge.records import EndedBy, Outcome, QueueVisit, Talk, Transfer

__all__ = ["TRANSFERS", "LoggedVisit", "QueueLogVisits", "ended_by"]

# For each event that ends a visit: the outcome, and the index of the field with the wait time in seconds.
# SYSCOMPAT means that caller and agent have no common codec and Asterisk hangs up. No outcome describes that.
_ENDS: dict[str, tuple[Outcome, int]] = {
    "CONNECT": (Outcome.ANSWERED, 0),
    "ABANDON": (Outcome.ABANDONED, 2),
    "EXITWITHTIMEOUT": (Outcome.TIMED_OUT, 2),
    "EXITEMPTY": (Outcome.LEAVE_EMPTY, 2),
    "EXITWITHKEY": (Outcome.LEFT_BY_KEY, 3),
    "WITHDRAW": (Outcome.TRANSFERRED_AWAY, 2),
    "SYSCOMPAT": (Outcome.UNOBSERVED, 0),
    "LEAVEEMPTY": (Outcome.LEAVE_EMPTY, 2),
}
_WAZO = "LEAVEEMPTY"  # may follow Asterisk's own EXITEMPTY, and is then ignored
# Wazo's events of callers who were not let into the queue; Asterisk has none for them.
_NOT_LET_IN = {"FULL": Outcome.QUEUE_FULL, "JOINEMPTY": Outcome.JOIN_EMPTY}
# For each event: the index of the field with the position on entry.
_POSITIONS = {"ABANDON": 1, "EXITWITHTIMEOUT": 1, "EXITEMPTY": 1, "WITHDRAW": 1, "EXITWITHKEY": 2}
# For each event that ends a talk: the index of the field with its seconds. Asterisk up to 11 writes TRANSFER.
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
_SAME_END = 2.0  # tolerance in seconds of a talk's end, which is computed from several whole seconds
_SAME_ENTRY = 1.1  # tolerance in seconds of an entry that is computed from a wait time
_CALLERS = 2_000  # number of calls whose caller is kept for a later visit under another channel
# Events whose queue is spelled as in queues.conf; the others have the spelling of the dialplan.
_BY_MEMBER = {"CONNECT", "RINGNOANSWER", "RINGCANCELED", "ADDMEMBER", "PAUSE", "UNPAUSE", *_TALKS}
_PUT_BACK = 0.5  # seconds: an end that is earlier than the entry by more shows that the clock was put back
_TIE = 0.001  # seconds added to a caller's later visits to a queue in the same second, as a distinction


def ended_by(event: str) -> EndedBy:
    """Return the side that ended a talk, given the queue_log event at the end of the talk.

    For a transfer, the result is TRANSFER.
    """
    if event in TRANSFERS:
        return EndedBy.TRANSFER
    return EndedBy.AGENT if event == "COMPLETEAGENT" else EndedBy.CALLER


@dataclass(slots=True)
class LoggedVisit:
    """One visit as queue_log shows it, with its talk if it was answered.

    Times and durations are in whole seconds. If the log was read from Asterisk's realtime table of a
    database, its times can have fractions of a second.
    """

    call: str
    queue: str
    entered_at: float  # computed from the wait time if the log has no entry
    position: int = 0  # on entry, from 1; 0 if the log has no entry
    number: str = ""
    name: str = ""
    left_at: float | None = None  # None: the log has no end
    outcome: Outcome | None = None
    told_by: str = ""  # the event that shows the outcome
    wait_seconds: float = 0.0
    rung_until: float | None = None  # time at which the last ring was cancelled
    ringing: bool = False  # a phone rang when the caller left the queue
    agent: str | None = None
    agent_channel: str = ""
    end: str = ""  # the event that ended the talk; empty if the log has none
    ended_at: float | None = None  # time of that event
    talk_seconds: float = 0.0
    target: str | None = None  # extension of a blind transfer
    clock_step: bool = False  # the PBX's clock was put back during the visit or talk: no duration is known
    restarted: bool = False  # Asterisk restarted before the log had an end
    open: bool = False  # the log ended before the visit or its talk

    def records(self, pbx: str) -> tuple[QueueVisit, Talk | None]:
        """Return the visit and its talk as records; the talk is None if there was none.

        Raises ValueError if the log has no outcome of the visit. queue_log has no Linkedid, interface or
        language. The records use the uniqueid of the caller's channel as the id of the call.
        """
        if self.outcome is None or self.left_at is None:
            raise ValueError(f"queue_log has no outcome of the visit of {self.call} in {self.queue}")
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
            partial=self.clock_step,
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
            partial=self.clock_step,
        )


class QueueLogVisits:
    """The open visits of one queue_log, which is read line by line.

    A visit is yielded as soon as no later line can change it. `names` removes the queues' prefixes from the
    callers' names.
    """

    def __init__(self, names: CallerNames | None = None) -> None:
        self._names = names or CallerNames()
        self.stray = 0  # number of ends of talks whose start is not in the log
        # Visits without an end, by call and queue in lower case: Asterisk ignores the case of queue names.
        self._waiting: dict[tuple[str, str], LoggedVisit] = {}
        self._talking: dict[tuple[str, str], list[LoggedVisit]] = {}
        self._second = 0.0  # time of the last ENTERQUEUE
        self._entries: dict[tuple[str, str], int] = {}  # entries in that second, by call and queue
        self._since: float | None = None  # time of the first line
        self._spellings: dict[str, str] = {}  # spelling in queues.conf, by queue name in lower case
        self._callers: dict[str, tuple[str, str]] = {}  # number and name by call, the newest last
        self._also: dict[str, str] = {}  # id of a call, by the id under which its talk ended

    def feed(self, line: QueueLogLine) -> Iterator[LoggedVisit]:
        """Add a line; yield the visits that it completes."""
        self._learn(line)
        if line.event == "ENTERQUEUE":
            yield from self._entered(line)
        elif line.event in _ENDS:
            yield from self._left(line)
        elif line.event in _NOT_LET_IN:
            yield self._named(_refused(line))
        elif line.event in _TALKS:
            yield from self._ended(line)
        elif line.event == "RINGCANCELED":
            visit = self._waiting.get(_key(line))
            if visit is not None:
                visit.rung_until = line.at
        elif line.event == "QUEUESTART":
            for visit in self._take_open():
                visit.restarted = True
                yield self._named(visit)

    def _learn(self, line: QueueLogLine) -> None:
        """Store the time of the log's first line, and how queues.conf spells a queue name.

        Only the lines of some events have the spelling of queues.conf; other lines have the spelling of the
        dialplan.
        """
        if self._since is None:
            self._since = line.at
        if line.event in _BY_MEMBER:
            self._spellings.setdefault(queue_key(line.queue), line.queue)

    def finish(self) -> Iterator[LoggedVisit]:
        """Yield the visits that are still open at the end of the log, marked as `open`."""
        for visit in self._take_open():
            visit.open = True
            yield self._named(visit)

    def _take_open(self) -> list[LoggedVisit]:
        """Return all visits that are open (waiting or talking), and remove them."""
        found = [*self._waiting.values(), *chain.from_iterable(self._talking.values())]
        self._waiting, self._talking = {}, {}
        return found

    def _entered(self, line: QueueLogLine) -> Iterator[LoggedVisit]:
        """Start a visit by an ENTERQUEUE line.

        If the log has no end of an earlier visit of the same caller in the same queue, yield the earlier
        visit.
        """
        key = _key(line)
        if key in self._waiting:  # the line with its end is missing
            yield self._named(self._waiting.pop(key))
        if line.at != self._second:
            self._second, self._entries = line.at, {}
        earlier = self._entries.get(key, 0)
        self._entries[key] = earlier + 1
        number, position, name = _caller(line)
        name = self._names.without_prefix(name)
        self._callers.pop(line.call, None)
        self._callers[line.call] = number, name
        if len(self._callers) > _CALLERS:
            del self._callers[next(iter(self._callers))]
        self._waiting[key] = LoggedVisit(
            line.call, line.queue, line.at + earlier * _TIE, position, number, name
        )

    def _left(self, line: QueueLogLine) -> Iterator[LoggedVisit]:
        """End a visit by a line with one of the events in `_ENDS`, such as ABANDON or CONNECT.

        Yield the visit unless it was answered. An answered visit is yielded later, with the line that ends
        its talk.
        """
        outcome, place = _ENDS[line.event]
        said = line.number(place)
        key = _key(line)
        visit = self._waiting.pop(key, None)
        if visit is None and line.event == _WAZO:
            return
        if visit is None:
            visit = self._under_another_channel(line, said)
        if visit is None:
            visit = LoggedVisit(line.call, line.queue, line.at - max(said or 0, 0))
        visit.ringing = visit.rung_until == line.at and outcome is not Outcome.ANSWERED
        visit.outcome, visit.told_by = outcome, line.event
        # A wait time is negative when the PBX's clock was put back. The visit is then dated by the new time.
        visit.clock_step = visit.entered_at - line.at > _PUT_BACK or (said is not None and said < 0)
        if visit.clock_step:
            visit.entered_at = min(visit.entered_at, line.at)
        visit.left_at = max(line.at, visit.entered_at)
        visit.wait_seconds = visit.left_at - visit.entered_at if said is None or said < 0 else said
        if outcome is not Outcome.ANSWERED:
            yield self._named(visit)
            return
        visit.agent, visit.agent_channel = line.agent, line.text(1)
        self._talking.setdefault(key, []).append(visit)

    def _ended(self, line: QueueLogLine) -> Iterator[LoggedVisit]:
        """End a talk by a line with one of the events in `_TALKS`, and yield the visit of the talk."""
        talk = line.number(_TALKS[line.event])
        key = _key(line)
        visit = next((visit for visit in self._talking.get(key, ()) if visit.agent == line.agent), None)
        if visit is None:
            visit = self._under_another_name(line, talk)
        if visit is None or visit.left_at is None:
            self.stray += 1
            return
        key = visit.call, queue_key(visit.queue)
        if line.call != visit.call:
            self._also = {**dict(list(self._also.items())[-_CALLERS:]), line.call: visit.call}
        self._talking[key].remove(visit)
        if not self._talking[key]:
            del self._talking[key]
        visit.end, visit.ended_at = line.event, line.at
        visit.clock_step = visit.clock_step or (talk is not None and talk < 0)
        visit.talk_seconds = max(0.0, line.at - visit.left_at if talk is None else talk)
        if TRANSFERS.get(line.event) is Transfer.BLIND:
            visit.target = line.text(0)
        yield self._named(visit)

    def _under_another_name(self, line: QueueLogLine, talk: int | None) -> LoggedVisit | None:
        """Return the visit whose end of talk a line reports, although the line has a different call id.

        After a transfer, the line can have the id of another channel. Queue and agent of the visit and the
        line must be the same. `talk` is the length of the talk in the line, in seconds. The start of the
        visit's talk plus this length must give the time of the line. The result is None if no visit fits.
        """
        if talk is None:
            return None
        for talking in self._talking.values():
            for visit in talking:
                same = queue_key(visit.queue) == queue_key(line.queue) and visit.agent == line.agent
                if same and abs((visit.left_at or 0.0) + talk - line.at) <= _SAME_END:
                    return visit
        return None

    def _under_another_channel(self, line: QueueLogLine, said: int | None) -> LoggedVisit | None:
        """Return the waiting visit whose end a line reports, although the line has a different channel.

        An example is an agent who enters a second queue on a second line and completes the transfer. The
        ENTERQUEUE line has the agent's channel and telephone number, and the later lines have the customer's.
        The visit is found by its queue, its entry time and its position in the queue. It gets the customer's
        channel and telephone number, and no longer waits. `said` is the wait time in the line, in seconds.
        The result is None if no visit fits.
        """
        entered_at = line.at - (said or 0)
        if said is None or said < 0 or self._since is None or entered_at < self._since:
            return None
        place = _POSITIONS.get(line.event)
        position = None if place is None else line.number(place)
        found = [
            key
            for key, visit in self._waiting.items()
            if key[1] == queue_key(line.queue)
            and abs(visit.entered_at - entered_at) <= _SAME_ENTRY
            and (position is None or position == visit.position)
        ]
        # The log shows that two channels are of one call where the one has ended the talk of the other.
        sure = [key for key in found if self._also.get(key[0]) == line.call]
        (only,) = (
            sure if len(sure) == 1 else found if len(found) == 1 and line.call in self._callers else (None,)
        )
        if only is None:
            return None
        visit = self._waiting.pop(only)
        visit.call = line.call
        visit.number, visit.name = self._callers.get(line.call, (visit.number, visit.name))
        return visit

    def _named(self, visit: LoggedVisit) -> LoggedVisit:
        """Set the queue name of a visit to the spelling of queues.conf, and return the visit.

        If no line of the log so far has this spelling, the name stays as it is.
        """
        visit.queue = self._spellings.get(queue_key(visit.queue), visit.queue)
        return visit


def _key(line: QueueLogLine) -> tuple[str, str]:
    """Return the key of a visit: the call id, and the queue name in lower case."""
    return line.call, queue_key(line.queue)


def _refused(line: QueueLogLine) -> LoggedVisit:
    """Return the visit of a caller who was not let into the queue, from an event of Wazo's dialplan."""
    return LoggedVisit(
        line.call,
        line.queue,
        line.at,
        left_at=line.at,
        outcome=_NOT_LET_IN[line.event],
        told_by=line.event,
    )


def _caller(line: QueueLogLine) -> tuple[str, int, str]:
    """Return telephone number, position in the queue and name of the caller in an ENTERQUEUE line.

    The fields are url, number, position and, in some versions, name. Only the number can contain a `|`,
    because Asterisk removes it from the name. The position is therefore the last field or the one before it.
    """
    data = line.data
    if len(data) < 3:  # noqa: PLR2004 - a line feed in the number split the line
        return data[1] if len(data) > 1 else "", 0, ""
    last = line.number(-1)
    named = len(data) > 3 and line.number(-2) is not None and (last is None or len(data) == 4)  # noqa: PLR2004
    place = len(data) - (2 if named else 1)
    return "|".join(data[1:place]), max(0, line.number(place) or 0), data[-1] if named else ""
