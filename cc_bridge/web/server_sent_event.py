"""One server-sent event as bytes, plain and compressed.

The compressed form is a part of a gzip stream, made without regard to the parts before it. So an event is
compressed once, and all peers get the same bytes, whenever they connected.
"""

import json
import zlib
from collections.abc import Mapping
from functools import cached_property

__all__ = ["GZIP_HEAD", "ServerSentEvent", "compressed", "json_text"]

# The header of a gzip stream (RFC 1952): deflate, no name, no time, unknown system. Such a stream never ends,
# so it has no checksum.
GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_RAW_DEFLATE = -15


class ServerSentEvent:
    """An event of a stream: its name, its data, and its number in the stream if it has one."""

    def __init__(self, name: str, data: Mapping[str, object], number: int | None = None) -> None:
        head = b"" if number is None else b"id: %d\n" % number
        self.plain = head + b"event: %s\ndata: %s\n\n" % (name.encode(), json_text(data))

    @cached_property
    def compressed(self) -> bytes:
        """The event as a part of a gzip stream."""
        return compressed(self.plain)


def compressed(data: bytes) -> bytes:
    """Return data as a part of a gzip stream, which is `GZIP_HEAD` and then any number of such parts."""
    packer = zlib.compressobj(wbits=_RAW_DEFLATE)
    return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)


def json_text(value: Mapping[str, object]) -> bytes:
    """Return a JSON object as text in UTF-8, without line ends."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
