"""Bring a database to the schema of this version, or say clearly why that cannot be.

The `cc-bridge` command and the writer's `open_database` call it. There is no alembic.ini: the
configuration is built here, and the version is kept in a table of our own name, so that another
program's Alembic in the same database is never taken for ours.

A new migration, from a checkout, once schema.py has changed:

    with make_engine(url).connect() as connection:
        alembic.command.revision(configuration(connection), "what changes", autogenerate=True, rev_id="0004")
"""

from collections.abc import Generator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TextIO

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, inspect, make_url
from sqlalchemy.exc import DBAPIError

from cc_bridge.errors import StorageError
from cc_bridge.storage.engine import make_engine

__all__ = [
    "VERSION_TABLE",
    "configuration",
    "current",
    "is_current",
    "open_database",
    "upgrade",
    "upgrade_script",
]

VERSION_TABLE = "cc_bridge_version"
_SCRIPTS = Path(__file__).parent / "migrations"


def configuration(
    connection: Connection | None = None, *, url: URL | None = None, output: TextIO | None = None
) -> Config:
    """Return Alembic's configuration for an open connection, or for a script to `output` for a URL."""
    config = Config(output_buffer=output, attributes={"connection": connection, "url": url})
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def open_database(url: str | URL) -> Engine:
    """Return an engine on a database whose schema is this version's; upgrades it when needed."""
    engine = make_engine(url)
    try:
        if not is_current(engine):
            _upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def upgrade(url: str | URL) -> None:
    """Bring the database to this version's schema; all or nothing where the database can."""
    open_database(url).dispose()


def upgrade_script(url: str | URL) -> str:
    """Return the SQL that builds the schema from nothing, for an administrator who runs it by hand."""
    script = StringIO()
    command.upgrade(configuration(url=make_url(url), output=script), "head", sql=True)
    return script.getvalue()


def current(url: str | URL) -> str | None:
    """Return the version of the database's schema; None when it is empty."""
    engine = make_engine(url)
    try:
        return _version(engine)
    finally:
        engine.dispose()


def is_current(engine: Engine) -> bool:
    """Tell whether the schema is this version's."""
    return _version(engine) == _scripts().get_current_head()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_SCRIPTS))


@contextmanager
def _clear_errors(engine: Engine) -> Generator[None]:
    try:
        yield
    except DBAPIError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise StorageError(f"{where}: {' '.join(str(error.orig).split())}") from error


def _upgrade(engine: Engine) -> None:
    with _clear_errors(engine), engine.begin() as connection:
        command.upgrade(configuration(connection), "head")


def _version(engine: Engine) -> str | None:
    with _clear_errors(engine), engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        version = context.get_current_revision()
    where = engine.url.render_as_string(hide_password=True)
    if VERSION_TABLE not in tables and tables:
        raise StorageError(f"{where} holds tables of something else ({', '.join(sorted(tables)[:3])}, ...): "
                           "give cc_bridge a database of its own")  # fmt: skip
    if version is not None and version not in {script.revision for script in _scripts().walk_revisions()}:
        raise StorageError(f"{where} was made by a newer cc_bridge (schema {version}): upgrade this one")
    return version
