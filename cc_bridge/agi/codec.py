"""AGI's wire format: a command's line, where a reply ends, and what it means. Pure bytes in and out.

`agi/channel.py` uses it. What a reply means is decided by pyst2's `AGI.get_result`; the guards here keep
away what that function cannot take:

- end-of-file inside a 520 block, or a 520 without usage lines, makes it read for ever: we give it whole
  replies only, always followed by a closing line;
- it reads one line, so a line break inside a variable's value travels as a lone surrogate, which
  no decoded UTF-8 can hold;
- its pattern needs quadratic time on a long word (0.5 s for 8 KB), hence `MAX_LINE`;
- 511 (the channel is dead) is an unknown code to it; to us it is a hang-up;
- a hang-up that ends a recording is an error to it; how much was recorded until then is in that reply only.
"""

import re
from dataclasses import dataclass
from io import StringIO

from asterisk.agi import AGI, AGIHangup, AGIResultHangup, AGIUnknownError

__all__ = [
    "MAX_COMMAND",
    "MAX_LINE",
    "MAX_REPLY",
    "AgiReply",
    "BadReply",
    "command_line",
    "end_position",
    "read_reply",
    "take_reply",
]

MAX_COMMAND = 2047  # bytes with the LF: Asterisk's buffer up to 20.0; newer ones take 8191
MAX_LINE = 2048  # bytes; the longest ordinary reply carries a value of 1023
MAX_REPLY = 65536  # bytes of a reply with many lines: a value or the usage of a command

_END_POSITION = re.compile(r"endpos=(\d{1,12})\s*$")
_LINE_BREAK = "\udc0a"


class BadReply(AGIUnknownError):  # type: ignore[misc]  # pyst2 is untyped
    """Asterisk, or whoever connected, sent what is no reply; the connection is of no more use."""


@dataclass(frozen=True, slots=True)
class AgiReply:
    """A `200` reply: `result=` as text, and what stood in parentheses behind it."""

    result: str
    data: str
    timed_out: bool  # GET DATA without the key that ends it
    end_position: int = 0  # in samples: where a prompt was stopped, how much was recorded


class _Grammar(AGI):  # type: ignore[misc]  # pyst2 is untyped
    """pyst2's reply grammar without its `__init__`, which reads stdin and takes over SIGHUP."""

    def __init__(self, text: str) -> None:
        self.stdin = StringIO(text)
        self.stderr = StringIO()


def command_line(command: str, *arguments: str | int) -> bytes:
    r"""Return the line for a command, each argument quoted.

    Raises ValueError for what Asterisk could not read back: its parser knows `\` and `"` only, so a line
    break or NUL cannot be escaped.
    """
    words = [command]
    for argument in arguments:
        escaped = str(argument).replace("\\", "\\\\").replace('"', '\\"')
        words.append(f'"{escaped}"')
    line = " ".join(words)
    if any(character in line for character in "\r\n\0"):
        raise ValueError(f"a line break or NUL in the AGI command {command!r}")
    encoded = line.encode() + b"\n"
    if len(encoded) > MAX_COMMAND:
        raise ValueError(
            f"the AGI command {command!r} has {len(encoded)} bytes, Asterisk reads {MAX_COMMAND}"
        )
    return encoded


def take_reply(buffer: bytearray, value_end: bytes = b"") -> bytes | None:
    """Cut the first whole reply off the buffer; None if it has not all arrived.

    `value_end` closes a value that may itself hold line breaks and parentheses. Raises BadReply for a reply
    without an end in sight.
    """
    limit = MAX_REPLY
    if buffer.startswith(b"520-"):
        last_line = buffer.find(b"\n520 ")
        end = buffer.find(b"\n", last_line + 1) if last_line >= 0 else -1
    elif value_end and buffer.startswith(b"200 result=1 ("):
        closing = value_end + b")\n"
        found = buffer.find(closing)
        end = found + len(closing) - 1 if found >= 0 else -1
    else:
        limit = MAX_LINE
        end = buffer.find(b"\n")
    if max(end, len(buffer) if end < 0 else 0) > limit:
        raise BadReply(f"a reply of more than {limit} bytes")
    if end < 0:
        return None
    reply = bytes(buffer[:end])
    del buffer[: end + 1]
    return reply


def read_reply(reply: bytes) -> AgiReply:
    """Tell what a whole reply means.

    Raises pyst2's errors: AGIHangup for a dead channel, AGIResultHangup with the reply for one that was
    being recorded, AGIAppError for `result=-1` (a hang-up or a failure: the reply does not tell which),
    AGIInvalidCommand (510), AGIUsageError (520); BadReply for all else.
    """
    text = reply.decode("utf-8", "replace")
    code = text[:4].rstrip()
    if code == "511":
        raise AGIHangup(text)
    if text.startswith("200 result="):
        text = text.replace("\n", _LINE_BREAK)
    elif code not in {"510", "520", "520-"}:
        raise BadReply(f"not an AGI reply: {text[:80]!r}")
    try:
        fields = _Grammar(f"{text}\n520 \n").get_result()
    except AGIResultHangup as error:
        raise AGIResultHangup(text) from error
    result, data = fields["result"]
    timed_out = text.rstrip().endswith("(timeout)")
    return AgiReply(result, data.replace(_LINE_BREAK, "\n"), timed_out, end_position(text))


def end_position(reply: str) -> int:
    """Return where a reply says that a prompt or a recording ended, in samples; 0 if it does not."""
    found = _END_POSITION.search(reply)
    return int(found[1]) if found else 0
