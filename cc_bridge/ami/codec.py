"""Bytes of an AMI stream to messages, and actions to bytes; no I/O.

Asterisk sends one banner line, then messages of `Key: value` lines that end with an empty line. Messages are
pyst2's `ManagerMsg` and `Event`, so that whoever knows pyst2 knows ours; only `parse` is our own: pyst2 0.5.1
raises on a `ChanVariable` header and keeps the last of repeated headers.

An unfiltered manager user sends 170 events for one answered call, of which 30 matter, and of their 25 headers
five. Unwanted events are therefore recognised by their first bytes, in one regular expression and without a
line of Python, counted and never parsed; of the wanted only the named headers are extracted (`EventSpec`).

Values that come from callers (numbers, extensions) reach AMI raw, line breaks included (16.28 and
22.10): a caller can cut an event in two and forge the second half. A message that does not have the
shape that Asterisk gives it is malformed: it and the one after it are dropped and counted.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from asterisk.manager import Event, ManagerMsg

__all__ = ["MAX_MESSAGE", "Codec", "Event", "EventSpec", "Message", "MessageCounts", "encode"]

# The longest real message is a QueueStatus item or a VarSet of a few KiB; lines have no limit in Asterisk.
MAX_MESSAGE = 256 * 1024

# Asterisk reads lines of at most 1024 bytes, CRLF included, and 128 headers (main/manager.c).
_MAX_LINE = 1022
_MAX_HEADERS = 128
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_BANNER = b"Asterisk Call Manager/"
_EVENT = b"Event: "
_RESPONSE = b"Response: "
_PRIVILEGE = b"Privilege: "
_END = b"\r\n\r\n"
_ANY_END = re.compile(rb"\n\r?\n")


class EventSpec(NamedTuple):
    """What is wanted of the events of one name; by default all of them, with all their headers."""

    headers: tuple[str, ...] = ()  # to cut out; an event without one of them is not Asterisk's
    optional: tuple[str, ...] = ()  # to cut out where they are
    line: str | None = None  # only if the last header of this name begins so: `Variable: QUEUESTATUS`


class Message(ManagerMsg):  # type: ignore[misc]  # pyst2 is untyped
    """A response or an event's content; `headers` maps names to values.

    `ChanVariable` headers (with any prefix) become a mapping of their own, as in pyst2; other repeated
    headers become a list and are named in `repeated`.
    """

    headers: dict[str, Any]
    repeated: tuple[str, ...] = ()

    def parse(self, response: list[str]) -> None:
        """Fill `headers` from lines without their ends; a line without a colon is passed over."""
        try:
            headers: dict[str, Any] = dict([line.split(": ", 1) for line in response])
        except ValueError:
            headers = {}
        if len(headers) == len(response) and "ChanVariable" not in headers:
            self.headers = headers
        else:
            self._parse_slowly(response)

    def _parse_slowly(self, lines: list[str]) -> None:
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


class _PartialEvent(Event):  # type: ignore[misc]
    """An event with some of its headers."""

    message, data = None, ""

    def __init__(self, headers: dict[str, str]) -> None:  # pyst2's would want a message first
        self.headers = headers
        self.name = headers["Event"]


class _ExtractionPlan(NamedTuple):
    """How to cut one event."""

    name: str
    privilege_at: int
    headers: re.Pattern[str]  # finds name and value of each that is wanted
    always: frozenset[str]


@dataclass(slots=True)
class MessageCounts:
    """What became of the messages; one object may count for many sessions."""

    received: int = 0
    filtered: int = 0  # by name, not parsed
    malformed: int = 0
    oversized: int = 0

    @property
    def dropped(self) -> int:
        """Messages that were lost to us; the filtered are not."""
        return self.malformed + self.oversized


class Codec:
    """Splits a stream into messages. `feed` takes bytes cut anywhere and never raises.

    `wanted` says by name what is read of events; without it every event is parsed whole. The items of
    lists are events like others, so it names those too. Responses are always parsed.
    """

    def __init__(
        self,
        wanted: Mapping[str, EventSpec] | None = None,
        counts: MessageCounts | None = None,
        max_message: int = MAX_MESSAGE,
    ) -> None:
        self.banner: str | None = None  # the AMI version, such as "11.0.0"
        self.counts = counts or MessageCounts()
        self._plans = (
            None
            if wanted is None
            else {f"Event: {name}\r".encode(): _plan(name, wish) for name, wish in wanted.items()}
        )
        self._concerns_us = None if wanted is None else _all_but_filtered(wanted).match
        self._max_message = max_message
        self._rest = b""  # the start of a message
        self._skip_to_end = False  # inside an oversized message
        self._distrust_next = False  # after a malformed one

    def feed(self, data: bytes) -> list[Any]:
        """Return the messages that `data` completes: pyst2 `Event`s and `Message`s."""
        messages: list[Any] = []
        plans = self._plans or {}
        blocks = self._blocks(data)
        ours = blocks if self._concerns_us is None else list(filter(self._concerns_us, blocks))
        self.counts.received += len(blocks) - len(ours)
        self.counts.filtered += len(blocks) - len(ours)
        for each in ours:
            block = each.lstrip(b"\r\n")
            plan = plans.get(block[: block.find(b"\n")])
            if plan is not None and plan.always:
                self._cut_event(block, plan, messages)
                continue
            for part in _ANY_END.split(block) if b"\n\n" in block or b"\n\r\n" in block else (block,):
                self._read(part, messages)
        return messages

    def _blocks(self, data: bytes) -> list[bytes]:
        """Return what ends in `data`, without the ends; what goes on is kept for the next time."""
        text = self._rest + data
        if self.banner is None and text.startswith(_BANNER):
            line, newline, after = text.partition(b"\n")
            if newline:
                self.banner = line[len(_BANNER) :].decode("ascii", "replace").strip()
                text = after
        # Cutting at CRLF CRLF alone takes a third of the time of doing it line end by line end; the two
        # places in 22.10 that end a line with a bare \n (Agents, CoreShowChannelMap) are cut again.
        blocks = text.split(_END)
        if _ANY_END.search(blocks[-1]):
            blocks += _ANY_END.split(blocks.pop())
        rest = blocks.pop()
        if self._skip_to_end and blocks:
            self._skip_to_end = False
            del blocks[0]
        if len(rest) > self._max_message:
            self.counts.oversized += not self._skip_to_end
            self._skip_to_end = True
        # An end that is cut must be found again, so its first bytes stay.
        self._rest = rest[-3:] if self._skip_to_end else rest
        return blocks

    def _cut_event(self, block: bytes, plan: _ExtractionPlan, messages: list[Any]) -> None:
        """Append the event with the headers that the plan names, each of which stands there once."""
        counts = self.counts
        counts.received += 1
        if len(block) > self._max_message:
            counts.oversized += 1
            return
        if self._distrust_next:
            self._taint(distrust_next=False)
            return
        found = plan.headers.findall(block.decode("utf-8", "replace"))
        headers = dict(found)
        # Asterisk writes each once, and its privilege before anything that a caller can fill.
        whole = len(headers) == len(found) and plan.always <= headers.keys()
        if whole and block.startswith(_PRIVILEGE, plan.privilege_at):
            headers["Event"] = plan.name
            messages.append(_PartialEvent(headers))
        else:
            self._taint(distrust_next=True)

    def _read(self, block: bytes, messages: list[Any]) -> None:
        """Append the message that a block holds, or count why there is none."""
        block = block.lstrip(b"\r\n")
        if not block:
            return
        self.counts.received += 1
        if len(block) > self._max_message:
            self.counts.oversized += 1
        elif block.startswith(_EVENT):
            self._read_event(block, messages)
        elif block.startswith(_RESPONSE):
            messages.append(_message(block))
        else:
            self._taint(distrust_next=False)

    def _read_event(self, block: bytes, messages: list[Any]) -> None:
        if self._distrust_next:
            self._taint(distrust_next=False)
            return
        message = _message(block)
        if self._plans is not None and f"Event: {message.headers['Event']}\r".encode() not in self._plans:
            # Behind an end that Asterisk did not write the first look has not seen it.
            self.counts.filtered += 1
        elif "ActionID" in message.headers or _is_whole(message, block):
            messages.append(Event(message))
        else:
            self._taint(distrust_next=True)

    def _taint(self, *, distrust_next: bool) -> None:
        self.counts.malformed += 1
        self._distrust_next = distrust_next


@cache
def _plan(name: str, wish: EventSpec) -> _ExtractionPlan:
    names = "|".join(map(re.escape, wish.headers + wish.optional))
    return _ExtractionPlan(
        name,
        len(f"Event: {name}\r\n"),
        re.compile(f"\n({names}): ([^\r]*)"),
        frozenset(wish.headers),
    )


def _all_but_filtered(wanted: Mapping[str, EventSpec]) -> re.Pattern[bytes]:
    """Match the start of each message but of events that are not wanted."""
    heads = []
    for name, wish in wanted.items():
        head = f"{re.escape(name)}\r"
        if wish.line is not None:
            header, value = map(re.escape, wish.line.split(": "))
            # From the end, where these headers stand, and never looking further back than the last one.
            head += f"(?>(?s:.*)\n{header}: ){value}"
        heads.append(head)
    event = "[\r\n]*Event: "
    return re.compile(f"{event}(?:{'|'.join(heads)})|(?!{event})".encode())


def _message(block: bytes) -> Message:
    return Message(block.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"))


def _is_whole(message: Message, block: bytes) -> bool:
    """Say whether an event has the shape that main/manager.c gives every event."""
    headers = message.headers
    if not block.startswith(_PRIVILEGE, block.find(b"\n") + 1):
        return False
    if "Channel" in headers and not ("Uniqueid" in headers and "Linkedid" in headers):
        return False
    return not message.repeated


def encode(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return an action's bytes.

    Raises ValueError for what could add a header or an action of its own, or what Asterisk would
    refuse: control characters, over-long lines, too many headers.
    """
    lines = [f"{name}: {value}" for name, value in headers]
    for line in lines:
        if _CONTROL.search(line):
            raise ValueError(f"control character in the AMI header {line.split(':', 1)[0]!r}")
        if len(line.encode()) > _MAX_LINE:
            raise ValueError(f"the AMI header {line.split(':', 1)[0]!r} is over {_MAX_LINE} bytes")
    if len(lines) > _MAX_HEADERS:
        raise ValueError(f"an AMI action takes at most {_MAX_HEADERS} headers")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
