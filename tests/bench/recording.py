"""A recorded AMI stream that can be sent repeatedly, each time with new calls.

`sender.py` sends it. A second pass with the same ids would find the calls of the first pass, so each pass
gets its own ids. All ids and instants of a recording share the leading digits of its epoch seconds
(`pbx-1795304892.17`, `Timestamp: 1795304892.710359`), so counting these digits up changes both. Bridges have
UUIDs, whose first part is replaced. No length changes, so the places to replace are searched only once.

The first pass starts less than a day ago. An instant that differs by more than a day from the PBX's present
time would not be plausible, and the daemon would replace it.
"""

import re
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from cc_bridge.offline.replay import read_stream

__all__ = ["END", "Recording"]

END = b"\r\n\r\n"
_PIECE = 64 * 1024
_STAMP = re.compile(rb"\r\nTimestamp: (\d+\.\d+)")
_UUID = re.compile(rb"\b[0-9a-f]{8}(?=(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)")
_MARK = b"@UUID-1@"
_AGE = 80_000  # seconds from the first pass to the present, at most


class Recording:
    """The events of a recorded file, without the messages of the PBX before the first event."""

    def __init__(self, path: Path) -> None:
        stream = b"".join(read_stream(path))
        start, end = stream.find(b"Event: "), stream.rfind(END) + len(END)
        if start < 0 or end < start or not _STAMP.search(stream):
            raise ValueError(f"{path}: no AMI events with timestamps in CRLF lines")
        stamps = [stamp.split(b".")[0] for stamp in _STAMP.findall(stream)]
        self._epoch = _common_start(min(stamps), max(stamps))
        pass_seconds = 10 ** (len(stamps[0]) - len(self._epoch))
        self._first = int(time.time() - _AGE) // pass_seconds + 1  # the epoch of the first pass
        self._pieces = _cut(_UUID.sub(_MARK, stream[start:end]))
        self.events = sum(events for _, events in self._pieces)
        self.bytes = end - start

    def one_pass(self, number: int) -> Iterator[tuple[bytes, int]]:
        """Yield pieces of whole messages with the ids of pass `number`, each with its number of events."""
        epoch = b"%d" % (self._first + number)
        uuid = b"%08x" % number
        for piece, events in self._pieces:
            yield piece.replace(self._epoch, epoch).replace(_MARK, uuid), events

    def for_ever(self) -> Iterator[tuple[bytes, int]]:
        for number in count():
            yield from self.one_pass(number)

    def one_by_one(self, number: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield each event of a pass in two parts: the bytes before and after the instant of its Timestamp.

        An event without a Timestamp is all in the first part, and the second part is empty.
        """
        for piece, _ in self.one_pass(number):
            for event in piece.split(END)[:-1]:
                stamp = _STAMP.search(event)
                if stamp is None:
                    yield event + END, b""
                else:
                    yield event[: stamp.start(1)], event[stamp.end(1) :] + END


def _common_start(one: bytes, other: bytes) -> bytes:
    length = next((i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), len(one))
    return one[: min(length, len(one) - 1)]


def _cut(stream: bytes) -> list[tuple[bytes, int]]:
    pieces = []
    start = 0
    while start < len(stream):
        end = stream.find(END, min(start + _PIECE, len(stream) - len(END))) + len(END)
        pieces.append((stream[start:end], stream.count(END, start, end)))
        start = end
    return pieces
