"""AMI messages: responses and events, how many of them arrived, and the encoding of actions.

Messages are pyst2's `ManagerMsg` and `Event`, or an `ExtractedEvent` with some headers of an event. Only
`parse` is replaced: pyst2 0.5.1 fails on a `ChanVariable` header and keeps only the last of repeated headers.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from asterisk.manager import Event, ManagerMsg

__all__ = ["AnyEvent", "Event", "ExtractedEvent", "Message", "MessageCounts", "encode"]

# Asterisk reads up to 1024 bytes a line, including CRLF, and up to 128 headers (main/manager.c).
_MAX_LINE = 1022
_MAX_HEADERS = 128
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Message(ManagerMsg):  # type: ignore[misc]  # pyst2 is untyped
    """A response, or the content of an event. `headers` maps names to values.

    As in pyst2, the headers `ChanVariable` (also with a prefix, such as `DestChanVariable`) become a mapping
    of variable names to values. The values of any other repeated header become a list. `repeated` has the
    names of the repeated headers.
    """

    headers: dict[str, Any]
    repeated: tuple[str, ...] = ()

    def parse(self, response: list[str]) -> None:
        """Fill `headers` from the lines of `response`, without line ends; ignore a line without a colon."""
        try:
            headers: dict[str, Any] = dict([line.split(": ", 1) for line in response])
        except ValueError:
            headers = {}
        if len(headers) == len(response) and "ChanVariable" not in headers:
            self.headers = headers
        else:
            self._parse_slowly(response)

    def _parse_slowly(self, lines: list[str]) -> None:
        """Fill `headers` from lines, some of which repeat a header or have no colon."""
        headers: dict[str, Any] = {}
        repeated: list[str] = []
        for line in lines:
            name, colon, value = line.partition(":")
            value = value.removeprefix(" ")
            if not colon:
                continue
            if name.endswith("ChanVariable"):
                variable, _, content = value.partition("=")
                headers.setdefault(name, {})[variable] = content
            elif name not in headers:
                headers[name] = value
            else:
                repeated.append(name)
                first = headers[name]
                headers[name] = [*first, value] if isinstance(first, list) else [first, value]
        self.headers = headers
        self.repeated = tuple(repeated)


class ExtractedEvent(NamedTuple):
    """An event with only the headers that its EventSpec names.

    name: the name of the event
    values: the value of Timestamp, then the values of the required and of the optional headers in the order
        of the EventSpec
    names: the names of the same headers, in the same order

    The name and the value of a missing header are "".
    """

    name: str
    names: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def headers(self) -> dict[str, str]:
        """The values of the headers that the event has, by name. `Event` has the name of the event."""
        found = {name: value for name, value in zip(self.names, self.values, strict=True) if name}
        return {"Event": self.name, **found}


AnyEvent = Event | ExtractedEvent  # for `isinstance`


@dataclass(slots=True)
class MessageCounts:
    """The numbers of AMI messages: received, filtered, malformed, oversized and unconfirmed.

    One object can count for several AMI sessions in a row.
    """

    received: int = 0
    filtered: int = 0  # not wanted, and therefore not parsed
    malformed: int = 0
    oversized: int = 0  # longer than the limit
    unconfirmed: int = 0  # parsed, but about a channel or queue that Asterisk does not know

    @property
    def dropped(self) -> int:
        """The number of malformed or oversized messages, whose content was lost."""
        return self.malformed + self.oversized


def encode(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return an action as bytes.

    Raises ValueError for a text that could add a header or an action, or that Asterisk would reject: control
    characters, lines that are too long, too many headers.
    """
    lines = [f"{name}: {value}" for name, value in headers]
    for line in lines:
        if _CONTROL.search(line):
            raise ValueError(f"control character in the AMI header {line.split(':', 1)[0]!r}")
        if len(line.encode()) > _MAX_LINE:
            raise ValueError(f"the AMI header {line.split(':', 1)[0]!r} has more than {_MAX_LINE} bytes")
    if len(lines) > _MAX_HEADERS:
        raise ValueError(f"an AMI action has at most {_MAX_HEADERS} headers, this one {len(lines)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
