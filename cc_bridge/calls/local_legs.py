"""The legs of open talks that are halves of Local channels, and the channels that replace them.

The customer's leg or the agent's leg of a talk can be a half of a Local channel. The channel behind the other
half replaces this leg as soon as the daemon knows that channel, or when Asterisk optimises the Local channel
away.
"""

from cc_bridge.calls.channels_and_bridges import Channels
from cc_bridge.calls.customer_legs import CustomerLegs
from cc_bridge.calls.open_talk import OpenTalk
from cc_bridge.calls.talk_memory import TalkMemory
from cc_bridge.calls.talks_by_leg import TalksByLeg

__all__ = ["LocalLegs"]


class LocalLegs:
    """The legs of one PBX's open talks that are halves of Local channels."""

    def __init__(
        self, channels: Channels, by_leg: TalksByLeg, customers: CustomerLegs, memory: TalkMemory
    ) -> None:
        self._channels = channels
        self._by_leg = by_leg
        self._customers = customers
        self._memory = memory

    def answer_by_dialplan(self, uniqueid: str) -> None:
        """Start the talks that the dialplan answered, when one of their channels leaves its bridge or ends.

        The dialplan behind a Local channel can answer a queue's call itself, for example with a voicemail or
        an IVR. No phone is then the agent. The talk counts as answered by the dialplan if the far half of the
        Local channel never dialled and was never in a bridge. After a gap, no talk is started: a phone may
        have answered during the gap.
        """
        for talk in self._by_leg.with_leg(uniqueid):
            near = talk.near_at and not talk.partial
            if talk.agent is None and near and uniqueid in (talk.caller, talk.dialed):
                far = self._channels.find(self._channels.other_half(talk.dialed) or "")
                if far is not None and not (far.answered_by or far.place or far.bridge):
                    talk.agent = talk.dialed
                    talk.bridged(talk.near_at)

    def resolve_outer_side(self, talk: OpenTalk) -> bool:
        """Replace the customer's channel of a talk if it is a half of a Local channel.

        The channel behind the other half takes its place. Return False if that channel is not known yet.
        Otherwise return True, also if there was nothing to replace.
        """
        other = self._channels.other_half(talk.caller)
        if other is None:
            return True
        behind = sorted(self._channels.audible_channels(other))
        if not behind or behind[0] == talk.agent:
            return False
        self._move_customer(talk.caller, behind[0])
        return True

    def follow_swap(self, old: str, new: str) -> None:
        """Replace the channel `old` in open talks by `new`, the channel that took its place in the bridge.

        Asterisk reports this when it optimises a Local channel away; `old` is then a half of the Local
        channel. If `old` is a phone's channel, nothing is replaced, because the phone has left the bridge and
        another person is on `new`.
        """
        if self._channels.is_phone(old):
            return
        self._move_customer(old, new)
        for talk in self._by_leg.with_leg(old):
            if old in (talk.agent, talk.dialed) and talk.agent in (None, old):
                talk.agent = new
                self._by_leg.replace_leg(talk, old)

    def _move_customer(self, old: str, new: str) -> None:
        """Replace a customer's channel `old` by the channel `new`, also in the customer's open talks."""
        self._customers.move(old, new)
        for talk in self._by_leg.with_leg(old):
            if talk.caller == old:
                talk.caller = new
                self._by_leg.replace_leg(talk, old)
                self._memory.follow(talk)
