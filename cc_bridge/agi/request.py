"""What Asterisk says about a call when it connects: `agi_name: value` lines, then an empty one. Pure.

`agi/server.py` feeds it. The trap: values are raw, and some come from the caller. A line break inside a
name or number can end the head early or bring lines of its own; so a line that is no header and a header
that comes twice spoil the whole head, and what follows a forged end is refused by the channel as a reply
that nobody waits for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

__all__ = ["AgiEnvironmentReader", "BadAgiEnvironment", "Request"]


class BadAgiEnvironment(Exception):
    """The peer is not Asterisk, or a caller's value broke the head."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call that came in. Every value is text as Asterisk sent it, empty when it sent none."""

    script: str  # path of the agi:// address, without slashes around it and without a query
    uniqueid: str
    channel: str
    language: str
    caller_id: str = field(repr=False)  # personal: not to be logged
    extension: str
    context: str
    args: tuple[str, ...]
    raw: Mapping[str, str] = field(repr=False)


class AgiEnvironmentReader:
    """Bytes in, one Request out."""

    def __init__(self, max_lines: int, max_bytes: int) -> None:
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> tuple[Request, bytes] | None:
        """Return the request and the bytes behind it once the empty line is there.

        Raises BadAgiEnvironment; the reader is of no more use after it.
        """
        self._buffer += data
        head, end, rest = bytes(self._buffer).replace(b"\r\n", b"\n").partition(b"\n\n")
        if len(head) > self._max_bytes or head.count(b"\n") >= self._max_lines:
            raise BadAgiEnvironment(f"more than {self._max_lines} lines or {self._max_bytes} bytes")
        if not end:
            return None
        return _request(head), rest


def _request(head: bytes) -> Request:
    raw: dict[str, str] = {}
    for line in head.split(b"\n"):
        first, colon, value = line.partition(b":")
        name = _name(first)
        if not colon or not name.startswith("agi_"):
            raise BadAgiEnvironment("a line that is no agi_ header")
        if name in raw:
            raise BadAgiEnvironment(f"{name[:40]!r} comes twice")
        raw[name] = value.decode("utf-8", "replace").strip()
    for needed in ("agi_network_script", "agi_uniqueid"):
        if not raw.get(needed):
            raise BadAgiEnvironment(f"no {needed}")
    args: list[str] = []
    while (argument := raw.get(f"agi_arg_{len(args) + 1}")) is not None:
        args.append(argument)
    return Request(
        script=raw["agi_network_script"].partition("?")[0].strip("/"),
        uniqueid=raw["agi_uniqueid"],
        channel=raw.get("agi_channel", ""),
        language=raw.get("agi_language", ""),
        caller_id=raw.get("agi_callerid", ""),
        extension=raw.get("agi_extension", ""),
        context=raw.get("agi_context", ""),
        args=tuple(args),
        raw=raw,
    )


@lru_cache(maxsize=64)  # every head has the same names: 1.3 of its 3 KB, for as long as the call lasts
def _name(first: bytes) -> str:
    return first.decode("utf-8", "replace")
