"""The lines that `cc-bridge setup` adds to a configuration file with lines of other authors. Pure.

These lines are called the block of cc_bridge. They are written between two comments. So a later setup finds
them and replaces or removes no other line.
"""

import re
from collections.abc import Sequence

__all__ = ["includes", "with_block", "without_block"]

_START = "; cc-bridge setup: the lines up to the next such comment are written by this command"
_END = "; cc-bridge setup: end"
_BLOCK = re.compile(rf"\n?^{re.escape(_START)}$.*?^{re.escape(_END)}$\n?", re.MULTILINE | re.DOTALL)


def with_block(text: str, lines: Sequence[str]) -> str:
    """Return the text of a file with `lines` between cc_bridge's two comments at the end.

    If the text already has lines between these comments, they are removed first.
    """
    rest = without_block(text)
    separator = "\n" if not rest or rest.endswith("\n") else "\n\n"
    return "\n".join([f"{rest}{separator}{_START}", *lines, _END, ""]).removeprefix("" if rest else "\n")


def without_block(text: str) -> str:
    """Return the text of a file without cc_bridge's two comments and the lines between them."""
    return _BLOCK.sub("", text)


def includes(text: str, file: str) -> bool:
    """Return whether the text of an Asterisk configuration file has an #include of `file`.

    An #include that `cc-bridge setup` itself added does not count. `file` can be a pattern such as
    `manager.d/*.conf`. It must then be written in the same way in the #include.
    """
    found = re.findall(r'^[ \t]*#(?:try)?include[ \t]+["<]?([^">;\n]+)', without_block(text), re.MULTILINE)
    return any(each.strip().removeprefix("/etc/asterisk/") == file for each in found)
