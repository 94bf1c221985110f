"""The schema upgrade: it brings a database to the schema of this cc_bridge, or explains why it cannot.

There is no alembic.ini: the configuration is built here. The schema version is in the table
`cc_bridge_version`. Alembic's usual table may belong to another program in the same database.

An empty database gets the tables of schema/tables.py and the views directly. Alembic is imported for older
databases only, because it needs 11 MB of memory. Note: a migration that inserts rows into a new table must
also insert them in `_create`.

After a change of schema/tables.py, create a new migration from a checkout:

    with make_engine(url).connect() as connection:
        alembic.command.revision(configuration(connection), "what changes", autogenerate=True, rev_id="0004")
"""

from collections.abc import Generator
from contextlib import contextmanager
from io import StringIO
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    func,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import DBAPIError

from cc_bridge.errors import StorageError
from cc_bridge.storage import views
from cc_bridge.storage.engine import make_engine, shown_url
from cc_bridge.storage.rollups import refresh
from cc_bridge.storage.schema import planner_hints
from cc_bridge.storage.schema.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = [
    "VERSION_TABLE",
    "configuration",
    "current",
    "database",
    "newest",
    "open_database",
    "upgrade",
    "upgrade_script",
]

VERSION_TABLE = "cc_bridge_version"
_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK_NUMBER = 0x63635F627269  # a lock of PostgreSQL has a number; this one spells "cc_bri"
_LOCK_SECONDS = 25  # wait for the lock on MariaDB
# The same table as Alembic would create.
_version_table = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


def configuration(
    connection: Connection | None = None, *, url: URL | None = None, output: TextIO | None = None
) -> "Config":
    """Return the configuration for an Alembic command.

    With `connection`, the command changes the connected database. With `url` and `output`, it connects to no
    database. It then writes SQL to `output`, for the kind of database that `url` names.
    """
    from alembic.config import Config  # noqa: PLC0415 - only older databases need it

    config = Config(output_buffer=output, attributes={"connection": connection, "url": url})
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def open_database(url: str | URL, answer_seconds: float | None = None) -> Engine:
    """Return an engine for a database that has the schema of this cc_bridge.

    An empty database gets the schema; an older schema is upgraded. A database server must answer each
    question within `answer_seconds`; `make_engine` says what None means. The upgrade takes minutes with
    millions of rows, so it has no such limit.
    """
    engine = make_engine(url, answer_seconds=answer_seconds)
    try:
        if _version(engine) != newest():
            unlimited = make_engine(url, answer_seconds=inf)
            try:
                _migrate(unlimited)
            finally:
                unlimited.dispose()
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def database(url: str | URL) -> Generator[Engine]:
    """Yield an engine for a cc-bridge command, in a `with` block; its connections are closed after the block.

    An empty database gets the schema; an older schema is upgraded. A database error within the block is
    raised as StorageError.
    """
    engine = open_database(url)
    try:
        with _clear_errors(engine):
            yield engine
    finally:
        engine.dispose()


def upgrade(url: str | URL) -> None:
    """Upgrade the database to the schema of this cc_bridge.

    After a failure the database is unchanged. Only MariaDB may keep a part of the changes, because it cannot
    roll back DDL. The next attempt then makes the remaining changes, see migrations/resumption.py.
    """
    open_database(url).dispose()


def upgrade_script(url: str | URL) -> str:
    """Return the SQL that creates the schema in an empty database, for an administrator to run by hand."""
    from alembic import command  # noqa: PLC0415 - only older databases need it

    script = StringIO()
    command.upgrade(configuration(url=make_url(url), output=script), "head", sql=True)
    return script.getvalue()


def current(url: str | URL) -> str | None:
    """Return the schema version of a database; None if it is empty."""
    engine = make_engine(url)
    try:
        return _version(engine)
    finally:
        engine.dispose()


def _versions() -> set[str]:
    """Return all schema versions that this cc_bridge knows: the numbers in its migrations' file names."""
    return {path.name.partition("_")[0] for path in (_SCRIPTS / "versions").glob("[0-9]*_*.py")}


def newest() -> str:
    """Return the newest schema version that this cc_bridge knows."""
    return max(_versions())


@contextmanager
def _clear_errors(engine: Engine) -> Generator[None]:
    try:
        yield
    except DBAPIError as error:
        where = shown_url(engine)
        raise StorageError(f"{where}: {' '.join(str(error.orig).split())}") from error


def _migrate(engine: Engine) -> None:
    """Create the tables of an empty database, or upgrade the tables of an older one.

    A database that has the newest schema is not changed.
    """
    with _clear_errors(engine), _alone(engine), engine.begin() as connection:
        version = _version_of(connection)  # read again: another daemon may have just migrated
        if version is None:
            _create(connection)
        elif version != newest():
            from alembic import command  # noqa: PLC0415 - only older databases need it

            command.upgrade(configuration(connection), "head")


@contextmanager
def _alone(engine: Engine) -> Generator[None]:
    """Hold a lock while the schema changes, so that only one process at a time changes it.

    The lock uses a separate connection, because it must outlast the transaction of the schema change. SQLite
    needs no lock. While another process holds the lock, this function waits: on PostgreSQL without a limit,
    on MariaDB for 25 s. After these 25 s it raises StorageError.
    """
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK_NUMBER)))
            yield
            return
        if not connection.scalar(select(func.get_lock(VERSION_TABLE, _LOCK_SECONDS))):
            raise StorageError("another cc-bridge is changing the schema: try again when it has finished")
        try:
            yield
        finally:
            connection.execute(select(func.release_lock(VERSION_TABLE)))


def _create(connection: Connection) -> None:
    """Create all tables, views and triggers in an empty database.

    MariaDB commits each statement separately. After a failure on MariaDB, the next attempt creates what is
    still missing.
    """
    _version_table.create(connection, checkfirst=True)
    metadata.create_all(connection)
    dialect = connection.dialect.name
    for statement in (
        *refresh.creation(dialect),
        *views.creation(dialect),
        *planner_hints.statements(dialect),
    ):
        connection.execute(statement)
    connection.execute(_version_table.insert().values(version_num=newest()))


def _version(engine: Engine) -> str | None:
    with _clear_errors(engine), engine.connect() as connection:
        return _version_of(connection)


def _version_of(connection: Connection) -> str | None:
    tables = inspect(connection).get_table_names()
    ours = VERSION_TABLE in tables
    version = connection.scalar(select(_version_table.c.version_num)) if ours else None
    where = shown_url(connection.engine)
    if tables and not ours:
        raise StorageError(f"{where} holds tables of another program ({', '.join(sorted(tables)[:3])}, ...): "
                           "set storage.url to a separate database")  # fmt: skip
    if version is not None and version not in _versions():
        raise StorageError(f"{where} was made by a newer cc_bridge (schema {version}): upgrade this one")
    return version
