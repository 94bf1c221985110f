"""The commands `opt-out add`, `remove` and `list`: callers who are never invited to a survey."""

from datetime import datetime
from pathlib import Path

import click

from cc_bridge.commands.common import config_option, load_config, say
from cc_bridge.safe_text.printable import json_text

__all__ = ["opt_out"]


@click.group()
def opt_out() -> None:
    """Manage the callers who are never invited to a survey, on any PBX of the database.

    A running daemon applies a change within a minute.

    \b
    Example:  cc-bridge opt-out add +989121234567
    """


@opt_out.command("add")
@config_option
@click.argument("number")
def opt_out_add(number: str, path: Path | None) -> None:
    """Exclude the caller with this NUMBER from all surveys.

    \b
    Examples:  cc-bridge opt-out add +989121234567
               cc-bridge opt-out add 09121234567     (the same with callers.country_code = "98")
    """
    _store_opt_out(path, number, opted_out=True)


@opt_out.command("remove")
@config_option
@click.argument("number")
def opt_out_remove(number: str, path: Path | None) -> None:
    """End the opt-out of the caller with this NUMBER, who may be invited to surveys again.

    \b
    Example:  cc-bridge opt-out remove +989121234567
    """
    _store_opt_out(path, number, opted_out=False)


def _store_opt_out(path: Path | None, number: str, *, opted_out: bool) -> None:
    """Store the opt-out of a caller, or its withdrawal, and print the new state."""
    from time import time

    from cc_bridge.privacy.caller_keys import shown
    from cc_bridge.records import OptOut
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.queries.survey_history import opt_outs
    from cc_bridge.storage.schema.tables import row_of
    from cc_bridge.storage.schema.upsert import upsert

    config = load_config(path)
    keys = config.callers.caller_keys()
    key = keys.key(number)
    if not key:
        raise click.ClickException(f"not a phone number: {number!r}")
    with database(config.storage.url) as engine:
        with engine.connect() as connection:
            # For an erased caller only the hashed key is stored; its opt-out is withdrawn here as well.
            known = [said for said in opt_outs(connection) if said.caller_key in keys.known_by(number)]
        out = {said.caller_key for said in known if said.opted_out}
        if not opted_out and not out:
            raise click.ClickException(f"{shown(key)} has not opted out")
        # An opt-out in a survey has the time of the PBX, whose clock may be ahead of this machine's.
        at = max(time(), *(said.updated_at for said in known), 0.0)
        rows = [OptOut(each, at, opted_out, "command") for each in ([key] if opted_out else sorted(out))]
        with engine.begin() as connection:
            for one in rows:
                table, row = row_of(one)
                connection.execute(upsert(table, engine.dialect.name), [row])
    say(f"{shown(key)} {'is excluded from surveys' if opted_out else 'can be invited again'}")


@opt_out.command("list")
@config_option
@click.option(
    "--json", "json_lines", is_flag=True, help="Print one JSON object per line, with unshortened hashed keys."
)
def opt_out_list(path: Path | None, *, json_lines: bool) -> None:
    """Print the callers who have opted out: number or shortened hash, local time, and source.

    \b
    Examples:  cc-bridge opt-out list
               cc-bridge opt-out list --json | jq -r .caller_key
    """
    from datetime import UTC

    from cc_bridge.privacy.caller_keys import shown
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.queries.survey_history import opt_outs

    with database(load_config(path).storage.url) as engine, engine.connect() as connection:
        out = [said for said in opt_outs(connection) if said.opted_out]
    if json_lines:
        for said in out:
            at = datetime.fromtimestamp(said.updated_at, UTC).isoformat(timespec="milliseconds")
            said_at = at.replace("+00:00", "Z")
            say(json_text({"caller_key": said.caller_key, "updated_at": said_at, "source": said.source}))
        return
    say(f"{'caller':<22}{'since':<22}source" if out else "no caller has opted out")
    for said in out:
        since = datetime.fromtimestamp(said.updated_at).astimezone()
        say(f"{shown(said.caller_key):<22}{since:%Y-%m-%d %H:%M:%S}   {said.source}")
