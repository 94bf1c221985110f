"""Events that webhook receivers did not take yet: `outbox list` and `retry`."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cc_bridge.commands.common import config_option, load_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cc_bridge.storage.pipeline.outbox import OutboxFile


__all__ = ["outbox"]


@click.group()
def outbox() -> None:
    """Events for webhook receivers: what waits, what was given up, and why.

    Works beside a daemon that runs, on its machine.

    \b
    Example:  cc-bridge outbox list
    """


@outbox.command("list")
@config_option
@click.option("--dead", "only_dead", is_flag=True, help="Only what was given up.")
@click.option("--json", "json_lines", is_flag=True, help="One JSON object a line.")
def outbox_list(path: Path | None, *, only_dead: bool, json_lines: bool) -> None:
    """Print events that wait for a receiver, and those that were given up, with the reason. No personal data.

    \b
    Examples:  cc-bridge outbox list
               cc-bridge outbox list --dead --json | jq -r .id
    """
    import json
    from datetime import UTC, datetime

    from cc_bridge.storage.pipeline.outbox import OutboxState

    with _opened(path) as opened:
        events = [event for event in opened.undelivered() if event.state == OutboxState.DEAD or not only_dead]
    if not json_lines:
        click.echo(
            f"{'event':<38}{'endpoint':<16}{'type':<18}{'state':<9}{'attempts':>8}  {'since':<21}reason"
            if events
            else "nothing waits and nothing was given up"
        )
    for event in events:
        if json_lines:
            since = datetime.fromtimestamp(event.created_at, UTC).isoformat(timespec="milliseconds")
            told = {
                "id": event.event_id,
                "endpoint": event.endpoint,
                "type": event.type,
                "call_id": event.call_id,
                "state": event.state,
                "attempts": event.attempts,
                "since": since.replace("+00:00", "Z"),
                "reason": event.reason,
            }
            click.echo(json.dumps(told))
        else:
            local = datetime.fromtimestamp(event.created_at).astimezone()
            click.echo(
                f"{event.event_id:<38}{event.endpoint:<16}{event.type:<18}{event.state:<9}"
                f"{event.attempts:>8}  {local:%Y-%m-%d %H:%M:%S}  {event.reason}"
            )


@outbox.command("retry")
@config_option
@click.argument("event", metavar="[ID]", required=False)
@click.option("--all", "every", is_flag=True, help="Every event that waits or was given up.")
def outbox_retry(event: str | None, path: Path | None, *, every: bool) -> None:
    """Send an event anew, to each receiver that did not take it; a running daemon does so within seconds.

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
        raise click.ClickException(f"{event} neither waits nor was given up")
    click.echo(f"{n} {'event is' if n == 1 else 'events are'} due now")


@contextmanager
def _opened(path: Path | None) -> "Iterator[OutboxFile]":
    """Give the outbox of a configuration; what is wrong with its file is told in one line."""
    import sqlite3

    from cc_bridge.storage.pipeline.outbox import OutboxFile, local_file

    storage = load_config(path).storage
    file = local_file(storage.url, storage.journal_file)
    try:
        yield OutboxFile(file)
    except sqlite3.Error as error:
        raise click.ClickException(f"{file}: {error}") from error
