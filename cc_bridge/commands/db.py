"""The tables: `db upgrade`, `db schema`."""

from pathlib import Path

import click

from cc_bridge.commands.common import config_option, load_config

__all__ = ["db"]


@click.group()
def db() -> None:
    """Make, change and describe the database's tables."""


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
    from cc_bridge.storage.schema_page import page

    click.echo(page(), nl=False)
