"""Whom somebody should call back: `follow-up list`, `take`, `done` and `dismiss`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cc_bridge.commands.common import config_option, load_config

if TYPE_CHECKING:
    from cc_bridge.follow_ups.follow_up import Action, FollowUp

__all__ = ["follow_up"]

_STATES = ("open", "taken", "done", "dismissed")
_MOST = 10_000  # of a list

_by = click.option("--by", required=True, help="Who you are, such as sara.")


@click.group("follow-up")
def follow_up() -> None:
    """List whom somebody should call back, take one, say what came of it.

    An ID may be shortened as long as it is the only one that begins so.

    \b
    Example:  cc-bridge follow-up list --owner sara
    """


@follow_up.command("list")
@config_option
@click.option("--owner", default="", help="Only those of this owner of queues.")
@click.option(
    "--state",
    "states",
    type=click.Choice(_STATES),
    multiple=True,
    help="Only those in this state, more than once for several; default: open and taken.",
)
@click.option("--overdue", is_flag=True, help="Only those that should be closed by now.")
@click.option("--json", "json_lines", is_flag=True, help="One JSON object a line, instants in UTC.")
def list_follow_ups(
    owner: str, states: tuple[str, ...], path: Path | None, *, overdue: bool, json_lines: bool
) -> None:
    """Print follow-ups, the ones that are due first (local time).

    \b
    Examples:  cc-bridge follow-up list --owner sara --overdue
               cc-bridge follow-up list --state done --json | jq -r .outcome
    """
    import json
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
            click.echo(json.dumps(_as_json(each, now), ensure_ascii=False))
        return
    click.echo(
        f"{'id':<10}{'due':<18}{'state':<9}{'owner':<12}{'caller':<18}why" if found else "no follow-ups"
    )
    for each in found:
        click.echo(_line(each, now))


@follow_up.command()
@config_option
@click.argument("follow_up_id", metavar="ID")
@_by
def take(follow_up_id: str, by: str, path: Path | None) -> None:
    """Say that you call this customer back.

    \b
    Example:  cc-bridge follow-up take 3fa94c01 --by sara
    """
    from cc_bridge.follow_ups.follow_up import Action

    _move(path, follow_up_id, Action.TAKE, by, "")


@follow_up.command()
@config_option
@click.argument("follow_up_id", metavar="ID")
@_by
@click.option("--outcome", required=True, help="What came of it.")
def done(follow_up_id: str, by: str, outcome: str, path: Path | None) -> None:
    """Close a follow-up: the customer was called back.

    \b
    Example:  cc-bridge follow-up done 3fa94c01 --by sara --outcome "A new card was sent."
    """
    from cc_bridge.follow_ups.follow_up import Action

    _move(path, follow_up_id, Action.DONE, by, outcome)


@follow_up.command()
@config_option
@click.argument("follow_up_id", metavar="ID")
@_by
@click.option("--why", required=True, help="Why nobody needs to call.")
def dismiss(follow_up_id: str, by: str, why: str, path: Path | None) -> None:
    """Close a follow-up without a call.

    \b
    Example:  cc-bridge follow-up dismiss 3fa94c01 --by sara --why "A test call of ours."
    """
    from cc_bridge.follow_ups.follow_up import Action

    _move(path, follow_up_id, Action.DISMISS, by, why)


def _move(path: Path | None, follow_up_id: str, move: "Action", by: str, text: str) -> None:
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
            after = moved(connection, found.follow_up_id, move, by, text, time())
    click.echo(f"{short(after.follow_up_id)} is {after.state}, by {after.closed_by or after.taken_by}")


def _line(each: "FollowUp", now: float) -> str:
    from cc_bridge.follow_ups.follow_up import short
    from cc_bridge.privacy.caller_keys import shown

    due = datetime.fromtimestamp(each.due_at).astimezone()
    state = "overdue" if each.overdue(now) and not each.taken_by else str(each.state)
    who = each.closed_by or each.taken_by
    came = f"; {who}: {each.outcome}" if each.outcome else f"; {who} has it" if who else ""
    late = ", overdue" if each.overdue(now) and each.taken_by else ""
    number = "".join(sign for sign in shown(each.number) if sign.isprintable())  # as the network sent it
    called = "; talked with since" if each.linked_call_id and not each.outcome else ""
    return (
        f"{short(each.follow_up_id):<10}{due:%Y-%m-%d %H:%M}  {state:<9}{each.owner or '-':<12}"
        f"{number:<18}{each.reason} ({each.detail}){late}{came}{called}"
    )


def _as_json(each: "FollowUp", now: float) -> dict[str, object]:
    from dataclasses import asdict

    from cc_bridge.customers.timeline import instant

    values = {
        name: instant(value) if name.endswith("_at") and value is not None else value
        for name, value in asdict(each).items()
    }
    return {**values, "overdue": each.overdue(now)}
