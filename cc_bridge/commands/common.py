"""Shared parts of the commands: the configuration option, dates, and errors without a traceback."""

import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cc_bridge.errors import UnreadableFile
from cc_bridge.safe_text.printable import printable, printable_lines

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from cc_bridge.config import Config

__all__ = [
    "DATE",
    "FILE",
    "LOCAL_TIME",
    "config_file",
    "config_option",
    "load_config",
    "progress",
    "reading",
    "say",
    "say_lines",
]

_DEFAULT_CONFIG = Path("/etc/cc-bridge/cc-bridge.toml")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Date(click.ParamType[date]):
    """The click type of a date in the Gregorian or the Persian calendar, such as 2026-11-01 or 1405-08-10."""

    name = "date"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> date:
        from cc_bridge.reports.calendar import read_date

        try:
            return read_date(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _LocalTime(click.DateTime):
    """The click type of a local time. A day without a time means the start of the day."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from cc_bridge.reports.calendar import FIRST_DAY, LAST_DAY

        at: datetime = super().convert(value, param, ctx)
        if not FIRST_DAY <= at.date() <= LAST_DAY:
            self.fail(f"{value!r}: must be from {FIRST_DAY} to {LAST_DAY}", param, ctx)
        return at


DATE = _Date()
LOCAL_TIME = _LocalTime()

config_option = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="CC_BRIDGE_CONFIG",
    help=f"Configuration file. Default: $CC_BRIDGE_CONFIG, or {_DEFAULT_CONFIG} if it exists.",
)


def config_file(path: Path | None) -> Path | None:
    """Return the path of the configuration file; None if there is none and the defaults apply."""
    return path or (_DEFAULT_CONFIG if _DEFAULT_CONFIG.exists() else None)


def load_config(path: Path | None) -> "Config":
    """Return the configuration from the file and the environment. Raises ConfigError."""
    from cc_bridge.config import load

    return load(config_file(path))


def say(line: str, *, err: bool = False) -> None:
    """Print one line on standard output, or on standard error if `err` is True.

    Unprintable characters are escaped, line breaks too, because values in the line can come from callers.
    """
    click.echo(printable(line), err=err)


def say_lines(text: str) -> None:
    """Print a text of several lines on standard output; escape unprintable characters, except line breaks."""
    click.echo(printable_lines(text))


def progress(length: int, label: str) -> "ProgressBar[int]":
    """Return a progress bar of `length` steps on stderr. If stderr is no terminal, nothing is written."""
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


@contextmanager
def reading(file: Path | None = None) -> Iterator[None]:
    """Context manager for reading a file: a read error becomes a ClickException, printed in one line.

    An incomplete compressed file counts as a read error. The text names `file`, if it is given. A
    BrokenPipeError is raised unchanged: it concerns the output, not the file.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, EOFError, zlib.error, lzma.LZMAError, UnreadableFile) as error:
        text = str(error)
        raise click.ClickException(f"{file}: {text}" if file and str(file) not in text else text) from error
