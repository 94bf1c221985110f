"""The rules of access in force: the token, the users, and the header in which a proxy names the user."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cc_bridge.web.access.cookies import CookieNames
from cc_bridge.web.access.visitor import Role

__all__ = ["AccessRules", "User", "user_name"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_.@+-]{0,63}")


def user_name(text: str) -> str:
    """Return a name as the configuration has it: in lower case, without spaces around it.

    The result is empty for a text that can be no user's name.
    """
    name = text[:200].strip().lower()
    return name if _NAME.fullmatch(name) else ""


@dataclass(frozen=True, slots=True)
class User:
    """A user of the configuration; with an empty password hash, only a proxy can name the user."""

    role: Role
    password_hash: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The rules of access.

    host: the address on which the daemon listens
    token: the token of programs and wall screens; empty means none
    users: the users by name
    queues_of: a function that takes the name of a user and returns the queues that this user owns
    user_header: the header in which a trusted proxy names the user; empty means none
    user_header_role: the role of a user without an entry in `users`; None refuses such a user
    cookies: the names of the cookies
    """

    host: str = "127.0.0.1"
    token: str = field(default="", repr=False)
    users: Mapping[str, User] = field(default_factory=dict)
    queues_of: Callable[[str], tuple[str, ...]] = lambda _name: ()
    user_header: str = ""
    user_header_role: Role | None = None
    cookies: CookieNames = field(default_factory=CookieNames)

    @property
    def passwords(self) -> list[str]:
        """The hashes of all passwords."""
        return [user.password_hash for user in self.users.values() if user.password_hash]

    @property
    def token_log_in(self) -> bool:
        """Whether a person can log in with the token: only while no users and no user header are set."""
        return bool(self.token) and not self.users and not self.user_header

    @property
    def can_log_in(self) -> bool:
        """Whether persons can log in on /login."""
        return bool(self.passwords) or self.token_log_in

    @property
    def open_on_loopback(self) -> bool:
        """Whether this machine sees figures without a log-in: if no token, user or user header is set."""
        return not (self.token or self.users or self.user_header)
