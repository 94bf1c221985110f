"""The customer's legs of one PBX: the channels on which the customers speak and hear.

A customer's leg is the channel that entered a queue, or the outer side of a Dial in a call without a queue.
When another channel takes its place, that channel becomes the leg. This happens when a Local channel is
optimised away, and after a transfer into an application.
"""

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["CustomerLeg", "CustomerLegs"]


@dataclass(slots=True)
class CustomerLeg:
    """The customer of one call.

    channel: the uniqueid of the leg now
    uniqueid: the uniqueid with which the leg started; talks are recorded by it
    external: the customer called in or was called outside; False for a colleague of an internal call
    """

    channel: str
    uniqueid: str
    call_id: str
    external: bool = True


class CustomerLegs:
    """The customer's legs that have not ended, by channel; one for each call."""

    def __init__(self) -> None:
        self._by_channel: dict[str, CustomerLeg] = {}
        self._by_call: dict[str, CustomerLeg] = {}

    def __len__(self) -> int:
        return len(self._by_channel)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_channel)

    def __contains__(self, channel: str) -> bool:
        return channel in self._by_channel

    def among(self, channels: set[str]) -> set[str]:
        """Return the channels in a set that are a customer's leg now."""
        return self._by_channel.keys() & channels

    def at(self, channel: str) -> CustomerLeg | None:
        """Return the customer leg that is on this channel now; None if the channel is not a customer's."""
        return self._by_channel.get(channel)

    def of_call(self, call_id: str) -> CustomerLeg | None:
        """Return the customer of a call; None if the call has none."""
        return self._by_call.get(call_id)

    def add(self, customer: CustomerLeg) -> CustomerLeg:
        """Add the customer of a call, unless the call has one. Return the customer of the call."""
        known = self._by_call.setdefault(customer.call_id, customer)
        self._by_channel.setdefault(known.channel, known)
        return known

    def move(self, old: str, new: str) -> None:
        """Replace a leg by the channel that takes its place."""
        customer = self._by_channel.pop(old, None)
        if customer is not None and new not in self._by_channel:
            customer.channel = new
            self._by_channel[new] = customer

    def ended(self, channel: str) -> None:
        """Remove an ended leg (Hangup), and the customer of its call."""
        customer = self._by_channel.pop(channel, None)
        if customer is not None and self._by_call.get(customer.call_id) is customer:
            del self._by_call[customer.call_id]
