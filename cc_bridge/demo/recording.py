"""Two minutes of a contact centre as an endless stream: each take of the recording has new ids. Pure.

A take has ids and instants of its own, in all headers alike, so that a daemon sees new calls.

A member cannot be in two calls, so a take can only follow when each member is free for its first event in the
new take, and each queue empty. Callers of the old take who are past that, in their survey, end during the new
one. That moment is the `period`; the recording's last seconds overlap the next take.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

__all__ = ["AmiRecording", "RecordedHeaders", "TimedEvent"]

RecordedHeaders = Mapping[str, str]

_ENDS = "\r\n\r\n"
# More channels than a take has (about 440): each take's numbers begin this much higher.
_CHANNELS = 0x1000
# Between the last event of a member and its first in the next take, in seconds.
_MARGIN_SECONDS = 0.5

_VARYING = re.compile(
    r"(?P<stamp>(?<=\nTimestamp: )\d+\.\d+)"
    r"|(?P<since>(?:(?<=\nLastCall: )|(?<=\nLastPause: )|(?<=\nLoginTime: ))[1-9]\d*)"
    r"|(?P<born>\b\d{10})\.(?P<number>\d+)\b"  # a Uniqueid, behind the system's name
    r"|(?P<bridge>\b[0-9a-f]{8})(?=-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)"
    r"|(?<=-)(?P<channel>[0-9a-f]{8})(?![0-9a-f])"  # the end of a channel's name
)


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """One event, when it is due (seconds since the epoch) and as Asterisk would send it."""

    at: float
    text: str
    headers: RecordedHeaders


class AmiRecording:
    """A recorded stream of AMI events with Timestamp headers, in the order of their instants."""

    def __init__(self, stream: bytes) -> None:
        self.texts = tuple(text + _ENDS for text in stream.decode().split(_ENDS) if text)
        heads = [_headers(text) for text in self.texts]
        instants = [float(headers["Timestamp"]) for headers in heads]
        self._started_at = instants[0]
        self._offsets = [at - self._started_at for at in instants]
        self.queues = frozenset(queue for headers in heads if (queue := _queue(headers)))
        self.members = tuple(_members(heads))
        self.period = _period(heads, self._offsets)

    def take(self, number: int, started_at: float) -> Iterator[TimedEvent]:
        """Yield the events of one take."""
        return (
            self._event(text, offset, number, started_at)
            for text, offset in zip(self.texts, self._offsets, strict=True)
        )

    def endless(self, started_at: float) -> Iterator[TimedEvent]:
        """Yield take after take, each `period` seconds after the one before, in the order of instants."""
        # What comes later than a period belongs among the events of a later take.
        turn = sorted(zip(self.texts, self._offsets, strict=True), key=lambda event: event[1] % self.period)
        for number in count():
            for text, offset in turn:
                take = number - int(offset // self.period)
                if take >= 0:
                    yield self._event(text, offset, take, started_at + take * self.period)

    def _event(self, text: str, offset: float, take: int, started_at: float) -> TimedEvent:
        renewed = _renewed(text, take, started_at - self._started_at)
        return TimedEvent(started_at + offset, renewed, _headers(renewed))


def _headers(text: str) -> RecordedHeaders:
    return dict(line.split(": ", 1) for line in text.removesuffix(_ENDS).split("\r\n"))


def _renewed(text: str, take: int, later: float) -> str:
    """Return an event with a take's own ids, and all its instants `later` seconds later."""

    def renew(found: re.Match[str]) -> str:
        value = found[0]
        match found.lastgroup:
            case "stamp":
                return f"{float(value) + later:.6f}"
            case "since":
                return str(int(value) + round(later))
            case "number":
                born, number = int(found["born"]), int(found["number"])
                return f"{born + round(later)}.{number + take * _CHANNELS}"
            case "bridge":  # the rest of it distinguishes the recording's bridges
                return f"{(int(value, 16) + take) % 2**32:08x}"
            case _:
                return f"{int(value, 16) + take * _CHANNELS:08x}"

    return _VARYING.sub(renew, text)


def _queue(headers: RecordedHeaders) -> str:
    """Return the queue that an event names; one that lets nobody in is named by its Queue() call only."""
    return headers.get("Queue") or headers.get("AppData", "").partition(",")[0]


def _members(heads: list[RecordedHeaders]) -> Iterator[RecordedHeaders]:
    """Return each queue's members as they were before the first call: free, and without a call."""
    seen: set[tuple[str, str]] = set()
    for headers in heads:
        if headers["Event"].startswith("QueueMember"):
            key = headers["Queue"], headers["Interface"]
            if key not in seen:
                yield {
                    **headers,
                    **dict.fromkeys(("CallsTaken", "LastCall", "LastPause", "InCall", "Paused"), "0"),
                    "Status": "1",
                    "PausedReason": "",
                }
            seen.add(key)


def _period(heads: list[RecordedHeaders], offsets: list[float]) -> float:
    """Return the seconds after which no member and no queue is needed twice; see the module's docstring."""
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for headers, offset in zip(heads, offsets, strict=True):
        needed = headers.get("Interface") or headers.get("Queue")
        if needed:
            first.setdefault(needed, offset)
            last[needed] = offset
    return max(last[needed] - first[needed] for needed in first) + _MARGIN_SECONDS
