"""Shows a few lines that change: in place on a terminal, one below the other elsewhere.

Anything else that writes to the terminal would tear the picture, so log lines go to `log` and appear above
the picture with the next drawing.
"""

import shutil
import sys
from collections.abc import Sequence
from io import StringIO
from types import TracebackType
from typing import Self, TextIO

__all__ = ["Screen"]

# ECMA-48: hide and show the cursor, go up, erase from here to the end.
_HIDE, _SHOW, _UP, _ERASE = "\x1b[?25l", "\x1b[?25h", "\x1b[{}F", "\x1b[J"


class Screen:
    """A context manager: at its end the cursor comes back and the last log lines are written."""

    def __init__(self, out: TextIO = sys.stdout, errors: TextIO = sys.stderr) -> None:
        self.in_place = out.isatty()
        self.log: TextIO = StringIO() if self.in_place and errors.isatty() else errors
        self._out = out
        self._errors = errors
        self._drawn = 0  # lines of the picture that stands there

    def __enter__(self) -> Self:
        if self.in_place:
            self._out.write(_HIDE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.in_place:
            self._out.write(_SHOW)
            self._out.flush()
        self._errors.write(self._logged())

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines instead of the ones before. Raises OSError when nobody reads any more."""
        picture = [*lines, ""]
        if self.in_place:
            # A line that wraps would count as two on the way up.
            columns = shutil.get_terminal_size().columns
            picture = [line[:columns] for line in picture]
            if self._drawn:
                self._out.write(_UP.format(self._drawn) + _ERASE)
            self._out.write(self._logged())
            self._drawn = len(picture)
        self._out.write("".join(f"{line}\n" for line in picture))
        self._out.flush()

    def _logged(self) -> str:
        """Take the log lines that are not shown yet."""
        if not isinstance(self.log, StringIO):
            return ""
        logged = self.log.getvalue()
        self.log.seek(0)
        self.log.truncate()
        return logged
