"""One caller who wants to see, or to be taken out of, what is stored: `caller export` and `caller erase`."""

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cc_bridge.commands.common import config_option, load_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from cc_bridge.config import Config
    from cc_bridge.privacy.data_subject import DataSubject

__all__ = ["caller"]


@click.group()
def caller() -> None:
    """Show or erase everything that is stored about one caller, on all PBXs of the database.

    \b
    Example:  cc-bridge caller export +989121234567
    """


@caller.command()
@config_option
@click.argument("number")
def export(number: str, path: Path | None) -> None:
    """Print as JSON every row about the caller with this NUMBER, by table; instants in UTC.

    \b
    Example:  cc-bridge caller export +989121234567 > caller.json
    """
    import json

    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.personal_data.subject_data import export as rows_of, export_other

    config = load_config(path)
    person = _person(config, number)
    with database(config.storage.url) as engine:
        with engine.connect() as connection:
            found: dict[str, Any] = rows_of(connection, person)
        with _journal(config) as journal:
            if journal is not None:
                with journal.connect() as connection:
                    found["journal"] = export_other(connection, person)
    click.echo(json.dumps(found, ensure_ascii=False, indent=2))


@caller.command()
@config_option
@click.argument("number")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--forget-opt-out", is_flag=True, help="Forget too that the caller must not be asked again.")
def erase(number: str, path: Path | None, *, yes: bool, forget_opt_out: bool) -> None:
    """Take the caller with this NUMBER out of the database, the journal and the recordings.

    Calls, waits, talks and ratings stay as figures without number, name and key. That the caller has opted
    out stays too, as a hash. A note of it without the number goes to erasures.log beside the database file
    or the journal. With several PBXs on one server, run it on the machine of each.

    \b
    Examples:  cc-bridge caller erase +989121234567
               cc-bridge caller erase 09121234567 --yes     (with callers.country_code = "98" the same)
    """
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.personal_data.erasure import CallerOptedOut, erase as erase_person
    from cc_bridge.storage.personal_data.recordings import Recordings

    config = load_config(path)
    person = _person(config, number)
    if not yes:
        click.confirm("Erase this caller from everything that is stored? It cannot be undone", abort=True)
    lasting = None if forget_opt_out else config.callers.caller_keys().hashed(number)
    with database(config.storage.url) as engine, _journal(config) as journal:
        try:
            with click.progressbar(length=1, label="erase", file=sys.stderr) as bar:
                erased = erase_person(
                    engine, journal, person, lasting, Recordings(config.survey.recordings_directory)
                )
                bar.update(1)
        except CallerOptedOut as error:
            raise click.ClickException(
                f"{error}: to remember it without the number set callers.hash_secret, or --forget-opt-out"
            ) from error
    note = _note(config, erased.rows, erased.recordings, len(erased.not_here))
    for name, rows in erased.rows.items():
        click.echo(f"{name:<16}{rows:>8}  rows changed")
    click.echo(f"{'recordings':<16}{erased.recordings:>8}  removed")
    if erased.opted_out:
        click.echo("that the caller must not be asked again is kept, as a hash")
    click.echo(f"noted in {note}")
    for recording in erased.not_here:
        click.echo(f"not found on this machine, delete it on the PBX: {recording}", err=True)
    click.echo(
        "A call that goes on now is written when it ends: erase again then. Asterisk's own records, backups, "
        "logs of a database server and receivers of webhooks are not reached.",
        err=True,
    )


def _person(config: "Config", number: str) -> "DataSubject":
    from cc_bridge.privacy.data_subject import DataSubject

    person = DataSubject(number, config.callers.caller_keys())
    if not person:
        raise click.ClickException(f"not a phone number: {number!r}")
    if not config.callers.country_code:
        click.echo("callers.country_code is not set: 0912... and +98912... are not known for one", err=True)
    return person


@contextmanager
def _journal(config: "Config") -> "Iterator[Engine | None]":
    """Open what waits on this machine for a database server; None: nothing does."""
    from sqlalchemy.exc import OperationalError

    from cc_bridge.storage.engine import make_engine

    if not (config.storage.on_server and config.storage.journal_file.exists()):
        yield None
        return
    engine = make_engine(f"sqlite:///{config.storage.journal_file}")
    try:
        with engine.connect():  # which reads the file's header
            pass
        yield engine
    except OperationalError as error:
        raise click.ClickException(
            f"the journal {config.storage.journal_file} is in use ({error.orig}): "
            "stop cc-bridge on this machine, do it, start it again"
        ) from error
    finally:
        engine.dispose()


def _note(config: "Config", rows: dict[str, int], recordings: int, not_here: int) -> Path:
    """Write down what was done, without whom it was done for; return where."""
    import json
    from datetime import UTC, datetime
    from secrets import token_hex

    from sqlalchemy import make_url

    file = (
        config.storage.journal_file
        if config.storage.on_server
        else Path(make_url(config.storage.url).database or "")
    )
    note = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "id": token_hex(8),
        "rows": rows,
        "recordings": recordings,
        "recordings_not_here": not_here,
    }
    log = file.with_name("erasures.log")
    with log.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(note) + "\n")
    return log
