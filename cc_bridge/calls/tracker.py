"""All calls that live on one PBX: typed events in, finished records out, and the state of this moment.

`app.py` feeds it from the AMI link and reads the live state for metrics and surveys; `cc-bridge replay`
feeds it a recording. It knows no clock: time comes with the events, and with `tick` when there are none.

The trap: nothing here may trust that every message came. Each handler takes what it gets, `unexpected`
counts what does not fit, and whatever is still open when a channel ends is closed with what is known.
"""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from cc_bridge.calls import events as ev
from cc_bridge.calls.agents import Agents
from cc_bridge.calls.call import Calls
from cc_bridge.calls.comparison import Comparison
from cc_bridge.calls.direct import Contexts, DirectCalls, is_local
from cc_bridge.calls.keeping import Keeping
from cc_bridge.calls.resync import Snapshot
from cc_bridge.calls.ring import OpenRing
from cc_bridge.calls.talk import OpenTalk, TalkPhase
from cc_bridge.calls.talks import Talks
from cc_bridge.calls.visit import REFUSALS, STATUS_OUTCOMES, Phase, Signal, Visit
from cc_bridge.records import (
    AgentInterval,
    Call,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    Talk,
    Unfinished,
)

__all__ = ["Tracker", "TrackerRecord"]

TrackerRecord = Call | QueueVisit | Ring | Talk | AgentInterval

# An answer follows the leaving within a millisecond; without one in this time the caller left by a key.
_LEAVE_SECONDS = 1.0
# ... and if the call went on for this long without one, that is told by its end or by a lost link.
_SILENCE_SECONDS = 0.1
# A clock that reads so much earlier than before was put back; less is the noise of estimating it.
_PUT_BACK_SECONDS = 2.0

# Where an event has the channel that it is about; elsewhere it is the field after the instant.
_CHANNEL_AT: dict[type[Any], int] = {ev.BridgeEntered: 2, ev.BridgeLeft: 2}


class Tracker:
    """The calls of one PBX. `apply` and `tick` return the records that were completed.

    `contexts` tell the direction of a call; with `direct` calls without a queue are recorded too. Without
    `numbers` those of callers are not in what `changes` returns.
    """

    def __init__(
        self,
        pbx: str,
        queues: Iterable[str] = (),
        agents: Agents | None = None,
        contexts: Contexts = Contexts(),  # noqa: B008  # frozen
        *,
        direct: bool = False,
        numbers: bool = True,
    ) -> None:
        self.pbx = pbx
        self.agents = agents or Agents(pbx)
        self.queues: set[str] = set(queues)  # every queue that was named, by configuration or by events
        self.members: dict[tuple[str, str], ev.MemberSeen] = {}  # by queue and interface
        self.visits: dict[str, Visit] = {}  # open ones, by the caller's channel
        self.unexpected = 0  # signals that the state tables do not know
        self.talks = Talks(self._talk_ended)
        self.calls = Calls(pbx, contexts.of_first, every=direct)
        self.direct = DirectCalls(pbx, contexts, self.calls, self.talks, self._members)
        self.rings: dict[str, OpenRing] = {}  # open ones, by the channel towards the agent
        self.leaving: dict[str, float] = {}  # callers whose leaving has not settled yet, and when they left
        self.vanished: dict[
            str, float
        ] = {}  # those whose channel a snapshot did not show either, and since when
        self._runs: dict[str, ev.QueueRun] = {}  # callers for whom Queue() ran, until more is known
        self._statuses_told = False  # QUEUESTATUS is visible to our manager user
        self._comparison = Comparison(self)
        self._keeping = Keeping(self, numbers=numbers)
        self._seen_until: float | None = None  # when sight was lost, until a snapshot gives it back
        self._next_tick = 0.0
        self._done: list[TrackerRecord] = []

    # -- what the world calls

    def apply(self, event: ev.CallEvent) -> list[TrackerRecord]:
        """Take one event; return what it completed."""
        if event.at >= self._next_tick:
            self._sweep(event.at)
        kind = type(event)
        self._HANDLERS[kind](self, event)
        self._keeping.touched.add(event[_CHANNEL_AT.get(kind, 1)])
        return self._take()

    def tick(self, now: float) -> list[TrackerRecord]:
        """Note that time has passed; `now` is the PBX's clock. Call it about once a second."""
        self._sweep(now)
        return self._take()

    def resync(self, snapshot: Snapshot, *, fresh: bool = True) -> list[TrackerRecord]:
        """Compare with what Asterisk says itself; close what it no longer knows, take over what we do not.

        `fresh`: the snapshot begins a session, and no event was heard since it was asked for. Else events
        and snapshot cross, so a difference counts only when the snapshot before showed it too; `doubts`
        then says how many wait for the next one. What ended unseen ended when sight was lost, as far as
        anybody knows; with a clock that was put back meanwhile nothing can go on.
        """
        now = gone_at = snapshot.taken_at
        if fresh and self._seen_until is not None:
            gone_at, self._seen_until = self._seen_until, None
            if now < gone_at - _PUT_BACK_SECONDS:
                self._close_all(gone_at)
        self.queues |= snapshot.queues
        self.members = {(seen.queue, seen.interface): seen for seen in snapshot.members}
        if fresh:
            self.talks.placed(now, snapshot.channels, snapshot.halves)
        if self._comparison.with_snapshot(snapshot, fresh=fresh, gone_at=gone_at) or fresh:
            self._keeping.touched.update(self.calls.names())
        self._done += self.agents.resync(snapshot.members, now)
        return self._take()

    @property
    def doubts(self) -> int:
        """Return how many differences to the last snapshot the next one has to confirm."""
        return len(self._comparison.doubted)

    def finish(self, now: float) -> list[TrackerRecord]:
        """Close everything that is open as unobserved, such as at the end of a recording."""
        self._close_all(now)
        self._done += self.agents.unobserved(now)
        return self._take()

    def _close_all(self, now: float) -> None:
        self._keeping.touched.update(self.calls.names())
        for visit in list(self.visits.values()):
            self.tell(visit, Signal.MOVED_ON, now, "end of observation")
        for uniqueid in list(self.rings):
            self.close_ring(uniqueid, now)
        for talk in list(self.talks.all()):
            self.talks.close(talk, now)
        self._done += self.calls.finish(now)

    def lost_sight(self, now: float) -> list[TrackerRecord]:
        """Note that nothing is heard from now on: what was not told until now will not be."""
        for uniqueid, left_at in list(self.leaving.items()):
            self._settle(uniqueid, now, certain=now - left_at >= _SILENCE_SECONDS)
        for visit in list(self.visits.values()):
            if visit.phase is Phase.UNDECIDED:
                self.tell(visit, Signal.LOST, now, "end of observation")
        self._runs.clear()
        self.talks.lost_sight(now)
        self._done += self.agents.unobserved(now)
        self._seen_until = now
        self._keeping.touched.update(self.calls.names())
        return self._take()

    def changes(self) -> list[Unfinished]:
        """Return what goes on now, as far as it has changed: a daemon that comes after may `restore` it."""
        return self._keeping.changes()

    def restore(self, stored: Iterable[Unfinished], until: float) -> list[str]:
        """Take back in what an earlier daemon saw last at `until`; return the names of what is refused.

        Comes before all else. The first `resync` tells what that ends.
        """
        intervals, refused = self._keeping.restore(stored, until)
        self._done = [*intervals, *self.lost_sight(until)]
        return refused

    def waiting(self) -> list[Visit]:
        """Return the visits whose caller waits now."""
        return [visit for visit in self.visits.values() if visit.left_at is None]

    # -- queue

    def _joined(self, event: ev.Joined) -> None:
        self.queues.add(event.queue)
        open_visit = self.visits.get(event.uniqueid)
        if open_visit is not None:
            if open_visit.queue == event.queue and open_visit.approximate:
                # Seen before, in a snapshot whose Wait is in whole seconds: this instant is the better one.
                open_visit.entered_at, open_visit.position = event.at, event.position
                open_visit.approximate = False
                return
            # The dialplan would have been told why before it came to the next queue.
            taken_away = open_visit.phase is Phase.UNDECIDED and self._statuses_told
            self.tell(
                open_visit, Signal.STAYED if taken_away else Signal.MOVED_ON, event.at, "QueueCallerJoin"
            )
        self._forget_run(event.uniqueid)
        self.leaving.pop(event.uniqueid, None)
        talk = self.talks.of(event.uniqueid)
        # One that has parted waits for more: BlindTransfer can come after the joining that it caused (22.10).
        if talk is not None and talk.caller == event.uniqueid and talk.phase is not TalkPhase.PARTED:
            self.talks.close(talk, event.at)
        self.direct.joined_a_queue(event.uniqueid, event.at)
        self.begin_visit(event)

    def _gave_up(self, event: ev.GaveUp) -> None:
        self.tell(self._visit_of(event), Signal.GAVE_UP, event.at, "QueueCallerAbandon")

    def _left(self, event: ev.Left) -> None:
        visit = self.visits.get(event.uniqueid)
        if visit is None or visit.queue != event.queue:
            self.unexpected += 1
            return
        self.leaving[event.uniqueid] = event.at
        rings = [ring for uniqueid in visit.rings if (ring := self.rings.get(uniqueid)) is not None]
        # A ring without a DialEnd was picked up by another phone: a cancelled one has its DialEnd before.
        picked_up = any(ring.outcome in (None, RingOutcome.ANSWERED) for ring in rings)
        visit.ringing |= any(ring.outcome is RingOutcome.CALLER_GONE for ring in rings)
        signal = Signal.LEFT_TO_AGENT if picked_up else Signal.LEFT
        self.tell(visit, signal, event.at, "QueueCallerLeave")

    def _connected(self, event: ev.Connected) -> None:
        visit = self._visit_of(event)
        visit.agent, visit.interface = self._who_answered(event, visit)
        visit.ringing = False
        self.tell(visit, Signal.CONNECTED, event.at, "AgentConnect")
        before = self.talks.of(event.uniqueid)
        # The snapshot that began this session may have shown the talk before its begin is told.
        shown = before is not None and before.partial and before.dialed == event.agent_uniqueid
        if before is not None and shown:
            self._done += self.agents.talk_ended(before.member, before.queue, event.at)
            before.began(event.at, visit.agent, visit.interface)
            before.picked_up = visit.interface != event.interface
        elif before is not None:
            self.talks.close(before, event.at)
        # Before the ring ends: in between the agent would look available for a millisecond.
        self._done += self.agents.talk_began(visit.agent, event.at)
        for uniqueid in list(visit.rings):
            ring = self.rings.get(uniqueid)
            if ring is not None and ring.outcome is RingOutcome.ANSWERED:
                self.close_ring(uniqueid, event.at)
        if shown:
            return
        self.talks.begin(
            OpenTalk(
                pbx=self.pbx,
                call_id=visit.call_id,
                uniqueid=event.uniqueid,
                queue=event.queue,
                member=visit.agent,
                interface=visit.interface,
                dialed=event.agent_uniqueid,
                caller=event.uniqueid,
                agent=None if is_local(event.agent_channel) else event.agent_uniqueid,
                picked_up=visit.interface != event.interface,
            ),
            event.at,
        )

    def _who_answered(self, event: ev.Connected, visit: Visit) -> tuple[str, str]:
        """Return name and interface of the agent.

        AgentConnect keeps those of the phone that rang when another one picks the call up (16.28, 22.10).
        """
        device = event.agent_channel.rpartition("-")[0]
        as_told = event.member, event.interface
        if event.agent_uniqueid in visit.rings or device == event.interface:
            return as_told
        if is_local(event.agent_channel) or is_local(event.interface):
            return as_told
        name = self.member_at(device)
        return (name or device, device) if visit.rings or name else as_told

    def member_at(self, interface: str) -> str | None:
        return next((each.name for each in self.members.values() if each.interface == interface), None)

    def _queue_run(self, event: ev.QueueRun) -> None:
        self._runs[event.uniqueid] = event

    def _status_set(self, event: ev.StatusSet) -> None:
        self._statuses_told |= not event.queue  # a UserEvent speaks for its own dialplan alone
        outcome = STATUS_OUTCOMES.get(event.status)
        if outcome is None:
            return
        visit = self.visits.get(event.uniqueid)
        run = self._runs.get(event.uniqueid)
        if visit is not None:
            if event.queue in ("", visit.queue):
                self.tell(visit, Signal.STATUS, event.at, event.told_by, outcome)
        elif outcome in REFUSALS and run is not None and event.queue in ("", run.queue):
            self.queues.add(run.queue)
            refused = Visit.refused(self.pbx, run, outcome, event.at, event.told_by)
            refused.call_id = self.calls.known(run.linkedid, run.uniqueid, run.at).call_id
            self._visited(refused)
        self._forget_run(event.uniqueid)  # told twice, by VarSet and UserEvent, it counts once

    def _forget_run(self, uniqueid: str) -> None:
        self._runs.pop(uniqueid, None)

    # -- rings

    def _called(self, event: ev.Called) -> None:
        visit = self.visits.get(event.uniqueid)
        if visit is not None:
            visit.rings[event.ring_uniqueid] = None
        self.rings[event.ring_uniqueid] = OpenRing(
            self.pbx,
            visit.call_id if visit else event.linkedid,
            event.uniqueid,
            event.ring_uniqueid,
            event.queue,
            event.member,
            event.interface,
            event.at,
        )
        self._done += self.agents.rang(event.member, event.at)

    def _dial_ended(self, event: ev.DialEnded) -> None:
        ring = self.rings.get(event.dialed_uniqueid)
        if ring is not None:
            ring.dial_ended(event.status, event.at)
        elif event.status == "ANSWER":
            self.direct.answered(event.dialed_uniqueid, event.at)

    def _dumped(self, event: ev.Dumped) -> None:
        ring = self.rings.get(event.ring_uniqueid)
        if ring is not None:
            ring.dumped()
            self.close_ring(event.ring_uniqueid, event.at)

    def _picked_up(self, event: ev.PickedUp) -> None:
        if event.rung not in self.rings:  # else AgentConnect follows
            self.direct.picked_up(event)

    # -- channels and bridges

    def _channel_started(self, event: ev.ChannelStarted) -> None:
        self.talks.channels.get(event.uniqueid)
        self.calls.started(event)

    def _hangup_requested(self, event: ev.HangupRequested) -> None:
        channel = self.talks.channels.get(event.uniqueid)
        if event.by_pbx:
            channel.killed_at = channel.killed_at or event.at
        else:
            channel.hung_up_at = channel.hung_up_at or event.at
        visit = self.visits.get(event.uniqueid)
        if visit is not None:
            visit.hear(Signal.HUNG_UP, event.at, "HangupRequest")

    def _channel_ended(self, event: ev.ChannelEnded) -> None:
        uniqueid = event.uniqueid
        ring = self.rings.get(uniqueid)
        if ring is not None:
            self.close_ring(uniqueid, event.at, event.cause)
        self.vanished.pop(uniqueid, None)
        if uniqueid in self.leaving and event.at - self.leaving[uniqueid] >= _SILENCE_SECONDS:
            self._settle(uniqueid, event.at)
        visit = self.visits.get(uniqueid)
        if visit is not None:
            self.tell(visit, Signal.ENDED, event.at, "Hangup")
        self.talks.channel_ended(uniqueid, event.at)
        self._forget_run(uniqueid)
        self.direct.channel_ended(uniqueid)
        call = self.calls.of(uniqueid)
        if call is not None:
            self._keeping.touched.add(call.call_id)
        self._done += self.calls.ended(event)  # last: by now its visits and talks are told

    def channel_gone(self, uniqueid: str, at: float) -> None:
        """Take it that a channel has ended unseen."""
        call = self.calls.of(uniqueid)
        visits = [self.visits.get(channel) for channel in call.channels] if call else []
        # While the caller waits on, it was a phone that rang in vain.
        if not any(visit is not None and visit.left_at is None for visit in visits):
            self.calls.lost(uniqueid)
        self._channel_ended(ev.ChannelEnded(at, uniqueid, 0))

    # -- members

    def _members(self) -> Iterable[ev.MemberSeen]:
        return self.members.values()

    def _member_seen(self, event: ev.MemberSeen) -> None:
        self.queues.add(event.queue)
        self.members[event.queue, event.interface] = event
        self._done += self.agents.seen(event)

    def _member_gone(self, event: ev.MemberGone) -> None:
        self.members.pop((event.queue, event.interface), None)
        self._done += self.agents.gone(event)

    # -- inside

    def _take(self) -> list[TrackerRecord]:
        done, self._done = self._done, []
        return done

    def _visit_of(self, event: ev.GaveUp | ev.Connected) -> Visit:
        """Return the open visit, or the one that must have begun before we listened."""
        visit = self.visits.get(event.uniqueid)
        if visit is None or visit.queue != event.queue:
            if visit is not None:
                self.tell(visit, Signal.MOVED_ON, event.at, type(event).__name__)
            self.queues.add(event.queue)
            visit = self.begin_visit(event)
        return visit

    def begin_visit(self, event: ev.Joined | ev.GaveUp | ev.Connected) -> Visit:
        visit = self.visits[event.uniqueid] = Visit.of(self.pbx, event)
        visit.call_id = self.calls.known(event.linkedid, event.uniqueid, visit.entered_at).call_id
        return visit

    def _visited(self, visit: Visit) -> None:
        record = visit.record()
        self._keeping.touched.add(record.call_id)
        self._done.append(record)
        self.calls.visited(record)

    def tell(
        self, visit: Visit, signal: Signal, at: float, told_by: str, told: Outcome | None = None
    ) -> None:
        if not visit.hear(signal, at, told_by, told):
            self.unexpected += 1
        if visit.phase is Phase.CLOSED:
            self.visits.pop(visit.uniqueid, None)
            self._visited(visit)

    def begin_talk(self, talk: OpenTalk, at: float) -> None:
        self.talks.begin(talk, at)
        self._done += self.agents.talk_began(talk.member, at)

    def close_ring(self, uniqueid: str, at: float, cause: int = 0) -> None:
        ring = self.rings.pop(uniqueid)
        visit = self.visits.get(ring.uniqueid)
        if visit is not None:
            visit.rings.pop(uniqueid, None)
        talk = self.talks.of(ring.uniqueid)
        elsewhere = talk is not None and talk.dialed != uniqueid and talk.queue == ring.queue
        record = ring.record(at, cause, answered_elsewhere=elsewhere)
        if visit is not None:
            visit.ringing |= record.outcome is RingOutcome.CALLER_GONE
        self._keeping.touched.add(record.call_id)
        self._done.append(record)
        self._done += self.agents.ring_ended(record.agent, record.ended_at)

    def _talk_ended(self, talk: OpenTalk, record: Talk | None, at: float) -> None:
        self._keeping.touched.add(talk.call_id)
        call = self.calls.of(talk.uniqueid)
        if call is not None:
            talk.number, talk.language, talk.direction = call.number, call.language, call.direction
        if record is not None:
            self._done.append(record)
            self.calls.talked(record)
        if talk.queue:  # no queue spares an agent after a direct call
            self._done += self.agents.talk_ended(talk.member, talk.queue, record.ended_at if record else at)

    def _sweep(self, now: float) -> None:
        self._next_tick = now + 1.0
        self._done += self.agents.tick(now)
        self.talks.settle(now)
        for uniqueid in [caller for caller, at in self.leaving.items() if now - at >= _LEAVE_SECONDS]:
            self._settle(uniqueid, now)

    def _settle(self, uniqueid: str, now: float, *, certain: bool = True) -> None:
        """Say what it means that nothing followed a leaving; `certain`: it would have been heard."""
        del self.leaving[uniqueid]
        visit = self.visits.get(uniqueid)
        if visit is not None and not certain:
            self.tell(visit, Signal.LOST, now, "end of observation")
        elif visit is not None and visit.phase is Phase.UNDECIDED and self._statuses_told:
            self.tell(visit, Signal.STAYED, now, "")
        elif visit is not None and visit.phase in (Phase.LEAVING, Phase.MISSED, Phase.MISSED_HANGING_UP):
            self.tell(visit, Signal.SETTLED, now, "QueueStatus")
        if uniqueid in self.vanished:
            self.channel_gone(uniqueid, self.vanished[uniqueid])

    _HANDLERS: ClassVar[dict[type[Any], Callable[["Tracker", Any], None]]] = {
        ev.ChannelStarted: _channel_started,
        ev.ChannelEnded: _channel_ended,
        ev.HangupRequested: _hangup_requested,
        ev.QueueRun: _queue_run,
        ev.Joined: _joined,
        ev.Left: _left,
        ev.GaveUp: _gave_up,
        ev.Called: _called,
        ev.Connected: _connected,
        ev.Dumped: _dumped,
        ev.DialEnded: _dial_ended,
        ev.DialStarted: lambda tracker, event: tracker.direct.dial_started(event),
        ev.PickedUp: _picked_up,
        ev.BridgeEntered: lambda tracker, event: tracker.talks.bridge_entered(event),
        ev.BridgeLeft: lambda tracker, event: tracker.talks.bridge_left(event),
        ev.LocalJoined: lambda tracker, event: tracker.talks.local_joined(event),
        ev.Held: lambda tracker, event: tracker.talks.held(event),
        ev.Unheld: lambda tracker, event: tracker.talks.unheld(event),
        ev.BlindTransferred: lambda tracker, event: tracker.talks.blind_transferred(event),
        ev.AttendedTransferred: lambda tracker, event: tracker.talks.attended_transferred(event),
        ev.StatusSet: _status_set,
        ev.MemberSeen: _member_seen,
        ev.MemberGone: _member_gone,
    }
