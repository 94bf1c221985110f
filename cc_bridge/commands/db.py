"""The database: `db upgrade`, `db schema`, `db import-journal`."""

import sys
from pathlib import Path

import click

from cc_bridge.commands.common import FILE, config_option, load_config

__all__ = ["db"]


@click.group()
def db() -> None:
    """Make, change and describe the database's tables; write into them what a journal holds."""


@db.command()
@config_option
@click.option("--sql", is_flag=True, help="Print the SQL for an empty database instead of running it.")
def upgrade(path: Path | None, *, sql: bool) -> None:
    """Bring the database of storage.url to this version's schema; `run` does it by itself too.

    \b
    Examples:  cc-bridge db upgrade
               cc-bridge db upgrade --sql > schema.sql
    """
    from cc_bridge.storage import migrate

    url = load_config(path).storage.url
    if sql:
        click.echo(migrate.upgrade_script(url))
        return
    before = migrate.current(url)
    migrate.upgrade(url)
    click.echo(f"schema {before or 'empty'} -> {migrate.current(url)}")


@db.command()
def schema() -> None:
    """Print what each table, view and column means, with examples of queries, as Markdown.

    \b
    Example:  cc-bridge db schema > schema.md
    """
    from cc_bridge.storage.schema_reference import page

    click.echo(page(), nl=False)


@db.command("import-journal")
@config_option
@click.option("--journal", "file", type=FILE, help="The journal's file; else that of storage.journal_file.")
def import_journal(path: Path | None, file: Path | None) -> None:
    """Write into the database what a journal still holds, such as after storage.url was changed.

    With a server the daemon does it by itself. Again writes nothing twice.

    \b
    Examples:  cc-bridge db import-journal
               cc-bridge db import-journal --journal /backup/journal.sqlite
    """
    from functools import partial

    from sqlalchemy.exc import SQLAlchemyError

    from cc_bridge.storage.migrate import open_database
    from cc_bridge.storage.pipeline import journal_import
    from cc_bridge.storage.pipeline.sql_sink import SqlSink

    storage = load_config(path).storage
    file = file or storage.journal_file
    waiting = journal_import.pending_in(file)
    if not waiting:
        click.echo(f"{file}: nothing waits")
        return
    database = SqlSink(partial(open_database, storage.url))
    try:
        with click.progressbar(length=waiting, label="import", file=sys.stderr) as bar:
            done = journal_import.import_journal(file, database, bar.update)
    except SQLAlchemyError as error:
        raise click.ClickException(f"{error}; what is written is noted, so start it again") from error
    finally:
        database.close()
    aside = f"; {done.rejected} that the database rejected stay in {file}" if done.rejected else ""
    click.echo(f"{done.written} records written{aside}")
