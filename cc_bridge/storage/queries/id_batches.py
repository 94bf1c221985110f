"""Batches of ids for `IN (...)`, as one statement takes them: SQLite before 3.32 takes up to 999 values."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["id_batches"]

_LIMIT = 500

_Id = TypeVar("_Id")


def id_batches(ids: Sequence[_Id]) -> Iterator[Sequence[_Id]]:
    for first in range(0, len(ids), _LIMIT):
        yield ids[first : first + _LIMIT]
