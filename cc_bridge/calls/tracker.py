"""The tracker of all calls of one PBX: it takes typed AMI events and returns the records that they complete.

The live state at this moment is available too. The module reads no clock: each event carries its time, and
`tick` passes the time when there are no events.

Messages can be missing, so any event is accepted in any state. `unexpected` counts the events that do not fit
the state of a visit. When a channel ends, its open visits, rings and talks are closed with the facts that are
known.
"""

from collections.abc import Collection, Iterable
from math import inf

from cc_bridge.calls import events as ev
from cc_bridge.calls.agents import Agents
from cc_bridge.calls.caller_names import CallerNames
from cc_bridge.calls.channel_customers import call_rated_on
from cc_bridge.calls.checkpoint import Checkpointer
from cc_bridge.calls.clock_steps import EventTimes
from cc_bridge.calls.direct_calls import Contexts
from cc_bridge.calls.event_handlers import EventHandlers
from cc_bridge.calls.live_state import LiveState, TrackerRecord
from cc_bridge.calls.pbx_snapshot import PbxSnapshot
from cc_bridge.calls.pbx_snapshot_diff import PbxSnapshotDiff
from cc_bridge.calls.queue_callers import QueueCallers
from cc_bridge.calls.visit import Visit
from cc_bridge.records import Gap, OpenStateRecord

__all__ = ["Tracker"]

# A PBX clock that is more than this many seconds earlier than before was set back. A smaller difference is an
# error of the estimate.
_PUT_BACK_SECONDS = 2.0
# An event can be held back for this many seconds.
_LATE_SECONDS = 60.0


class Tracker:
    """The tracker of one PBX's calls. `apply` and `tick` return the records that were completed.

    queues: names of the configured queues
    contexts: dialplan contexts that determine the direction of a call
    direct: whether calls without a queue are recorded too
    numbers: whether the checkpoints that `changes` returns contain callers' numbers
    names: removes the queues' prefixes from the callers' names
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
        names: CallerNames | None = None,
    ) -> None:
        self.pbx = pbx
        self.state = state = LiveState(
            pbx, queues, agents or Agents(pbx), contexts, direct=direct, names=names
        )
        self.agents, self.members = state.agents, state.members
        self.calls, self.talks, self.visits = state.calls, state.talks, state.visits
        self._queue_callers = QueueCallers(state)
        self._snapshot_diff = PbxSnapshotDiff(state)
        self._checkpointer = Checkpointer(state, numbers=numbers)
        self._lost_at: float | None = None  # when observation was lost, until a snapshot restores it
        self._next_tick = 0.0
        self._times = EventTimes()
        self._handlers = EventHandlers(state, self._queue_callers).by_type

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

    def apply_late(self, event: ev.CallEvent) -> list[TrackerRecord]:
        """Apply an event that was held back; return the records that it completed.

        Newer events can have been applied meanwhile. So an earlier instant does not mean that the PBX's clock
        was set back. If the event is later than the last applied event, or more than a minute earlier, it
        gets the instant of the last applied event.
        """
        last = self._times.last
        if not last - _LATE_SECONDS <= event.at <= last:
            event = event._replace(at=last)
        handle, channel_at = self._handlers[type(event)]
        handle(event)
        self.state.touched.add(event[channel_at])
        return self.state.take_completed()

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
        """Return the steps of the PBX's clock since this method ran last, as gaps without a length."""
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

        If `now` is 3599 s or more after the latest known instant of the PBX's clock, the clock was put
        forward. Everything then ends at that known instant. Return the records that this completes.
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
        self.state.rings.close_all(now)
        for talk in list(self.talks.by_leg.all()):
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

    def spelled(self, queue: str) -> str:
        """Return a queue name in the spelling of the PBX's configuration.

        The result is the name itself if no event has named the queue yet.
        """
        return self.visits.queues.spelled(queue)

    @property
    def unexpected(self) -> int:
        """The number of events that did not fit the phase of their visit."""
        return self.visits.unexpected

    def waiting(self) -> list[Visit]:
        """Return the visits whose caller is waiting now."""
        return self.state.waiting()

    def knows_channel(self, uniqueid: str) -> bool:
        """Return whether an event or a snapshot has shown a channel that is open, or ended seconds ago."""
        state = self.state
        return (
            uniqueid in state.channels
            or self.calls.of(uniqueid) is not None
            or self.talks.memory.last(uniqueid) is not None
        )

    def known_channels(self) -> set[str]:
        """Return the uniqueids of the open channels that an event or a snapshot has shown."""
        return {*self.state.channels.missing_from(()), *self.calls.missing_from(())}

    def call_rated_on(self, uniqueid: str, linkedid: str = "") -> str | None:
        """Return the id of the call that a survey on a channel rates.

        The result is None if an agent asks a colleague on the channel. `linkedid` is the id of the channel's
        call; it is used only if the start of the channel was not observed.
        """
        call = self.calls.of(uniqueid)
        own = call.call_id if call is not None else linkedid or uniqueid
        return call_rated_on(self.state.channels, self.talks, uniqueid, own)

    # -- inside

    def _check_clock(self, event: ev.CallEvent) -> ev.CallEvent:
        """Move everything open if the PBX's clock was set before an event; return the event.

        The returned event has the instant of the event before it if its own instant is unknown, or earlier by
        less than 0.5 s. Such a small difference is no step: several threads of Asterisk write timestamps.
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
