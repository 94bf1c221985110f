"""Access to the wallboard and its JSON: with the token, or, if none is set, from this machine alone.

The token comes as `Authorization: Bearer`, as `?token=`, or as the cookie that a browser got for one of
these; the cookie holds a keyed hash, so that it cannot be used as a token elsewhere. No state is kept: a
cookie outlives the daemon, and ends when the token changes.

Listening on loopback keeps other machines out, but not a page of the Internet in a browser of this machine,
whose name may resolve to 127.0.0.1 (DNS rebinding). So without a token the Host header has to name this
machine itself.
"""

import hmac
from ipaddress import ip_address

from twisted.web.http import Request

__all__ = ["ONLY_WITH_ONE", "BearerAuth", "TokenAuth", "bearer", "is_loopback", "same"]

_COOKIE = "cc_bridge"
_YEAR = 365 * 86_400  # seconds; a wall screen that was switched off for a weekend goes on by itself

_NEEDS_ONE = (
    "http.host is an address that other machines can reach, so this page needs a token: set http.token or"
    " http.token_file (openssl rand -hex 32) and open the page with ?token=... once"
)
_NEEDS_LOOPBACK = (
    "without a token this page is only for http://localhost or http://127.0.0.1: set http.token or"
    " http.token_file to open it by another name"
)
ONLY_WITH_ONE = (
    "this page tells of people, so it needs a token on any address: set http.token or http.token_file"
    " (openssl rand -hex 32)"
)
_WRONG_BEARER = "this page needs the token of http.token: send Authorization: Bearer"
_WRONG = "this page needs the token of http.token: open it with ?token=..., or send Authorization: Bearer"


def is_loopback(host: str) -> bool:
    """Tell whether a host, an address or a name, is this machine and reached by none other."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class TokenAuth:
    """The rule of one daemon: where it listens, and its token, empty for none."""

    def __init__(self, host: str, token: str) -> None:
        self._host = host
        self._token = token.encode()
        self._cookie = hmac.digest(self._token, b"cc_bridge cookie", "sha256").hex().encode()

    def check(self, request: Request) -> tuple[int, str] | None:
        """Return code and reason for one who may not see it; give a cookie to one who shows the token."""
        if not self._token:
            if not is_loopback(self._host):
                return 403, _NEEDS_ONE
            named = _name(request.getHeader("host") or "")
            return None if is_loopback(named) else (403, _NEEDS_LOOPBACK)
        if same(request.getCookie(_COOKIE.encode()) or b"", self._cookie):
            return None
        shown = (request.args or {}).get(b"token", [b""])[-1]
        if same(bearer(request), self._token):
            return None
        if same(shown, self._token):
            request.addCookie(
                _COOKIE, self._cookie, path=b"/", max_age=str(_YEAR), httpOnly=True, sameSite=b"strict"
            )
            return None
        request.setHeader("www-authenticate", "Bearer")
        return 401, _WRONG


class BearerAuth(TokenAuth):
    """The rule for what is known of people: the token itself, from a program, and nothing else.

    A browser's cookie does not do, since the wall screen has it, nor does being on this machine.
    """

    def check(self, request: Request) -> tuple[int, str] | None:
        if not self._token:
            return 403, ONLY_WITH_ONE
        if same(bearer(request), self._token):
            return None
        request.setHeader("www-authenticate", "Bearer")
        return 401, _WRONG_BEARER


def bearer(request: Request) -> bytes:
    """Return the token that a program sends; empty if it sends none."""
    authorization = request.requestHeaders.getRawHeaders(b"authorization") or [b""]
    kind, _, shown = authorization[-1].partition(b" ")
    return shown.strip() if kind.lower() == b"bearer" else b""


def same(shown: bytes, true: bytes) -> bool:
    return hmac.compare_digest(shown, true)


def _name(host: str) -> str:
    """Return the name of a Host header, its port left out."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
