"""The `cc-bridge` command. Every error that a user can mend is told without a traceback, exit code 1.

Each command imports what it needs, so that --help answers at once and Ctrl-C finds a command that can
handle it, and because some of the modules install Twisted's reactor.
"""

import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cc_bridge import __version__, shipped
from cc_bridge.errors import CcBridgeError

if TYPE_CHECKING:
    from cc_bridge.config import Config

__all__ = ["main"]

_DEFAULT_CONFIG = Path("/etc/cc-bridge/cc-bridge.toml")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Commands(click.Group):
    """Turns our own errors into click's, which prints them without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CcBridgeError as error:
            raise click.ClickException(str(error)) from error


_config_option = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="CC_BRIDGE_CONFIG",
    help=f"The configuration file; else $CC_BRIDGE_CONFIG, else {_DEFAULT_CONFIG} if it exists.",
)


def _load(path: Path | None) -> "Config":
    from cc_bridge.config import load

    return load(path or (_DEFAULT_CONFIG if _DEFAULT_CONFIG.exists() else None))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cc-bridge")
def main() -> None:
    """Measure queue calls on an Asterisk PBX, ask callers to rate them, store and export both.

    \b
    Try it without an Asterisk:  cc-bridge demo
    Beside a real one:           cc-bridge check && cc-bridge run
    """


@main.command()
@_config_option
def run(path: Path | None) -> None:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C.

    SIGTERM: no more surveys begin, those that run may finish within run.stop_seconds, what is left is
    written, exit code 0. SIGHUP: the configuration is loaded again; a bad one is refused.

    \b
    Example:  cc-bridge run --config /etc/cc-bridge/cc-bridge.toml
    """
    from cc_bridge import daemon

    daemon.run(lambda: _load(path))


@main.command()
@click.option("--seconds", type=click.FloatRange(min=0), help="End after so many seconds; else by Ctrl-C.")
def demo(*, seconds: float | None) -> None:
    """Show it all without an Asterisk: a recorded contact centre, and a table of its queues.

    Callers wait, talk, and rate the agent on their keypad. Nothing leaves this machine, nothing is kept.

    \b
    Example:  cc-bridge demo --seconds 120
    """
    from cc_bridge.demo import demo

    demo(seconds)


@main.command()
@_config_option
def check(path: Path | None) -> None:
    """Print the configuration in force, secrets masked, or every error in it.

    \b
    Example:  CC_BRIDGE_AMI__HOST=10.0.0.5 cc-bridge check -c cc-bridge.toml
    """
    from cc_bridge.app import load_survey
    from cc_bridge.config import show

    config = _load(path)
    load_survey(config)
    config.ami.password()
    click.echo(show(config))


@main.command("replay")
@click.argument("file", type=_FILE)
@click.option("--json", "json_lines", is_flag=True, help="One JSON object a line.")
@click.option("--pbx", default="pbx", show_default=True, help="The PBX's name in the records.")
def replay_command(file: Path, *, json_lines: bool, pbx: str) -> None:
    """Print the visits, rings and talks of a recorded AMI stream (FILE may end in .gz).

    The same code as in the daemon reads it. What is open at its end comes last, as unobserved.

    \b
    Examples:  cc-bridge replay monday.ami
               cc-bridge replay --json monday.ami.gz | jq 'select(.record == "talk")'
    """
    from cc_bridge.ami.codec import Counts
    from cc_bridge.calls.tracker import Tracker
    from cc_bridge.replay import as_json, as_text, read_stream, replay

    counts = Counts()
    try:
        for record in replay(read_stream(file), Tracker(pbx), counts):
            click.echo(as_json(record) if json_lines else as_text(record))
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise click.ClickException(f"{file}: {error}") from error
    if counts.dropped:
        click.echo(f"{counts.dropped} of {counts.received} messages were malformed and dropped", err=True)


@main.group()
def db() -> None:
    """Make and change the database's tables."""


@db.command()
@_config_option
@click.option("--sql", is_flag=True, help="Print the SQL for an empty database instead of running it.")
def upgrade(path: Path | None, *, sql: bool) -> None:
    """Bring the database of storage.url to this version's schema; `run` does it by itself too.

    \b
    Examples:  cc-bridge db upgrade
               cc-bridge db upgrade --sql > schema.sql
    """
    from cc_bridge.storage import migrate

    url = _load(path).storage.url
    if sql:
        click.echo(migrate.upgrade_script(url))
        return
    before = migrate.current(url)
    migrate.upgrade(url)
    click.echo(f"schema {before or 'empty'} -> {migrate.current(url)}")


@main.command()
@click.option(
    "--catalogue",
    type=_FILE,
    default=lambda: shipped("dialplans/prompts.toml"),
    help="Prompts and their texts; default: the shipped one.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("sounds"),
    show_default=True,
    help="Folder that gets LANGUAGE/cc_bridge/NAME.wav.",
)
def prompts(catalogue: Path, out: Path) -> None:
    """Speak the catalogue's prompts into sound files with espeak-ng (8 kHz, mono, 16 bit).

    Recordings of people with the same name are left alone. What is missing is said.

    \b
    Example:  cc-bridge prompts --out /usr/share/asterisk/sounds
    """
    from cc_bridge.prompts import Status, build
    from cc_bridge.surveys.catalogue import parse_catalogue

    parsed = parse_catalogue(catalogue.read_text(encoding="utf-8"), str(catalogue))
    total = len(parsed.prompts) * len(parsed.voices)
    with click.progressbar(length=total, label="prompts", file=sys.stderr) as bar:
        done = build(parsed, out, lambda _prompt: bar.update(1))
    for prompt in done:
        click.echo(f"{prompt.language}  {prompt.name:<24} {prompt.status}")
    if any(prompt.status is Status.MISSING for prompt in done):
        raise click.ClickException("some prompts have no text in some languages")
