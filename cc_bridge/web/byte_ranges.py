"""The range of bytes that a request asks for with the header Range. Pure.

A player of a browser asks for parts of a sound file, so that a person can skip to a later part.
"""

import re

__all__ = ["UnsatisfiableRange", "byte_range"]

_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})", re.ASCII)


class UnsatisfiableRange(ValueError):
    """Error: the range starts after the last byte of the file."""


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the first and the last byte that a Range header asks for, of a file of `size` bytes.

    None means the whole file: the header is empty, is malformed, or asks for several ranges. Raises
    UnsatisfiableRange for a range without a byte of the file.
    """
    found = _RANGE.fullmatch(header.replace(" ", ""))
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:  # the last bytes of the file
        start, end = max(0, size - int(last)), size - 1
        if not int(last):
            raise UnsatisfiableRange
    else:
        start, end = int(first), min(int(last or size - 1), size - 1)
        if last and int(last) < start:
            return None
    if start >= size:
        raise UnsatisfiableRange
    return start, end
