"""The visitor of a page: name, role and queues. Pure.

A viewer sees figures without persons. A lead sees agents, calls and customers of the own queues, which are
the queues whose `owner` in the configuration is the name of the lead. An administrator sees everything.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from cc_bridge.queue_names import queue_key

__all__ = ["Refusal", "Role", "Visitor"]


class Role(StrEnum):
    """The role of a visitor; each role may do everything that the roles before it may do."""

    VIEWER = "viewer"
    LEAD = "lead"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """The position of the role: 0 for the role that may do the least."""
        return list(Role).index(self)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The refusal of a request; with the status 401, the visitor can log in."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """The visitor of a page.

    name: the name of the user; empty for a program or person with the token, and without a log-in
    queues: the queues whose agents, calls and customers the visitor may see; None means all queues
    can_log_in: a log-in may give this visitor a higher role
    can_log_out: the visitor has a session, which a log-out ends
    hint: how a visitor who cannot log in gets a higher role
    """

    name: str
    role: Role
    queues: tuple[str, ...] | None = None
    can_log_in: bool = False
    can_log_out: bool = False
    hint: str = ""

    def has(self, role: Role) -> bool:
        """Return whether the visitor has this role or a role that may do more."""
        return self.role.rank >= role.rank

    def lacks(self, role: Role) -> Refusal | None:
        """Return None if the visitor has this role or a higher one, otherwise the refusal of the page."""
        if self.has(role):
            return None
        text = f"this page is for the role {role} or higher"
        if self.can_log_in:
            return Refusal(401, f"{text}: log in on /login")
        text += f"; the role of {self.name} is {self.role}" if self.name else ""
        return Refusal(403, self.hint or text)

    def sees(self, queue: str) -> bool:
        """Return whether the visitor may see agents, calls and customers of a queue."""
        if self.queues is None:
            return self.has(Role.LEAD)
        return queue_key(queue) in map(queue_key, self.queues)

    def foreign(self, queues: Collection[str]) -> tuple[str, ...]:
        """Return those of `queues` whose agents, calls and customers the visitor may not see."""
        return tuple(queue for queue in queues if not self.sees(queue))
