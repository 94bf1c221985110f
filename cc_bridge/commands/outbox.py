"""The commands `outbox list` and `outbox retry`: undelivered webhook events."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cc_bridge.commands.common import config_option, load_config, say
from cc_bridge.safe_text.printable import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cc_bridge.storage.pipeline.outbox import OutboxFile


__all__ = ["outbox"]


@click.group()
def outbox() -> None:
    """Show and retry webhook events that are pending or were given up.

    Run the command on the daemon's machine; the daemon may be running.

    \b
    Example:  cc-bridge outbox list
    """


@outbox.command("list")
@config_option
@click.option("--dead", "only_dead", is_flag=True, help="Only events that were given up.")
@click.option("--json", "json_lines", is_flag=True, help="Print one JSON object per line.")
def outbox_list(path: Path | None, *, only_dead: bool, json_lines: bool) -> None:
    """Print the events that are pending or were given up, with the reason of the last failure.

    No personal data is shown.

    \b
    Examples:  cc-bridge outbox list
               cc-bridge outbox list --dead --json | jq -r .id
    """
    from datetime import UTC, datetime

    from cc_bridge.storage.pipeline.outbox import OutboxState

    with _opened(path) as opened:
        events = [event for event in opened.undelivered() if event.state == OutboxState.DEAD or not only_dead]
    if not json_lines:
        say(
            f"{'event':<38}{'endpoint':<16}{'type':<18}{'state':<9}{'attempts':>8}  {'since':<21}reason"
            if events
            else "no event is pending and none was given up"
        )
    for event in events:
        if json_lines:
            since = datetime.fromtimestamp(event.created_at, UTC).isoformat(timespec="milliseconds")
            fields = {
                "id": event.event_id,
                "endpoint": event.endpoint,
                "type": event.type,
                "call_id": event.call_id,
                "state": event.state,
                "attempts": event.attempts,
                "since": since.replace("+00:00", "Z"),
                "reason": event.reason,
            }
            say(json_text(fields))
        else:
            local = datetime.fromtimestamp(event.created_at).astimezone()
            say(
                f"{event.event_id:<38}{event.endpoint:<16}{event.type:<18}{event.state:<9}"
                f"{event.attempts:>8}  {local:%Y-%m-%d %H:%M:%S}  {event.reason}"
            )


@outbox.command("retry")
@config_option
@click.argument("event", metavar="[ID]", required=False)
@click.option("--all", "every", is_flag=True, help="Retry all events that are pending or were given up.")
def outbox_retry(event: str | None, path: Path | None, *, every: bool) -> None:
    """Retry an event at each receiver that has not accepted it. A running daemon sends it within seconds.

    \b
    Examples:  cc-bridge outbox retry evt_0123456789abcdef0123456789abcdef
               cc-bridge outbox retry --all
    """
    from time import time

    if every == (event is not None):
        raise click.UsageError("give the ID of an event, as `outbox list` shows it, or --all")
    with _opened(path) as opened:
        n = opened.retry(event, time())
    if not n and event is not None:
        raise click.ClickException(f"{event} is not pending and was not given up; see cc-bridge outbox list")
    say(f"{n} {'event is' if n == 1 else 'events are'} due now")


@contextmanager
def _opened(path: Path | None) -> "Iterator[OutboxFile]":
    """Context manager: open the outbox file of the daemon on this machine, and yield the outbox.

    The outbox has the webhook events that are pending or were given up. Raises ClickException, which click
    prints in one line, if the file cannot be used.
    """
    import sqlite3

    from cc_bridge.storage.pipeline.outbox import OutboxFile, local_file

    storage = load_config(path).storage
    file = local_file(storage.url, storage.journal_file)
    try:
        yield OutboxFile(file)
    except sqlite3.Error as error:
        raise click.ClickException(f"{file}: {error}") from error
