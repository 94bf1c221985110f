"""Readers of small text files and of TOML: any content gives a result or an error text of one line. Pure.

A path can lead to a device that never ends, and a file can have any size. So the number of bytes is limited.
Python's TOML parser raises RecursionError for lists that are nested too deeply. For a number of more than
4300 digits it raises a ValueError that is no TOMLDecodeError.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cc_bridge.errors import UnreadableFile

__all__ = ["MAX_BYTES", "parse_toml", "read_bytes", "read_text"]

MAX_BYTES = 1024**2
_BYTE_ORDER_MARK = "\ufeff"
_DEEPEST = 20  # tables and lists around a value
_MOST_BITS = 64  # of a number
# The parser needs time that grows with the square of the number of parts of a key.
_LONG_KEY = re.compile(r"(?<![\w\"'-])(?:[\w\"'-]++[ \t]*+\.[ \t]*+){40}")


def read_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the content of a file.

    Raises UnreadableFile if the file cannot be read or has more than `max_bytes`. The error's text has the
    reason, but not the path.
    """
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise UnreadableFile("cannot be read: no such file") from error
    except OSError as error:
        raise UnreadableFile(f"cannot be read: {error.strerror}") from error
    if len(content) > max_bytes:
        raise UnreadableFile(f"cannot be read: larger than {max_bytes // 1024} KiB")
    return content


def read_text(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """Return the text of a file in UTF-8.

    Raises UnreadableFile if the file cannot be read, has more than `max_bytes`, or is not in UTF-8. The
    error's text has the reason, but not the path.
    """
    try:
        return read_bytes(path, max_bytes).decode()
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"cannot be read: {error}: save it as UTF-8") from error


def parse_toml(text: str) -> dict[str, Any]:
    """Return the content of a TOML text, which may start with the byte-order mark of some editors.

    Raises ValueError with one line, which names the place in the text if it is known.
    """
    text = text.removeprefix(_BYTE_ORDER_MARK)
    if long_key := _LONG_KEY.search(text):
        line = text.count("\n", 0, long_key.start()) + 1
        raise ValueError(f"a key has too many parts (at line {line}, column 1)")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # of `int`
        raise ValueError("a number has too many digits") from None
    except RecursionError:
        raise ValueError("tables or lists are nested too deeply") from None
    for value, depth in _values(content):
        if depth > _DEEPEST:
            raise ValueError("tables or lists are nested too deeply")
        # `int` limits decimal digits only. Python cannot print a hexadecimal number with as many digits.
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise ValueError("a number has too many digits")
    return content


def _values(content: object) -> Iterator[tuple[object, int]]:
    """Yield each value in a table with the number of tables and lists around it; `content` is the first."""
    todo: list[tuple[object, int]] = [(content, 0)]
    while todo:
        value, depth = todo.pop()
        yield value, depth
        if isinstance(value, dict | list):
            todo += [(each, depth + 1) for each in (value.values() if isinstance(value, dict) else value)]
