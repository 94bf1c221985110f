"""Long lists of ids in portions, as much as goes into one statement.

What looks for rows by `IN (...)` asks here. The trap: a daemon's SQLite may be an old one, and before 3.32 it
takes no more than 999 values in a statement.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["portions"]

_MOST = 500

_Id = TypeVar("_Id")


def portions(ids: Sequence[_Id]) -> Iterator[Sequence[_Id]]:
    for first in range(0, len(ids), _MOST):
        yield ids[first : first + _MOST]
