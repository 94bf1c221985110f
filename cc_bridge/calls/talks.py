"""The open talks of one PBX: the agents who are in a bridge with each customer.

A talk starts in one of two ways. In the first way, a queue or a Dial names the agent who answered, and the
talk waits until caller and agent are in one bridge. In the second way, a phone enters a bridge with a
customer after a transfer, a parking or a conference. That talk starts immediately and has no queue.

Local channels are followed: a phone behind `Local/x@ctx/n` counts as in the customer's bridge.
"""

from collections.abc import Callable, Iterable, Mapping, Set as AbstractSet
from types import MappingProxyType

from cc_bridge.calls import events as ev
from cc_bridge.calls.channels_and_bridges import Channels
from cc_bridge.calls.customer_legs import CustomerLeg, CustomerLegs
from cc_bridge.calls.local_legs import LocalLegs
from cc_bridge.calls.open_talk import OpenTalk, TalkPhase
from cc_bridge.calls.partings import ended_by, has_hang_up, is_redirected, transfer_target
from cc_bridge.calls.talk_memory import TalkMemory
from cc_bridge.calls.talks_by_leg import TalksByLeg
from cc_bridge.records import Direction, EndedBy, Talk, Transfer

__all__ = ["Talks"]

# A leg that does not return within this many seconds has ended the talk. Real returns take milliseconds.
_RETURN_SECONDS = 2.0
# The same for a redirected leg, such as into a conference: the two legs take longer to meet again.
_REDIRECT_SECONDS = 10.0


class Talks:
    """The open talks of one PBX.

    by_leg: the open talks by the channels of caller and agent
    customers: the customers whose channels are open; a phone that enters a bridge with a customer starts a
        talk
    ended: function that is called at the end of each talk, with the record or, if caller and agent were never
        connected, with None
    joined: function that is called when a channel enters a bridge with a customer; returns the talk to start,
        or None if there is none to start, such as for another customer's channel
    """

    def __init__(
        self,
        channels: Channels,
        ended: Callable[[OpenTalk, Talk | None, float], None],
        joined: Callable[[CustomerLeg, str], OpenTalk | None] = lambda _customer, _channel: None,
    ) -> None:
        self.customers = CustomerLegs()
        self._channels = channels
        self._ended = ended
        self._joined = joined
        self.by_leg = TalksByLeg()
        self.memory = TalkMemory()
        self._local_legs = LocalLegs(channels, self.by_leg, self.customers, self.memory)
        self._parted: dict[int, OpenTalk] = {}  # talks that one leg has left, by object identity

    # -- queries

    def in_progress(self) -> list[OpenTalk]:
        """Return the talks in which caller and agent are connected, on hold or not."""
        return [talk for talk in self.by_leg.all() if talk.phase in (TalkPhase.TALKING, TalkPhase.CONSULTING)]

    def bridges_of(self, talk: OpenTalk) -> list[str | None]:
        """Return the bridge ids of the caller's and the agent's channel; None for a channel in no bridge."""
        return [self._channels.bridge_of(leg) for leg in (talk.caller, talk.agent or talk.dialed)]

    # -- observation

    def resync(
        self,
        at: float,
        living: Mapping[str, str],
        halves: Iterable[tuple[str, str]],
        names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Apply the snapshot that ends a gap: channels with their bridges (`living`), Local pairs and names.

        `living` maps each channel to the id of its bridge, which is empty if the channel is in no bridge.
        `halves` has the two halves of each Local channel. `names` maps uniqueids to channel names.

        If caller and agent of a talk are in the same bridge as before, the talk has continued: a bridge ends
        with its last channel, and Asterisk never uses its id again. Holds during the gap are not known and do
        not count. Apart from that, such a talk is complete.

        The talk is partial if the bridge of caller or agent has changed: they may have been apart, or a
        consultation may have ended. The talk is also partial if it had not started before the gap and is in
        progress now.
        """
        before = [(talk, talk.phase, self.bridges_of(talk)) for talk in self.by_leg.all()]
        for one, two in halves:
            self._channels.pair(one, two)
        self._channels.resync(living, names)
        for talk, phase, bridges in before:
            together = self._connect_if_audible(talk, at)
            waited = phase is TalkPhase.CONNECTING
            talk.partial |= together if waited else self.bridges_of(talk) != bridges

    def restore(self, talk: OpenTalk) -> None:
        """Add a talk from a checkpoint. The talks of a call must be added in the order of their start."""
        self._remember(talk)
        if not talk.ended:
            self.by_leg.add(talk)
        if talk.phase is TalkPhase.PARTED:
            self._parted[id(talk)] = talk

    def observation_lost(self, at: float) -> None:
        """Handle the start of a gap: end all holds, and mark the talks that are uncertain as partial.

        A talk is uncertain if caller and agent are not connected yet, or if caller or agent has just left the
        bridge. Another agent may talk to the caller after the gap.
        """
        for talk in self.by_leg.all():
            talk.unheld(at)  # only the observed part of a hold counts
            if talk.phase in (TalkPhase.CONNECTING, TalkPhase.PARTED):
                talk.partial = True  # another agent may talk to the caller after the gap

    def clock_set(self, seconds: float) -> None:
        """Move the instants of all talks by `seconds`, and mark the talks in progress as partial."""
        for talk in self.by_leg.all():
            talk.partial |= talk.phase is not TalkPhase.CONNECTING
        self.memory.clock_set(seconds)

    def sweep(self, now: float) -> None:
        """Close the talks in which caller or agent left the bridge and did not return within 2 seconds.

        After a redirect, such as into a conference, the limit is 10 seconds. Also delete the stored talks of
        callers whose last channel ended at least 10 seconds ago.
        """
        for talk in list(self._parted.values()):
            patience = _REDIRECT_SECONDS if talk.redirected and not talk.transfer else _RETURN_SECONDS
            if now - talk.parted_at >= patience:
                self.close(talk, now)
        self.memory.sweep(now)

    # -- events

    def channel_ended(self, uniqueid: str, at: float) -> None:
        """Remove an ended channel (Hangup), and close the talks of the caller or agent on the channel."""
        legs, other_half = self.by_leg.legs, self._channels.other_half(uniqueid)
        if other_half in legs:
            self._local_legs.answer_by_dialplan(other_half)
        if uniqueid in legs:
            self._local_legs.answer_by_dialplan(uniqueid)
            for talk in self.by_leg.with_leg(uniqueid):
                if uniqueid in (talk.caller, talk.agent):
                    self._part(talk, ended_by(self._channels, talk, uniqueid), at)
                    if not self._may_be_transferred(talk, uniqueid):
                        self.close(talk, at)
        self.customers.ended(uniqueid)
        channel = self._channels.ended(uniqueid)
        self.memory.channel_ended(uniqueid, at, channel.hung_up_at if channel is not None else None)

    def begin(self, talk: OpenTalk, at: float) -> None:
        """Add a talk, and start it at the instant `at` if caller and agent can hear each other already."""
        self._remember(talk)
        self.by_leg.add(talk)
        self._connect_if_audible(talk, at)

    def bridge_entered(self, event: ev.BridgeEntered) -> None:
        """Move a channel into a bridge (BridgeEnter), and update the talks of the channel.

        A talk starts or resumes if caller and agent can hear each other now. An agent who left the caller and
        enters another bridge starts a consultation. If an agent enters a holding bridge, which has no sound
        between its channels, the talk ends.
        """
        uniqueid = event.uniqueid
        if event.swapped:
            self._local_legs.follow_swap(event.swapped, uniqueid)
        if event.holding:
            channel = self._channels.get(uniqueid)
            channel.name = event.channel or channel.name
            self._channels.left_bridge(uniqueid)
            for talk in self.by_leg.with_leg(uniqueid):
                if uniqueid == talk.agent:
                    self.close(talk, event.at)
                elif talk.parted_by is EndedBy.CALLER:  # parked: the caller has not left
                    talk.parted_by = EndedBy.SYSTEM
            return
        channel = self._channels.entered_bridge(uniqueid, event.bridge)
        channel.name, channel.place = event.channel or channel.name, event.place
        self._connect(uniqueid, event.at)
        for talk in self.by_leg.with_leg(uniqueid):
            if uniqueid == talk.agent and talk.phase is TalkPhase.PARTED:
                talk.consulting(event.at)
                self._parted.pop(id(talk), None)

    def bridge_left(self, event: ev.BridgeLeft) -> None:
        """Remove a channel from its bridge (BridgeLeave).

        If the channel is the caller's or the agent's in a talk, store the instant as a possible end of the
        talk.
        """
        uniqueid = event.uniqueid
        if talks := self.by_leg.with_leg(uniqueid):
            self._local_legs.answer_by_dialplan(uniqueid)
            for talk in talks:
                if uniqueid in (talk.caller, talk.agent):
                    talk.redirected |= is_redirected(self._channels, uniqueid, event.place)
                    self._part(talk, ended_by(self._channels, talk, uniqueid, event.place), event.at)
        through = self._talks_through(uniqueid)
        self._channels.left_bridge(uniqueid)
        for talk in through:
            if talk.agent not in self._channels.audible_channels(talk.caller):
                self._part(talk, ended_by(self._channels, talk, uniqueid), event.at)

    def local_joined(self, event: ev.LocalJoined) -> None:
        """Store that two channels are the halves of one Local channel (LocalBridge)."""
        self._channels.pair(event.one, event.two)

    def held(self, event: ev.Held) -> None:
        """Start a hold by the agent (Hold). A hold by the caller does not count."""
        for talk in self.by_leg.with_leg(event.uniqueid):
            if event.uniqueid == talk.agent:
                talk.held(event.at)

    def unheld(self, event: ev.Unheld) -> None:
        """End a hold by the agent (Unhold)."""
        for talk in self.by_leg.with_leg(event.uniqueid):
            if event.uniqueid == talk.agent:
                talk.unheld(event.at)

    def blind_transferred(self, event: ev.BlindTransferred) -> None:
        """Store a blind transfer (BlindTransfer) in the talk of the agent who made it."""
        # If the agent is behind a Local channel, the event can name the near half, not the phone (22.10).
        for talk in self.by_leg.with_leg(event.transferer):
            if self._may_transfer(talk, event.transferer):
                talk.transferred(Transfer.BLIND, event.target)
        self.customers.move(event.transferer, event.transferee)

    def attended_transferred(self, event: ev.AttendedTransferred) -> None:
        """Store an attended transfer (AttendedTransfer) in the talk of the agent who made it.

        The instant of the transfer is a possible end of the talk.
        """
        target = transfer_target(self._channels, event)
        for transferer in dict.fromkeys(event.transferers):
            for talk in self.by_leg.with_leg(transferer):
                if self._may_transfer(talk, transferer):
                    talk.transferred(Transfer.ATTENDED, target)
                    self._part(talk, EndedBy.TRANSFER, event.at)
        self.customers.move(event.transferers[0], event.transferee)
        # The colleague may have come into the transferee's bridge before the transferee became the customer.
        self._connect(event.transferee, event.at)

    def close(self, talk: OpenTalk, at: float) -> None:
        """Remove a talk from the open talks and, unless it has ended, end it at the instant `at`."""
        self._parted.pop(id(talk), None)
        self.by_leg.remove(talk)
        if talk.phase is not TalkPhase.ENDED:
            self._ended(talk, talk.record(at), at)

    # -- inside

    def _may_transfer(self, talk: OpenTalk, leg: str) -> bool:
        """Return whether the party on the channel `leg` can transfer the other party of a talk.

        The agent can. In an internal call, the colleague who called can too.
        """
        customer = self.customers.at(talk.caller)
        calls = leg == talk.caller and customer is not None and not customer.external
        return calls or leg in (talk.agent, talk.dialed)

    def _may_be_transferred(self, talk: OpenTalk, ended: str) -> bool:
        """Return whether an AttendedTransfer may still follow the end of the agent's channel `ended`.

        The Hangup and the AttendedTransfer come from two threads of Asterisk, in either order. In an attended
        transfer, the caller's channel leaves the bridge before the agent's, without a request to hang up. The
        result is True if this was observed and no transfer is known yet.
        """
        if ended != talk.agent or talk.parted_by not in (EndedBy.CALLER, EndedBy.SYSTEM):
            return False
        return not talk.transfer and not has_hang_up(self._channels, talk)

    def _part(self, talk: OpenTalk, by: EndedBy, at: float) -> None:
        """Store that the two sides of a talk no longer hear each other, as a possible end of the talk."""
        talk.parted(at, by)
        if talk.phase is TalkPhase.PARTED:
            self._parted[id(talk)] = talk

    def _talks_through(self, half: str) -> list[OpenTalk]:
        """Return the talks whose sound may pass through a half of a Local channel.

        The list is empty for a channel that is no such half.
        """
        other = self._channels.other_half(half)
        if other is None:
            return []
        direct = self.by_leg.with_leg(half) or self.by_leg.with_leg(other)
        of_callers = [each for talk in direct for each in self.by_leg.with_leg(talk.caller)]
        if direct and all(each.phase is not TalkPhase.TALKING for each in of_callers):
            return []  # the usual case: the phone or the caller has left before
        near = sorted(self.by_leg.legs & self._channels.reachable(half))
        talks = [talk for leg in near for talk in self.by_leg.with_leg(leg) if leg == talk.caller]
        return [talk for talk in talks if talk.phase is TalkPhase.TALKING]

    def _remember(self, talk: OpenTalk) -> None:
        """Add a talk to the memory of talks.

        Also add the caller of the talk to the customers, unless the call has a customer already.
        """
        self.memory.add(talk)
        if self.customers.of_call(talk.call_id) is None:
            external = talk.direction is not Direction.INTERNAL
            self.customers.add(CustomerLeg(talk.caller, talk.uniqueid, talk.call_id, external))

    def _connect(self, uniqueid: str, at: float) -> None:
        """Start or resume talks, because the channel `uniqueid` has entered a bridge.

        A talk starts or resumes for each customer whose channel can now hear the channel `uniqueid`.
        """
        channels = self._channels
        if channels.is_alone(uniqueid):
            return
        near = channels.reachable(uniqueid)
        legs, customers = self.by_leg.legs & near, self.customers.among(near)
        if not (legs or customers):
            return
        real = channels.real(near)
        for leg in sorted(legs):
            for talk in self.by_leg.with_leg(leg):
                if leg == talk.caller:
                    self._connect_if_audible(talk, at, real)
        for leg in sorted(customers):
            self._start_with_new_parties(leg, at, real)

    def _start_with_new_parties(self, leg: str, at: float, near: AbstractSet[str]) -> None:
        """Start a talk for each phone that can hear a customer and has no talk with this customer yet.

        `leg` is the customer's channel. `near` has channels that can all hear each other. Halves of Local
        channels are not in `near`.
        """
        customer = self.customers.at(leg)
        if customer is None:
            return
        known = {talk.agent for talk in self.by_leg.with_leg(leg)}
        if leg in near and near - {leg} <= known:
            return  # the usual case: the customer and the agent of a talk
        for channel in sorted(self._audible_channels(leg, near) - known):
            talk = self._joined(customer, channel)
            if talk is not None:
                self.begin(talk, at)

    def _audible_channels(self, leg: str, near: AbstractSet[str]) -> AbstractSet[str]:
        """Return the other channels that can hear the channel `leg`, without halves of Local channels.

        `near` has channels that can all hear each other. If `leg` is in `near`, the result is taken from it.
        Otherwise the bridges are searched.
        """
        return near - {leg} if leg in near else self._channels.audible_channels(leg)

    def _connect_if_audible(self, talk: OpenTalk, at: float, near: AbstractSet[str] = frozenset()) -> bool:
        """Start or resume a talk if caller and agent can hear each other; return whether they can.

        If the agent's phone is behind Local channels, the channel of the phone is found now and stored in the
        talk. `near` has channels that can all hear each other, without halves of Local channels. It is empty
        if such channels are not known.
        """
        if not talk.queue and not self._local_legs.resolve_outer_side(talk):
            return False
        together = self._audible_channels(talk.caller, near)
        if talk.agent is None:
            bridge = self._channels.bridge_of(talk.caller)
            if bridge is not None and bridge == self._channels.bridge_of(talk.dialed):
                talk.near_at = talk.near_at or at
            known = {each.agent for each in self.by_leg.with_leg(talk.caller)}
            talk.agent = min(together - known, default=None)
            if talk.agent is not None:
                self.by_leg.add_leg(talk, talk.agent)
        if talk.agent not in together:
            return False
        talk.bridged(at)
        self._parted.pop(id(talk), None)
        return True
