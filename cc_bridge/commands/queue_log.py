"""The commands `replay`, `reconcile` and `import-queue-log`.

They verify the daemon's records, and import visits and talks from before the installation.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cc_bridge.commands.common import FILE, LOCAL_TIME, config_option, load_config, progress, reading, say

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from cc_bridge.queue_log.parse import LineCounts

__all__ = ["import_queue_log", "reconcile", "replay_command"]


def _check_encoding(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Return `value` if it names a text encoding; raise BadParameter if not."""
    try:
        "".encode(value)
    except (LookupError, ValueError) as error:
        raise click.BadParameter(f"no such encoding: {value}") from error
    return value


_encoding_option = click.option(
    "--encoding",
    default="utf-8",
    show_default=True,
    callback=_check_encoding,
    help="Encoding of names in the files, such as windows-1256 or latin-1.",
)
_timezone_option = click.option(
    "--timezone",
    help="Time zone of the PBX, for table:URL, such as Asia/Tehran. Default: this machine's time zone.",
)


def _check_log(log: str) -> None:
    """Raise UsageError for a database URL without the prefix `table:`.

    Such a URL would be read as a file's name, and an error message would show it with its password.
    """
    from cc_bridge.offline.queue_log import TABLE

    if "://" in log and not log.startswith(TABLE):
        raise click.UsageError(f"write {TABLE}URL for the table of a database")


def _zone(name: str | None) -> "ZoneInfo | None":
    """Return the time zone with this name; None if no name is given. Raise UsageError for an unknown name."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError) as error:
        raise click.UsageError(f"no such time zone: {name}") from error


def _warn_of_bytes(counts: "LineCounts") -> None:
    """Print a warning if a queue_log contained bytes that are not valid in the encoding of --encoding."""
    if counts.undecoded:
        say(
            f"warning: {counts.undecoded} lines of queue_log have bytes that are not of the encoding; "
            "use --encoding",
            err=True,
        )


@click.command("replay")
@click.argument("file", type=FILE)
@click.option("--json", "json_lines", is_flag=True, help="Print one JSON object per line.")
@click.option("--pbx", help="Name of the PBX in the records. Default: pbx.name of --config, or pbx.")
@click.option(
    "--config",
    "path",
    type=FILE,
    help="Take the queues' settings and [direct_calls] from this configuration file. Default: none.",
)
def replay_command(file: Path, *, json_lines: bool, pbx: str | None, path: Path | None) -> None:
    """Print the queue visits, ring attempts and talks of a recorded AMI stream.

    FILE may be compressed (.gz, .bz2, .xz). Its events need timestamps (timestampevents=yes).

    The stream is processed by the daemon's own code. Visits and talks that are open at the end of the stream
    are printed last, with the outcome unobserved. With --json, calls are printed too, and for each survey
    request the agent to be rated.

    \b
    Examples:  cc-bridge replay monday.ami
               cc-bridge replay --json monday.ami.gz | jq 'select(.record == "talk")'
               cc-bridge replay --config cc-bridge.toml --json monday.ami.gz
    """
    from cc_bridge.ami.messages import MessageCounts
    from cc_bridge.calls.tracker import Tracker
    from cc_bridge.config.observation import make_tracker
    from cc_bridge.offline.replay import CallRecord, as_json, as_text, queue_names, read_stream, replay

    counts = MessageCounts()
    config = load_config(path) if path is not None else None
    if config is not None and pbx is not None:
        config = config.model_copy(update={"pbx": config.pbx.model_copy(update={"name": pbx})})
    tracker = make_tracker(config) if config is not None else Tracker(pbx or "pbx")
    with reading(file):
        for queue in queue_names(read_stream(file)):
            tracker.visits.queues.add(queue)
        for record in replay(read_stream(file), tracker, counts):
            if json_lines:
                say(as_json(record))
            elif isinstance(record, CallRecord):
                say(as_text(record))
    if counts.dropped:
        say(f"{counts.dropped} of {counts.received} messages were malformed and dropped", err=True)


@click.command()
@config_option
@click.option(
    "--queue-log",
    "log",
    required=True,
    envvar="CC_BRIDGE_QUEUE_LOG",
    help="queue_log file (.gz, .bz2, .xz too), or table:URL for the realtime table in the database at URL. "
    "The table is queue_log, unless the URL ends in #NAME. Default: $CC_BRIDGE_QUEUE_LOG.",
)
@_encoding_option
@click.option("--database", is_flag=True, help="Compare the queue_log with the database.")
@click.option("--replay", "recording", type=FILE, help="Compare the queue_log with an AMI recording.")
@click.option("--json", "json_object", is_flag=True, help="Print one JSON object with all differences.")
@click.option(
    "--from", "since", type=LOCAL_TIME, help="Only visits that started at or after this local time."
)
@click.option("--to", "until", type=LOCAL_TIME, help="Only visits that started before this local time.")
@_timezone_option
@click.pass_context
def reconcile(
    ctx: click.Context,
    path: Path | None,
    log: str,
    recording: Path | None,
    since: datetime | None,
    until: datetime | None,
    timezone: str | None,
    encoding: str,
    *,
    database: bool,
    json_object: bool,
) -> None:
    """Compare recorded visits and talks with Asterisk's queue_log. Exit code 1: a difference is unexplained.

    A difference is explained by a known error of queue_log, or by a period in which the daemon or queue_log
    recorded nothing.

    \b
    Examples:  cc-bridge reconcile --queue-log /var/log/asterisk/queue_log.1 --database
               cc-bridge reconcile --queue-log queue_log --replay monday.ami.gz --json
    """
    from math import inf

    from cc_bridge.offline.queue_log import compared, from_database, from_recording
    from cc_bridge.queue_log.parse import LineCounts
    from cc_bridge.queue_log.report import as_json, as_text

    _check_log(log)
    if database == (recording is not None):
        raise click.UsageError("give either --database or --replay FILE")
    if recording is None:
        config = load_config(path)
        ours = from_database(config.storage.url, config.pbx.name)
    else:
        ours = from_recording(recording)
    zone = _zone(timezone)
    start, end = since.timestamp() if since else -inf, until.timestamp() if until else inf
    counts = LineCounts()
    with reading():
        comparison = compared(log, ours, counts, start, end, zone, encoding)
    _warn_of_bytes(counts)
    lines = [as_json(comparison, counts)] if json_object else as_text(comparison, counts)
    for line in lines:
        say(line)
    ctx.exit(1 if comparison.unexplained else 0)


@click.command("import-queue-log")
@config_option
@click.argument("logs", metavar="LOG...", nargs=-1, required=True)
@click.option("--pbx", help="Name of the PBX in the rows. Default: pbx.name of the configuration.")
@_encoding_option
@_timezone_option
def import_queue_log(
    logs: tuple[str, ...], path: Path | None, pbx: str | None, encoding: str, timezone: str | None
) -> None:
    """Import visits and talks from before the installation, marked source=queue_log.

    A LOG is a queue_log file (.gz, .bz2, .xz too), or table:URL for the realtime table in the database at
    URL. The table is queue_log, unless the URL ends in #NAME. Give the oldest LOG first. Visits that were
    observed live are not changed. A second import of the same logs has no effect.

    \b
    Examples:  cc-bridge import-queue-log /var/log/asterisk/queue_log.2.gz /var/log/asterisk/queue_log.1
               cc-bridge import-queue-log table:mysql+pymysql://user@host/asterisk#queuelog
    """
    from cc_bridge.offline.queue_log import TABLE, import_log
    from cc_bridge.privacy.record_pseudonymizer import RecordPseudonymizer
    from cc_bridge.queue_log.report import events_text

    for log in logs:
        _check_log(log)
    sources = [log if log.startswith(TABLE) else Path(FILE(log)) for log in logs]
    zone = _zone(timezone)
    config = load_config(path)
    size = sum(source.stat().st_size for source in sources if isinstance(source, Path))
    with reading(), progress(size, "queue_log") as bar:
        privacy = RecordPseudonymizer(config.callers.caller_keys())
        done, counts = import_log(
            sources,
            config.storage.url,
            pbx or config.pbx.name,
            bar.update,
            privacy,
            encoding=encoding,
            zone=zone,
            names=config.caller_names,
        )
    say(f"{done.visits} visits and {done.talks} talks from {counts.lines} lines")
    _warn_of_bytes(counts)
    for number, text in (
        (done.observed, "visits were observed live and were not changed"),
        (done.known, "visits were imported before"),
        (done.unfinished, "visits have no end in the log and were skipped"),
        (counts.junk, "lines could not be parsed and were skipped"),
        (counts.unknown.total(), f"lines have unknown events and were skipped: {events_text(counts)}"),
    ):
        if number:
            say(f"{number} {text}", err=True)
