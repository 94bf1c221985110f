"""The event filters of a manager user, as Asterisk applies them to one event.

Asterisk's patterns are POSIX extended expressions, in which a dot also matches a line break. A pattern with a
leading `!` excludes events; an event must match one of the others.
"""

import re
from pathlib import Path

from support.paths import ROOT

__all__ = ["SHIPPED", "EventFilter"]


class EventFilter:
    """The `eventfilter` lines of a file of manager.d."""

    def __init__(self, path: Path) -> None:
        self.lines = re.findall(r"^eventfilter = (.+)$", path.read_text(), re.MULTILINE)
        self._including = [_pattern(line) for line in self.lines if not line.startswith("!")]
        self._excluding = [_pattern(line[1:]) for line in self.lines if line.startswith("!")]

    def passes(self, event: str) -> bool:
        """Return whether Asterisk sends an event, given its text from the line `Event:` on."""
        excluded = any(each.search(event) for each in self._excluding)
        return not excluded and any(each.search(event) for each in self._including)


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(line.replace("[[:space:]]", r"\s"), re.DOTALL)


SHIPPED = EventFilter(ROOT / "config" / "asterisk" / "manager.d" / "cc_bridge.conf")
