"""The SQLite file of a journal, which only one process at a time may use, and its size limit.

The process locks a separate file beside the journal for as long as the journal is open. The journal file
itself stays unlocked, so that commands can read the outbox in it. All threads share one connection.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO

from twisted.logger import Logger

from cc_bridge.errors import StorageError
from cc_bridge.storage.engine import check_header, identity
from cc_bridge.storage.files.private_files import create_private, open_private
from cc_bridge.storage.files.unreadable_file import is_unreadable, set_aside
from cc_bridge.storage.pipeline.journal_schema import prepare

__all__ = ["JournalSqliteFile"]

_log = Logger()

_BUSY_SECONDS = 5.0  # longest wait for a lock: a command may be writing to the outbox
# A full journal still accepts survey answers, up to this part of its limit more, and at least up to this
# number of bytes more. The last batch before the journal is full, of some 2 MiB, must fit too. Other programs
# need the disk, so there must be a hard limit.
_RESERVE, _LEAST_RESERVE = 0.1, 16 * 1024**2
# Bytes of the disk that are reserved for survey answers. The three answers of a survey take 3 KiB, the
# write-ahead log of SQLite up to 4 MiB.
_SPARE = 8 * 1024**2
# Pages of 4 KiB that are returned to the disk in one step, and free pages that the file keeps. Returning a
# gigabyte in one step would delay a caller's answer by seconds.
_GIVE_BACK, _KEPT_FREE = 2_000, 1_000


class JournalSqliteFile:
    """The SQLite file of a journal, with one transaction at a time.

    `size` is the number of bytes in use after the last transaction. `room` is the number of bytes by which
    the file may still grow: up to its size limit, or until the disk has only 8 MiB left, whichever is less.
    These 8 MiB are reserved for survey answers.
    """

    def __init__(
        self,
        path: Path,
        limit: int,
        opened: Callable[[sqlite3.Connection], None],
        committed: Callable[[sqlite3.Connection], None],
        *,
        sets_aside: bool = False,
    ) -> None:
        """Set the path, the size limit in bytes, and two callbacks, which get the connection.

        `opened` runs after each opening of the file, `committed` after each commit. Other threads wait while
        a callback runs. With `sets_aside`, a file that cannot be read is renamed and replaced by a new one.
        """
        self._sets_aside = sets_aside
        self.limit = limit
        self.size = 0
        self.room = limit
        self._path = path
        self._opened = opened
        self._committed = committed
        self._free = 0  # unused pages in the file
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._held: IO[bytes] | None = None

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """Run a transaction in a `with` block; the block gets the connection to the file.

        Other threads wait until the block ends. Any failure rolls the transaction back and closes the file.
        If the failure shows that the file's content is damaged, and `sets_aside` is set, the file is renamed.
        The next transaction then makes a new file.
        """
        with self._lock:
            try:
                connection = self._connected()
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
                self.measure(connection)
                self._committed(connection)
            except BaseException as error:
                self._close_connection()
                if self._sets_aside and is_unreadable(error):
                    set_aside(self._path, error)
                self._disconnect()
                raise

    def measure(self, connection: sqlite3.Connection) -> None:
        """Update `size` and `room` from the file and its disk."""
        pages, self._free, page = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        self.size = (pages - self._free) * page
        disk = os.statvfs(self._path)
        spare = disk.f_bavail * disk.f_frsize + self._free * page - _SPARE
        self.room = min(self.limit - self.size, spare)

    def shrink(self) -> None:
        """Return up to 2,000 unused pages of the file to the disk, if it has more than 1,000 unused pages."""
        with self._lock:
            if self._connection and self._free > _KEPT_FREE:
                # The pragma returns a row for each page, and execute() stops after the first one. A script
                # runs to the end.
                self._connection.executescript(f"PRAGMA incremental_vacuum({_GIVE_BACK})")

    def close(self) -> None:
        """Close the file; the next transaction opens it again."""
        with self._lock:
            self._disconnect()

    # Methods that run under the lock.

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity != identity(self._path):
            self._disconnect()  # the file was moved or deleted: see engine.py
        if self._connection is None:
            if not self._path.parent.is_dir():
                raise StorageError(f"the directory of the journal does not exist: {self._path.parent}")
            self._held = self._hold()
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError as error:
                if not (self._sets_aside and is_unreadable(error)):
                    raise
                set_aside(self._path, error)
                self._connection = self._open()
            self._identity = identity(self._path)
        check_header(self._path)
        return self._connection

    def _open(self) -> sqlite3.Connection:
        """Return a connection to the file; create the tables of a new file."""
        self._create()
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _hold(self) -> IO[bytes]:
        """Lock the lock file beside the journal and return the lock file; closing it releases the lock.

        Raises StorageError if another process holds the lock, or if the lock file cannot be opened.
        """
        try:
            lock = os.fdopen(open_private(self._path.with_name(f"{self._path.name}.lock"), os.O_WRONLY), "wb")
        except OSError as error:
            raise StorageError(f"the journal {self._path}: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise StorageError(
                f"the journal {self._path} is locked: is another cc-bridge running with it?"
            ) from error
        return lock

    def _create(self) -> None:
        try:
            create_private(self._path)
        except OSError as error:
            raise StorageError(f"the journal {self._path}: {error}") from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        for pragma in (
            "auto_vacuum = INCREMENTAL",
            "journal_mode = WAL",
            "synchronous = FULL",  # each commit is on disk, even if the machine crashes right after it
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        try:
            prepare(connection)
        except StorageError as error:
            raise StorageError(f"{self._path}: {error}") from None
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        reserve = max(int(_RESERVE * self.limit), _LEAST_RESERVE)
        connection.execute(f"PRAGMA max_page_count = {(self.limit + reserve) // page}").fetchall()
        self._opened(connection)

    def _disconnect(self) -> None:
        self._close_connection()
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def _close_connection(self) -> None:
        """Close the file, but keep the lock file locked."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error as error:
                _log.warn(
                    "closing the journal failed: {error!r}; the journal is opened again when needed",
                    error=error,
                )
