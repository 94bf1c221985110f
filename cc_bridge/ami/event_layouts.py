"""The layouts of AMI events: which headers an event has, in which order.

Asterisk writes the headers of the events with one name nearly always in the same order. A layout extracts the
wanted headers by one regular expression for the whole event. This takes two thirds of the time of a separate
search for the headers. That search finds them in any order, and is used for an event of unknown layout.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["EventLayouts"]

# The most layouts of the events with one name. Real events have up to four, because some headers are
# optional. More are not learned, because line breaks in a caller's name could make any number of them.
_MOST_LAYOUTS = 4


class _Layout(NamedTuple):
    """One layout of an event.

    match: matches a whole event, with a group for the value of each wanted header, and an empty last group
    groups: number of the group of each wanted header; for a header that the layout lacks, the last group
    names: name of each wanted header; "" for a header that the layout lacks
    line_ends: number of line ends in each event with this layout
    """

    match: Callable[[str], re.Match[str] | None]
    groups: tuple[int, ...]
    names: tuple[str, ...]
    line_ends: int


class EventLayouts:
    """The layouts of the events with one name. They are learned from the first of these events.

    `wanted` has the names of the headers to extract, at least two.
    """

    def __init__(self, wanted: tuple[str, ...]) -> None:
        self._wanted = wanted
        self._layouts: list[_Layout] = []

    def extract(self, event: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Return the names and the values of the wanted headers, in the order of `wanted`.

        The name and the value of a missing header are "". The result is None if the layout of the event is
        not known, or if a value contains a line break.
        """
        for match, groups, names, line_ends in self._layouts:
            found = match(event)
            if found is not None and event.count("\n") == line_ends:
                return names, found.group(*groups)
        return None

    def learn(self, event: str) -> None:
        """Learn the layout of an event. The event must be whole, with each wanted header at most once.

        Nothing is learned if a value contains a line break or a line is no header. The same holds if four
        layouts are already known.
        """
        headers = [line.partition(": ") for line in event.split("\r\n")]
        line_ends = len(headers) - 1
        plain = event.count("\r") == event.count("\n") == line_ends and all(colon for _, colon, _ in headers)
        if not plain or len(self._layouts) == _MOST_LAYOUTS:
            return
        names = [name for name, _, _ in headers]
        found = [name for name in names if name in self._wanted]
        lines = [f"{re.escape(name)}: {self._value(name)}" for name in names]
        self._layouts.append(
            _Layout(
                re.compile("\r\n".join(lines) + "()").fullmatch,
                tuple(found.index(name) + 1 if name in found else len(found) + 1 for name in self._wanted),
                tuple(name if name in found else "" for name in self._wanted),
                line_ends,
            )
        )

    def _value(self, header: str) -> str:
        """Return the pattern for the value of a header, with a group if the header is wanted.

        The pattern for Privilege does not match an empty value, because Asterisk never sends one.
        """
        value = "[!-~][^\r]*+" if header == "Privilege" else "[^\r]*+"
        return f"({value})" if header in self._wanted else value
