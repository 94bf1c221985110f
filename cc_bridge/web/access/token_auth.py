"""Access to the wallboard and its JSON: with a token, or only from this machine if no token is set.

A request has the token as `Authorization: Bearer` or as `?token=`. After `?token=`, the browser gets a cookie
for its later requests. The cookie is a keyed hash of the token, so the cookie's value is not accepted as a
token. No state is stored: a cookie stays valid after a restart of the daemon, until the token changes.

Listening on loopback excludes other machines. It does not exclude an Internet page in a browser on this
machine, because the name of such a page may resolve to 127.0.0.1 (DNS rebinding). So without a token, the
Host header must be a name of this machine.
"""

import hmac
from ipaddress import ip_address

from twisted.web.http import Request

from cc_bridge.web.access.cookies import CookieNames
from cc_bridge.web.proxies import is_behind_tls

__all__ = ["ONLY_WITH_ONE", "BearerAuth", "TokenAuth", "bearer", "is_loopback", "same"]

_EARLIER_COOKIE = "cc_bridge"  # until version 0.1.0, of all daemons; valid for a year
_YEAR = 365 * 86_400  # seconds; a wall screen needs no new login after days without power

_NEEDS_ONE = (
    "http.host is an address that other machines can reach, so this page needs a token: set http.token or"
    " http.token_file (openssl rand -hex 32) and open the page with ?token=... once"
)
_NEEDS_LOOPBACK = (
    "without a token this page is only for http://localhost or http://127.0.0.1: set http.token or"
    " http.token_file to open it by another name"
)
ONLY_WITH_ONE = (
    "this page has personal data, so it needs a token, on a loopback address too: set http.token or"
    " http.token_file (openssl rand -hex 32)"
)
_WRONG_BEARER = "this page needs the token of http.token: send Authorization: Bearer"
_WRONG = "this page needs the token of http.token: open it with ?token=..., or send Authorization: Bearer"


def is_loopback(host: str) -> bool:
    """Return whether an address or a host name can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class TokenAuth:
    """The access check of the wallboard, which allows or refuses each request.

    `host` is the address on which the daemon listens. `token` is the configured token; empty means none.
    `cookie` is the name of the cookie that a browser gets for the token.
    """

    def __init__(self, host: str, token: str, cookie: str = CookieNames().wall) -> None:
        self._host = host
        self._names = [cookie.encode(), _EARLIER_COOKIE.encode()]
        self._token = token.encode()
        self._cookie = hmac.digest(self._token, b"cc_bridge cookie", "sha256").hex().encode()

    def check(self, request: Request) -> tuple[int, str] | None:
        """Return None if the request is allowed, otherwise the HTTP status code and the reason.

        If the request's URL has the token (`?token=`), the response sets a cookie that allows the browser's
        later requests.
        """
        if not self._token:
            if not is_loopback(self._host):
                return 403, _NEEDS_ONE
            named = _name(request.getHeader("host") or "")
            return None if is_loopback(named) else (403, _NEEDS_LOOPBACK)
        if self.has_cookie(request):
            return None
        shown = (request.args or {}).get(b"token", [b""])[-1]
        if same(bearer(request), self._token):
            return None
        if same(shown, self._token):
            request.addCookie(
                self._names[0],
                self._cookie,
                path=b"/",
                max_age=str(_YEAR),
                secure=is_behind_tls(request),
                httpOnly=True,
                sameSite=b"strict",
            )
            return None
        request.setHeader("www-authenticate", "Bearer")
        return 401, _WRONG

    def has_cookie(self, request: Request) -> bool:
        """Return whether a request has the cookie of a browser that has shown the token."""
        shown = [request.getCookie(name) or b"" for name in self._names]
        return bool(self._token) and any(same(each, self._cookie) for each in shown)


class BearerAuth(TokenAuth):
    """The access check of a page for programs: every request needs the token, as `Authorization: Bearer`.

    The wallboard's cookie is not enough, because the wall screen has it. A request from this machine needs
    the token too.
    """

    def check(self, request: Request) -> tuple[int, str] | None:
        """Return None if the request has the token, otherwise the HTTP status code and the reason."""
        if not self._token:
            return 403, ONLY_WITH_ONE
        if same(bearer(request), self._token):
            return None
        request.setHeader("www-authenticate", "Bearer")
        return 401, _WRONG_BEARER


def bearer(request: Request) -> bytes:
    """Return the token in the request's Authorization header; empty if there is none."""
    authorization = request.requestHeaders.getRawHeaders(b"authorization") or [b""]
    kind, _, shown = authorization[-1].partition(b" ")
    return shown.strip() if kind.lower() == b"bearer" else b""


def same(shown: bytes, true: bytes) -> bool:
    """Return whether `shown`, the secret in a request, is equal to `true`, the correct secret.

    The comparison takes the same time for any content, so its duration reveals nothing.
    """
    return hmac.compare_digest(shown, true)


def _name(host: str) -> str:
    """Return the host name of a Host header, without the port."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
