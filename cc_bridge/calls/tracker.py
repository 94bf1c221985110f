"""The tracker of all calls of one PBX: it takes typed AMI events and returns the records that they complete.

The live state at this moment is available too. The module reads no clock: each event carries its time, and
`tick` passes the time when there are no events.

Messages can be missing. Each handler therefore accepts any event in any state. `unexpected` counts the events
that do not fit the state of a visit. When a channel ends, its open visits, rings and talks are closed with
the facts that are known.
"""

from collections.abc import Callable, Collection, Iterable
from math import inf
from typing import Any

from cc_bridge.calls import events as ev
from cc_bridge.calls.agents import Agents
from cc_bridge.calls.channels_and_bridges import is_local
from cc_bridge.calls.checkpoint import Checkpointer
from cc_bridge.calls.clock_steps import EventTimes
from cc_bridge.calls.direct_calls import Contexts
from cc_bridge.calls.live_state import LiveState, TrackerRecord
from cc_bridge.calls.pbx_snapshot import PbxSnapshot
from cc_bridge.calls.pbx_snapshot_diff import PbxSnapshotDiff
from cc_bridge.calls.queue_answers import QueueAnswers
from cc_bridge.calls.queue_callers import QueueCallers
from cc_bridge.calls.visit import Visit
from cc_bridge.records import Gap, OpenStateRecord, RingOutcome

__all__ = ["Tracker"]

# A PBX clock that is more than this many seconds earlier than before was set back. A smaller difference is an
# error of the estimate.
_PUT_BACK_SECONDS = 2.0

# Outcomes of an open ring when the caller leaves the queue for an agent. A ring without an outcome (None) was
# picked up by another phone, because a cancelled ring has its DialEnd before.
_LEFT_TO_AGENT = (RingOutcome.ANSWERED, RingOutcome.ANSWERED_ELSEWHERE, None)

# Index of the field with the event's channel, if it is not 1, the field after the instant.
_CHANNEL_AT: dict[type[Any], int] = {ev.BridgeEntered: 2, ev.BridgeLeft: 2}


class Tracker:
    """The tracker of one PBX's calls. `apply` and `tick` return the records that were completed.

    queues: names of the configured queues
    contexts: dialplan contexts that determine the direction of a call
    direct: calls without a queue are recorded too
    numbers: callers' numbers are part of the checkpoints that `changes` returns
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
        self.state = state = LiveState(pbx, queues, agents or Agents(pbx), contexts, direct=direct)
        self.agents, self.members = state.agents, state.members
        self.calls, self.talks, self.visits = state.calls, state.talks, state.visits
        self._rings, self._direct_calls = state.rings, state.direct_calls
        self._queue_callers = QueueCallers(state)
        self._snapshot_diff = PbxSnapshotDiff(state)
        self._checkpointer = Checkpointer(state, numbers=numbers)
        self._lost_at: float | None = None  # when observation was lost, until a snapshot restores it
        self._next_tick = 0.0
        self._times = EventTimes()
        # By the type of an event: its handler, and the index of the field with its channel.
        self._handlers = {
            kind: (handler, _CHANNEL_AT.get(kind, 1)) for kind, handler in self._make_handlers().items()
        }

    def _make_handlers(self) -> dict[type[Any], Callable[[Any], None]]:
        """Return a mapping from each type of AMI event to the function that handles such an event."""
        return {
            ev.ChannelStarted: self._channel_started,
            ev.ChannelEnded: self.state.channel_ended,
            ev.HangupRequested: self._hangup_requested,
            ev.QueueRun: self.visits.queue_run,
            ev.Joined: self._queue_callers.joined,
            ev.Left: self._left,
            ev.GaveUp: self.visits.gave_up,
            ev.Called: self._called,
            ev.Connected: QueueAnswers(self.state, self._queue_callers).connected,
            ev.Dumped: self._rings.dumped,
            ev.DialEnded: self._dial_ended,
            ev.DialStarted: self._direct_calls.dial_started,
            ev.PickedUp: self._picked_up,
            ev.BridgeEntered: self.talks.bridge_entered,
            ev.BridgeLeft: self.talks.bridge_left,
            ev.LocalJoined: self.talks.local_joined,
            ev.Held: self.talks.held,
            ev.Unheld: self.talks.unheld,
            ev.BlindTransferred: self.talks.blind_transferred,
            ev.AttendedTransferred: self._attended_transferred,
            ev.StatusSet: self._status_set,
            ev.MemberSeen: self._member_seen,
            ev.MemberGone: self._member_gone,
        }

    # -- events, time and snapshots

    def apply(self, event: ev.CallEvent) -> list[TrackerRecord]:
        """Apply one event; return the records that it completed.

        If the PBX's clock was set before the event, `clock_set` is applied first.
        """
        times = self._times
        if times.last <= event.at < times.silent_until:
            times.last = event.at
        else:
            event = self._check_clock(event)
        if event.at >= self._next_tick:
            self._sweep(event.at)
        handle, channel_at = self._handlers[type(event)]
        handle(event)
        state = self.state
        state.touched.add(event[channel_at])
        return state.take_completed() if state.completed else []

    def tick(self, now: float) -> list[TrackerRecord]:
        """End the wrap-ups, talks and visits whose time is over at `now`; return the completed records.

        `now` is the time of the PBX's clock. The method must run about once a second.
        """
        self._times.passed(now)
        self._sweep(now)
        return self.state.take_completed()

    def clock_set(self, seconds: float) -> list[TrackerRecord]:
        """Move everything open to the new time, because the PBX's clock was set by `seconds`.

        Return the ended intervals of the agents' states. Talks and calls in progress become partial.
        """
        before = self._times.latest
        self._times.moved(seconds)
        if before > -inf:
            self._move(seconds, before)
        return self.state.take_completed()

    def take_clock_steps(self) -> list[Gap]:
        """Return the steps of the PBX's clock since the last call, as gaps without a length."""
        steps, self.state.clock_steps = self.state.clock_steps, []
        return steps

    def resync(self, snapshot: PbxSnapshot, *, fresh: bool = True) -> list[TrackerRecord]:
        """Correct the tracked state by a snapshot; return the records that this completes.

        Tracked visits, rings, talks and channels that the snapshot does not show are closed. Talks and
        waiting callers that only the snapshot shows are added. The queue members are replaced by the members
        in the snapshot.

        With `fresh`, the snapshot starts an AMI session, and no event was received since the request for it.
        Otherwise, events arrive while Asterisk sends the snapshot. A difference then counts only if the
        previous snapshot showed it too (`unconfirmed_differences`).

        Visits, talks and calls that ended during a gap end at the start of the gap. If the clock was set back
        during the gap, all open visits, rings, talks and calls are closed.
        """
        now = gone_at = snapshot.taken_at
        (self._times.started if fresh else self._times.passed)(now)
        if fresh:
            self.state.observed_since = now
        if fresh and self._lost_at is not None:
            gone_at, self._lost_at = self._lost_at, None
            if now < gone_at - _PUT_BACK_SECONDS:
                self._close_all(gone_at)
        for queue in snapshot.queues:
            self.visits.queues.add(queue)
        self.members.clear()
        self.members.update({(seen.queue, seen.interface): seen for seen in snapshot.members})
        if fresh:
            self.talks.resync(now, snapshot.channels, snapshot.halves, snapshot.names)
        if self._snapshot_diff.apply(snapshot, fresh=fresh, gone_at=gone_at) or fresh:
            self.state.touched.update(self.calls.ids())
        self._queue_callers.register_customers()
        members = map(self.state.with_do_not_disturb, snapshot.members)
        self.state.completed += self.agents.resync(members, now)
        return self.state.take_completed()

    @property
    def unconfirmed_differences(self) -> int:
        """The number of new differences in the last snapshot, which the next snapshot must confirm."""
        return len(self._snapshot_diff.unconfirmed)

    def finish(self, now: float) -> list[TrackerRecord]:
        """Close everything open as unobserved at the instant `now`, because no more events will come.

        If `now` is an hour or more after the last event, the PBX's clock was set, and the end is that event.
        Return the records that this completes.
        """
        if self._times.is_step(now):
            now = self._times.latest
        self._close_all(now)
        self.state.completed += self.agents.observation_lost(now)
        return self.state.take_completed()

    def _close_all(self, now: float) -> None:
        """Close all open visits, rings, talks and calls at the instant `now`."""
        self.state.touched.update(self.calls.ids())
        self.visits.close_all(now)
        self._rings.close_all(now)
        for talk in list(self.talks.all()):
            self.talks.close(talk, now)
        self.state.completed += self.calls.finish(now)

    def observation_lost(self, now: float) -> list[TrackerRecord]:
        """Start a gap at the instant `now`; return the records that this completes.

        The gap ends the agents' intervals of state. It also closes each visit that waits for a later event to
        decide its outcome.
        """
        self.visits.observation_lost(now)
        self.talks.observation_lost(now)
        self.state.completed += self.agents.observation_lost(now)
        self._lost_at = now
        self.state.touched.update(self.calls.ids())
        return self.state.take_completed()

    def changes(self) -> list[OpenStateRecord]:
        """Return the checkpoints that changed since this method ran last. A later daemon restores them."""
        return self._checkpointer.changes()

    def restore(self, stored: Iterable[OpenStateRecord], until: float) -> list[str]:
        """Restore the checkpoints of an earlier daemon, which observed the PBX up to `until`.

        Return the kind and name of each rejected checkpoint. This method must run before all others. Calls
        that ended after `until` are closed by the first `resync`.
        """
        intervals, refused = self._checkpointer.restore(stored, until)
        self._queue_callers.register_customers()
        self.state.completed = [*intervals, *self.observation_lost(until)]
        return refused

    # -- this moment

    @property
    def queues(self) -> Collection[str]:
        """The names of all queues that the configuration or an event named."""
        return frozenset(self.visits.queues)

    @property
    def unexpected(self) -> int:
        """The number of events that did not fit the phase of their visit."""
        return self.visits.unexpected

    def waiting(self) -> list[Visit]:
        """Return the visits whose caller is waiting now."""
        return self.state.waiting()

    def call_rated_on(self, uniqueid: str, linkedid: str = "") -> str | None:
        """Return the id of the call that a survey on a channel rates.

        The result is None if an agent consults on the channel. `linkedid` is the id of the channel's call; it
        is used only if the start of the channel was not observed.
        """
        call = self.calls.of(uniqueid)
        own = call.call_id if call is not None else linkedid or uniqueid
        return self.talks.call_rated_on(uniqueid, own)

    # -- queues

    def _left(self, event: ev.Left) -> None:
        """Handle QueueCallerLeave: update the visit of a caller who left the queue.

        The outcomes of the open rings show whether an agent had answered, and whether a phone was ringing.
        """
        visit = self.visits.of(event.uniqueid)
        outcomes = [ring.outcome for ring in self._rings.of_visit(visit)] if visit else []
        answered = any(outcome in _LEFT_TO_AGENT for outcome in outcomes)
        self.visits.left(event, picked_up=answered, ringing=RingOutcome.CALLER_GONE in outcomes)

    # -- rings

    def _called(self, event: ev.Called) -> None:
        """Start a ring, and set its agent's state to ringing (AgentCalled)."""
        self._rings.called(event)
        self.state.completed += self.agents.rang(event.member, event.at)

    def _dial_ended(self, event: ev.DialEnded) -> None:
        """Store the outcome of a ring, or start the talk of an answered Dial without a queue (DialEnd).

        After a forward (SIP 302), Asterisk dials the destination through a Local channel (16.28, 22.10).
        """
        ring = self._rings.of(event.dialed_uniqueid)
        channels = self.state.channels
        if event.forwarded and event.uniqueid:
            channels.get(event.uniqueid).was_forwarded = True
        if event.status == "ANSWER" and event.uniqueid:
            dialling, answering = channels.get(event.uniqueid), channels.get(event.dialed_uniqueid)
            dialling.answered_by = event.dialed_uniqueid
            answering.name = event.dialed_channel or answering.name
            answering.picks_up |= event.picked_up
            answering.is_forward = dialling.was_forwarded and ring is None and is_local(answering.name)
        if ring is not None:
            ring.dial_ended(event.status, event.at, forwarded=event.forwarded)
        elif event.status == "ANSWER":
            self._direct_calls.answered(event.dialed_uniqueid, event.at)

    def _picked_up(self, event: ev.PickedUp) -> None:
        """Store that a channel answered instead of the phone that rings (Pickup).

        If a queue rings, set the outcome of the ring; AgentConnect follows and starts the talk. If a Dial
        without a queue rings, start its talk.
        """
        channel = self.state.channels.get(event.uniqueid)
        channel.name, channel.picks_up = event.channel, True
        ring = self._rings.of(event.rung)
        if ring is not None:
            ring.picked_up()
        else:
            self._direct_calls.picked_up(event)

    # -- channels and bridges

    def _channel_started(self, event: ev.ChannelStarted) -> None:
        """Add a channel with its name and dialled extension, and add it to its call (Newchannel)."""
        channel = self.state.channels.get(event.uniqueid)
        channel.name, channel.dialled = event.channel, event.exten
        self.calls.started(event)

    def _attended_transferred(self, event: ev.AttendedTransferred) -> None:
        """Pass an attended transfer to its talks, and a consultation that waits in a queue to the transferee.

        Asterisk then puts the transferee into the second transferer's place in the queue.
        """
        self.talks.attended_transferred(event)
        second = event.transferers[1]
        if event.into_application and self.visits.move(second, event.transferee):
            self._rings.move(second, event.transferee)
            self.state.touched.add(event.transferee)

    def _hangup_requested(self, event: ev.HangupRequested) -> None:
        """Store the instant of a channel's first hang-up request, and which side requested it.

        Also update the visit of the caller on the channel. The AMI events are HangupRequest and
        SoftHangupRequest.
        """
        channel = self.state.channels.get(event.uniqueid)
        if event.by_pbx:
            channel.killed_at = channel.killed_at or event.at
        else:
            channel.hung_up_at = channel.hung_up_at or event.at
        self.visits.hung_up(event.uniqueid, event.at)

    def _status_set(self, event: ev.StatusSet) -> None:
        if event.trigger == "queue":  # the others are no results of Queue()
            self.visits.status_set(event)

    # -- members

    def _member_seen(self, event: ev.MemberSeen) -> None:
        """Store a queue member, and update the agent's state.

        The AMI events are QueueMemberStatus, QueueMemberPause and QueueMemberAdded.
        """
        self.visits.queues.add(event.queue)
        self.members[event.queue, event.interface] = event
        self.state.completed += self.agents.member_seen(self.state.with_do_not_disturb(event))

    def _member_gone(self, event: ev.MemberGone) -> None:
        """Remove a queue member, and update the agent's state (QueueMemberRemoved)."""
        self.members.pop((event.queue, event.interface), None)
        self.state.completed += self.agents.member_gone(event)

    # -- inside

    def _check_clock(self, event: ev.CallEvent) -> ev.CallEvent:
        """Move everything open if the PBX's clock was set before an event; return the event.

        An event that is only a little too early gets the instant of the event before.
        """
        step = self._times.step_before(event.at)
        if step:
            self._move(step, event.at - step)
        return event._replace(at=max(event.at, self._times.last))

    def _move(self, seconds: float, before: float) -> None:
        """Move everything open by `seconds`. `before` is the last instant of the clock before it was set."""
        self._next_tick += seconds
        if self._lost_at is not None:
            self._lost_at += seconds
        self.state.clock_set(seconds, before)

    def _sweep(self, now: float) -> None:
        """End everything that ends after a certain time, and whose time is over at the instant `now`.

        These are wrap-ups, talks in which caller or agent left the bridge and did not return, and visits
        whose caller left the queue without a later event.
        """
        self._next_tick = now + 1.0
        self.state.completed += self.agents.tick(now)
        self.talks.sweep(now)
        self.visits.sweep(now)
