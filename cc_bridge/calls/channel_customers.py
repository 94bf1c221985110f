"""The customer on whose behalf a channel acts, and the call that a survey on a channel rates.

Two kinds of channels act for a customer who is on another channel: a half of a Local channel in the
customer's call, and the second line of an agent's phone, on which the agent consults about the customer.
"""

from cc_bridge.calls.channels_and_bridges import Channels
from cc_bridge.calls.customer_legs import CustomerLeg
from cc_bridge.calls.open_talk import OpenTalk
from cc_bridge.calls.talks import Talks

__all__ = ["call_rated_on", "customer_behind", "talk_of_device"]


def talk_of_device(channels: Channels, talks: Talks, device: str) -> OpenTalk | None:
    """Return the open talk whose agent is at the phone `device`; None if there is none.

    A device with a customer's channel, such as a trunk, is not an agent's phone: the result is then None.
    """
    if not device or any(channels.device_of(leg) == device for leg in talks.customers):
        return None
    for talk in talks.by_leg.all():
        if channels.device_of(talk.agent or talk.dialed) == device:
            return talk
    return None


def customer_behind(channels: Channels, talks: Talks, uniqueid: str, call_id: str) -> CustomerLeg | None:
    """Return the customer on whose behalf a channel acts; None if there is none.

    For the customer's own channel, the result is None. `call_id` is the id of the channel's call.
    """
    customer = talks.customers.of_call(call_id)
    if customer is None:
        talk = talk_of_device(channels, talks, channels.device_of(uniqueid))
        customer = talks.customers.of_call(talk.call_id) if talk is not None else None
    return None if customer is None or uniqueid in (customer.channel, customer.uniqueid) else customer


def call_rated_on(channels: Channels, talks: Talks, uniqueid: str, call_id: str) -> str | None:
    """Return the id of the call that a survey on the channel `uniqueid` rates.

    The survey rates the call of the customer who speaks on the channel. The customer may speak through it,
    as through a half of a Local channel. The result is None for a channel on which an agent consults a
    colleague. If no talk of the channel is known, the result is `call_id`, the id of the call to which the
    channel belongs.
    """
    customer = customer_behind(channels, talks, uniqueid, call_id)
    if customer is None:
        last = talks.memory.last(uniqueid)
        if last is None:
            return None if _is_apart_from(channels, uniqueid, call_id) else call_id
        # An agent's second line that has ended: the customer took its place by a transfer.
        replaced = uniqueid not in channels and last.caller in channels
        return None if replaced else last.call_id
    near = channels.reachable(uniqueid)
    consults = customer.channel not in near and (len(near) > 1 or channels.is_phone(uniqueid))
    return None if consults else customer.call_id


def _is_apart_from(channels: Channels, half: str, first: str) -> bool:
    """Return whether a half of a Local channel is connected with a phone, but not with the channel `first`.

    `first` is the first channel of the call. If no talk of the call is known, it is taken for the caller's
    channel. The result True then means that an agent consults a colleague through the Local channel.
    """
    if channels.other_half(half) is None or first not in channels:
        return False
    near = channels.reachable(half)
    return first not in near and any(channels.is_phone(each) for each in near)
