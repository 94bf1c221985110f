"""The commands `caller export` and `caller erase`: access to and erasure of one caller's personal data."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cc_bridge.commands.common import config_option, load_config, progress, say, say_lines
from cc_bridge.safe_text.printable import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from cc_bridge.config import Config
    from cc_bridge.privacy.data_subject import DataSubject

__all__ = ["caller"]


@click.group()
def caller() -> None:
    """Export or erase all stored data of one caller, on all PBXs of the database.

    \b
    Example:  cc-bridge caller export +989121234567
    """


@caller.command()
@config_option
@click.argument("number")
def export(number: str, path: Path | None) -> None:
    """Print all rows about the caller with this NUMBER as JSON, grouped by table, with times in UTC.

    \b
    Example:  cc-bridge caller export +989121234567 > caller.json
    """
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
    say_lines(json_text(found, 2))


@caller.command()
@config_option
@click.argument("number")
@click.option("--yes", is_flag=True, help="Erase without confirmation.")
@click.option("--forget-opt-out", is_flag=True, help="Also erase the caller's opt-out from surveys.")
def erase(number: str, path: Path | None, *, yes: bool, forget_opt_out: bool) -> None:
    """Erase the personal data of the caller with this NUMBER from database, journal and recordings.

    Calls, visits, talks and ratings remain as figures without number, name and caller key. The caller's
    opt-out remains as a hash. The erasure is logged without the number in erasures.log, beside the database
    file or the journal. If several PBXs share a database server, run the command on the machine of each.

    \b
    Examples:  cc-bridge caller erase +989121234567
               cc-bridge caller erase 09121234567 --yes     (the same with callers.country_code = "98")
    """
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.personal_data.erasure import CallerOptedOut, erase as erase_person
    from cc_bridge.storage.personal_data.recordings import Recordings

    config = load_config(path)
    person = _person(config, number)
    if not yes:
        click.confirm("Erase all personal data of this caller? This cannot be undone", abort=True)
    kept_opt_out = None if forget_opt_out else config.callers.caller_keys().hashed(number)
    with database(config.storage.url) as engine, _journal(config) as journal:
        try:
            with progress(1, "erase") as bar:
                erased = erase_person(
                    engine, journal, person, kept_opt_out, Recordings(config.survey.recordings_directory)
                )
                bar.update(1)
        except CallerOptedOut as error:
            raise click.ClickException(
                f"{error}: set callers.hash_secret to keep the opt-out as a hash, or give --forget-opt-out"
            ) from error
    note = _note(config, erased.rows, erased.recordings, len(erased.not_here))
    for name, rows in erased.rows.items():
        say(f"{name:<16}{rows:>8}  rows changed")
    say(f"{'recordings':<16}{erased.recordings:>8}  removed")
    if erased.opted_out:
        say("the caller's opt-out is kept as a hash")
    say(f"logged in {note}")
    for recording in erased.not_here:
        say(f"recording not found on this machine, delete it on the PBX: {recording}", err=True)
    say(
        "A call that is in progress is stored when it ends: erase again then. This command does not erase "
        "Asterisk's own records, backups, database server logs or data at webhook receivers.",
        err=True,
    )


def _person(config: "Config", number: str) -> "DataSubject":
    """Return the person whose data is to be exported or erased, identified by a phone number.

    Raises ClickException if `number` is not a phone number. Prints a warning if callers.country_code is not
    set, because the same number with and without a country code then counts as two callers.
    """
    from cc_bridge.privacy.data_subject import DataSubject

    person = DataSubject(number, config.callers.caller_keys())
    if not person:
        raise click.ClickException(f"not a phone number: {number!r}")
    if not config.callers.country_code:
        say("callers.country_code is not set: 0912... and +98912... count as two callers", err=True)
    return person


@contextmanager
def _journal(config: "Config") -> "Iterator[Engine | None]":
    """Open the journal of this machine, and yield its engine.

    Yield None if there is no journal file, or if storage.url names a SQLite file, which needs no journal.
    Raises ClickException if another program has locked the journal.
    """
    from sqlalchemy.exc import OperationalError

    from cc_bridge.storage.engine import make_engine

    if not (config.storage.on_server and config.storage.journal_file.exists()):
        yield None
        return
    engine = make_engine(f"sqlite:///{config.storage.journal_file}")
    try:
        with engine.connect():  # reads the file's header, and so fails if the journal is locked
            pass
        yield engine
    except OperationalError as error:
        raise click.ClickException(
            f"the journal {config.storage.journal_file} is in use ({error.orig}): "
            "stop cc-bridge on this machine, repeat the command, then start cc-bridge"
        ) from error
    finally:
        engine.dispose()


def _note(config: "Config", rows: dict[str, int], recordings: int, not_here: int) -> Path:
    """Append a line about an erasure to erasures.log, without the caller's number; return the file's path.

    `rows` has the number of changed rows by table. `recordings` is the number of deleted recordings.
    `not_here` is the number of recordings that were not found on this machine.
    """
    import json
    import os
    from datetime import UTC, datetime
    from secrets import token_hex

    from sqlalchemy import make_url

    from cc_bridge.storage.files.private_files import open_private

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
    try:
        with os.fdopen(open_private(log, os.O_WRONLY | os.O_APPEND), "a", encoding="utf-8") as stream:
            stream.write(json.dumps(note) + "\n")
    except OSError as error:
        raise click.ClickException(f"the data is erased, but {log} cannot be written: {error}") from error
    return log
