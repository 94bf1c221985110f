"""The access to the pages, by the users and the token of the configuration in force."""

import secrets
from collections.abc import Callable, Collection

from cc_bridge.config import Config
from cc_bridge.daemon.service import Context, DaemonService, per_queue
from cc_bridge.web.access.cookies import CookieNames
from cc_bridge.web.access.log_in import LogIn
from cc_bridge.web.access.rules import AccessRules, User
from cc_bridge.web.access.sessions import Sessions
from cc_bridge.web.access.site_access import RoleCheck, SiteAccess, WallCheck
from cc_bridge.web.access.visitor import Role

__all__ = ["Access"]


class Access(DaemonService):
    """The service of users, log-ins and sessions.

    site: the access check of the pages
    wall: the access check of the wallboard
    persons: the access check of APIs about persons
    log_in: the check of names and passwords
    """

    taken_over = ("users", "http.user_header", "http.user_header_role", *per_queue("owner"))

    def __init__(
        self, context: Context, now: Callable[[], float], queues: Callable[[Config], Collection[str]]
    ) -> None:
        """Create the access checks.

        `now` returns the PBX's clock in UTC seconds. `queues` returns the names of the known queues. A queue
        without an owner of its own belongs to the owner in `[queue_defaults]`.
        """
        super().__init__(context)
        self._queues = queues
        self._token = context.config.http.access_token()  # a changed token needs a restart
        self._key = self._token or secrets.token_hex(32)
        self._cookies = CookieNames(f"{context.config.pbx.name}_{context.config.http.port}")
        self._rules = self._read(context.config)
        sessions = Sessions(lambda: self._rules, lambda: self._key, now)
        self.site = SiteAccess(lambda: self._rules, sessions)
        self.wall = WallCheck(self.site)
        self.persons = RoleCheck(self.site, Role.LEAD)
        self.log_in = LogIn(lambda: self._rules, sessions, context.in_thread)

    def reconfigure(self, config: Config) -> None:
        super().reconfigure(config)
        self._rules = self._read(config)

    def _read(self, config: Config) -> AccessRules:
        http = config.http
        users = {
            name: User(Role(user.role), user.password_hash.get_secret_value())
            for name, user in config.users.items()
        }
        role = Role(http.user_header_role) if http.user_header_role else None
        return AccessRules(
            http.host, self._token, users, self._queues_of, http.user_header, role, self._cookies
        )

    def _queues_of(self, name: str) -> tuple[str, ...]:
        """Return the queues whose owner has this name, by the configuration in force."""
        return self.config.queues_of(name, self._queues(self.config))
