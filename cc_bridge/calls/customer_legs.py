"""The customer's legs of one PBX: the channels whose sound decides who has spoken with the customer.

A customer's leg is the channel that entered a queue, or the outer side of a Dial in a call without a queue. A
leg moves when another channel takes its place: a Local channel that is optimised away, or a transfer into an
application.
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
    """The living customer's legs, by channel; one for each call."""

    def __init__(self) -> None:
        self._by_channel: dict[str, CustomerLeg] = {}
        self._by_call: dict[str, CustomerLeg] = {}

    def __len__(self) -> int:
        return len(self._by_channel)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_channel)

    def __contains__(self, channel: str) -> bool:
        return channel in self._by_channel

    def at(self, channel: str) -> CustomerLeg | None:
        """Return the customer whose leg a channel is."""
        return self._by_channel.get(channel)

    def of_call(self, call_id: str) -> CustomerLeg | None:
        return self._by_call.get(call_id)

    def add(self, customer: CustomerLeg) -> CustomerLeg:
        """Add the customer of a call; a call that has one keeps it. Return the customer of the call."""
        known = self._by_call.setdefault(customer.call_id, customer)
        self._by_channel.setdefault(known.channel, known)
        return known

    def move(self, old: str, new: str) -> None:
        """Follow a leg whose place another channel takes."""
        customer = self._by_channel.pop(old, None)
        if customer is not None and new not in self._by_channel:
            customer.channel = new
            self._by_channel[new] = customer

    def ended(self, channel: str) -> None:
        customer = self._by_channel.pop(channel, None)
        if customer is not None and self._by_call.get(customer.call_id) is customer:
            del self._by_call[customer.call_id]
