"""Sessions of persons: signed cookies with the user's name and the end of the session.

No state is stored, so a session stays valid after a restart of the daemon. It ends twelve hours after the
log-in, when the user's password or the token changes, and when the user leaves the configuration. Without a
token, the signing key is made at the daemon's start, and all sessions end with the daemon.

A form must send back a key that is made from the cookie. So a page of another site, which does not know the
cookie, can post no form.
"""

import hmac
from collections.abc import Callable

from itsdangerous import BadData

from cc_bridge.web.access.rules import AccessRules
from cc_bridge.web.access.signatures import signed_values

__all__ = ["SESSION_SECONDS", "Sessions"]

SESSION_SECONDS = 12 * 3600  # a long shift
_PURPOSE = "cc_bridge session"
_LONGEST_COOKIE = 1000  # bytes


class Sessions:
    """The sessions of all users.

    `key` returns the secret that signs the cookies, as the configuration in force has it. `now` returns UTC
    seconds since the epoch. An empty name is that of a person who has logged in with the token.
    """

    def __init__(
        self, rules: Callable[[], AccessRules], key: Callable[[], str], now: Callable[[], float]
    ) -> None:
        self._rules = rules
        self._key = key
        self._now = now

    def start(self, name: str) -> str:
        """Return the cookie of a new session of a user."""
        values = signed_values(self._key(), _PURPOSE)
        return str(values.dumps([name, int(self._now()) + SESSION_SECONDS, self._password_mark(name)]))

    def user(self, cookie: bytes) -> str | None:
        """Return the user of a session; None if the cookie is not valid or the session has ended."""
        try:
            name, until, mark = signed_values(self._key(), _PURPOSE).loads(cookie[:_LONGEST_COOKIE])
        except BadData:
            return None
        rules = self._rules()
        exists = name in rules.users if name else rules.token_log_in
        same = hmac.compare_digest(mark, self._password_mark(name))
        return name if exists and same and self._now() < until else None

    def secret(self, purpose: str, text: str) -> str:
        """Return a secret text, which is made from the signing key, a purpose and a text."""
        return hmac.digest(self._key().encode(), f"cc_bridge {purpose} {text}".encode(), "sha256").hex()

    def _password_mark(self, name: str) -> str:
        """Return a text that changes with the user's password."""
        user = self._rules().users.get(name)
        return self.secret("password", user.password_hash if user else "")[:16]
