"""The `cc-bridge` command. Every error that a user can mend is told without a traceback, exit code 1.

Each command imports what it needs, so that --help answers at once and Ctrl-C finds a command that can
handle it, and because some of the modules install Twisted's reactor.
"""

import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
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
    from cc_bridge.config import show
    from cc_bridge.parts import load_surveys

    config = _load(path)
    load_surveys(config)
    config.ami.password()
    config.callers.caller_keys()
    click.echo(show(config))


@contextmanager
def _reading() -> Iterator[None]:
    """Tell what is wrong with a file that cannot be read to its end."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise click.ClickException(str(error)) from error


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


@main.command()
@_config_option
@click.option(
    "--queue-log",
    "log",
    required=True,
    envvar="CC_BRIDGE_QUEUE_LOG",
    help="A file (may end in .gz), or table:URL for the realtime table; else $CC_BRIDGE_QUEUE_LOG.",
)
@click.option("--database", is_flag=True, help="With the visits and talks of the configured database.")
@click.option("--replay", "recording", type=_FILE, help="With those of a recorded AMI stream.")
@click.option("--json", "json_object", is_flag=True, help="One JSON object with every difference.")
@click.option("--from", "since", type=click.DateTime(), help="Visits that began then or later, local time.")
@click.option("--to", "until", type=click.DateTime(), help="Visits that began before then, local time.")
@click.option("--timezone", help="The PBX's, for a table, such as Asia/Tehran; default: this machine's.")
@click.pass_context
def reconcile(
    ctx: click.Context,
    path: Path | None,
    log: str,
    recording: Path | None,
    since: datetime | None,
    until: datetime | None,
    timezone: str | None,
    *,
    database: bool,
    json_object: bool,
) -> None:
    """Compare our visits and talks with Asterisk's queue_log; exit code 1 if anything is unexplained.

    Known errors of queue_log are named as such, and so is what either side could not see.

    \b
    Examples:  cc-bridge reconcile --queue-log /var/log/asterisk/queue_log.1 --database
               cc-bridge reconcile --queue-log queue_log --replay monday.ami.gz --json
    """
    from math import inf
    from zoneinfo import ZoneInfo

    from cc_bridge.history import compared, from_database, from_recording
    from cc_bridge.queue_log.parse import Counts
    from cc_bridge.queue_log.report import as_json, as_text

    if database == (recording is not None):
        raise click.UsageError("say either --database or --replay FILE")
    if recording is None:
        config = _load(path)
        ours = from_database(config.storage.url, config.pbx.name)
    else:
        ours = from_recording(recording)
    try:
        zone = ZoneInfo(timezone) if timezone else None
    except (KeyError, ValueError) as error:
        raise click.UsageError(f"no such time zone: {timezone}") from error
    start, end = since.timestamp() if since else -inf, until.timestamp() if until else inf
    counts = Counts()
    with _reading():
        comparison = compared(log, ours, counts, start, end, zone)
    lines = [as_json(comparison, counts)] if json_object else as_text(comparison, counts)
    for line in lines:
        click.echo(line)
    ctx.exit(1 if comparison.unexplained else 0)


@main.command("import-queue-log")
@_config_option
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_FILE)
@click.option("--pbx", help="The PBX's name in the rows; default: pbx.name of the configuration.")
def import_queue_log(files: tuple[Path, ...], path: Path | None, pbx: str | None) -> None:
    """Take in visits and talks from before the installation, marked source=queue_log.

    FILEs (may end in .gz) go oldest first. What was observed live stays as it is; again it adds nothing.

    \b
    Example:  cc-bridge import-queue-log /var/log/asterisk/queue_log.2.gz /var/log/asterisk/queue_log.1
    """
    from cc_bridge.history import import_log

    config = _load(path)
    size = sum(file.stat().st_size for file in files)
    with _reading(), click.progressbar(length=size, label="queue_log", file=sys.stderr) as bar:
        done, counts = import_log(files, config.storage.url, pbx or config.pbx.name, bar.update)
    click.echo(f"{done.visits} visits and {done.talks} talks from {counts.lines} lines")
    for number, what in (
        (done.observed, "visits were observed live and stay as they are"),
        (done.known, "visits were imported before"),
        (done.unfinished, "visits have no end in the log and were left out"),
        (counts.junk, "lines did not fit and were left out"),
    ):
        if number:
            click.echo(f"{number} {what}", err=True)


@main.group()
def optout() -> None:
    """Callers who are never asked to rate the service, on any PBX of the database.

    A running daemon takes a change over within a minute.

    \b
    Example:  cc-bridge optout add +989121234567
    """


@optout.command("add")
@_config_option
@click.argument("number")
def optout_add(number: str, path: Path | None) -> None:
    """Never ask the caller with this NUMBER again.

    \b
    Examples:  cc-bridge optout add +989121234567
               cc-bridge optout add 09121234567     (with callers.country_code = "98" the same)
    """
    _opt(path, number, opted_out=True)


@optout.command("remove")
@_config_option
@click.argument("number")
def optout_remove(number: str, path: Path | None) -> None:
    """Let the caller with this NUMBER be asked again.

    \b
    Example:  cc-bridge optout remove +989121234567
    """
    _opt(path, number, opted_out=False)


def _opt(path: Path | None, number: str, *, opted_out: bool) -> None:
    from time import time

    from cc_bridge.callers import shown
    from cc_bridge.records import OptOut
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.queries import opt_outs
    from cc_bridge.storage.schema import row_of
    from cc_bridge.storage.upsert import upsert

    config = _load(path)
    key = config.callers.caller_keys().key(number)
    if not key:
        raise click.ClickException(f"not a phone number: {number!r}")
    with database(config.storage.url) as engine:
        with engine.connect() as connection:
            known = next((said for said in opt_outs(connection) if said.caller_key == key), None)
        if not opted_out and not (known and known.opted_out):
            raise click.ClickException(f"{shown(key)} has not opted out")
        # The PBX's clock, by which a key in a survey is dated, may be ahead of this machine's.
        at = max(time(), known.at if known else 0.0)
        table, row = row_of(OptOut(key, at, opted_out, "command"))
        with engine.begin() as connection:
            connection.execute(upsert(table, engine.dialect.name), [row])
    click.echo(f"{shown(key)} {'is never asked again' if opted_out else 'can be asked again'}")


@optout.command("list")
@_config_option
@click.option("--json", "json_lines", is_flag=True, help="One JSON object a line, hashed keys whole.")
def optout_list(path: Path | None, *, json_lines: bool) -> None:
    """Print who has opted out: the number or the begin of its hash, when (local time), and how.

    \b
    Examples:  cc-bridge optout list
               cc-bridge optout list --json | jq -r .caller_key
    """
    import json
    from datetime import UTC

    from cc_bridge.callers import shown
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.queries import opt_outs

    with database(_load(path).storage.url) as engine, engine.connect() as connection:
        out = [said for said in opt_outs(connection) if said.opted_out]
    if json_lines:
        for said in out:
            at = datetime.fromtimestamp(said.at, UTC).isoformat(timespec="milliseconds")
            said_at = at.replace("+00:00", "Z")
            click.echo(json.dumps({"caller_key": said.caller_key, "at": said_at, "told_by": said.told_by}))
        return
    click.echo(f"{'caller':<22}{'since':<22}told by" if out else "nobody has opted out")
    for said in out:
        since = datetime.fromtimestamp(said.at).astimezone()
        click.echo(f"{shown(said.caller_key):<22}{since:%Y-%m-%d %H:%M:%S}   {said.told_by}")


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
