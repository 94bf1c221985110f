"""The lines of cc_bridge in a configuration file that also has lines of others. Pure.

A comment is in front of the lines and one after them, so that a later run replaces or removes no other line.
"""

import re
from collections.abc import Sequence

__all__ = ["includes", "with_block", "without_block"]

_START = "; cc-bridge setup: the lines up to the next such comment are written by this command"
_END = "; cc-bridge setup: end"
_BLOCK = re.compile(rf"\n?^{re.escape(_START)}$.*?^{re.escape(_END)}$\n?", re.MULTILINE | re.DOTALL)


def with_block(text: str, lines: Sequence[str]) -> str:
    """Return the text of a file with `lines` as its only block of cc_bridge, at the end."""
    rest = without_block(text)
    separator = "\n" if not rest or rest.endswith("\n") else "\n\n"
    return "\n".join([f"{rest}{separator}{_START}", *lines, _END, ""]).removeprefix("" if rest else "\n")


def without_block(text: str) -> str:
    """Return the text of a file without the block of cc_bridge."""
    return _BLOCK.sub("", text)


def includes(text: str, file: str) -> bool:
    """Return whether a configuration file of Asterisk includes `file`, outside of the block of cc_bridge.

    A pattern such as `manager.d/*.conf` counts, if `file` is that same pattern.
    """
    found = re.findall(r'^[ \t]*#(?:try)?include[ \t]+["<]?([^">;\n]+)', without_block(text), re.MULTILINE)
    return any(each.strip().removeprefix("/etc/asterisk/") == file for each in found)
