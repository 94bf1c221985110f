"""The lines of the administrator's dialplan that send calls to contexts of cc_bridge. Pure.

Without these contexts, Asterisk hangs up each call that reaches such a line.
"""

import re
from collections.abc import Iterator

from cc_bridge.setup.block import without_block

__all__ = ["references"]

_CONTEXT = re.compile(r"\bcc-bridge-[a-z]")
# By the end of a file's name: a pattern that matches strings (as group 1) and comments. A comment sign in a
# string starts no comment.
_STRING = r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
_COMMENTS = {
    ".conf": re.compile(r"(\\;)|;--(?!-)(?s:.*?)--;|;.*"),
    ".ael": re.compile(_STRING + r"|//.*|/\*(?s:.*?)\*/"),
    ".lua": re.compile(_STRING + r"|--\[(=*)\[(?s:.*?)\]\2\]|--.*"),
}


def references(text: str, ending: str = ".conf") -> Iterator[str]:
    """Yield each line of a dialplan file's text that names a context of cc_bridge.

    Comments are ignored, and so are the lines that `cc-bridge setup` added to the file. `ending` is the end
    of the file's name: .conf, .ael or .lua. It decides how comments are written.
    """
    code = _COMMENTS[ending].sub(_kept, without_block(text))
    for line in code.splitlines():
        if _CONTEXT.search(line):
            yield line.strip()


def _kept(found: re.Match[str]) -> str:
    """Return what stays of a string or a comment: the string, or the line ends in the comment."""
    return found[0] if found[1] else "\n" * found[0].count("\n")
