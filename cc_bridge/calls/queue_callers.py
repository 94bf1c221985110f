"""The callers who enter the queues of one PBX, and the customer of each of their calls.

The caller of a queue is usually the customer of the call. The caller can also be an agent whose second line
waits in a queue, to consult about a customer. The visit of this line is then part of the customer's call.
"""

from math import inf

from cc_bridge.calls import events as ev
from cc_bridge.calls.channel_customers import customer_behind
from cc_bridge.calls.customer_legs import CustomerLeg
from cc_bridge.calls.live_state import LiveState
from cc_bridge.calls.open_talk import TalkPhase
from cc_bridge.calls.visit import Visit

__all__ = ["QueueCallers"]


class QueueCallers:
    """The callers in the queues of one PBX. A caller is the customer of the call, or acts for a customer."""

    def __init__(self, state: LiveState) -> None:
        self._state = state

    def joined(self, event: ev.Joined) -> None:
        """Start a visit (QueueCallerJoin), and close the caller's earlier talks.

        A talk that caller or agent has just left stays open, because its transfer may be reported later. If
        the channel acts for a customer, such as an agent's second line, the visit is part of the customer's
        call.
        """
        state = self._state
        customer = state.customer_behind(event.uniqueid, event.linkedid)
        call = state.calls.by_id(customer.call_id) if customer is not None else None
        if call is not None:
            # The channel itself has the number of the agent or of the dialled service.
            state.calls.move(event.uniqueid, call.call_id)
            event = event._replace(linkedid=call.call_id, number=call.number, name=call.name)
        if not state.visits.joined(event):
            return
        visit = state.visits.of(event.uniqueid)
        if customer is None and visit is not None:
            self._register_customer(visit)
            if self.may_consult(event.uniqueid):
                state.calls.mark_partial(event.uniqueid)
        for talk in state.talks.by_leg.with_leg(event.uniqueid):
            # After a leg has left, the talk stays open: BlindTransfer can come after the QueueCallerJoin that
            # it caused (22.10).
            if talk.caller == event.uniqueid and talk.phase is not TalkPhase.PARTED:
                state.talks.close(talk, event.at)
        state.direct_calls.joined_queue(event.uniqueid, event.at)

    def register_customers(self) -> None:
        """Make the caller of each open visit the customer of the call.

        If the channel acts for another customer, such as an agent's second line, the visit becomes part of
        this customer's call.
        """
        state = self._state
        for visit in state.visits.all():
            customer = customer_behind(state.channels, state.talks, visit.uniqueid, visit.call_id)
            call = state.calls.by_id(customer.call_id) if customer is not None else None
            if customer is None:
                self._register_customer(visit)
            elif call is not None and visit.call_id != call.call_id:
                state.calls.move(visit.uniqueid, call.call_id)
                visit.call_id, visit.number, visit.name = call.call_id, call.number, call.name

    def may_consult(self, uniqueid: str) -> bool:
        """Return whether the caller of a queue may be an agent who consults about an unknown customer.

        This is possible if the agent's phone has another channel that already existed when the AMI session
        started. The agent may have a talk with a customer on that channel, because its start was not
        observed.
        """
        state, channels = self._state, self._state.channels
        device = channels.device_of(uniqueid)
        if state.observed_since == -inf or state.members.name_at(device) == device:
            return False
        others = [line for line in channels.at_device(device) if line != uniqueid]
        return any(state.calls.of(line) is None and not state.talks.by_leg.with_leg(line) for line in others)

    def _register_customer(self, visit: Visit) -> None:
        """Make the caller of a visit the customer of the visit's call, unless the call has a customer."""
        self._state.talks.customers.add(CustomerLeg(visit.uniqueid, visit.uniqueid, visit.call_id))
