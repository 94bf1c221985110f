"""The lines of the administrator's dialplan that send calls to contexts of cc_bridge. Pure.

Without these contexts, Asterisk hangs up each call that reaches such a line.
"""

import re
from collections.abc import Iterator

from cc_bridge.setup.block import without_block

__all__ = ["references"]

_CONTEXT = re.compile(r"\bcc-bridge-[a-z]")


def references(text: str) -> Iterator[str]:
    """Yield each line of a dialplan file's text that names a context of cc_bridge.

    Comments are ignored, and so are the lines that `cc-bridge setup` added to the file.
    """
    for line in without_block(text).splitlines():
        code = line.partition(";")[0]
        if _CONTEXT.search(code):
            yield code.strip()
