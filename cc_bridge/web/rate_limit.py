"""A limit for the rate of requests of each peer. Pure.

One limit for all peers would let one peer lock out the others.
"""

from ipaddress import IPv6Address, ip_address
from math import ceil

__all__ = ["RateLimiter"]

_MOST_PEERS = 10_000  # the one that asked longest ago is forgotten first
_IPV6_SITE_BITS = 64  # one customer of a provider has all addresses with these first bits


class RateLimiter:
    """A limit for the rate of requests, for each peer on its own.

    Up to `at_once` requests of a peer may come together. In the long run, up to `a_second` requests per
    second are allowed.
    """

    def __init__(self, at_once: int, a_second: float) -> None:
        self._most = float(at_once)
        self._a_second = a_second
        self._left: dict[str, tuple[float, float]] = {}  # by peer: requests left at a time; last asked last

    def take(self, peer: str, now: float) -> int:
        """Return 0 if one more request of `peer` is within the limit, and count it.

        Otherwise, return the seconds after which the peer may ask again, at least 1. `peer` is an address.
        `now` is the time of the request in seconds, by a clock with any starting point.
        """
        peer = _site(peer)
        left, at = self._left.pop(peer, (self._most, now))
        left = min(self._most, left + (now - at) * self._a_second)
        wait = 0 if left >= 1 else max(1, ceil((1 - left) / self._a_second))
        self._left[peer] = (left if wait else left - 1, now)
        if len(self._left) > _MOST_PEERS:
            del self._left[next(iter(self._left))]
        return wait


def _site(peer: str) -> str:
    """Return the network of an IPv6 address, whose addresses one peer can change; other text unchanged."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address) or address.ipv4_mapped:
        return peer
    return f"{int(address) >> (128 - _IPV6_SITE_BITS):x}::"
