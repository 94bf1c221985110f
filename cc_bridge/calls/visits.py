"""All visits that go on on one PBX: who waits in which queue, and what a leaving turns out to mean.

The tracker tells it what queues and the dialplan do, and is told when a visit has closed. `visit.py` has
what each signal means.

The trap: that a caller has left says nothing yet; what follows within a second does, or that nothing does.
So callers who left are kept in `leaving` until it is settled, and what would be said of those whose channel
is gone too waits as long.
"""

from collections.abc import Callable, Collection

from cc_bridge.calls import events as ev
from cc_bridge.calls.open_calls import Calls
from cc_bridge.calls.queue_names import QueueNames
from cc_bridge.calls.visit import REFUSALS, STATUS_OUTCOMES, Visit, VisitEvent, VisitPhase
from cc_bridge.records import Outcome

__all__ = ["Visits"]

# An answer follows the leaving within a millisecond; without one in this time the caller left by a key.
_LEAVE_SECONDS = 1.0
# ... and if the call went on for this long without one, that is told by its end or by a lost link.
_SILENCE_SECONDS = 0.1

# The leaving was heard, and what it means was not known yet.
_UNRESOLVED = (VisitPhase.LEAVING, VisitPhase.UNDECIDED, VisitPhase.MISSED, VisitPhase.MISSED_HANGING_UP)
# Nothing was heard that says more.
_SILENT = (VisitPhase.LEAVING, VisitPhase.MISSED, VisitPhase.MISSED_HANGING_UP)


class Visits:
    """The open visits of one PBX, by the caller's channel; `calls` are the tracker's.

    `closed` hears of each visit that has closed, `gone` of a channel that nobody heard the end of, and when.

    queues: all that were named, by the configuration or by events
    unexpected: signals that the state table does not know
    """

    def __init__(
        self,
        pbx: str,
        queues: QueueNames,
        calls: Calls,
        closed: Callable[[Visit], None],
        gone: Callable[[str, float], None],
    ) -> None:
        self.queues = queues
        self.unexpected = 0
        self._pbx = pbx
        self._calls = calls
        self._closed = closed
        self._gone = gone
        self._open: dict[str, Visit] = {}
        self._leaving: dict[str, float] = {}  # whose leaving has not settled yet, and when they left
        # Those whose channel a snapshot did not show either, and since when.
        self._vanished: dict[str, float] = {}
        self._runs: dict[str, ev.QueueRun] = {}  # callers for whom Queue() ran, until more is known
        self._statuses_visible = False  # QUEUESTATUS is visible to our manager user

    def __len__(self) -> int:
        return len(self._open)

    def of(self, uniqueid: str) -> Visit | None:
        """Return the open visit of a caller's channel."""
        return self._open.get(uniqueid)

    def all(self) -> Collection[Visit]:
        return self._open.values()

    def is_leaving(self, uniqueid: str) -> bool:
        """Tell whether a caller has left, and it has not settled what that means."""
        return uniqueid in self._leaving

    # -- what queues do

    def joined(self, event: ev.Joined) -> bool:
        """Begin a visit; return False for one that is known already."""
        self.queues.add(event.queue)
        before = self._open.get(event.uniqueid)
        if before is not None:
            if before.queue == event.queue and before.approximate:
                # Seen before, in a snapshot whose Wait is in whole seconds: this instant is the better one.
                before.entered_at, before.position = event.at, event.position
                before.approximate = False
                return False
            # The dialplan would have been told why before it came to the next queue.
            taken_away = before.phase is VisitPhase.UNDECIDED and self._statuses_visible
            self.handle_signal(
                before, VisitEvent.STAYED if taken_away else VisitEvent.MOVED_ON, event.at, "QueueCallerJoin"
            )
        self._runs.pop(event.uniqueid, None)
        self._leaving.pop(event.uniqueid, None)
        self._begin(event)
        return True

    def gave_up(self, event: ev.GaveUp) -> None:
        if self._shown_in_another(event.uniqueid, event.queue):
            return  # old news: the caller has come to the next queue meanwhile
        self.handle_signal(self.open_for(event), VisitEvent.GAVE_UP, event.at, "QueueCallerAbandon")

    def left(self, event: ev.Left, *, picked_up: bool, ringing: bool) -> None:
        """`picked_up`: by an agent's phone, `ringing`: one rang when the caller left."""
        visit = self._open.get(event.uniqueid)
        if visit is None or visit.queue != event.queue:
            self.unexpected += 1
            return
        self._leaving[event.uniqueid] = event.at
        visit.ringing |= ringing
        self.handle_signal(
            visit, VisitEvent.LEFT_TO_AGENT if picked_up else VisitEvent.LEFT, event.at, "QueueCallerLeave"
        )

    def open_for(self, event: ev.GaveUp | ev.Connected) -> Visit:
        """Return the open visit, or the one that must have begun before we listened."""
        visit = self._open.get(event.uniqueid)
        if visit is None or visit.queue != event.queue:
            if visit is not None:
                self.handle_signal(visit, VisitEvent.MOVED_ON, event.at, type(event).__name__)
            self.queues.add(event.queue)
            visit = self._begin(event)
        return visit

    # -- what the dialplan and the channel do

    def queue_run(self, event: ev.QueueRun) -> None:
        self._runs[event.uniqueid] = event

    def status_set(self, event: ev.StatusSet) -> None:
        self._statuses_visible |= not event.queue  # a UserEvent speaks for its own dialplan alone
        outcome = STATUS_OUTCOMES.get(event.status)
        if outcome is None:
            return
        visit = self._open.get(event.uniqueid)
        run = self._runs.get(event.uniqueid)
        if visit is not None:
            if _is_same(event.queue, visit.queue) and not _is_shown(visit):
                self.handle_signal(visit, VisitEvent.STATUS, event.at, event.source, outcome)
        elif outcome in REFUSALS and run is not None and _is_same(event.queue, run.queue):
            refused = Visit.refused(self._pbx, run, outcome, event.at, event.source)
            refused.call_id = self._calls.get_or_begin(run.linkedid, run.uniqueid, run.at).call_id
            refused.queue = self.queues.spelled(run.queue)
            self.queues.add(refused.queue)
            self._closed(refused)
        self._runs.pop(event.uniqueid, None)  # told twice, by VarSet and UserEvent, it counts once

    def hung_up(self, uniqueid: str, at: float) -> None:
        visit = self._open.get(uniqueid)
        if visit is not None:
            visit.handle_signal(VisitEvent.HUNG_UP, at, "HangupRequest")

    def channel_ended(self, uniqueid: str, at: float) -> None:
        self._vanished.pop(uniqueid, None)
        if uniqueid in self._leaving and at - self._leaving[uniqueid] >= _SILENCE_SECONDS:
            self._resolve(uniqueid, at)
        visit = self._open.get(uniqueid)
        if visit is not None:
            self.handle_signal(visit, VisitEvent.ENDED, at, "Hangup")
        self._runs.pop(uniqueid, None)

    # -- what snapshots show

    def not_shown(self, visit: Visit, gone_at: float, now: float, *, vanished: bool) -> None:
        """Note that Asterisk does not know a caller in the queue; the leaving may be on its way to us.

        `vanished`: it does not know the channel either.
        """
        self._leaving[visit.uniqueid] = now
        if vanished:
            self._vanished[visit.uniqueid] = gone_at
        self.handle_signal(visit, VisitEvent.NOT_SHOWN, gone_at, "QueueStatus")

    def joined_unseen(self, entry: ev.Joined) -> None:
        """Take in a caller who waits, and whose joining was not seen."""
        earlier = self._open.get(entry.uniqueid)
        if earlier is not None:
            self.handle_signal(earlier, VisitEvent.MOVED_ON, entry.at, "QueueStatus")
        self._leaving.pop(entry.uniqueid, None)
        self._begin(entry).approximate = True

    def restore(self, visit: Visit) -> None:
        """Take a visit back in as an earlier daemon knew it."""
        self._open[visit.uniqueid] = visit
        self.queues.add(visit.queue)
        if visit.phase in _UNRESOLVED and visit.left_at is not None:
            self._leaving[visit.uniqueid] = visit.left_at

    # -- time

    def sweep(self, now: float) -> None:
        """Settle what nothing has followed in time."""
        for uniqueid in [caller for caller, at in self._leaving.items() if now - at >= _LEAVE_SECONDS]:
            self._resolve(uniqueid, now)

    def observation_lost(self, now: float) -> None:
        """Note that nothing is heard from now on: what was not told until now will not be."""
        for uniqueid, left_at in list(self._leaving.items()):
            self._resolve(uniqueid, now, certain=now - left_at >= _SILENCE_SECONDS)
        for visit in list(self._open.values()):
            if visit.phase is VisitPhase.UNDECIDED:
                self.handle_signal(visit, VisitEvent.LOST, now, "end of observation")
        self._runs.clear()

    def close_all(self, now: float) -> None:
        for visit in list(self._open.values()):
            self.handle_signal(visit, VisitEvent.MOVED_ON, now, "end of observation")

    # -- inside

    def handle_signal(
        self, visit: Visit, signal: VisitEvent, at: float, source: str, status: Outcome | None = None
    ) -> None:
        """Pass a signal to a visit, and report the visit if it has closed."""
        if not visit.handle_signal(signal, at, source, status):
            self.unexpected += 1
        if visit.phase is VisitPhase.CLOSED:
            self._open.pop(visit.uniqueid, None)
            self._closed(visit)

    def _shown_in_another(self, uniqueid: str, queue: str) -> bool:
        visit = self._open.get(uniqueid)
        return visit is not None and visit.queue != queue and _is_shown(visit)

    def _begin(self, event: ev.Joined | ev.GaveUp | ev.Connected) -> Visit:
        visit = self._open[event.uniqueid] = Visit.of(self._pbx, event)
        visit.call_id = self._calls.get_or_begin(event.linkedid, event.uniqueid, visit.entered_at).call_id
        return visit

    def _resolve(self, uniqueid: str, now: float, *, certain: bool = True) -> None:
        """Say what it means that nothing followed a leaving; `certain`: it would have been heard."""
        del self._leaving[uniqueid]
        visit = self._open.get(uniqueid)
        if visit is not None and not certain:
            self.handle_signal(visit, VisitEvent.LOST, now, "end of observation")
        elif visit is not None and visit.phase is VisitPhase.UNDECIDED and self._statuses_visible:
            self.handle_signal(visit, VisitEvent.STAYED, now, "")
        elif visit is not None and visit.phase in _SILENT:
            self.handle_signal(visit, VisitEvent.GRACE_OVER, now, "QueueStatus")
        if uniqueid in self._vanished:
            self._gone(uniqueid, self._vanished[uniqueid])


def _is_same(told: str, queue: str) -> bool:
    """Return whether a signal is about a queue: it names none, or this one in any case."""
    return not told or told.casefold() == queue.casefold()


def _is_shown(visit: Visit) -> bool:
    """Say whether all that is known of a visit is that a snapshot showed it.

    What came before the snapshot's end is heard after it, so a caller who went from queue to queue in these
    milliseconds is seen in the second one, and then heard leaving the first. Of this visit itself a leaving
    would be heard before its QUEUESTATUS.
    """
    return visit.approximate and visit.phase is VisitPhase.WAITING
