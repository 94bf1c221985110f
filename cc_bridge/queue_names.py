"""Queue names, compared as Asterisk compares them: without regard to case.

Events of queues have the spelling of queues.conf. Queue() in the dialplan, and the configuration of
cc_bridge, may have another spelling. Events about a caller that the queue rejects have the dialplan's
spelling.
"""

from collections.abc import Iterable, Iterator, Mapping
from string import ascii_lowercase, ascii_uppercase
from typing import Any, TypeVar, overload

__all__ = ["QueueMap", "QueueNames", "queue_key"]

_Value = TypeVar("_Value")
_Other = TypeVar("_Other")
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def queue_key(name: str) -> str:
    """Return a queue name with the letters A to Z in lower case.

    Two names belong to the same queue if their results are equal. Asterisk ignores the case of these letters
    only.
    """
    return name.lower() if name.isascii() else name.translate(_LOWER)


class QueueNames:
    """The known queue names. Names that differ only in case are one queue."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names: dict[str, str] = {}  # by the result of `queue_key`
        for name in names:
            self.add(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.values())

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        return queue_key(name) in self._names

    def add(self, name: str) -> None:
        """Add a queue name in the spelling of the PBX's configuration.

        This spelling replaces an earlier spelling of the same name.
        """
        self._names[queue_key(name)] = name

    def spelled(self, name: str) -> str:
        """Return the stored spelling of a queue name; the name itself if the queue is unknown."""
        return self._names.get(queue_key(name), name)


class QueueMap(Mapping[str, _Value]):
    """A read-only mapping of queue names to values. A look-up ignores the case of the name.

    Iteration yields the names in the spelling in which they were given.
    """

    def __init__(self, items: Mapping[str, _Value] | None = None) -> None:
        """Create a mapping with these items. Raises ValueError if two names differ only in case."""
        self._items: dict[str, tuple[str, _Value]] = {}  # name and value, by the result of `queue_key`
        for name, value in (items or {}).items():
            other, _ = self._items.setdefault(queue_key(name), (name, value))
            if other != name:
                raise ValueError(
                    f"{other!r} and {name!r} are the same queue, since Asterisk ignores case in queue names"
                )

    def __getitem__(self, name: str) -> _Value:
        return self._items[queue_key(name)][1]

    # `get` and `in` of the base class raise and catch KeyError: ten times as long for an absent name.
    @overload
    def get(self, key: str, /) -> _Value | None: ...
    @overload
    def get(self, key: str, /, default: _Value | _Other) -> _Value | _Other: ...
    def get(self, key: str, /, default: Any = None) -> Any:
        item = self._items.get(queue_key(key))
        return default if item is None else item[1]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and queue_key(name) in self._items

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"QueueMap({dict(self)!r})"
