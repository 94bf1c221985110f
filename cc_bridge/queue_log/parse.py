"""The parser of Asterisk's queue_log, from its file or from its realtime table.

A line that does not have the format is counted and left out. Lines have no quoting. A `|` in a caller's
telephone number shifts the fields after it. So an integer field after the number is found by its position
from the end of the line. A line feed in a caller's telephone number ends the line. The text after the line
feed counts as another line, which usually does not have the format.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

__all__ = ["LineCounts", "QueueLogLine", "of_row", "read"]

_LONGEST = 64 * 1024  # bytes of a line; Asterisk's own buffer for a line has 8 KiB
_FIXED = 5  # fields of every line: time, call, queue, agent, event; the others depend on the event
_TIME = re.compile(r"[0-9]{9,10}(?:\.[0-9]{1,6})?")  # a longer one exceeds the dates of a database
_EPOCH = re.compile(r"[0-9]{9,10}(?:\.[0-9]+)?")  # a time in a column of numbers, with any fraction
_NUMBER = re.compile(r"-?[0-9]{1,9}")  # negative if the PBX's clock was set back

# Events of Asterisk, FreePBX (DID) and Asterisk 11 (TRANSFER); the last line has events of Wazo's
# dialplan that end a visit.
_EVENTS = frozenset(re.findall("[A-Z]+", """
    ABANDON ADDMEMBER AGENTCALLBACKLOGIN AGENTCALLBACKLOGOFF AGENTDUMP AGENTLOGIN AGENTLOGOFF ATTENDEDTRANSFER
    BLINDTRANSFER COMPLETEAGENT COMPLETECALLER CONFIGRELOAD CONNECT DID ENTERQUEUE EXITEMPTY EXITWITHKEY
    EXITWITHTIMEOUT OUTCALL PAUSE PAUSEALL PENALTY QUEUESTART REMOVEMEMBER RINGCANCELED RINGINUSE RINGNOANSWER
    SYSCOMPAT TRANSFER UNPAUSE UNPAUSEALL WITHDRAW
    FULL JOINEMPTY LEAVEEMPTY
"""))  # fmt: skip


class QueueLogLine(NamedTuple):
    """One line of queue_log. `data` holds the fields after the name of the event."""

    at: float  # UTC seconds since the epoch; whole seconds in a file
    call: str  # Uniqueid of the caller's channel, or a word such as NONE
    queue: str
    agent: str  # the member's name, or NONE
    event: str
    data: Sequence[str]

    def text(self, index: int) -> str:
        """Return the text at an index of `data`, 0 or more; empty if the line has fewer fields."""
        return self.data[index] if index < len(self.data) else ""

    def number(self, index: int) -> int | None:
        """Return the integer at an index of `data` (negative: from the end); None if there is no integer."""
        if not -len(self.data) <= index < len(self.data):
            return None
        text = self.data[index]
        return int(text) if _NUMBER.fullmatch(text) else None


@dataclass(slots=True)
class LineCounts:
    """The counts of the lines that were read from one queue_log, and the times of its first and last line."""

    lines: int = 0
    junk: int = 0  # lines without the format
    undecoded: int = 0  # lines with bytes that are not of the encoding
    unknown: Counter[str] = field(default_factory=Counter)  # lines with an unknown event, by event
    first_at: float | None = None
    last_at: float | None = None

    def saw(self, line: QueueLogLine | None) -> None:
        """Count a line and store its time. None counts as a malformed line."""
        self.lines += 1
        if line is None:
            self.junk += 1
            return
        if line.event not in _EVENTS:
            self.unknown[line.event if line.event.isidentifier() else "?"] += 1
        # The PBX's clock may be put back, so the first line is not always the earliest.
        self.first_at = line.at if self.first_at is None else min(self.first_at, line.at)
        self.last_at = line.at if self.last_at is None else max(self.last_at, line.at)

    def count_bytes(self, text: str) -> None:
        """Count a decoded line if some of its bytes were invalid in the encoding of the file.

        The decoder has replaced each invalid byte by U+FFFD.
        """
        self.undecoded += "\ufffd" in text


def read(chunks: Iterable[bytes], counts: LineCounts, encoding: str = "utf-8") -> Iterator[QueueLogLine]:
    """Yield the valid lines of a queue_log file; `counts` counts all lines and the malformed ones.

    Bytes that are invalid in the encoding become U+FFFD.
    """
    for raw in _split(chunks):
        text = raw.decode(encoding, "replace").removeprefix("\ufeff")
        counts.count_bytes(text)
        line = _line(text)
        counts.saw(line)
        if line is not None:
            yield line


def of_row(row: Sequence[object], zone: tzinfo | None) -> QueueLogLine | None:
    """Return a row of the realtime table as a line; None if the row is malformed.

    The columns are time, callid, queuename, agent, event and the columns of the data. A single data column
    has all fields, with `|` between them. The time is in seconds since the epoch or a local time. `zone` is
    the time zone of local times; None means the time zone of this machine. In the hour that a clock shows
    twice in autumn, a local time counts as the first of the two.
    """
    stamp, call, queue, agent, event, *data = ("" if value is None else str(value).strip() for value in row)
    if len(data) == 1:
        data = data[0].split("|")
    try:
        local = (
            datetime.fromtimestamp(float(stamp), UTC)
            if _EPOCH.fullmatch(stamp)
            else datetime.fromisoformat(stamp)
        )
        at = (local if zone is None or local.tzinfo else local.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    while data and not data[-1]:  # the event does not use these columns
        data.pop()
    return QueueLogLine(at, call, queue, agent, event, data) if call and queue and event else None


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file without their line feeds.

    A last line without a line feed is yielded as an empty line, because it may still be in the process of
    being written. A line that is too long is also yielded as an empty line. Empty lines are malformed.
    """
    rest, is_too_long = b"", False
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        if is_too_long and whole:
            whole[0], is_too_long = b"", False
        for line in whole:
            yield line if len(line) <= _LONGEST else b""
        if is_too_long or len(rest) > _LONGEST:
            rest, is_too_long = b"", True
    if rest or is_too_long:
        yield b""  # a line without its line feed is still being written, so its last number may be incomplete


def _line(text: str) -> QueueLogLine | None:
    """Return the parsed form of a line of a file; None if the line is malformed."""
    at, *fields = text.rstrip("\r").split("|")
    if len(fields) < _FIXED - 1 or not _TIME.fullmatch(at):
        return None
    call, queue, agent, event = fields[: _FIXED - 1]
    return (
        QueueLogLine(float(at), call, queue, agent, event, fields[_FIXED - 1 :])
        if call and queue and event
        else None
    )
