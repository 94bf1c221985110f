"""Access to the follow-ups: for a program with the token, or for a browser after a log-in with the token.

The wallboard's cookie is not enough, because the wall screen has it and customers' numbers are personal data.
So the log-in sets another cookie, which contains the signed expiry time of the session: 12 hours after the
log-in. No state is stored; all sessions end when the token changes.

Browsers send cookies also with requests that pages of other sites cause. So the cookie of the session is
SameSite=Strict. A request that changes a follow-up also needs the header x-cc-bridge. A page of another site
could send it only with this site's permission, which it never has. The header Sec-Fetch-Site of such a
request, if present, must be `same-origin`.
"""

from collections.abc import Callable

from itsdangerous import BadData
from twisted.web.http import Request

from cc_bridge.web.auth import ONLY_WITH_ONE, TokenAuth, bearer, same
from cc_bridge.web.proxies import is_behind_tls
from cc_bridge.web.signatures import signed_values

__all__ = ["FollowUpSession"]

_COOKIE = b"cc_bridge_follow_ups"
_HEADER = "x-cc-bridge"
_PURPOSE = "cc_bridge follow-ups session"
_SECONDS = 12 * 3600  # a long shift
_CHANGES = {b"POST", b"PUT", b"DELETE"}

_WRONG = "this page needs the token of http.token: log in on /follow-ups, or send Authorization: Bearer"
_FOREIGN = f"a change must come from the page /follow-ups, with the header {_HEADER}"


class FollowUpSession(TokenAuth):
    """The access check of follow-ups, which allows or refuses each request to read or change them.

    It also starts and ends the sessions of browsers. `now` returns UTC seconds since the epoch.
    """

    def __init__(self, token: str, now: Callable[[], float]) -> None:
        super().__init__("", token)
        self._values = signed_values(token, _PURPOSE)
        self._now = now

    def check(self, request: Request) -> tuple[int, str] | None:
        """Return None if the request is allowed, otherwise the HTTP status code and the reason."""
        if not self._token:
            return 403, ONLY_WITH_ONE
        if same(bearer(request), self._token):
            return None
        if not self._is_open(request.getCookie(_COOKIE) or b""):
            request.setHeader("www-authenticate", "Bearer")
            return 401, _WRONG
        return (403, _FOREIGN) if request.method in _CHANGES and self.is_foreign(request) else None

    def is_foreign(self, request: Request) -> bool:
        """Return whether the request may come from a page of another site.

        It may if it lacks the header x-cc-bridge, which the page /follow-ups always sends, or if it has a
        Sec-Fetch-Site header other than `same-origin`.
        """
        came_from = request.getHeader("sec-fetch-site") or "same-origin"
        return not request.getHeader(_HEADER) or came_from != "same-origin"

    def verify_token(self, token: str) -> bool:
        """Return whether `token` is the configured token; False if no token is configured."""
        return bool(self._token) and same(token.encode("utf-8", "replace"), self._token)

    def start_session(self, request: Request) -> None:
        """Start a session: set the browser's cookie with the signed expiry time."""
        self._set_cookie(request, str(self._values.dumps(int(self._now()) + _SECONDS)), _SECONDS)

    def end_session(self, request: Request) -> None:
        """End the session: delete the browser's cookie."""
        self._set_cookie(request, "", 0)

    @staticmethod
    def _set_cookie(request: Request, cookie: str, seconds: int) -> None:
        request.addCookie(
            _COOKIE,
            cookie.encode(),
            path=b"/",
            max_age=str(seconds).encode(),
            secure=is_behind_tls(request),
            httpOnly=True,
            sameSite=b"strict",
        )

    def _is_open(self, cookie: bytes) -> bool:
        try:
            until: int = self._values.loads(cookie)
        except BadData:
            return False
        return self._now() < until
