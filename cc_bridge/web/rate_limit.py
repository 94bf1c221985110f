"""Limits for the rate of requests of each peer, and of log lines. Pure.

A single limit for all peers would let one peer lock out the others.
"""

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from math import ceil

__all__ = ["LogLimiter", "RateLimiter"]

_MOST_PEERS = 10_000  # the one that asked longest ago is forgotten first
_SECONDS_BETWEEN_LINES = 60.0
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

    def give_back(self, peer: str) -> None:
        """Take back the count of the last request of `peer`, which need not be limited."""
        peer = _site(peer)
        if peer in self._left:
            left, at = self._left[peer]
            self._left[peer] = min(self._most, left + 1), at


class LogLimiter:
    """A limit of log lines about a fault that a peer can cause at any rate: one line a minute.

    `seconds` returns the time in seconds of a clock that is never set back.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._logged_at: float | None = None
        self._unlogged = 0

    def note(self) -> int:
        """Count one occurrence of the fault. Return 0 if no log line is due yet.

        Otherwise, return the number of occurrences since the last line, for the new line.
        """
        now = self._seconds()
        self._unlogged += 1
        if self._logged_at is not None and now - self._logged_at < _SECONDS_BETWEEN_LINES:
            return 0
        told, self._unlogged, self._logged_at = self._unlogged, 0, now
        return told


def _site(peer: str) -> str:
    """Return the first 64 bits of an IPv6 address; other text unchanged.

    One customer of a provider has all addresses with these bits, and could use another one for each request.
    """
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address) or address.ipv4_mapped:
        return peer
    return f"{int(address) >> (128 - _IPV6_SITE_BITS):x}::"
