"""Access to a site for tests: users with quick password hashes, and browsers that log in."""

import os
from functools import cache
from types import SimpleNamespace

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from twisted.internet.defer import succeed

from cc_bridge.web.access.log_in import LogIn
from cc_bridge.web.access.rules import AccessRules, User
from cc_bridge.web.access.sessions import Sessions
from cc_bridge.web.access.site_access import RoleCheck, SiteAccess, WallCheck
from cc_bridge.web.access.visitor import Role

__all__ = ["PASSWORD", "access", "quick_hash", "users"]

PASSWORD = "a-password-of-sara"


@cache
def quick_hash(password=PASSWORD, memory=8):
    """Return a valid hash that takes no time; a real one takes a tenth of a second."""
    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=1, lanes=1, memory_cost=memory)
    return kdf.derive_phc_encoded(password.encode())


def users(**roles):
    """Return users with PASSWORD, by name; `sara="lead"`."""
    return {name: User(Role(role), quick_hash()) for name, role in roles.items()}


def access(token="", people=None, now=lambda: 0.0, key="", in_thread=None, **rules):
    """Return the access checks of a site, as the daemon has them; `rules.users` may be changed."""
    rules = AccessRules(token=token, users=people or {}, **rules)
    here = SimpleNamespace(rules=rules)
    sessions = Sessions(lambda: here.rules, lambda: token or key or "a key of this start", now)
    site = SiteAccess(lambda: here.rules, sessions)
    here.site, here.wall, here.persons = site, WallCheck(site), RoleCheck(site, Role.LEAD)
    here.log_in = LogIn(
        lambda: here.rules, sessions, in_thread or (lambda work, *given: succeed(work(*given)))
    )
    return here
