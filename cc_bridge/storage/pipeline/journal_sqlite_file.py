"""The file of a journal: held by one process, opened when needed, measured, and given back to the disk.

A lock file beside the journal is locked for as long as the journal is open, and not the journal itself, so
that commands can read the outbox meanwhile. All threads share the one connection.
"""

import fcntl
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from os import statvfs
from pathlib import Path
from threading import Lock
from typing import IO

from twisted.logger import Logger

from cc_bridge.errors import StorageError
from cc_bridge.storage.engine import identity
from cc_bridge.storage.pipeline.journal_schema import prepare

__all__ = ["JournalSqliteFile"]

_log = Logger()

_BUSY_SECONDS = 5.0  # a command looks into the outbox
# What callers say is taken when the journal is full, but the disk of a machine is not ours alone.
_HARD_LIMIT = 1.1
# The last of a disk is for what callers say: a survey's three answers take 3 KiB, SQLite's log up to 4 MiB.
_SPARE = 8 * 1024**2
# Pages of 4 KiB given back to the disk at a time once nothing waits, and how many free ones are kept: a
# gigabyte at once would hold a caller's answer for seconds.
_GIVE_BACK, _KEPT_FREE = 2_000, 1_000


class JournalSqliteFile:
    """An SQLite file with transactions, one at a time.

    size: bytes in use, as of the last transaction
    room: bytes left up to the limit, or on the disk but for a rest
    """

    def __init__(
        self,
        path: Path,
        limit: int,
        opened: Callable[[sqlite3.Connection], None],
        committed: Callable[[sqlite3.Connection], None],
    ) -> None:
        """`limit` is in bytes. `opened` and `committed` are called under the lock, after each of that."""
        self.limit = limit
        self.size = 0
        self.room = limit
        self._path = path
        self._opened = opened
        self._committed = committed
        self._free = 0  # pages that nothing uses
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._held: IO[bytes] | None = None

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """Give the connection within a transaction; any failure rolls back and closes the file."""
        with self._lock:
            try:
                connection = self._connected()
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
                self.measure(connection)
                self._committed(connection)
            except BaseException:
                self._disconnect()
                raise

    def measure(self, connection: sqlite3.Connection) -> None:
        """Update `size` and `room`."""
        pages, self._free, page = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        self.size = (pages - self._free) * page
        disk = statvfs(self._path)
        spare = disk.f_bavail * disk.f_frsize + self._free * page - _SPARE
        self.room = min(self.limit - self.size, spare)

    def shrink(self) -> None:
        """Give some free pages back to the disk, if there are many."""
        with self._lock:
            if self._connection and self._free > _KEPT_FREE:
                # A script, because execute() stops after the first page: the pragma gives a row for each.
                self._connection.executescript(f"PRAGMA incremental_vacuum({_GIVE_BACK})")

    def close(self) -> None:
        """Close the file; the next transaction opens it again."""
        with self._lock:
            self._disconnect()

    # Under the lock

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity != identity(self._path):
            self._disconnect()  # moved away or deleted: see engine.py
        if self._connection is None:
            if not self._path.parent.is_dir():
                raise StorageError(f"the directory of the journal does not exist: {self._path.parent}")
            self._held = self._hold()
            self._connection = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._prepare(self._connection)
            self._identity = identity(self._path)
        return self._connection

    def _hold(self) -> IO[bytes]:
        """Lock the file beside it, until that is closed. Raises StorageError when another daemon has it."""
        try:
            lock = self._path.with_name(f"{self._path.name}.lock").open("wb")
        except OSError as error:
            raise StorageError(f"the journal {self._path}: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise StorageError(
                f"the journal {self._path} is held: is another cc-bridge running with it?"
            ) from error
        return lock

    def _prepare(self, connection: sqlite3.Connection) -> None:
        for pragma in (
            "auto_vacuum = INCREMENTAL",
            "journal_mode = WAL",
            "synchronous = FULL",  # a commit is on disk, whatever happens to the machine next
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        try:
            prepare(connection)
        except StorageError as error:
            raise StorageError(f"{self._path}: {error}") from None
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA max_page_count = {int(_HARD_LIMIT * self.limit) // page}").fetchall()
        self._opened(connection)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error as error:
                _log.warn("the journal did not close: {error!r}", error=error)
        held, self._held = self._held, None
        if held is not None:
            held.close()
