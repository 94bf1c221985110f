"""Access to the follow-ups: for a program with the token, or a browser in which somebody has typed it.

The wall screen's cookie does not do: whoever passes that screen could read numbers of customers. So the page
has a form, and gets for the token a cookie of its own for half a day: the end of the session, signed. No
state is kept; all sessions end when the token changes.

A browser sends its cookies for other pages too. This one is SameSite=Strict, and a change needs a header that
no other site can send without being allowed to, which nobody is. Browsers also say from where a request comes
(Sec-Fetch-Site), and that is believed against whoever asks.
"""

from collections.abc import Callable

from itsdangerous import BadData
from twisted.web.http import Request

from cc_bridge.web.auth import ONLY_WITH_ONE, TokenAuth, bearer, same
from cc_bridge.web.signatures import signed_values

__all__ = ["FollowUpSession"]

_COOKIE = b"cc_bridge_follow_ups"
_HEADER = "x-cc-bridge"
_PURPOSE = "cc_bridge follow-ups session"
_SECONDS = 12 * 3600  # a long shift
_CHANGES = {b"POST", b"PUT", b"DELETE"}

_WRONG = "this page needs the token of http.token: log in on /follow-ups, or send Authorization: Bearer"
_FOREIGN = f"a change needs the header {_HEADER}, from this page itself"


class FollowUpSession(TokenAuth):
    """The rule of one daemon, on any address; `now` is UTC seconds since the epoch."""

    def __init__(self, token: str, now: Callable[[], float]) -> None:
        super().__init__("", token)
        self._values = signed_values(token, _PURPOSE)
        self._now = now

    def check(self, request: Request) -> tuple[int, str] | None:
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

    def verify_token(self, token: str) -> bool:
        return bool(self._token) and same(token.encode("utf-8", "replace"), self._token)

    def start_session(self, request: Request) -> None:
        """Set the browser's cookie."""
        self._set_cookie(request, str(self._values.dumps(int(self._now()) + _SECONDS)), _SECONDS)

    def end_session(self, request: Request) -> None:
        self._set_cookie(request, "", 0)

    @staticmethod
    def _set_cookie(request: Request, cookie: str, seconds: int) -> None:
        # Behind a proxy with TLS it is never sent without; who lies about that harms their own session alone.
        behind_tls = request.getHeader("x-forwarded-proto") == "https"
        request.addCookie(
            _COOKIE,
            cookie.encode(),
            path=b"/",
            max_age=str(seconds).encode(),
            secure=behind_tls,
            httpOnly=True,
            sameSite=b"strict",
        )

    def _is_open(self, cookie: bytes) -> bool:
        try:
            until: int = self._values.loads(cookie)
        except BadData:
            return False
        return self._now() < until
