"""The names of the queues in Asterisk's configuration. Pure.

Files that queues.conf includes are not read, and queues in a database are not found.
"""

import re

from cc_bridge.setup.pbx_kind import PbxKind
from cc_bridge.setup.plan import ReadFile, text_of

__all__ = ["queue_names"]

_FILES = {
    PbxKind.ASTERISK: "/etc/asterisk/queues.conf",
    PbxKind.FREEPBX: "/etc/asterisk/queues_additional.conf",
}
_NO_QUEUES = {"general", "default"}  # `default` is an empty queue in the file that FreePBX writes
_SECTION = re.compile(r"^\[([^\]\n]+)\](\([^)\n]*\))?", re.MULTILINE)


def queue_names(kind: PbxKind, read: ReadFile) -> list[str]:
    """Return the names of the queues, in the order of the file; templates are left out."""
    found = _SECTION.findall(text_of(read(_FILES[kind])))
    names = [name for name, options in found if name not in _NO_QUEUES and "!" not in options]
    return list(dict.fromkeys(names))
