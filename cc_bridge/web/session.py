"""Who may see and move follow-ups: a program with the token, or a browser in which somebody has typed it.

The wall screen's cookie does not do: whoever passes that screen could read numbers of customers. So the page
has a form, and what it gets for the token is a cookie of its own for half a day, which holds until when and a
keyed hash of that. No state is kept; all sessions end when the token changes.

The trap: a browser sends its cookies for other pages too. This one is SameSite=Strict, and what changes
something needs a header that no other site can send without being allowed to, which nobody is. Browsers also
say from where a request comes (Sec-Fetch-Site), and that is believed against whoever asks.
"""

import hmac
from collections.abc import Callable

from twisted.web.http import Request

from cc_bridge.web.auth import ONLY_WITH_ONE, TokenAuth, bearer, same

__all__ = ["FollowUpSession"]

_COOKIE = b"cc_bridge_follow_ups"
_HEADER = "x-cc-bridge"
_PURPOSE = b"cc_bridge follow-ups session"
_SECONDS = 12 * 3600  # a long shift
_CHANGES = {b"POST", b"PUT", b"DELETE"}

_WRONG = "this page needs the token of http.token: log in on /follow-ups, or send Authorization: Bearer"
_FOREIGN = f"a change needs the header {_HEADER}, from this page itself"


class FollowUpSession(TokenAuth):
    """The rule of one daemon, on any address; `now` is UTC seconds since the epoch."""

    def __init__(self, token: str, now: Callable[[], float]) -> None:
        super().__init__("", token)
        self._secret = hmac.digest(self._token, _PURPOSE, "sha256")
        self._now = now

    def refusal(self, request: Request) -> tuple[int, str] | None:
        """Return code and reason for one who may not see it, or may not change anything."""
        if not self._token:
            return 403, ONLY_WITH_ONE
        if same(bearer(request), self._token):
            return None
        if not self._is_open(request.getCookie(_COOKIE) or b""):
            request.setHeader("www-authenticate", "Bearer")
            return 401, _WRONG
        return (403, _FOREIGN) if request.method in _CHANGES and self.is_foreign(request) else None

    def is_foreign(self, request: Request) -> bool:
        """Tell whether something else than our own page asks."""
        came_from = request.getHeader("sec-fetch-site") or "same-origin"
        return not request.getHeader(_HEADER) or came_from != "same-origin"

    def opens(self, token: str) -> bool:
        return bool(self._token) and same(token.encode("utf-8", "replace"), self._token)

    def begin(self, request: Request) -> None:
        """Give the browser its cookie."""
        self._give(request, self._signed(int(self._now()) + _SECONDS), _SECONDS)

    def end(self, request: Request) -> None:
        self._give(request, b"", 0)

    @staticmethod
    def _give(request: Request, cookie: bytes, seconds: int) -> None:
        # Behind a proxy with TLS it is never sent without; who lies about that harms their own session alone.
        behind_tls = request.getHeader("x-forwarded-proto") == "https"
        request.addCookie(
            _COOKIE,
            cookie,
            path=b"/",
            max_age=str(seconds).encode(),
            secure=behind_tls,
            httpOnly=True,
            sameSite=b"strict",
        )

    def _signed(self, until: int) -> bytes:
        said = str(until).encode()
        return said + b"." + hmac.digest(self._secret, said, "sha256").hex().encode()

    def _is_open(self, cookie: bytes) -> bool:
        until = cookie.partition(b".")[0]
        known = until.isdigit() and len(until) < len(cookie)
        return known and same(cookie, self._signed(int(until[:20]))) and self._now() < int(until[:20])
