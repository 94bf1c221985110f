"""The names of the PBX's queues, in the spelling of its configuration.

Asterisk compares queue names without case. Events of queues have the spelling of queues.conf; Queue() in the
dialplan, and so a refusal, may have another one.
"""

from collections.abc import Iterable, Iterator

__all__ = ["QueueNames"]


class QueueNames:
    """The known names; each is one queue whatever its case."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names: dict[str, str] = {}  # by the name without case
        for name in names:
            self.add(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.values())

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._names

    def add(self, name: str) -> None:
        """Add a name in the PBX's own spelling, which replaces another spelling."""
        self._names[name.casefold()] = name

    def spelled(self, name: str) -> str:
        """Return the known spelling of a name, else the name itself."""
        return self._names.get(name.casefold(), name)
