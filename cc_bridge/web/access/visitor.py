"""The visitor of a page: name, role and queues. Pure.

A viewer sees figures without persons. A lead sees agents, calls and customers of the own queues, which are
the queues whose `owner` in the configuration is the name of the lead. An administrator sees everything.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from cc_bridge.queue_names import queue_key

__all__ = ["Role", "Visitor"]


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
class Visitor:
    """The visitor of a page.

    name: the name of the user; empty for a program that has the token
    queues: the queues whose agents, calls and customers the visitor may see; None means all queues
    """

    name: str
    role: Role
    queues: tuple[str, ...] | None = None

    def has(self, role: Role) -> bool:
        """Return whether the visitor has this role or a role that may do more."""
        return self.role.rank >= role.rank

    def sees(self, queue: str) -> bool:
        """Return whether the visitor may see agents, calls and customers of a queue."""
        if self.queues is None:
            return self.has(Role.LEAD)
        return queue_key(queue) in map(queue_key, self.queues)

    def foreign(self, queues: Collection[str]) -> tuple[str, ...]:
        """Return those of `queues` whose agents, calls and customers the visitor may not see."""
        return tuple(queue for queue in queues if not self.sees(queue))
