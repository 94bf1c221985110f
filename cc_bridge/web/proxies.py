"""The peer of a request behind a proxy: its address, and whether it speaks TLS with the proxy.

A proxy sends the address in the header X-Forwarded-For, and in X-Forwarded-Proto whether the peer speaks TLS.
Any peer can send these headers, so only those of a trusted proxy are believed.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from twisted.web.http import Request

__all__ = ["TrustedProxies", "is_behind_tls", "is_from_trusted_proxy", "peer_of"]

_LOOPBACK = ("127.0.0.0/8", "::1")


class TrustedProxies:
    """The trusted proxies: single addresses such as `192.0.2.7`, and networks such as `10.0.0.0/8`.

    Raises ValueError for a text that is no address and no network.
    """

    def __init__(self, networks: Iterable[str] = _LOOPBACK) -> None:
        self._networks = [ip_network(each, strict=False) for each in networks]

    def peer(self, address: str, forwarded_for: str) -> str:
        """Return the address of the peer that sent a request through trusted proxies.

        `address` is the other end of the connection. It is the result if it is not the address of a trusted
        proxy. `forwarded_for` is the header X-Forwarded-For, to which each proxy appends the address from
        which it got the request. So the peer is the last address in it that is not the address of a trusted
        proxy. If all are, the peer is the first one. A text that is no address is ignored, and so is all that
        stands before it.
        """
        named = [each.strip() for each in forwarded_for.split(",")] if forwarded_for else []
        while named and self.trusts(address) and _address(named[-1]) is not None:
            address = named.pop()
        return address

    def trusts(self, address: str) -> bool:
        """Return whether an address is that of a trusted proxy."""
        found = _address(address)
        return found is not None and any(found in network for network in self._networks)


def peer_of(request: Request) -> str:
    """Return the address of the peer that sent a request; `?` if it is unknown."""
    lines = request.requestHeaders.getRawHeaders(b"x-forwarded-for") or []
    return _proxies(request).peer(_other_end(request), b",".join(lines).decode("ascii", "replace"))


def is_behind_tls(request: Request) -> bool:
    """Return whether the peer sent a request over TLS, here or to a trusted proxy."""
    if request.isSecure():
        return True
    told = (request.getHeader("x-forwarded-proto") or "").rpartition(",")[2].strip().lower()
    return told == "https" and is_from_trusted_proxy(request)


def is_from_trusted_proxy(request: Request) -> bool:
    """Return whether a trusted proxy has sent a request, whose headers are then believed."""
    return _proxies(request).trusts(_other_end(request))


def _proxies(request: Any) -> TrustedProxies:
    proxies: TrustedProxies = request.site.proxies
    return proxies


def _other_end(request: Request) -> str:
    return getattr(request.getClientAddress(), "host", "?")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address; an IPv4 address inside an IPv6 address is returned as IPv4. None for other text."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
