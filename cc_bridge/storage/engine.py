"""The SQLAlchemy engine: a pool of connections to the database that a URL names.

An SQLite file needs a check. If it is deleted or moved away, an open connection still writes to the lost file
without an error. So each connection that leaves the pool is checked: if the file at the path is no longer the
file that was opened, a new connection is made. If the file was overwritten, an error is raised.
"""

import os
import sqlite3
from math import inf
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from cc_bridge.errors import StorageError, how_to_install
from cc_bridge.safe_text.redaction import redacted_url
from cc_bridge.storage.files.private_files import create_private

__all__ = ["check_header", "identity", "make_engine", "shown_url"]

_SQLITE_HEADER = b"SQLite format 3\0"  # the start of each SQLite file
_descriptors: dict[tuple[int, int], int] = {}  # open files of `check_header`, by device and inode
_descriptors_lock = Lock()

# Timeouts for a server that does not answer, as arguments of each driver: seconds, tcp_user_timeout in ms.
# Without them a dead network path blocks the writer for the two hours of TCP's keepalive.
_CONNECT_ARGS: dict[str, dict[str, Any]] = {
    "psycopg": {"connect_timeout": 5, "tcp_user_timeout": 30_000},
    "pymysql": {"connect_timeout": 5, "read_timeout": 30, "write_timeout": 30},
}
_ANSWER_TIMEOUTS = {"read_timeout", "write_timeout"}
_GRACE_SECONDS = 2.0  # after a statement's time limit, for the server's error to arrive
_EXTRAS = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}


def make_engine(url: str | URL, connections: int = 5, answer_seconds: float | None = None) -> Engine:
    """Return an engine that connects at its first use and keeps up to `connections` connections open.

    A database server must answer each question within `answer_seconds`. If it does not, the connection is
    closed, and a database error is raised. With None, the limit on MySQL and MariaDB is 30 s, and PostgreSQL
    has none. With `math.inf` no database has one. SQLite never has one.

    Raises StorageError for a URL that can never work: invalid, of an unsupported database, of a driver that
    is not installed, or in a directory that does not exist.
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
        if answer_seconds == inf:
            connect_args |= dict.fromkeys(_ANSWER_TIMEOUTS & connect_args.keys())
            answer_seconds = None
        if backend == "postgresql":
            connect_args["options"] = _options(url, answer_seconds)
        elif answer_seconds is not None:
            connect_args |= {"read_timeout": answer_seconds, "write_timeout": answer_seconds}
        engine = create_engine(
            url, pool_pre_ping=True, pool_size=connections, hide_parameters=True, connect_args=connect_args
        )
        if backend == "postgresql" and answer_seconds is not None:
            _limit_postgresql(engine, answer_seconds)
    except (ArgumentError, NoSuchModuleError, ValueError):  # their texts may quote the URL, with its password
        raise StorageError(
            "the storage URL is not valid: use the form sqlite:///path or postgresql://user@host/name"
        ) from None
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(backend, "")
        raise StorageError(f"the database driver is missing ({error}): {how_to_install(extra)}") from error
    return engine


def shown_url(engine: Engine) -> str:
    """Return the URL of a database for messages, without the secrets in it."""
    return redacted_url(engine.url.render_as_string(hide_password=False))


def _limit_postgresql(engine: Engine, seconds: float) -> None:
    """Let each connection of an engine wait for PostgreSQL's answer for up to `seconds` and 2 s more.

    PostgreSQL itself ends a statement after `seconds` (see `_options`) and then sends an error. The 2 s let
    this error arrive. If it does not arrive, the connection is closed.
    """
    from cc_bridge.storage.psycopg_limit import limited_connection  # noqa: PLC0415 - psycopg is optional

    limited = limited_connection(seconds + _GRACE_SECONDS)

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _entry: Any, args: Any, options: Any) -> Any:
        return limited.connect(*args, **options)


def _options(url: URL, answer_seconds: float | None) -> str:
    """Return PostgreSQL's session options: `jit = off`, a time limit, and the options in the URL.

    The time limit is `answer_seconds` for each statement; None is no limit.

    With `jit` on, PostgreSQL compiles each statement that it expects to be expensive. Compiling can take
    longer than the statement itself, for example for a view over a month and 200 agents.
    """
    given = url.query.get("options", ())
    limit = () if answer_seconds is None else (f"-c statement_timeout={round(answer_seconds * 1000)}",)
    return " ".join(("-c jit=off", *limit, *((given,) if isinstance(given, str) else given)))


def _sqlite(url: URL, connections: int) -> Engine:
    if not url.database or url.database == ":memory:":
        raise StorageError("storage needs an SQLite file: sqlite:///path/to/calls.sqlite3")
    path = Path(url.database)
    if not path.parent.is_dir():
        raise StorageError(f"the directory of the SQLite file does not exist: {path.parent}")
    engine = create_engine(url, hide_parameters=True, pool_size=connections)

    @event.listens_for(engine, "do_connect")
    def connecting(*_: object) -> None:
        try:
            create_private(path)
        except OSError as error:  # of the driver's kind, so that it is handled as any failed connection
            raise sqlite3.OperationalError(f"the file cannot be created: {error.strerror}") from error

    @event.listens_for(engine, "connect")
    def connected(connection: Any, entry: ConnectionPoolEntry) -> None:
        # The driver would start transactions on its own, but not before DDL, so that a failed migration
        # would stay half applied. With None it leaves the start to `begun` below.
        connection.isolation_level = None
        for pragma in (
            "journal_mode = WAL",  # readers and the writer do not wait for each other
            # Each commit reaches the disk. With batches this means a few syncs per second, and a power
            # failure loses no record that was reported as stored.
            "synchronous = FULL",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}").close()
        # The wait for a lock ends after the driver's busy timeout: 5 s, or `?timeout=` in the URL.
        entry.info["file"] = identity(path)

    @event.listens_for(engine, "checkout")
    def checked_out(_connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
        if entry.info["file"] != identity(path):
            raise DisconnectionError("the SQLite file is not the one that was opened")
        check_header(path)

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def check_header(path: Path) -> None:
    """Raise sqlite3.DatabaseError if a file does not start like an SQLite database.

    An empty or missing file passes. If another program overwrites the file while SQLite has it open, SQLite
    does not notice this: it has the start of the file in memory, and writes new data to the write-ahead log
    first.

    This function opens each file once. It closes the file only after the file was deleted. If a process
    closes any descriptor of a file, the system releases all locks of this process on the file, also those of
    SQLite (fcntl(2)). Other processes would then delete the write-ahead log.
    """
    key = identity(path)
    if key is None:
        return
    with _descriptors_lock:
        if key not in _descriptors:
            for old, descriptor in list(_descriptors.items()):
                if not os.fstat(descriptor).st_nlink:
                    os.close(_descriptors.pop(old))
            _descriptors[key] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        start = os.pread(_descriptors[key], len(_SQLITE_HEADER), 0)
    if start and start != _SQLITE_HEADER:
        error = sqlite3.DatabaseError("file is not a database")
        error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
        raise error


def identity(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of a file; None if it is missing.

    A file that was replaced by another one has a different device or inode.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
