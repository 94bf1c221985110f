"""What the commands share: the configuration file, and errors told without a traceback."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cc_bridge.config import Config

__all__ = ["DATE", "FILE", "config_file", "config_option", "load_config", "reading"]

_DEFAULT_CONFIG = Path("/etc/cc-bridge/cc-bridge.toml")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Date(click.ParamType[date]):
    """A day of the Gregorian or the Persian calendar."""

    name = "date"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> date:
        from cc_bridge.reports.calendar import read_date

        try:
            return read_date(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


DATE = _Date()

config_option = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="CC_BRIDGE_CONFIG",
    help=f"The configuration file; else $CC_BRIDGE_CONFIG, else {_DEFAULT_CONFIG} if it exists.",
)


def config_file(path: Path | None) -> Path | None:
    """Return the file that is read; None: there is none, the defaults hold."""
    return path or (_DEFAULT_CONFIG if _DEFAULT_CONFIG.exists() else None)


def load_config(path: Path | None) -> "Config":
    from cc_bridge.config import load

    return load(config_file(path))


@contextmanager
def reading() -> Iterator[None]:
    """Tell what is wrong with a file that cannot be read to its end."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise click.ClickException(str(error)) from error
