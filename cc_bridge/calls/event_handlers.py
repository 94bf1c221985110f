"""The handlers of AMI events: for each type of event, the function that changes the live state.

Messages can be missing. Each handler therefore accepts any event in any state.
"""

from collections.abc import Callable
from typing import Any

from cc_bridge.calls import events as ev
from cc_bridge.calls.channels_and_bridges import is_local
from cc_bridge.calls.live_state import LiveState
from cc_bridge.calls.queue_answers import QueueAnswers
from cc_bridge.calls.queue_callers import QueueCallers
from cc_bridge.records import RingOutcome

__all__ = ["EventHandlers"]

# Outcomes of an open ring when the caller leaves the queue for an agent. A ring without an outcome (None) was
# picked up by another phone, because a cancelled ring has its DialEnd before.
_LEFT_TO_AGENT = (RingOutcome.ANSWERED, RingOutcome.ANSWERED_ELSEWHERE, None)

# Index of the field with the event's channel, if it is not 1, the field after the instant.
_CHANNEL_AT: dict[type[Any], int] = {ev.BridgeEntered: 2, ev.BridgeLeft: 2}


class EventHandlers:
    """The handlers of the AMI events of one PBX, which change `state`.

    by_type: a mapping from each type of event to its handler and the index of the event's field with the
        channel
    """

    def __init__(self, state: LiveState, callers: QueueCallers) -> None:
        self._state = state
        self.by_type = {
            kind: (handler, _CHANNEL_AT.get(kind, 1))
            for kind, handler in self._make_handlers(callers).items()
        }

    def _make_handlers(self, callers: QueueCallers) -> dict[type[Any], Callable[[Any], None]]:
        """Return a mapping from each type of AMI event to the function that handles such an event."""
        state = self._state
        return {
            ev.ChannelStarted: self._channel_started,
            ev.ChannelEnded: state.channel_ended,
            ev.HangupRequested: self._hangup_requested,
            ev.QueueRun: state.visits.queue_run,
            ev.Joined: callers.joined,
            ev.Left: self._left,
            ev.GaveUp: state.visits.gave_up,
            ev.Called: self._called,
            ev.Connected: QueueAnswers(state, callers).connected,
            ev.Dumped: state.rings.dumped,
            ev.DialEnded: self._dial_ended,
            ev.DialStarted: self._dial_started,
            ev.PickedUp: self._picked_up,
            ev.BridgeEntered: state.talks.bridge_entered,
            ev.BridgeLeft: state.talks.bridge_left,
            ev.LocalJoined: state.talks.local_joined,
            ev.Held: state.talks.held,
            ev.Unheld: state.talks.unheld,
            ev.BlindTransferred: state.talks.blind_transferred,
            ev.AttendedTransferred: self._attended_transferred,
            ev.StatusSet: self._status_set,
            ev.MemberSeen: self._member_seen,
            ev.MemberGone: self._member_gone,
        }

    # -- queues and rings

    def _left(self, event: ev.Left) -> None:
        """Handle QueueCallerLeave: update the visit of a caller who left the queue.

        The outcomes of the open rings show whether an agent had answered, and whether a phone was ringing.
        """
        visit = self._state.visits.of(event.uniqueid)
        outcomes = [ring.outcome for ring in self._state.rings.of_visit(visit)] if visit else []
        answered = any(outcome in _LEFT_TO_AGENT for outcome in outcomes)
        self._state.visits.left(event, picked_up=answered, ringing=RingOutcome.CALLER_GONE in outcomes)

    def _called(self, event: ev.Called) -> None:
        """Start a ring, and set its agent's state to ringing (AgentCalled).

        If calls without a queue are recorded, also add the Dial that the event contains.
        """
        self._state.rings.called(event)
        if event.dial is not None and self._state.direct:
            self._dial_started(event.dial)
        self._state.completed += self._state.agents.rang(event.member, event.at)

    def _dial_started(self, event: ev.DialStarted) -> None:
        """Add a Dial (DialBegin), after removal of a queue's prefix from the caller's name."""
        name = self._state.caller_names.without_prefix(event.name)
        self._state.direct_calls.dial_started(event if name == event.name else event._replace(name=name))

    def _dial_ended(self, event: ev.DialEnded) -> None:
        """Store the outcome of a ring, or start the talk of an answered Dial without a queue (DialEnd).

        After a forward (SIP 302), Asterisk dials the destination through a Local channel (16.28, 22.10).
        """
        ring = self._state.rings.of(event.dialed_uniqueid)
        channels = self._state.channels
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
            self._state.direct_calls.answered(event.dialed_uniqueid, event.at)

    def _picked_up(self, event: ev.PickedUp) -> None:
        """Store that a channel answered instead of the phone that rings (Pickup).

        If a queue rings, set the outcome of the ring; AgentConnect follows and starts the talk. If a Dial
        without a queue rings, start its talk.
        """
        channel = self._state.channels.get(event.uniqueid)
        channel.name, channel.picks_up = event.channel, True
        ring = self._state.rings.of(event.rung)
        if ring is not None:
            ring.picked_up()
        else:
            self._state.direct_calls.picked_up(event)

    # -- channels and bridges

    def _channel_started(self, event: ev.ChannelStarted) -> None:
        """Add a channel with its name and dialled extension, and add it to its call (Newchannel)."""
        channel = self._state.channels.get(event.uniqueid)
        channel.name, channel.dialled = event.channel, event.exten
        self._state.calls.started(event)

    def _attended_transferred(self, event: ev.AttendedTransferred) -> None:
        """Store an attended transfer.

        An agent can call a queue on a second line and transfer the customer before an agent of the queue
        answers. Asterisk then puts the customer into the place of the second line in the queue. So the open
        visit and the rings of the second line move to the customer's channel.
        """
        self._state.talks.attended_transferred(event)
        second = event.transferers[1]
        if event.into_application and self._state.visits.move(second, event.transferee):
            self._state.rings.move(second, event.transferee)
            self._state.touched.add(event.transferee)

    def _hangup_requested(self, event: ev.HangupRequested) -> None:
        """Store the instant of a channel's first hang-up request, and which side requested it.

        Also update the visit of the caller on the channel. The AMI events are HangupRequest and
        SoftHangupRequest.
        """
        channel = self._state.channels.get(event.uniqueid)
        if event.by_pbx:
            channel.killed_at = channel.killed_at or event.at
        else:
            channel.hung_up_at = channel.hung_up_at or event.at
        self._state.visits.hung_up(event.uniqueid, event.at)

    def _status_set(self, event: ev.StatusSet) -> None:
        if event.trigger == "queue":  # the others are no results of Queue()
            self._state.visits.status_set(event)

    # -- members

    def _member_seen(self, event: ev.MemberSeen) -> None:
        """Store a queue member, and update the agent's state.

        The AMI events are QueueMemberStatus, QueueMemberPause and QueueMemberAdded.
        """
        self._state.visits.queues.add(event.queue)
        self._state.members[event.queue, event.interface] = event
        self._state.completed += self._state.agents.member_seen(self._state.with_do_not_disturb(event))

    def _member_gone(self, event: ev.MemberGone) -> None:
        """Remove a queue member, and update the agent's state (QueueMemberRemoved)."""
        self._state.members.pop((event.queue, event.interface), None)
        self._state.completed += self._state.agents.member_gone(event)
