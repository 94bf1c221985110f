"""The names of the PBX's queues, in the spelling of its configuration.

Asterisk ignores case when it compares queue names. Events of queues have the spelling of queues.conf. Queue()
in the dialplan may have another spelling. Events about a caller that the queue rejects then have the
dialplan's spelling.
"""

from collections.abc import Iterable, Iterator

__all__ = ["QueueNames"]


class QueueNames:
    """The known queue names. Names that differ only in case are one queue."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names: dict[str, str] = {}  # by the case-folded name
        for name in names:
            self.add(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.values())

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._names

    def add(self, name: str) -> None:
        """Add a queue name in the spelling of the PBX's configuration.

        This spelling replaces an earlier spelling of the same name.
        """
        self._names[name.casefold()] = name

    def spelled(self, name: str) -> str:
        """Return the stored spelling of a queue name; the name itself if the queue is unknown."""
        return self._names.get(name.casefold(), name)
