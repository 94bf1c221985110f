"""Batches of ids for `IN (...)`: SQLite before 3.32 accepts at most 999 values in a statement."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["id_batches"]

_LIMIT = 500

_Id = TypeVar("_Id")


def id_batches(ids: Sequence[_Id]) -> Iterator[Sequence[_Id]]:
    """Yield the ids in batches of up to 500."""
    for first in range(0, len(ids), _LIMIT):
        yield ids[first : first + _LIMIT]
