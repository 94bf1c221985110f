"""The commands `follow-up list`, `take`, `done` and `dismiss`: customers to be called back."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cc_bridge.commands.common import config_option, load_config, say
from cc_bridge.safe_text.printable import json_text

if TYPE_CHECKING:
    from cc_bridge.follow_ups.follow_up import Action, FollowUp

__all__ = ["follow_up"]

_STATES = ("open", "taken", "done", "dismissed")
_MOST = 10_000  # rows of a list

_by = click.option("--by", required=True, help="Your name, such as sara.")


@click.group("follow-up")
def follow_up() -> None:
    """List the customers to be called back, take a follow-up, and record its outcome.

    An ID may be shortened as long as it stays unique.

    \b
    Example:  cc-bridge follow-up list --owner sara
    """


@follow_up.command("list")
@config_option
@click.option("--owner", default="", help="Only follow-ups of this queue owner.")
@click.option(
    "--state",
    "states",
    type=click.Choice(_STATES),
    multiple=True,
    help="Only follow-ups in this state; repeat the option for several states. Default: open and taken.",
)
@click.option("--overdue", is_flag=True, help="Only follow-ups past their due time.")
@click.option("--json", "json_lines", is_flag=True, help="Print one JSON object per line, with times in UTC.")
def list_follow_ups(
    owner: str, states: tuple[str, ...], path: Path | None, *, overdue: bool, json_lines: bool
) -> None:
    """Print follow-ups, the earliest due time first (local time).

    \b
    Examples:  cc-bridge follow-up list --owner sara --overdue
               cc-bridge follow-up list --state done --json | jq -r .outcome
    """
    from time import time

    from cc_bridge.follow_ups.follow_up import FollowUpState
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.queries.follow_ups import listed

    now = time()
    wanted = [FollowUpState(state) for state in states or ("open", "taken")]
    with database(load_config(path).storage.url) as engine, engine.connect() as connection:
        found = listed(
            connection, owner=owner, states=wanted, overdue_at=now if overdue else None, limit=_MOST
        )
    if json_lines:
        for each in found:
            say(json_text(_as_json(each, now)))
        return
    say(f"{'id':<10}{'due':<18}{'state':<9}{'owner':<12}{'caller':<18}why" if found else "no follow-ups")
    for each in found:
        say(_line(each, now))


@follow_up.command()
@config_option
@click.argument("follow_up_id", metavar="ID")
@_by
def take(follow_up_id: str, by: str, path: Path | None) -> None:
    """Take a follow-up: you will call this customer back.

    \b
    Example:  cc-bridge follow-up take 3fa94c01 --by sara
    """
    from cc_bridge.follow_ups.follow_up import Action

    _apply(path, follow_up_id, Action.TAKE, by, "")


@follow_up.command()
@config_option
@click.argument("follow_up_id", metavar="ID")
@_by
@click.option("--outcome", required=True, help="Outcome of the call.")
def done(follow_up_id: str, by: str, outcome: str, path: Path | None) -> None:
    """Close a follow-up: the customer was called back.

    \b
    Example:  cc-bridge follow-up done 3fa94c01 --by sara --outcome "A new card was sent."
    """
    from cc_bridge.follow_ups.follow_up import Action

    _apply(path, follow_up_id, Action.DONE, by, outcome)


@follow_up.command()
@config_option
@click.argument("follow_up_id", metavar="ID")
@_by
@click.option("--why", required=True, help="Reason why no call is needed.")
def dismiss(follow_up_id: str, by: str, why: str, path: Path | None) -> None:
    """Close a follow-up without a call.

    \b
    Example:  cc-bridge follow-up dismiss 3fa94c01 --by sara --why "A test call of ours."
    """
    from cc_bridge.follow_ups.follow_up import Action

    _apply(path, follow_up_id, Action.DISMISS, by, why)


def _apply(path: Path | None, follow_up_id: str, action: "Action", by: str, text: str) -> None:
    """Apply a person's action to a follow-up and print the new state. Raises FollowUpError if refused.

    `by` is the name of this person. `text` is the outcome of the call, or the reason why no call is needed.
    """
    from time import time

    from cc_bridge.follow_ups.follow_up import short
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.queries.follow_ups import moved, one

    with database(load_config(path).storage.url) as engine:
        with engine.connect() as connection:
            found = one(connection, follow_up_id)
        if found is None:
            raise click.ClickException(
                f"there is no follow-up {follow_up_id!r}; see cc-bridge follow-up list"
            )
        with engine.begin() as connection:
            after = moved(connection, found.follow_up_id, action, by, text, time())
    say(f"{short(after.follow_up_id)} is {after.state}, by {after.closed_by or after.taken_by}")


def _line(each: "FollowUp", now: float) -> str:
    """Return a follow-up as one line of the list; `now` is in UTC seconds since the epoch."""
    from cc_bridge.follow_ups.follow_up import short
    from cc_bridge.privacy.caller_keys import shown

    due = datetime.fromtimestamp(each.due_at).astimezone()
    state = "overdue" if each.overdue(now) and not each.taken_by else str(each.state)
    person = each.closed_by or each.taken_by
    outcome = f"; {person}: {each.outcome}" if each.outcome else f"; taken by {person}" if person else ""
    late = ", overdue" if each.overdue(now) and each.taken_by else ""
    called = "; a talk since then" if each.linked_call_id and not each.outcome else ""
    return (
        f"{short(each.follow_up_id):<10}{due:%Y-%m-%d %H:%M}  {state:<9}{each.owner or '-':<12}"
        f"{shown(each.number):<18}{each.reason} ({each.detail}){late}{outcome}{called}"
    )


def _as_json(each: "FollowUp", now: float) -> dict[str, object]:
    """Return a follow-up as a JSON object: its fields with times in UTC, and whether it is overdue."""
    from dataclasses import asdict

    from cc_bridge.customers.timeline import instant

    values = {
        name: instant(value) if name.endswith("_at") and value is not None else value
        for name, value in asdict(each).items()
    }
    return {**values, "overdue": each.overdue(now)}
