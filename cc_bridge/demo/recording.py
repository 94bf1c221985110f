"""A recording of two minutes of a contact centre, repeated as an endless stream of AMI events. Pure.

One repetition is a take. Each take has new ids and times, replaced consistently in all headers. A daemon
therefore sees new calls in each take.

A take starts `period` seconds after the previous one. The period is long enough that no queue member is in
calls of two takes at the same time, and that each queue is empty before the next take uses it. At the end of
a take, some callers are still in a survey, but they no longer occupy a queue or a member. So the next take
starts before the previous one has ended.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

__all__ = ["AmiRecording", "RecordedHeaders", "TimedEvent"]

RecordedHeaders = Mapping[str, str]

_ENDS = "\r\n\r\n"
# The channel numbers of each take start this much higher than those of the previous take. A take has about
# 440 channels.
_CHANNELS = 0x1000
# Seconds between the last event of a member and its first event in the next take.
_MARGIN_SECONDS = 0.5

_VARYING = re.compile(
    r"(?P<stamp>(?<=\nTimestamp: )\d+\.\d+)"
    r"|(?P<since>(?:(?<=\nLastCall: )|(?<=\nLastPause: )|(?<=\nLoginTime: ))[1-9]\d*)"
    r"|(?P<born>\b\d{10})\.(?P<number>\d+)\b"  # a Uniqueid, after the system name
    r"|(?P<bridge>\b[0-9a-f]{8})(?=-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)"
    r"|(?<=-)(?P<channel>[0-9a-f]{8})(?![0-9a-f])"  # the end of a channel's name
)


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An AMI event with the time at which it is due."""

    at: float  # UTC seconds since the epoch
    text: str  # the event as Asterisk sends it
    headers: RecordedHeaders


class AmiRecording:
    """A recorded stream of AMI events with Timestamp headers, in order of time.

    `period` is the time in seconds from the start of one take to the start of the next.
    """

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
        """Yield the events of one repetition of the recording, called a take.

        `number` is the number of the take, from 0. `started_at` is the time of its start in UTC seconds.
        """
        return (
            self._event(text, offset, number, started_at)
            for text, offset in zip(self.texts, self._offsets, strict=True)
        )

    def endless(self, started_at: float) -> Iterator[TimedEvent]:
        """Yield the events of endless repetitions (takes) of the recording, in order of time.

        The first take starts at `started_at` (UTC seconds), each further one `period` seconds later.
        """
        # An event that is later than one period overlaps with the events of a later take.
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
    """Return the headers of an AMI event as a mapping of name to value."""
    return dict(line.split(": ", 1) for line in text.removesuffix(_ENDS).split("\r\n"))


def _renewed(text: str, take: int, later: float) -> str:
    """Return the text of an event for the repetition number `take`, with new ids and later times.

    `later` is the number of seconds that is added to each time.
    """

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
            case "bridge":  # the unchanged part of the id distinguishes the bridges within a take
                return f"{(int(value, 16) + take) % 2**32:08x}"
            case _:
                return f"{int(value, 16) + take * _CHANNELS:08x}"

    return _VARYING.sub(renew, text)


def _queue(headers: RecordedHeaders) -> str:
    """Return the name of the queue to which an event belongs; empty if it belongs to none.

    Usually the header Queue has the name. The events of a queue that rejects every caller lack this header.
    For them, the name is read from AppData, the arguments of the dialplan application Queue().
    """
    return headers.get("Queue") or headers.get("AppData", "").partition(",")[0]


def _members(heads: list[RecordedHeaders]) -> Iterator[RecordedHeaders]:
    """Yield each queue member as the headers of an AMI event, in its state before its first call.

    In this state the member is available and has taken no calls. `heads` has the headers of each recorded
    event.
    """
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
    """Return the shortest possible time in seconds from the start of one repetition to the start of the next.

    It is long enough that the next repetition uses a queue or queue member only after the previous repetition
    has used it for the last time. `heads` has the headers of each event. `offsets` has the time of each
    event, in seconds after the start of the recording.
    """
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for headers, offset in zip(heads, offsets, strict=True):
        needed = headers.get("Interface") or headers.get("Queue")
        if needed:
            first.setdefault(needed, offset)
            last[needed] = offset
    return max(last[needed] - first[needed] for needed in first) + _MARGIN_SECONDS
