"""The answer of an agent to a caller of a queue: who answered, and the talk that starts (AgentConnect)."""

from math import inf

from cc_bridge.calls import events as ev
from cc_bridge.calls.channels_and_bridges import device_of, is_local
from cc_bridge.calls.live_state import LiveState
from cc_bridge.calls.open_talk import OpenTalk
from cc_bridge.calls.queue_callers import QueueCallers
from cc_bridge.calls.visit import Visit, VisitEvent
from cc_bridge.records import RingOutcome

__all__ = ["QueueAnswers"]


class QueueAnswers:
    """The handler of the answers to callers of one PBX's queues (AgentConnect).

    Each answer closes a visit and starts a talk.
    """

    def __init__(self, state: LiveState, callers: QueueCallers) -> None:
        self._state = state
        self._callers = callers

    def connected(self, event: ev.Connected) -> None:
        """Close a visit as answered and start its talk (AgentConnect). Close the answered ring.

        If the snapshot at the start of the AMI session already showed the talk, its agent and start are
        corrected.
        """
        state = self._state
        visit = state.visits.open_for(event)
        visit.agent, visit.interface = self._who_answered(event, visit)
        visit.ringing = False
        state.visits.handle_signal(visit, VisitEvent.CONNECTED, event.at, "AgentConnect")
        customer = state.customer_behind(event.uniqueid, event.linkedid)
        before = [
            talk for talk in state.talks.by_leg.with_leg(event.uniqueid) if talk.uniqueid == event.uniqueid
        ]
        # The snapshot at the start of this session may have shown the talk before its start was received.
        shown = next((talk for talk in before if talk.partial and talk.dialed == event.agent_uniqueid), None)
        if shown is not None:
            state.completed += state.agents.talk_ended(shown.member, shown.queue, event.at)
            shown.correct_start(event.at, visit.agent, visit.interface)
            shown.picked_up = visit.interface != event.interface
        for talk in before:
            if talk is not shown:
                state.talks.close(talk, event.at)
        # Before the ring ends, or the agent would be available for a millisecond in between.
        state.completed += state.agents.talk_began(visit.agent, event.at)
        uncertain = self._may_be_another(event, visit) or self._callers.may_consult(event.uniqueid)
        outcome = RingOutcome.ANSWERED
        if visit.interface != event.interface:
            forwarded = state.channels.forwarded(event.agent_uniqueid)
            outcome = RingOutcome.FORWARDED if forwarded else RingOutcome.ANSWERED_ELSEWHERE
        state.rings.answered(visit, event.at, outcome)
        if shown is not None:
            return
        state.talks.begin(
            OpenTalk(
                pbx=state.pbx,
                call_id=visit.call_id,
                uniqueid=event.uniqueid,
                queue=event.queue,
                member=visit.agent,
                interface=visit.interface,
                dialed=event.agent_uniqueid,
                caller=event.uniqueid if customer is None else customer.channel,
                agent=None if is_local(event.agent_channel) else event.agent_uniqueid,
                picked_up=visit.interface != event.interface,
                partial=uncertain,
            ),
            event.at,
        )

    def _may_be_another(self, event: ev.Connected, visit: Visit) -> bool:
        """Return whether a phone that did not ring may have answered, by a pickup that no event shows.

        This is possible if the ring started before the AMI session and no event has named the phone that
        answered. It is not possible if the caller was observed to enter the queue during the AMI session.
        """
        state = self._state
        ring, since = state.rings.of(event.agent_uniqueid), state.observed_since
        # The visit of a caller whose entry was not observed starts at the instant of the answer.
        if since == -inf or since < visit.entered_at < event.at:
            return False
        if ring is not None and ring.started_at > since:
            return False
        channels = state.channels
        if channels.answered_elsewhere(event.agent_uniqueid):
            return False
        if is_local(event.agent_channel):
            return channels.answering(event.agent_uniqueid) == event.agent_uniqueid
        return device_of(event.agent_channel) != event.interface

    def _who_answered(self, event: ev.Connected, visit: Visit) -> tuple[str, str]:
        """Return the name and the interface of the agent who answered.

        After a pickup or a forward (SIP 302), AgentConnect still names the agent and the phone that rang
        (16.28, 22.10). The result then has the phone that answered, and the agent at this phone.
        """
        channels = self._state.channels
        if channels.answered_elsewhere(event.agent_uniqueid):
            answering = channels.answering(event.agent_uniqueid)
            device = channels.device_of(answering) or device_of(event.agent_channel)
            return self._state.members.name_at(device), device
        device = device_of(event.agent_channel)
        reported = event.member, event.interface
        if event.agent_uniqueid in visit.rings or device == event.interface:
            return reported
        if is_local(event.agent_channel) or is_local(event.interface):
            return reported
        name = self._state.members.name_of(device)
        return (name or device, device) if visit.rings or name else reported
