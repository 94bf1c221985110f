"""AGI's wire format: command lines, and the end and the meaning of replies. Without I/O.

The method `get_result` of pyst2 parses the replies. It has limits:

- For a reply with code 520 (wrong use of a command), `get_result` waits for a last line for ever. So this
  module appends that line.
- `get_result` reads one line only. So line breaks in a value are replaced by a surrogate, which decoded UTF-8
  never contains.
- The time of `get_result` grows with the square of a word's length (0.5 s for 8 KB), hence MAX_LINE.
- `get_result` does not know code 511 (the channel has ended, a hang-up).
- For a hang-up while recording, `get_result` raises an error without the recorded length. Here the
  error has the reply.
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

MAX_COMMAND = 2047  # bytes with the line feed: Asterisk's buffer up to 20.0; newer versions read 8191
MAX_LINE = 2048  # bytes; the longest ordinary reply contains a value of 1023 bytes
MAX_REPLY = 65536  # bytes of a reply with several lines: a value, or the usage of a command

_END_POSITION = re.compile(r"endpos=(\d{1,12})\s*$")
_LINE_BREAK = "\udc0a"


class BadReply(AGIUnknownError):  # type: ignore[misc]  # pyst2 is untyped
    """The peer sent something that is not an AGI reply. The connection cannot be used any more."""


@dataclass(frozen=True, slots=True)
class AgiReply:
    """A `200` reply to a command.

    result: the text after `result=`
    data: the text in parentheses after the result
    """

    result: str
    data: str
    timed_out: bool  # GET DATA ended without the key that ends the input
    end_position: int = 0  # samples played until a prompt stopped, or recorded


class _Grammar(AGI):  # type: ignore[misc]  # pyst2 is untyped
    """A parser of one AGI reply: pyst2's class `AGI` without its constructor.

    That constructor reads stdin and replaces the SIGHUP handler.
    """

    def __init__(self, text: str) -> None:
        self.stdin = StringIO(text)
        self.stderr = StringIO()


def command_line(command: str, *arguments: str | int) -> bytes:
    r"""Return the line of a command, with each argument quoted.

    Raises ValueError for a line longer than MAX_COMMAND bytes. Also raises ValueError for a text with a line
    break or NUL, because AGI cannot escape them: Asterisk's parser knows only the escapes `\\` and `\"`.
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
            f"the AGI command {command!r} has {len(encoded)} bytes, but Asterisk reads at most {MAX_COMMAND}"
        )
    return encoded


def take_reply(buffer: bytearray, value_end: bytes = b"") -> bytes | None:
    """Remove the first complete reply from the buffer and return it; None if it has not arrived completely.

    `value_end` marks the end of a value that may contain line breaks and parentheses. Raises BadReply if the
    reply is longer than MAX_LINE bytes, or than MAX_REPLY bytes for a reply that may have several lines.
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
    """Return the content of a complete reply.

    Raises BadReply for a text that is not a reply, and these errors of pyst2:

    - AGIHangup: the channel has ended (code 511)
    - AGIResultHangup: the caller hung up during a recording; the text of the error is the reply
    - AGIInvalidCommand: code 510
    - AGIUsageError: code 520
    - AGIAppError: `result=-1`, which means a hang-up or a failure
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
    """Return the position at which a prompt or a recording ended, in samples; 0 if the reply has none."""
    found = _END_POSITION.search(reply)
    return int(found[1]) if found else 0
