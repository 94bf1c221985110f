"""Access to the pages and APIs: who sends a request, and what the sender may see.

A request is identified by the first of these that it has:

- the token, as `Authorization: Bearer`: a program, which may do everything
- a user's name in the header of a trusted proxy (single sign-on)
- the cookie of a session, after a log-in on /login
- the cookie of a wall screen, which may see figures without persons

If none of these is configured, requests on loopback may see figures without persons.
Loopback does not exclude an Internet page in a browser on this machine, because the name of such a page may
resolve to 127.0.0.1 (DNS rebinding). So without a token, the Host header must be a name of this machine.
"""

from collections.abc import Callable
from typing import Any

from twisted.web.http import Request

from cc_bridge.web.access.rules import AccessRules, user_name
from cc_bridge.web.access.sessions import Sessions
from cc_bridge.web.access.token_auth import TokenAuth, bearer, same
from cc_bridge.web.access.visitor import Refusal, Role, Visitor
from cc_bridge.web.proxies import is_from_trusted_proxy

__all__ = ["RoleCheck", "SiteAccess", "WallCheck", "visitor_of"]

_HEADER = "x-cc-bridge"
_CHANGES = {b"POST", b"PUT", b"DELETE"}
_LONGEST_GUEST = 64  # characters

_NOT_CONFIGURED = (
    "this page has personal data, so it needs users or a token, on a loopback address too: set [users.NAME],"
    " http.token or http.token_file (openssl rand -hex 32)"
)
_LOG_IN = "log in on /login, or send the token of http.token as Authorization: Bearer"
_ONLY_BY_PROXY = "this page is reached only through the proxy that sends the header {}"
_WRONG_TOKEN = "this is not the token of http.token"  # noqa: S105 - no password
_FOREIGN = f"a change must come from a page of this site, with the header {_HEADER}"


class SiteAccess:
    """The access check of all pages; `rules` returns the rules in force."""

    def __init__(self, rules: Callable[[], AccessRules], sessions: Sessions) -> None:
        self.rules = rules
        self.sessions = sessions

    def visitor(self, request: Request) -> Visitor | Refusal:
        """Return the visitor who sends the request, or the reason why the request is refused."""
        rules = self.rules()
        if self.is_program(request):
            return Visitor("", Role.ADMIN)
        if (named := self._name_by_proxy(request, rules)) is not None:
            return _user_of_proxy(named, rules)
        name = self.sessions.user(_cookie(request, rules.cookies.session))
        if name is not None:
            return _user(name, rules, rules.users[name].role if name else Role.ADMIN, can_log_out=True)
        return self._without_log_in(request, rules)

    def form_key(self, request: Request) -> str:
        """Return the secret from which the keys of the visitor's forms are made.

        The result is empty for a visitor whose forms are not accepted, such as a wall screen.
        """
        rules = self.rules()
        if (named := self._name_by_proxy(request, rules)) is not None:
            return self.sessions.secret("form of user", named) if named else ""
        cookie = _cookie(request, rules.cookies.session)
        if self.sessions.user(cookie) is not None:
            return self.sessions.secret("form of session", cookie.decode("ascii", "replace"))
        return self.guest_key(_cookie(request, rules.cookies.guest).decode("ascii", "replace"))

    def guest_key(self, guest: str) -> str:
        """Return the secret against forged log-in forms; `guest` is the visitor's random cookie.

        The result is empty for an empty or much too long cookie.
        """
        return self.sessions.secret("form of guest", guest) if 0 < len(guest) <= _LONGEST_GUEST else ""

    def is_program(self, request: Request) -> bool:
        """Return whether a request has the token in its Authorization header, which browsers never send."""
        token = self.rules().token.encode()
        return bool(token) and same(bearer(request), token)

    def _name_by_proxy(self, request: Request, rules: AccessRules) -> str | None:
        """Return the user's name that a trusted proxy has sent; None if there is no such header.

        The result is empty if the header has no valid name. It is also empty if there are several such
        headers, because the browser may have sent one of them.
        """
        if not rules.user_header or not is_from_trusted_proxy(request):
            return None
        values = request.requestHeaders.getRawHeaders(rules.user_header.encode())
        if not values:
            return None
        return user_name(values[0].decode("utf-8", "replace")) if len(values) == 1 else ""

    def _without_log_in(self, request: Request, rules: AccessRules) -> Visitor | Refusal:
        figures = Visitor("", Role.VIEWER, (), can_log_in=rules.can_log_in, hint=_NOT_CONFIGURED)
        if rules.token:
            known = TokenAuth(rules.host, rules.token, rules.cookies.wall).has_cookie(request)
            return figures if known else _unknown(rules, wrong_token=bool(bearer(request)))
        if not rules.open_on_loopback:
            return _unknown(rules)
        refusal = TokenAuth(rules.host, "").check(request)
        return Refusal(*refusal) if refusal else figures


class RoleCheck:
    """The access check of an API: a program with the token, or a person with at least the role `role`."""

    def __init__(self, access: SiteAccess, role: Role) -> None:
        self._access = access
        self._role = role

    def check(self, request: Request) -> tuple[int, str] | None:
        """Return None if the request is allowed, otherwise the HTTP status code and the reason.

        `visitor_of` returns the visitor of an allowed request. Browsers send cookies also with requests that
        pages of other sites cause. So a person's request that changes something needs the header x-cc-bridge,
        which such a page cannot send.
        """
        found = self._access.visitor(request)
        refusal = found if isinstance(found, Refusal) else found.lacks(self._role)
        if refusal is None and request.method in _CHANGES and not self._access.is_program(request):
            came_from = request.getHeader("sec-fetch-site") or "same-origin"
            if not request.getHeader(_HEADER) or came_from != "same-origin":
                refusal = Refusal(403, _FOREIGN)
        return _answer(request, found, refusal)


class WallCheck:
    """The access check of the wallboard: everyone who may see figures, and a browser with `?token=`.

    After `?token=`, the browser gets a cookie. Later requests with this cookie get figures without persons.
    """

    def __init__(self, access: SiteAccess) -> None:
        self._access = access

    def check(self, request: Request) -> tuple[int, str] | None:
        """Return None if the request is allowed, otherwise the HTTP status code and the reason."""
        found = self._access.visitor(request)
        if isinstance(found, Visitor):
            return _answer(request, found, None)
        rules = self._access.rules()
        if rules.token:
            return TokenAuth(rules.host, rules.token, rules.cookies.wall).check(request)
        return _answer(request, found, found)


def visitor_of(request: Any) -> Visitor:
    """Return the visitor of a request that an access check has allowed."""
    visitor: Visitor = request.visitor
    return visitor


def _answer(request: Any, found: Visitor | Refusal, refusal: Refusal | None) -> tuple[int, str] | None:
    """Return the status and the reason of `refusal`; if it is None, keep the visitor in the request."""
    if refusal is None:
        request.visitor = found
        return None
    if refusal.code == 401:  # noqa: PLR2004  # Unauthorized
        request.setHeader("www-authenticate", "Bearer")
    return refusal.code, refusal.text


def _user(name: str, rules: AccessRules, role: Role, *, can_log_out: bool = False) -> Visitor:
    queues = None if role is Role.ADMIN else rules.queues_of(name) if role is Role.LEAD else ()
    return Visitor(name, role, queues, can_log_out=can_log_out)


def _user_of_proxy(name: str, rules: AccessRules) -> Visitor | Refusal:
    if not name:
        return Refusal(403, f"the header {rules.user_header} must have the name of one user")
    user = rules.users.get(name)
    role = user.role if user else rules.user_header_role
    if role is None:
        return Refusal(
            403, f"the user {name} has no role here: add [users.NAME] or set http.user_header_role"
        )
    return _user(name, rules, role)


def _unknown(rules: AccessRules, *, wrong_token: bool = False) -> Refusal:
    if wrong_token:
        return Refusal(401, _WRONG_TOKEN)
    if rules.user_header and not rules.can_log_in:
        return Refusal(403, _ONLY_BY_PROXY.format(rules.user_header))
    return Refusal(401, _LOG_IN)


def _cookie(request: Request, name: str) -> bytes:
    cookie: bytes = request.getCookie(name.encode()) or b""
    return cookie
