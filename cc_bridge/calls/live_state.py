"""The open state of one PBX: calls, visits, rings, talks, agents, queue members and channels.

When a visit, ring, talk or channel ends, `LiveState` makes the record and updates the other objects of the
state. It collects the records until `take_completed` returns them. The module reads no clock: each method
gets the instant as an argument.
"""

from collections.abc import Iterable
from math import inf
from typing import Any

from cc_bridge.calls import events as ev
from cc_bridge.calls.agent import BUSY, DO_NOT_DISTURB
from cc_bridge.calls.agents import Agents
from cc_bridge.calls.caller_names import CallerNames
from cc_bridge.calls.channel_customers import customer_behind
from cc_bridge.calls.channels_and_bridges import Channels, device_of, extension_of, is_local
from cc_bridge.calls.clock_steps import move_instants
from cc_bridge.calls.customer_legs import CustomerLeg
from cc_bridge.calls.direct_calls import Contexts, DirectCalls
from cc_bridge.calls.members import Members
from cc_bridge.calls.open_calls import Calls
from cc_bridge.calls.open_talk import OpenTalk
from cc_bridge.calls.rings import Rings
from cc_bridge.calls.talks import Talks
from cc_bridge.calls.visit import Visit
from cc_bridge.calls.visits import Visits
from cc_bridge.queue_names import QueueNames
from cc_bridge.records import AgentInterval, Call, Gap, GapReason, QueueVisit, Ring, Talk

__all__ = ["LiveState", "TrackerRecord"]

# Starts of the names of channels that Asterisk makes itself: conference announcements, recordings, spies.
_NO_PARTY = ("CBAnn/", "CBRec/", "Announcer/", "Recorder/", "Snoop/", "Surrogate/", "Message/")

TrackerRecord = Call | QueueVisit | Ring | Talk | AgentInterval


class LiveState:
    """The open state of one PBX: its calls, visits, rings, talks, agents, queue members and channels.

    members: the queue members, by queue and interface
    touched: ids of calls and channels. A call may differ from its last checkpoint if its id, or the id of one
        of its channels, is in this set. An id that belongs to no open call is ignored.
    completed: the records that were completed since the last `take_completed`
    clock_steps: the steps of the PBX's clock that `Tracker.take_clock_steps` has not returned yet
    observed_since: the instant of the snapshot that started the AMI session; -inf without a snapshot
    """

    def __init__(
        self,
        pbx: str,
        queues: Iterable[str],
        agents: Agents,
        contexts: Contexts,
        *,
        direct: bool,
        names: CallerNames | None = None,
    ) -> None:
        """Create an empty state.

        `queues` has the names of the configured queues. `contexts` determines the direction of a call. With
        `direct`, calls without a queue are recorded too. `names` removes the queues' prefixes from the
        callers' names.
        """
        self.pbx = pbx
        self.direct = direct
        self.agents = agents
        self.members = Members()
        self.channels = Channels()
        self.calls = Calls(pbx, contexts.of_first, every=direct)
        self.talks = Talks(self.channels, self._talk_ended, self._party_joined)
        self.caller_names = names or CallerNames()
        self.visits = Visits(
            pbx,
            QueueNames(queues),
            self.calls,
            self._visit_ended,
            self.channel_vanished,
            self.caller_names,
        )
        self.rings = Rings(pbx, self.visits, self.talks, self._ring_ended)
        self.direct_calls = DirectCalls(
            pbx, contexts, self.calls, self.talks, self.channels, self.members.name_at
        )
        self.touched: set[Any] = set()
        self.completed: list[TrackerRecord] = []
        self.clock_steps: list[Gap] = []
        self.observed_since = -inf

    def take_completed(self) -> list[TrackerRecord]:
        """Return the records that were completed since this method ran last, and clear the list."""
        completed, self.completed = self.completed, []
        return completed

    def waiting(self) -> list[Visit]:
        """Return the visits whose caller is waiting now."""
        return [visit for visit in self.visits.all() if visit.left_at is None]

    def begin_talk(self, talk: OpenTalk, at: float) -> None:
        """Start a talk, and set its agent's state to talking."""
        self.talks.begin(talk, at)
        self.completed += self.agents.talk_began(talk.member, at)

    def with_do_not_disturb(self, member: ev.MemberSeen) -> ev.MemberSeen:
        """Return the event `member`, with the status `DO_NOT_DISTURB` if its phone is busy without a channel.

        The phone of a member such as `Local/1001@from-queue/n` is known by its extension. A member that is no
        phone (`Agent/`) is returned unchanged.
        """
        if member.status != BUSY or member.interface.startswith("Agent/"):
            return member
        phone = member.interface
        if is_local(phone):
            phone = "/" + extension_of(phone)
        on_a_call = any(
            device_of(channel.name).endswith(phone) and not is_local(channel.name)
            for channel in self.channels.all()
        )
        return member if on_a_call else member._replace(status=DO_NOT_DISTURB)

    def customer_behind(self, uniqueid: str, linkedid: str) -> CustomerLeg | None:
        """Return the customer on whose behalf a channel acts; None if there is none.

        An example is the second line on which an agent consults about the customer. For the customer's own
        channel, the result is None. `linkedid` is the id of the channel's call; it is used only if the start
        of the channel was not observed.
        """
        call = self.calls.of(uniqueid)
        call_id = call.call_id if call is not None else linkedid
        return customer_behind(self.channels, self.talks, uniqueid, call_id)

    def channel_ended(self, event: ev.ChannelEnded) -> None:
        """Close everything that ends with a channel (Hangup): ring, visit, talk and Dial.

        The last channel of a call ends the call.
        """
        uniqueid = event.uniqueid
        if self.rings.of(uniqueid) is not None:
            self.rings.close(uniqueid, event.at, event.cause)
        self.visits.channel_ended(uniqueid, event.at)
        self.talks.channel_ended(uniqueid, event.at)
        self.direct_calls.channel_ended(uniqueid)
        call = self.calls.of(uniqueid)
        if call is not None:
            self.touched.add(call.call_id)
        self.completed += self.calls.ended(event)  # last, because its visits and talks are recorded before it

    def channel_vanished(self, uniqueid: str, at: float) -> None:
        """End a channel whose end was not observed, and mark its call as partial.

        There is one exception. If a caller of the call still waits in a queue, the channel was only a phone
        that did not answer, and the call does not become partial.
        """
        call = self.calls.of(uniqueid)
        visits = [self.visits.of(channel) for channel in call.channels] if call else []
        # If the caller is still waiting, the channel was a phone that did not answer.
        if not any(visit is not None and visit.left_at is None for visit in visits):
            self.calls.mark_partial(uniqueid)
        self.channel_ended(ev.ChannelEnded(at, uniqueid, 0))

    def clock_set(self, seconds: float, before: float) -> None:
        """Move all instants by `seconds`, because the PBX's clock was set.

        `before` is the last instant before the clock was set, by the old time. The agents' intervals of state
        end at `before`, and new intervals with the same states start by the new time. A gap without a length
        marks the step; it has the number of visits and talks that were open. There is no such gap if the
        clock was put forward and none were open, because an hour without any event looks the same.
        """
        after, affected = before + seconds, len(self.visits) + len(self.talks.in_progress())
        if affected or seconds < 0:  # an hour without any call is no step
            self.clock_steps.append(Gap(self.pbx, after, after, GapReason.CLOCK_STEP, affected))
        self.observed_since += seconds
        self.touched.update(self.calls.ids())
        self.visits.clock_set(seconds)
        self.talks.clock_set(seconds)
        self.calls.clock_set(seconds)
        move_instants(self.rings.all(), seconds)
        move_instants(self.channels.all(), seconds)
        self.completed += self.agents.clock_set(seconds, before)

    def _visit_ended(self, visit: Visit) -> None:
        """Add the record of a closed visit to `completed`, and add the visit to its call."""
        record = visit.record()
        self.touched.add(record.call_id)
        self.completed.append(record)
        self.calls.add_visit(record)

    def _ring_ended(self, record: Ring) -> None:
        """Add the record of a closed ring to `completed`, and update the agent's state."""
        self.touched.add(record.call_id)
        self.completed.append(record)
        self.completed += self.agents.ring_ended(record.agent, record.ended_at)

    def _party_joined(self, customer: CustomerLeg, channel: str) -> OpenTalk | None:
        """Return a new talk, without a queue, between a customer and an agent in the customer's bridge.

        `channel` is the agent's channel. The result is None if another customer from outside is on the
        channel, if Asterisk made the channel itself (such as for a recording), or if the name of the channel
        is unknown. It is also None while the customer waits in a queue.
        """
        device = self.channels.device_of(channel)
        other = self.talks.customers.at(channel)
        if not device or device.startswith(_NO_PARTY) or (other is not None and other.external):
            return None
        visit = self.visits.of(customer.uniqueid)
        if visit is not None and visit.left_at is None:
            return None
        return OpenTalk(
            pbx=self.pbx,
            call_id=customer.call_id,
            uniqueid=customer.uniqueid,
            queue="",
            member=self.members.name_at(device),
            interface=device,
            dialed=channel,
            caller=customer.channel,
            agent=channel,
        )

    def _talk_ended(self, talk: OpenTalk, record: Talk | None, at: float) -> None:
        """Add the record of a closed talk to `completed` and to its call; start the agent's wrap-up.

        `record` is None if caller and agent were never connected. A talk without a queue starts no wrap-up.
        """
        self.touched.add(talk.call_id)
        call = self.calls.of(talk.uniqueid)
        if call is not None:
            talk.number, talk.language, talk.direction = call.number, call.language, call.direction
        if record is not None and (talk.queue or self.direct):
            self.completed.append(record)
            self.calls.add_talk(record)
        if talk.queue:  # a direct call has no wrap-up: queues call the agent immediately
            ended_at = record.ended_at if record else at
            self.completed += self.agents.talk_ended(talk.member, talk.queue, ended_at)
