"""The commands `db upgrade`, `db schema` and `db import-journal`."""

from pathlib import Path

import click

from cc_bridge.commands.common import FILE, config_option, load_config, progress, say, say_lines

__all__ = ["db"]


@click.group()
def db() -> None:
    """Create, upgrade and describe the database tables, and import a journal."""


@db.command()
@config_option
@click.option(
    "--sql", is_flag=True, help="Print the SQL that creates an empty database, and execute nothing."
)
def upgrade(path: Path | None, *, sql: bool) -> None:
    """Upgrade the database of storage.url to the schema of this version. `run` does this automatically.

    \b
    Examples:  cc-bridge db upgrade
               cc-bridge db upgrade --sql > schema.sql
    """
    from cc_bridge.storage import migrate

    url = load_config(path).storage.url
    if sql:
        say_lines(migrate.upgrade_script(url))
        return
    before = migrate.current(url)
    migrate.upgrade(url)
    say(f"schema {before or 'empty'} -> {migrate.current(url)}")


@db.command()
def schema() -> None:
    """Print the meaning of each table, view and column, with example queries, as Markdown.

    \b
    Example:  cc-bridge db schema > schema.md
    """
    from cc_bridge.storage.schema_reference import page

    click.echo(page(), nl=False)


@db.command("import-journal")
@config_option
@click.option("--journal", "file", type=FILE, help="Journal file. Default: storage.journal_file.")
def import_journal(path: Path | None, file: Path | None) -> None:
    """Write the remaining records of a journal into the database, for example after a change of storage.url.

    If storage.url names a database server, the daemon does this automatically. A second import of the same
    journal has no effect.

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
        say(f"{file}: no records to import")
        return
    database = SqlSink(partial(open_database, storage.url))
    try:
        with progress(waiting, "import") as bar:
            done = journal_import.import_journal(file, database, bar.update)
    except SQLAlchemyError as error:
        raise click.ClickException(
            f"{error}; repeat the command: it continues after the last written record"
        ) from error
    finally:
        database.close()
    rejected = (
        f"; {done.rejected} records were rejected by the database and stay in {file}" if done.rejected else ""
    )
    say(f"{done.written} records written{rejected}")
