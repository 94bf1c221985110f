"""The screen output of the demo: a few lines that are redrawn in place on a terminal.

In a file or pipe, each update is appended instead. On a terminal, log lines would disturb the redrawn lines.
So log lines are collected in `log` and shown above the redrawn lines at the next update.
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
    """The output of the demo: some lines that are replaced at each update.

    A Screen is a context manager: at the end, it shows the cursor again and writes the last log lines.
    """

    def __init__(self, out: TextIO = sys.stdout, errors: TextIO = sys.stderr) -> None:
        self.in_place = out.isatty()
        self.log: TextIO = StringIO() if self.in_place and errors.isatty() else errors
        self._out = out
        self._errors = errors
        self._drawn = 0  # number of lines that are on the screen now

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
        """Show these lines in place of the previous ones. Raises OSError if the output is closed."""
        picture = [*lines, ""]
        if self.in_place:
            # Lines are truncated to the width of the terminal. A wrapped line would occupy two rows, and the
            # cursor would not move up far enough.
            columns = shutil.get_terminal_size().columns
            picture = [line[:columns] for line in picture]
            if self._drawn:
                self._out.write(_UP.format(self._drawn) + _ERASE)
            self._out.write(self._logged())
            self._drawn = len(picture)
        self._out.write("".join(f"{line}\n" for line in picture))
        self._out.flush()

    def _logged(self) -> str:
        """Return the collected log lines, and delete them from `log`."""
        if not isinstance(self.log, StringIO):
            return ""
        logged = self.log.getvalue()
        self.log.seek(0)
        self.log.truncate()
        return logged
