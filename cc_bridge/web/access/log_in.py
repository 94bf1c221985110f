"""The log-in of a person: with name and password, or with the token while no users are configured.

The check of a password takes a tenth of a second and 19 MiB. So it runs in a thread, and no more than two
checks run at a time. An unknown name takes the same time as a wrong password: the password is then compared
with the hash of another user.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore, succeed

from cc_bridge.web.access.passwords import is_password
from cc_bridge.web.access.rules import AccessRules, user_name
from cc_bridge.web.access.sessions import Sessions
from cc_bridge.web.access.token_auth import same

__all__ = ["LogIn"]

_AT_ONCE = 2


class LogIn:
    """The check of names, passwords and tokens. `in_thread` calls a function in a thread."""

    def __init__(
        self, rules: Callable[[], AccessRules], sessions: Sessions, in_thread: Callable[..., Deferred[Any]]
    ) -> None:
        self.rules = rules
        self._sessions = sessions
        self._in_thread = in_thread
        self._checks = DeferredSemaphore(_AT_ONCE)

    def check(self, name: str, password: str) -> Deferred[str | None]:
        """Return a Deferred of the name of the user who has this password; None if there is no such user.

        With the token as `password`, while no users are configured, the name is empty.
        """
        rules = self.rules()
        if rules.token_log_in:
            return succeed("" if same(password.encode("utf-8", "replace"), rules.token.encode()) else None)
        if not rules.passwords:
            return succeed(None)
        name = user_name(name)
        user = rules.users.get(name)
        true = (user.password_hash if user else "") or self._other_hash(name, rules.passwords)

        def checked(right: bool) -> str | None:
            return name if right and user and user.password_hash else None

        return self._checks.run(self._in_thread, is_password, password, true).addCallback(checked)

    def _other_hash(self, name: str, hashes: list[str]) -> str:
        """Return the one of `hashes` with which the password of an unknown name is compared.

        It is always the same one for the same name.
        """
        return hashes[int(self._sessions.secret("stand-in", name)[:8], 16) % len(hashes)]
