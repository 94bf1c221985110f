"""Lines of Asterisk's queue_log, from its file or from its realtime table, as values.

`visits.py` puts them together. A line that does not fit is counted and left out.

The trap: nothing in a line is quoted. A `|` in a caller's number shifts what follows it, so numbers are
looked for where a shift cannot reach; a line feed in one ends the line, and the rest poses as a line.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import NamedTuple

__all__ = ["LineCounts", "QueueLogLine", "of_row", "read"]

_LONGEST = 64 * 1024  # bytes; Asterisk's own buffer for a line is 8 KiB
_FIXED = 5  # time, call, queue, agent, event; the rest depends on the event
_TIME = re.compile(r"[0-9]{9,10}(?:\.[0-9]{1,6})?")  # a longer one would not fit into a database's dates
_NUMBER = re.compile(r"-?[0-9]{1,9}")  # negative when the PBX's clock was set back


class QueueLogLine(NamedTuple):
    """One line; `data` is what follows the event."""

    at: float  # UTC epoch seconds, whole ones in a file
    call: str  # Uniqueid of the caller's channel, or NONE and the like
    queue: str
    agent: str  # the member's name, or NONE
    event: str
    data: Sequence[str]

    def number(self, index: int) -> int | None:
        """Return a number of `data`, from its end when `index` is negative; None if there is none."""
        if not -len(self.data) <= index < len(self.data):
            return None
        text = self.data[index]
        return int(text) if _NUMBER.fullmatch(text) else None


@dataclass(slots=True)
class LineCounts:
    """How a log was read."""

    lines: int = 0
    junk: int = 0  # lines that did not fit
    first_at: float | None = None
    last_at: float | None = None

    def saw(self, line: QueueLogLine | None) -> None:
        self.lines += 1
        if line is None:
            self.junk += 1
            return
        if self.first_at is None:
            self.first_at = line.at
        self.last_at = line.at


def read(chunks: Iterable[bytes], counts: LineCounts) -> Iterator[QueueLogLine]:
    """Yield the lines of a file."""
    for raw in _split(chunks):
        line = _line(raw)
        counts.saw(line)
        if line is not None:
            yield line


def of_row(row: Sequence[object], zone: tzinfo | None) -> QueueLogLine | None:
    """Return a row of the table: time, callid, queuename, agent, event, data1 to data5.

    Asterisk writes local time, of `zone` or else of this machine; an hour that the clock of a zone
    shows twice is taken for its first showing.
    """
    stamp, call, queue, agent, event, *data = ("" if value is None else str(value) for value in row)
    try:
        local = datetime.fromisoformat(stamp)
        at = (local if zone is None or local.tzinfo else local.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    while data and not data[-1]:  # columns that the event did not need
        data.pop()
    return QueueLogLine(at, call, queue, agent, event, data) if call and queue and event else None


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends; one that never ends is given out in pieces, which do not fit."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > _LONGEST:
            yield b""
            rest = b""
    if rest:
        yield b""  # without its line feed it is still being written: the last number may be cut


def _line(raw: bytes) -> QueueLogLine | None:
    at, *fields = raw.decode("utf-8", "replace").rstrip("\r").split("|")
    if len(fields) < _FIXED - 1 or not _TIME.fullmatch(at):
        return None
    call, queue, agent, event = fields[: _FIXED - 1]
    return (
        QueueLogLine(float(at), call, queue, agent, event, fields[_FIXED - 1 :])
        if call and queue and event
        else None
    )
