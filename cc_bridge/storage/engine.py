"""Open the database that a URL names; `migrate.py` and the writer use nothing else.

The trap is SQLite's: when its file is deleted or moved away, an open connection goes on writing to the
file that nobody can find any more, without an error. So each checkout from the pool compares the file
with the one that was opened, and a connection to a lost file is replaced.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from cc_bridge.errors import StorageError

__all__ = ["identity", "make_engine"]

# Seconds until a server that does not answer counts as lost; without a bound, a dead network path
# holds the writer for the two hours of TCP's keepalive. By driver, in the driver's own terms.
_CONNECT_ARGS: dict[str, dict[str, Any]] = {
    "psycopg": {"connect_timeout": 5, "tcp_user_timeout": 30_000},
    "pymysql": {"connect_timeout": 5, "read_timeout": 30, "write_timeout": 30},
}
_EXTRAS = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}


def make_engine(url: str | URL, connections: int = 5) -> Engine:
    """Return an engine that connects when it is first used, and keeps up to `connections` open.

    Raises StorageError for a URL that cannot work: not a URL, a database that is not supported, a driver
    that is not installed, or a directory that does not exist.
    """
    try:
        url = make_url(url)
        backend = url.get_backend_name()
        if backend == "sqlite":
            return _sqlite(url, connections)
        if backend not in _EXTRAS:
            raise StorageError(
                f"storage on {backend} is not supported: use sqlite, postgresql or mysql+pymysql"
            )
        connect_args = dict(_CONNECT_ARGS.get(url.get_driver_name(), {}))
        if backend == "postgresql":
            connect_args["options"] = _options(url)
        return create_engine(
            url, pool_pre_ping=True, pool_size=connections, hide_parameters=True, connect_args=connect_args
        )
    except (ArgumentError, NoSuchModuleError, ValueError):  # their texts may quote the URL, with its password
        raise StorageError("the storage URL is not valid: see sqlite:///path, postgresql://...") from None
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(backend, "")
        raise StorageError(f"the database driver is missing ({error}): install cc-bridge[{extra}]") from error


def _options(url: URL) -> str:
    """Return PostgreSQL's settings for a session: `jit = off`, and then those of the URL.

    PostgreSQL compiles a statement that it expects to be much work. For the views of a month of 200 agents
    that takes longer than the views themselves.
    """
    given = url.query.get("options", ())
    return " ".join(("-c jit=off", *((given,) if isinstance(given, str) else given)))


def _sqlite(url: URL, connections: int) -> Engine:
    if not url.database or url.database == ":memory:":
        raise StorageError("storage needs an SQLite file: sqlite:///path/to/calls.sqlite3")
    path = Path(url.database)
    if not path.parent.is_dir():
        raise StorageError(f"the directory of the SQLite file does not exist: {path.parent}")
    engine = create_engine(url, hide_parameters=True, pool_size=connections)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, entry: ConnectionPoolEntry) -> None:
        # The driver would begin transactions by itself, but not before DDL: a failed migration would stay
        # half applied. With None it leaves that to `begin` below.
        connection.isolation_level = None
        for pragma in (
            "journal_mode = WAL",  # readers and the writer do not wait for each other
            # Every commit reaches the disk. In batches that is at most a few syncs a second, and a power
            # cut loses nothing that was reported as stored.
            "synchronous = FULL",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}").close()
        # A lock is waited for as long as the driver's own busy timeout says: 5 s, or `?timeout=` of the URL.
        entry.info["file"] = identity(path)

    @event.listens_for(engine, "checkout")
    def checked_out(_connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
        if entry.info["file"] != identity(path):
            raise DisconnectionError("the SQLite file is not the one that was opened")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another in its place; None when there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
