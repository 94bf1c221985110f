"""Checks of the database and the journal: schema, write access, disk space and clock.

The checks block and create nothing. SQLite would create a missing file when it is opened, so a check opens
the file only if it exists. The write access is tested by an UPDATE that changes no row and is rolled back.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError

from cc_bridge.config import StorageConfig
from cc_bridge.doctor.check_result import CheckResult, fail, ok, warn
from cc_bridge.errors import StorageError
from cc_bridge.storage.engine import make_engine, shown_url
from cc_bridge.storage.files.write_access import try_write
from cc_bridge.storage.migrate import current, newest

__all__ = ["check"]

_LITTLE_MB, _TOO_LITTLE_MB = 1024, 64  # a call with its survey takes about 2 KB
_MEGABYTE = 1024**2
_CLOCK_SECONDS = 5.0  # cc_bridge does not use the server's clock, but SQL queries do
_UPGRADE = "run cc-bridge db upgrade, or restart the daemon, which upgrades it"


def check(storage: StorageConfig) -> Iterator[CheckResult]:
    """Yield the results for the database, and for the journal's directory if the database is on a server."""
    try:
        engine = make_engine(storage.url)
    except StorageError as error:
        yield fail(
            "database",
            str(error),
            "correct storage.url in cc-bridge.toml, or create the directory that it names",
        )
        return
    try:
        yield from _database(storage, engine)
    finally:
        engine.dispose()
    if storage.on_server:
        yield from _folder("journal", storage.journal_file, storage.journal_max_mb)


def _database(storage: StorageConfig, engine: Engine) -> Iterator[CheckResult]:
    """Yield the results for the database: disk space (SQLite only), connection, schema and write access."""
    where = shown_url(engine)
    if not storage.on_server:
        file = Path(str(engine.url.database))
        yield from _folder("database.space", file, _LITTLE_MB)
        if not file.exists():
            yield ok("database", f"{file} will be created at the first start")
            return
    try:
        version = current(engine.url)
    except StorageError as error:
        yield fail(
            "database",
            str(error),
            "check that the server runs, and host, user, password and database name in storage.url",
        )
        return
    if version is None:
        yield ok("database", f"{where} is empty; its tables are created at the first start")
        return
    if version != newest():
        yield warn("database", f"{where} has schema {version}, this cc-bridge needs {newest()}", _UPGRADE)
    else:
        yield ok("database", f"{where}, schema {version}")
    yield from _writable(engine)


def _writable(engine: Engine) -> Iterator[CheckResult]:
    """Yield the result of a test write, which is rolled back.

    If the database is on a server, also yield the result of the check that the clocks of the server and of
    this machine agree.
    """
    try:
        with engine.connect() as connection:
            try_write(connection)
            yield ok("database.writable", "a row can be written (the test was rolled back)")
            if engine.dialect.name != "sqlite":
                clock = _CLOCKS[engine.dialect.name]
                yield _clock(float(connection.scalar(select(clock)) or 0) - time.time())
    except DBAPIError as error:
        yield fail(
            "database.writable",
            " ".join(str(error.orig).split()),
            "grant the user of storage.url all rights on this database (SQLite: make the user cc-bridge the"
            " owner of the file and its directory); a read-only standby server cannot be used",
        )


_CLOCKS = {
    "postgresql": func.extract("epoch", func.clock_timestamp()),
    "mysql": func.unix_timestamp(func.now(6)),
    "mariadb": func.unix_timestamp(func.now(6)),
}


def _clock(offset: float) -> CheckResult:
    """Return the result of the check that the clocks of the database server and of this machine agree.

    `offset` is the difference in seconds, positive if the server's clock is ahead.
    """
    seen = (
        f"the server's clock is {abs(offset):.1f} s {'ahead of' if offset > 0 else 'behind'} this machine's"
    )
    if abs(offset) > _CLOCK_SECONDS:
        return warn(
            "database.clock",
            seen,
            "run chronyc tracking on both machines, and correct the clock that is wrong",
        )
    return ok("database.clock", seen)


def _folder(name: str, file: Path, wanted_mb: int) -> Iterator[CheckResult]:
    """Yield the result for the directory in which the daemon writes `file`: write access and free disk space.

    The result is a warning if the free space plus the present size of the file is less than `wanted_mb`
    megabytes.
    """
    folder = file.parent
    if not folder.is_dir():
        yield fail(name, f"{folder} does not exist", f"install -d -o cc-bridge -m 750 {folder}")
        return
    if not os.access(folder, os.W_OK):
        yield fail(name, f"this user cannot write to {folder}", f"chown cc-bridge {folder}")
        return
    free = shutil.disk_usage(folder).free // _MEGABYTE
    used = file.stat().st_size // _MEGABYTE if file.exists() else 0
    seen = f"{free} MB free in {folder}"
    advice = f"free disk space in {folder}, or move {file.name} to another disk"
    if free < _TOO_LITTLE_MB:
        yield fail(name, seen, advice)
    elif free + used < wanted_mb:
        yield warn(name, f"{seen}, {wanted_mb} MB recommended", advice)
    else:
        yield ok(name, seen)
