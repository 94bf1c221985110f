"""Reading of files for the offline tools: decompression, and correction of line ends in AMI recordings.

The compression is recognised by the first bytes of a file, because rotated logs have names of all kinds.
"""

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

from cc_bridge.errors import UnreadableFile

__all__ = ["ami_line_ends", "uncompressed"]

_CHUNK = 64 * 1024  # bytes
_MAGIC_BYTES = 6  # the longest of the signatures
_OPENERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_OTHERS = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x9d": "compress",
}


def uncompressed(path: Path, progress: Callable[[int], None] = lambda _: None) -> Iterator[bytes]:
    """Yield a file's bytes, uncompressed if it is compressed by gzip, bzip2 or xz.

    `progress` is called after each read with the number of bytes of the file that were read. Raises
    UnreadableFile for other compressions.
    """
    with path.open("rb") as raw:
        magic = raw.read(_MAGIC_BYTES)
        raw.seek(0)
        for signature, name in _OTHERS.items():
            if magic.startswith(signature):
                raise UnreadableFile(f"{path}: decompress the file first; {name} cannot be read")
        opener = next((each for signature, each in _OPENERS.items() if magic.startswith(signature)), None)
        with opener(raw) if opener else raw as stream:
            before = 0
            while chunk := stream.read(_CHUNK):
                yield chunk
                progress(raw.tell() - before)
                before = raw.tell()


def ami_line_ends(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield an AMI stream with CR LF at the end of each line, even if an editor has changed the line ends.

    An editor may have written LF or CR CR LF. The first line end shows which of them the stream has. A stream
    with CR LF stays as it is, single LFs included, since Asterisk itself writes a few of them.
    """
    start = b""
    stream = iter(chunks)
    for chunk in stream:
        start += chunk
        if b"\n" in start:
            break
    line_end = start[: start.find(b"\n") + 1]
    if line_end.endswith(b"\r\r\n"):
        doubled = True
    elif line_end.endswith(b"\r\n") or not line_end:
        yield start
        yield from stream
        return
    else:
        doubled = False
    held = b""  # CRs at the end of a chunk, which may belong to a line end
    for chunk in chain([start], stream):
        text = held + chunk
        whole = text.rstrip(b"\r")
        held = text[len(whole) :]
        if doubled:
            yield whole.replace(b"\r\r\n", b"\r\n")
        else:
            yield whole.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if held:
        yield held
