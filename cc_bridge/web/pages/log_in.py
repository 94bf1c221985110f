"""The pages /login and /logout: the start and the end of a person's session.

The number of wrong passwords is limited for each network address. There is no limit for all addresses
together: otherwise one address could lock out all users. A right password does not count, so that all users
of an office with one address can log in.
"""

import re
import secrets
from typing import ClassVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cc_bridge.web.access.form_keys import form_key
from cc_bridge.web.access.log_in import LogIn
from cc_bridge.web.access.sessions import SESSION_SECONDS
from cc_bridge.web.access.site_access import SiteAccess
from cc_bridge.web.pages.page import PageHost, PageResource
from cc_bridge.web.pages.visit import (
    Answer,
    Cookie,
    HtmlAnswer,
    PageError,
    PageVisit,
    RedirectAnswer,
    is_own_path,
)
from cc_bridge.web.rate_limit import RateLimiter

__all__ = ["LogInPage", "LogOutPage", "own_path"]

_log = Logger()

_AT_ONCE, _A_SECOND = 5, 0.2  # wrong passwords of one address
_FORBIDDEN, _TOO_MANY = 403, 429
_LONGEST_NAME = 64  # characters


def own_path(address: str) -> str:
    """Return an address if it is a path of this site other than /login and /logout, otherwise `/`."""
    return address if is_own_path(address) and not re.match(r"/log(in|out)\b", address) else "/"


class LogInPage(PageResource):
    """The page /login, with a form for name and password, or for the token."""

    name = "login"
    accepts_form = True
    is_open: ClassVar[bool] = True

    def __init__(self, host: PageHost, access: SiteAccess, log_in: LogIn) -> None:
        super().__init__(host)
        self._site = access
        self._log_in = log_in
        self._limit = RateLimiter(_AT_ONCE, _A_SECOND)

    def page(self, visit: PageVisit) -> Answer:
        following = own_path(visit.argument("next"))
        if visit.visitor.name or visit.visitor.can_log_out:
            return RedirectAnswer(following)
        return self._form(visit, following)

    def posted(self, visit: PageVisit) -> Answer | Deferred[Answer]:
        following = own_path(visit.form.get("next", ""))
        if wait := self._limit.take(visit.peer, self.host.clock.seconds()):
            return self._form(visit, following, "later", _TOO_MANY, wait)

        def checked(name: str | None) -> Answer:
            if name is None:
                _log.warn("log-in: a wrong name or password from {client}", client=visit.peer)
                return self._form(visit, following, "wrong", _FORBIDDEN)
            self._limit.give_back(visit.peer)
            _log.info(
                "log-in: {user} from {client}", user=name or "a person with the token", client=visit.peer
            )
            names = self._site.rules().cookies
            cookie = Cookie(names.session, self._site.sessions.start(name), SESSION_SECONDS)
            return RedirectAnswer(following, (cookie, Cookie(names.guest, "", 0)))

        found = self._log_in.check(visit.form.get("name", ""), visit.form.get("password", ""))
        return found.addCallback(checked)

    def _form(
        self, visit: PageVisit, following: str, problem: str = "", code: int = 200, retry_after: int = 0
    ) -> HtmlAnswer:
        """Return the page with the form.

        `following` is the path that the browser opens after the log-in. `problem` is the name of the text
        that says what was wrong; empty if nothing was.
        """
        rules = self._log_in.rules()
        key = visit.form_key
        cookies: tuple[Cookie, ...] = ()
        if not key:
            guest = secrets.token_urlsafe(16)
            key, cookies = form_key(self._site.guest_key(guest)), (Cookie(rules.cookies.guest, guest),)
        kind = "password" if rules.passwords else "token" if rules.token_log_in else ""
        values = {
            "items": [],
            "following": following,
            "problem": problem,
            "key": key,
            "kind": kind,
            "name": visit.form.get("name", "")[:_LONGEST_NAME],
        }
        return HtmlAnswer("login.html.j2", values, code, cookies, retry_after)


class LogOutPage(PageResource):
    """The page /logout: ends the session of the browser, after the press of a button."""

    name = "logout"
    accepts_form = True

    def __init__(self, host: PageHost, access: SiteAccess) -> None:
        super().__init__(host)
        self._site = access

    def page(self, visit: PageVisit) -> Answer:
        return HtmlAnswer("logout.html.j2") if visit.visitor.can_log_out else RedirectAnswer("/")

    def posted(self, visit: PageVisit) -> Answer:
        if not visit.visitor.can_log_out:
            raise PageError(403, "you have no session here: log out where you have logged in")
        return RedirectAnswer("/login", (Cookie(self._site.rules().cookies.session, "", 0),))
