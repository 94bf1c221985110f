"""The customers' legs of one PBX. A leg is the channel on which a customer speaks and hears.

The leg is the channel that entered a queue. In a call without a queue, the leg is the customer's channel of
the Dial. Another channel can take the place of the leg and is then the leg. This happens when a Local channel
is optimised away, and after a transfer into an application.
"""

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["CustomerLeg", "CustomerLegs"]


@dataclass(slots=True)
class CustomerLeg:
    """The customer of one call, with the channel on which the customer is now.

    channel: the uniqueid of the channel now
    uniqueid: the uniqueid of the customer's first channel, which the records of talks contain
    external: the customer called in or was called outside; False for a colleague of an internal call
    """

    channel: str
    uniqueid: str
    call_id: str
    external: bool = True


class CustomerLegs:
    """The customers of the open calls of one PBX, found by channel or by call.

    A leg is the channel on which a customer is now. A call has at most one customer.
    """

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
        """Return the channels in `channels` on which a customer is now."""
        return self._by_channel.keys() & channels

    def at(self, channel: str) -> CustomerLeg | None:
        """Return the customer who is on this channel now; None if the channel is not a customer's."""
        return self._by_channel.get(channel)

    def of_call(self, call_id: str) -> CustomerLeg | None:
        """Return the customer of a call; None if the call has none."""
        return self._by_call.get(call_id)

    def add(self, customer: CustomerLeg) -> CustomerLeg:
        """Add the customer of a call; return the customer that the call has now.

        If the call has a customer already, `customer` is ignored.
        """
        known = self._by_call.setdefault(customer.call_id, customer)
        self._by_channel.setdefault(known.channel, known)
        return known

    def move(self, old: str, new: str) -> None:
        """Move the customer on channel `old` to channel `new`, which has taken its place.

        Nothing happens if no customer is on `old`.
        """
        customer = self._by_channel.pop(old, None)
        if customer is not None and new not in self._by_channel:
            customer.channel = new
            self._by_channel[new] = customer

    def ended(self, channel: str) -> None:
        """Remove the customer whose channel has ended (Hangup).

        Nothing happens if no customer is on the channel.
        """
        customer = self._by_channel.pop(channel, None)
        if customer is not None and self._by_call.get(customer.call_id) is customer:
            del self._by_call[customer.call_id]
