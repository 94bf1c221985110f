"""Caller names without the prefixes of queues.

A PBX such as FreePBX can write a prefix before the caller's name when a caller enters a queue. The agent then
sees `Sales:Sara` on the phone. The prefix is no part of the name. The PBX does not remove the prefix when the
caller leaves the queue.
"""

from collections.abc import Iterable

__all__ = ["CallerNames"]


class CallerNames:
    """The configured prefixes of all queues, and the function that removes them from a caller's name."""

    def __init__(self, prefixes: Iterable[str] = ()) -> None:
        """Store the prefixes without empty ones. If several fit a name, the longest is removed first."""
        self._prefixes = sorted({prefix for prefix in prefixes if prefix}, key=len, reverse=True)

    def without_prefix(self, name: str) -> str:
        """Return a caller's name without the prefixes at its start, and without spaces after them.

        A name can have several prefixes, because each queue that the caller enters can add its own.
        """
        while prefix := next((each for each in self._prefixes if name.startswith(each)), ""):
            name = name.removeprefix(prefix).lstrip()
        return name
