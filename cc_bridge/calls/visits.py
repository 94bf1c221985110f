"""The open visits of one PBX, and the decision about the outcome after a caller has left a queue.

QueueCallerLeave does not show the outcome. An event within the next second shows it. The absence of such an
event shows it too. A caller who left is therefore kept in `_leaving` until the outcome is decided. If a
snapshot shows that the caller's channel has ended too, the end of the channel is reported only after the
decision.
"""

from collections.abc import Callable, Collection

from cc_bridge.calls import events as ev
from cc_bridge.calls.caller_names import CallerNames
from cc_bridge.calls.clock_steps import move_instants
from cc_bridge.calls.open_calls import Calls
from cc_bridge.calls.visit import REFUSALS, STATUS_OUTCOMES, Visit, VisitEvent, VisitPhase
from cc_bridge.queue_names import QueueNames, queue_key
from cc_bridge.records import Outcome

__all__ = ["Visits"]

# A leaving without any further event for this many seconds is a leaving by key. An answer follows the leaving
# within a millisecond.
_LEAVE_SECONDS = 1.0
# If the channel ends or the link is lost at least this many seconds after the leaving, no answer followed.
_SILENCE_SECONDS = 0.1

# Phases after the leaving, or after a snapshot without the caller, in which the outcome is not decided.
_UNRESOLVED = (VisitPhase.LEAVING, VisitPhase.UNDECIDED, VisitPhase.MISSED, VisitPhase.MISSED_HANGING_UP)
# Phases in which the absence of a further event decides the outcome.
_SILENT = (VisitPhase.LEAVING, VisitPhase.MISSED, VisitPhase.MISSED_HANGING_UP)


class Visits:
    """The open visits of one PBX, found by the caller's channel.

    `closed` is called with each visit that has closed. `gone` is called for a caller's channel whose end was
    not observed. Its arguments are the channel and the instant that counts as the channel's end. `names`
    removes the queues' prefixes from the callers' names.

    queues: the names of all queues that the configuration or an event named
    unexpected: number of events that did not fit the phase of their visit
    """

    def __init__(
        self,
        pbx: str,
        queues: QueueNames,
        calls: Calls,
        closed: Callable[[Visit], None],
        gone: Callable[[str, float], None],
        names: CallerNames | None = None,
    ) -> None:
        self.queues = queues
        self.unexpected = 0
        self._pbx = pbx
        self._calls = calls
        self._closed = closed
        self._gone = gone
        self._names = names or CallerNames()
        self._open: dict[str, Visit] = {}
        self._leaving: dict[str, float] = {}  # instant of the leaving, for callers without an outcome yet
        # Instant of the end, for callers whose channel a snapshot did not show either.
        self._vanished: dict[str, float] = {}
        self._runs: dict[str, ev.QueueRun] = {}  # last Queue() of each channel, until its effect is known
        self._refused: set[str] = set()  # channels whose last Queue() is recorded as refused
        self._statuses_visible = False  # the AMI user has received VarSet events of QUEUESTATUS

    def __len__(self) -> int:
        return len(self._open)

    def of(self, uniqueid: str) -> Visit | None:
        """Return the open visit of a caller's channel; None if there is none."""
        return self._open.get(uniqueid)

    def all(self) -> Collection[Visit]:
        """Return the open visits."""
        return self._open.values()

    def is_leaving(self, uniqueid: str) -> bool:
        """Return whether a caller has left a queue while the outcome of the visit is not decided yet."""
        return uniqueid in self._leaving

    # -- events of queues

    def joined(self, event: ev.Joined) -> bool:
        """Start a visit (QueueCallerJoin); return False if a snapshot has already shown this visit."""
        self.queues.add(event.queue)
        before = self._open.get(event.uniqueid)
        if before is not None:
            if before.queue == event.queue and before.approximate:
                # A snapshot showed the visit, with a wait time in whole seconds. This instant is more exact.
                before.entered_at, before.position = event.at, event.position
                before.approximate = False
                return False
            # Asterisk sets QUEUESTATUS before the dialplan reaches the next queue. Without it, the caller was
            # redirected.
            taken_away = before.phase is VisitPhase.UNDECIDED and self._statuses_visible
            self.handle_signal(
                before, VisitEvent.STAYED if taken_away else VisitEvent.MOVED_ON, event.at, "QueueCallerJoin"
            )
        self._runs.pop(event.uniqueid, None)
        self._leaving.pop(event.uniqueid, None)
        self._begin(event)
        return True

    def move(self, old: str, new: str) -> bool:
        """Move an open visit from the channel `old` to `new`, the channel that takes the caller's place.

        Return False, and change nothing, if `old` has no open visit or `new` has one already.
        """
        if new in self._open or old not in self._open:
            return False
        visit = self._open[new] = self._open.pop(old)
        visit.uniqueid = new
        return True

    def gave_up(self, event: ev.GaveUp) -> None:
        """Handle QueueCallerAbandon: update the visit of a caller that a queue removed without an answer."""
        if self._shown_in_another(event.uniqueid, event.queue):
            return  # an old event: the caller has entered another queue since
        self.handle_signal(self.open_for(event), VisitEvent.GAVE_UP, event.at, "QueueCallerAbandon")

    def left(self, event: ev.Left, *, picked_up: bool, ringing: bool) -> None:
        """Handle QueueCallerLeave: update the visit of a caller who left the queue.

        The outcome is decided later. `picked_up`: an agent's phone had answered. `ringing`: a phone rang when
        the caller left.
        """
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
        """Return the open visit of the caller in an event; start it if the entry was not observed."""
        visit = self._open.get(event.uniqueid)
        if visit is None or visit.queue != event.queue:
            if visit is not None:
                self.handle_signal(visit, VisitEvent.MOVED_ON, event.at, type(event).__name__)
            self.queues.add(event.queue)
            visit = self._begin(event)
        return visit

    # -- events of the dialplan and of channels

    def queue_run(self, event: ev.QueueRun) -> None:
        """Store that Queue() runs for a channel (Newexten).

        The event is kept until it is known whether the queue let the caller in.
        """
        self._runs[event.uniqueid] = event
        self._refused.discard(event.uniqueid)

    def status_set(self, event: ev.StatusSet) -> None:
        """Apply QUEUESTATUS (VarSet, or UserEvent CCQueueExit) as the outcome of the caller's visit.

        A caller that the queue did not let in has no open visit. For this caller, a closed visit is reported.
        If an AGI script ran Queue(), only a UserEvent names the queue; without a name, the status is counted
        as unexpected.
        """
        self._statuses_visible |= not event.queue  # a UserEvent does not show that VarSet events arrive
        outcome = STATUS_OUTCOMES.get(event.status)
        if outcome is None:
            self._refused.discard(event.uniqueid)  # Queue() clears QUEUESTATUS when it starts
            return
        visit = self._open.get(event.uniqueid)
        run = self._runs.get(event.uniqueid)
        if visit is None and run is None and outcome in REFUSALS:
            run = self._run_by_script(event)
        if visit is not None:
            if _is_same(event.queue, visit.queue) and not _is_shown(visit):
                self.handle_signal(visit, VisitEvent.STATUS, event.at, event.source, outcome)
        elif outcome in REFUSALS and run is not None and _is_same(event.queue, run.queue):
            self._refused.add(event.uniqueid)
            refused = Visit.refused(self._pbx, run, outcome, event.at, event.source)
            refused.call_id = self._calls.get_or_begin(run.linkedid, run.uniqueid, run.at).call_id
            refused.queue = self.queues.spelled(run.queue)
            refused.name = self._names.without_prefix(run.name)
            self.queues.add(refused.queue)
            self._closed(refused)
        self._runs.pop(event.uniqueid, None)  # VarSet and UserEvent both report it; the first one counts

    def _run_by_script(self, event: ev.StatusSet) -> ev.QueueRun | None:
        """Return a `QueueRun` for a caller that a queue did not let in, if an AGI script ran Queue().

        Such a Queue() causes no event Newexten, so the `QueueRun` is made from the reported status, `event`.
        The result is None if the visit is recorded already, or if the queue or the call is not known.
        """
        call = self._calls.of(event.uniqueid)
        if event.uniqueid in self._refused:
            return None
        if not event.queue or call is None:
            self.unexpected += 1
            return None
        return ev.QueueRun(
            event.at, event.uniqueid, call.call_id, event.queue, call.number, call.name, call.language
        )

    def hung_up(self, uniqueid: str, at: float) -> None:
        """Handle HangupRequest or SoftHangupRequest: update the visit of the caller on the channel."""
        visit = self._open.get(uniqueid)
        if visit is not None:
            visit.handle_signal(VisitEvent.HUNG_UP, at, "HangupRequest")

    def channel_ended(self, uniqueid: str, at: float) -> None:
        """Close the visit of an ended channel (Hangup)."""
        self._vanished.pop(uniqueid, None)
        self._refused.discard(uniqueid)
        if uniqueid in self._leaving and at - self._leaving[uniqueid] >= _SILENCE_SECONDS:
            self._resolve(uniqueid, at)
        visit = self._open.get(uniqueid)
        if visit is not None:
            self.handle_signal(visit, VisitEvent.ENDED, at, "Hangup")
        self._runs.pop(uniqueid, None)

    # -- snapshots

    def not_shown(self, visit: Visit, gone_at: float, now: float, *, vanished: bool) -> None:
        """Handle a snapshot, taken at `now`, that does not show the caller of an open visit in the queue.

        The outcome is decided later, because the caller's QueueCallerLeave may still arrive. `vanished` means
        that the snapshot does not show the caller's channel either. `gone_at` is the instant at which the
        caller was last observed.
        """
        self._leaving[visit.uniqueid] = now
        if vanished:
            self._vanished[visit.uniqueid] = gone_at
        self.handle_signal(visit, VisitEvent.NOT_SHOWN, gone_at, "QueueStatus")

    def joined_unseen(self, entry: ev.Joined) -> None:
        """Start the visit of a caller who waits in a snapshot and whose entry was not observed."""
        earlier = self._open.get(entry.uniqueid)
        if earlier is not None:
            self.handle_signal(earlier, VisitEvent.MOVED_ON, entry.at, "QueueStatus")
        self._leaving.pop(entry.uniqueid, None)
        self._begin(entry).approximate = True

    def restore(self, visit: Visit) -> None:
        """Add a visit from a checkpoint."""
        self._open[visit.uniqueid] = visit
        self.queues.add(visit.queue)
        if visit.phase in _UNRESOLVED and visit.left_at is not None:
            self._leaving[visit.uniqueid] = visit.left_at

    # -- time

    def clock_set(self, seconds: float) -> None:
        """Move the instants of all visits by `seconds`, and mark the open waits (`clock_step`).

        The length of a marked wait is not exact.
        """
        move_instants(self._open.values(), seconds)
        for visit in self._open.values():
            visit.clock_step |= visit.left_at is None
        self._leaving = {caller: at + seconds for caller, at in self._leaving.items()}
        self._vanished = {channel: at + seconds for channel, at in self._vanished.items()}
        self._runs = {channel: run._replace(at=run.at + seconds) for channel, run in self._runs.items()}

    def sweep(self, now: float) -> None:
        """Decide the outcome of each visit whose caller left at least a second ago without a later event."""
        for uniqueid in [caller for caller, at in self._leaving.items() if now - at >= _LEAVE_SECONDS]:
            self._resolve(uniqueid, now)

    def observation_lost(self, now: float) -> None:
        """Decide the outcome of each visit whose caller has left the queue, because a gap starts at `now`.

        No later event about these callers will arrive.
        """
        for uniqueid, left_at in list(self._leaving.items()):
            self._resolve(uniqueid, now, certain=now - left_at >= _SILENCE_SECONDS)
        for visit in list(self._open.values()):
            if visit.phase is VisitPhase.UNDECIDED:
                self.handle_signal(visit, VisitEvent.LOST, now, "end of observation")
        self._runs.clear()

    def close_all(self, now: float) -> None:
        """Close all open visits at `now`, because the observation ends."""
        for visit in list(self._open.values()):
            self.handle_signal(visit, VisitEvent.MOVED_ON, now, "end of observation")

    # -- inside

    def handle_signal(
        self, visit: Visit, signal: VisitEvent, at: float, source: str, status: Outcome | None = None
    ) -> None:
        """Apply a signal to a visit, and report the visit if it has closed.

        A signal that the visit does not expect is counted in `unexpected`. `source` is the name of the AMI
        message that caused the signal. `status` is the outcome of the visit if the signal is STATUS.
        """
        if not visit.handle_signal(signal, at, source, status):
            self.unexpected += 1
        if visit.phase is VisitPhase.CLOSED:
            self._open.pop(visit.uniqueid, None)
            self._closed(visit)

    def _shown_in_another(self, uniqueid: str, queue: str) -> bool:
        """Return whether a snapshot showed the caller in another queue than `queue`."""
        visit = self._open.get(uniqueid)
        return visit is not None and visit.queue != queue and _is_shown(visit)

    def _begin(self, event: ev.Joined | ev.GaveUp | ev.Connected) -> Visit:
        """Start the visit of the caller in an event, and add it to its call."""
        visit = self._open[event.uniqueid] = Visit.of(self._pbx, event)
        visit.name = self._names.without_prefix(visit.name)
        visit.call_id = self._calls.get_or_begin(event.linkedid, event.uniqueid, visit.entered_at).call_id
        return visit

    def _resolve(self, uniqueid: str, now: float, *, certain: bool = True) -> None:
        """Decide the outcome of a visit whose caller has left, without an event about the reason.

        No such event has been received until `now`. `certain` means that it would have been received by now.
        If `certain` is False, the outcome is unobserved.
        """
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
    """Return whether the queue name in an event, `told`, is the name `queue`. Case is ignored.

    An empty `told` counts as the same name, because the event then names no queue.
    """
    return not told or queue_key(told) == queue_key(queue)


def _is_shown(visit: Visit) -> bool:
    """Return whether only a snapshot has shown a visit so far, and no event.

    Events that are older than the snapshot must not end such a visit. Suppose that a caller moves to a second
    queue just before the snapshot. The snapshot shows the visit in the second queue. Then the events about
    the caller's leaving of the first queue are received. They must end only the visit in the first queue. A
    QUEUESTATUS cannot be about the second queue yet: the QueueCallerLeave of the second queue would come
    before it.
    """
    return visit.approximate and visit.phase is VisitPhase.WAITING
