"""Where records go: the database and the journal, their schema, room and clock. Blocks; runs in a thread.

The trap: SQLite makes a file that is not there when it is opened, and nothing may be made here; so it is
looked for first. What is written to try it is rolled back.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import DBAPIError

from cc_bridge.config import StorageConfig
from cc_bridge.doctor.check_result import CheckResult, fail, ok, warn
from cc_bridge.errors import StorageError
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import current, newest
from cc_bridge.storage.schema.tables import observation_watermarks

__all__ = ["findings"]

_LITTLE_MB, _TOO_LITTLE_MB = 1024, 64  # a call with its survey takes some 2 KB
_MEGABYTE = 1024**2
_CLOCK_SECONDS = 5.0  # nothing is computed from the server's clock; it only misleads who reads the tables
_UPGRADE = "cc-bridge db upgrade, or start the daemon, which does it"


def findings(storage: StorageConfig) -> Iterator[CheckResult]:
    try:
        engine = make_engine(storage.url)
    except StorageError as error:
        yield fail("database", str(error), "mend storage.url in cc-bridge.toml, or make what it names")
        return
    try:
        yield from _database(storage, engine)
    finally:
        engine.dispose()
    if storage.on_server:
        yield from _folder("journal", storage.journal_file, storage.journal_max_mb)


def _database(storage: StorageConfig, engine: Engine) -> Iterator[CheckResult]:
    where = engine.url.render_as_string(hide_password=True)
    if not storage.on_server:
        file = Path(str(engine.url.database))
        yield from _folder("database.space", file, _LITTLE_MB)
        if not file.exists():
            yield ok("database", f"{file} will be made at the first start")
            return
    try:
        version = current(engine.url)
    except StorageError as error:
        yield fail(
            "database", str(error), "is the server up, are name, user and password in storage.url right?"
        )
        return
    if version is None:
        yield ok("database", f"{where} is empty; its tables are made at the first start")
        return
    if version != newest():
        yield warn("database", f"{where} has schema {version}, this cc-bridge {newest()}", _UPGRADE)
    else:
        yield ok("database", f"{where}, schema {version}")
    yield from _tried(engine)


def _tried(engine: Engine) -> Iterator[CheckResult]:
    try:
        with engine.connect() as connection:
            connection.execute(
                update(observation_watermarks)
                .values(pbx=observation_watermarks.c.pbx)
                .where(observation_watermarks.c.pbx == "")
            )
            connection.rollback()
            yield ok("database.writable", "a row can be written (nothing was)")
            if engine.dialect.name != "sqlite":
                clock = _CLOCKS[engine.dialect.name]
                yield _clock(float(connection.scalar(select(clock)) or 0) - time.time())
    except DBAPIError as error:
        yield fail(
            "database.writable",
            " ".join(str(error.orig).split()),
            "the user of storage.url needs all rights on this database (SQLite: the user cc-bridge owns the"
            " file and its folder); is it a read-only standby?",
        )


_CLOCKS = {
    "postgresql": func.extract("epoch", func.clock_timestamp()),
    "mysql": func.unix_timestamp(func.now(6)),
    "mariadb": func.unix_timestamp(func.now(6)),
}


def _clock(offset: float) -> CheckResult:
    seen = f"{abs(offset):.1f} s {'ahead of' if offset > 0 else 'behind'} this machine's"
    if abs(offset) > _CLOCK_SECONDS:
        return warn("database.clock", seen, "chronyc tracking, on both machines: mend the one that is off")
    return ok("database.clock", seen)


def _folder(name: str, file: Path, wanted_mb: int) -> Iterator[CheckResult]:
    """Judge the folder of a file that the daemon writes."""
    folder = file.parent
    if not folder.is_dir():
        yield fail(name, f"{folder} does not exist", f"install -d -o cc-bridge -m 750 {folder}")
        return
    if not os.access(folder, os.W_OK):
        yield fail(name, f"{folder} cannot be written by this user", f"chown cc-bridge {folder}")
        return
    free = shutil.disk_usage(folder).free // _MEGABYTE
    taken = file.stat().st_size // _MEGABYTE if file.exists() else 0
    seen = f"{free} MB free in {folder}"
    advice = f"make room there, or move {file.name} to another disk"
    if free < _TOO_LITTLE_MB:
        yield fail(name, seen, advice)
    elif free + taken < wanted_mb:
        yield warn(name, f"{seen}, {wanted_mb} wanted", advice)
    else:
        yield ok(name, seen)
