"""The live table of queues in the demo, as text. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["QueueRow", "table"]

_TITLES = ("queue", "waiting", "longest", "talking", "answered", "abandoned", "timed out", "rating")
_WIDTHS = (8, 9, 9, 9, 10, 11, 11, 13)  # together 80 columns


@dataclass(frozen=True, slots=True)
class QueueRow:
    """The figures of one queue in the table: current ones, and totals since the start of the demo."""

    queue: str
    waiting: int = 0  # callers now
    longest_wait: float = 0.0  # seconds, among the callers who wait now
    talking: int = 0  # callers now
    answered: int = 0
    abandoned: int = 0
    timed_out: int = 0
    ratings: int = 0
    mean_rating: float = 0.0  # from 1 to 5; meaningless if `ratings` is 0


def table(rows: Sequence[QueueRow]) -> list[str]:
    """Return the lines of the table: the titles, one line for each queue, and the totals.

    If there is only one queue, the line of totals is omitted.
    """
    lines = [_line(_TITLES), *(_line(_cells(row)) for row in rows)]
    return [*lines, _line(_cells(_totals(rows)))] if len(rows) > 1 else lines


def _totals(rows: Sequence[QueueRow]) -> QueueRow:
    ratings = sum(row.ratings for row in rows)
    return QueueRow(
        queue="all",
        waiting=sum(row.waiting for row in rows),
        longest_wait=max(row.longest_wait for row in rows),
        talking=sum(row.talking for row in rows),
        answered=sum(row.answered for row in rows),
        abandoned=sum(row.abandoned for row in rows),
        timed_out=sum(row.timed_out for row in rows),
        ratings=ratings,
        mean_rating=sum(row.mean_rating * row.ratings for row in rows) / max(ratings, 1),
    )


def _cells(row: QueueRow) -> tuple[str, ...]:
    minutes, seconds = divmod(int(row.longest_wait), 60)
    return (
        row.queue,
        str(row.waiting),
        f"{minutes}:{seconds:02}" if row.waiting else "-",
        str(row.talking),
        str(row.answered),
        str(row.abandoned),
        str(row.timed_out),
        f"{row.mean_rating:.2f} (n {row.ratings})" if row.ratings else "-",
    )


def _line(cells: Sequence[str]) -> str:
    first, *others = cells
    width, *widths = _WIDTHS
    return f"{first:<{width}}" + "".join(
        f"{cell:>{width}}" for cell, width in zip(others, widths, strict=True)
    )
