"""The journal: records on local disk, in order, until a database server has them. SQLite, write-ahead log.

The writer appends to it, the forwarder copies from its head and tells what the server has committed. With
an SQLite database there is no journal: that file is both.

What is forwarded stays for two minutes, as long as there is room: a server that crashes, or whose standby
takes over, may have lost the last commits that it confirmed, and gets them again.

A row is kept as the row of its table, in JSON, with the version of the schema that it was made for: columns
that came later are filled by the server as for rows of before, and a migration that renames or drops a
column must say here what becomes of rows that an older version left.

Its own `observed` holds how far the PBX was observed, and `unfinished` what went on then: what a start must
know without asking the server. Neither state is forwarded, nor does the limit stop it.

Libraries were looked at and not taken, since none takes or gives a batch in one transaction: persist-queue
1.1 also has no bound, queuelib 1.10 never syncs and forgets an item as it hands it out, litequeue 0.9 does
not sync each commit.

Its table `outbox` is no part of that: events for receivers nearby are delivered from here, see outbox.py.

The trap: one daemon has one journal. A file beside it is locked for as long as it is open, and not the
journal itself, so that commands can look into the outbox meanwhile. All threads of the daemon share the one
connection.
"""

import fcntl
import json
import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import statvfs
from pathlib import Path
from threading import Event, Lock
from time import time
from typing import IO

from twisted.logger import Logger

from cc_bridge.errors import StorageError
from cc_bridge.records import OpenStateRecord
from cc_bridge.storage.engine import identity
from cc_bridge.storage.migrate import newest
from cc_bridge.storage.pipeline import checkpoints
from cc_bridge.storage.pipeline.outbox import INSERT, outbox, statements
from cc_bridge.storage.pipeline.sql_sink import RecordRejected, TableRow
from cc_bridge.storage.schema.tables import metadata, observed, opt_outs, survey_attempts

__all__ = ["Journal", "JournalEntry"]

_log = Logger()

_FORMAT = 1  # of the journal's own tables, kept as user_version below; a new file has 0
_TABLES = """
BEGIN;
CREATE TABLE entries (
    n INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice
    at REAL NOT NULL, -- when it was written
    version TEXT NOT NULL, -- of the schema
    name TEXT NOT NULL, -- of the table
    row TEXT NOT NULL
);
CREATE TABLE forwarded (n INTEGER NOT NULL); -- up to this number the server has them all
INSERT INTO forwarded VALUES (0);
CREATE TABLE set_aside (n INTEGER PRIMARY KEY, at REAL, version TEXT, name TEXT, row TEXT, why TEXT);
CREATE TABLE observed (pbx TEXT PRIMARY KEY, until REAL NOT NULL);
PRAGMA user_version = 1;
COMMIT;
"""
_KEPT_IN = ("entries", "set_aside")
_BUSY_SECONDS = 5.0  # a command looks into the outbox
# What callers say is taken when the journal is full, but the disk of a machine is not ours alone.
_HARD_LIMIT = 1.1
# The last of a disk is for what callers say: a survey's three answers take 3 KiB, SQLite's log up to 4 MiB.
_SPARE = 8 * 1024**2
# What PostgreSQL and MariaDB confirm before it is on their disk is older after a second, what they confirm
# before a standby has it, usually after a few.
_AGAIN_SECONDS = 120.0
# Pages of 4 KiB given back to the disk at a time once nothing waits, and how many free ones are kept: a
# gigabyte at once would hold a caller's answer for seconds.
_GIVE_BACK, _KEPT_FREE = 2_000, 1_000


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A row in the journal and its number, which grows."""

    n: int
    row: TableRow


class Journal:
    """The journal in a file; opened when it is needed, and again after any failure.

    Readable from any thread, as of the last time that something was written or forwarded:
    pending: entries that the server does not have, about
    set_aside: rows that the server refused, kept in the file for somebody to look at
    size: bytes that all these take
    full: `size` has reached `limit`, or the disk is full but for a rest; until there is room only what
        callers said should be written
    """

    def __init__(self, file: Path, limit: int, now: Callable[[], float] = time) -> None:
        """`limit` is in bytes; `now` gives seconds since the epoch."""
        self.limit = limit
        self.pending = self.set_aside = self.size = 0
        self.full = False
        self.arrived = Event()  # set when something was written, for the one who waits for it to clear
        self._file = file
        self._now = now
        self._oldest_at = 0.0
        self._first = self._sent = 0  # numbers of the first entry, and of the last that is forwarded
        self._free = 0  # pages that nothing uses
        self._room = limit  # bytes
        self._version = newest()
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._held: IO[bytes] | None = None

    @property
    def oldest_seconds(self) -> float:
        """How long the first entry has waited for the server; 0 when there is none."""
        return max(0.0, self._now() - self._oldest_at) if self.pending else 0.0

    def open(self) -> None:
        """Open it now, to learn what is in it. Raises StorageError for a file that cannot be used."""
        try:
            with self._transaction():
                pass
        except sqlite3.Error as error:
            raise StorageError(f"the journal {self._file}: {error}") from error

    def write(self, rows: Sequence[TableRow]) -> None:
        """Append rows; they are on disk when it returns. Raises Refused for what JSON cannot hold."""
        now = self._now()
        try:
            rows, states = checkpoints.part(rows)
            kept = [(table, row) for table, row in rows if table is not outbox]
            entries = [(now, self._version, table.name, _packed(row)) for table, row in kept]
        except (TypeError, ValueError) as error:
            raise RecordRejected(type(error).__name__) from error
        marks = [row for table, row in rows if table is observed]
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO entries (at, version, name, row) VALUES (?, ?, ?, ?)", entries
            )
            connection.executemany("INSERT OR REPLACE INTO observed VALUES (:pbx, :until)", marks)
            connection.executemany(INSERT, [row for table, row in rows if table is outbox])
            checkpoints.keep_in_journal(connection, states)
        self.arrived.set()

    def head(self, most: int) -> list[JournalEntry]:
        """Return the first entries that are not forwarded, at most so many."""
        with self._transaction() as connection:
            found = connection.execute(
                "SELECT n, name, row FROM entries WHERE n > (SELECT n FROM forwarded) ORDER BY n LIMIT ?",
                (most,),
            ).fetchall()
        try:
            return [JournalEntry(n, (metadata.tables[name], json.loads(row))) for n, name, row in found]
        except KeyError as error:  # it stays where it is
            raise StorageError(
                f"the journal was written by a newer cc_bridge, for the table {error}"
            ) from None

    def forwarded(self, last: int) -> None:
        """Take note that the server has committed the entries up to this number."""
        with self._transaction() as connection:
            connection.execute("UPDATE forwarded SET n = ?", (last,))
            # By number, so that no more entries are looked at than go.
            connection.execute(
                "DELETE FROM entries WHERE n <= :last AND n < coalesce("
                "(SELECT n FROM entries WHERE at >= :then ORDER BY n LIMIT 1), :last + 1)",
                {"last": last, "then": self._now() - _AGAIN_SECONDS},
            )
        self._shrink()

    def again(self) -> None:
        """Let what was forwarded last be forwarded again: the server may have forgotten it."""
        with self._transaction() as connection:
            connection.execute("UPDATE forwarded SET n = (SELECT min(n) - 1 FROM entries) "
                               "WHERE EXISTS (SELECT * FROM entries)")  # fmt: skip
        self.arrived.set()

    def put_aside(self, n: int, why: str) -> None:
        """Take the first entry that is not forwarded, which has this number, out of the way."""
        with self._transaction() as connection:
            taken = connection.execute("DELETE FROM entries WHERE n = ? RETURNING *", (n,)).fetchall()
            connection.executemany(
                "INSERT INTO set_aside VALUES (?, ?, ?, ?, ?, ?)", [(*entry, why) for entry in taken]
            )
            connection.execute("UPDATE forwarded SET n = ?", (n,))
            self.set_aside += len(taken)

    def observed_until(self, pbx: str) -> float | None:
        """Return until when a PBX was observed, UTC seconds since the epoch; None if it never was."""
        with self._transaction() as connection:
            row = connection.execute("SELECT until FROM observed WHERE pbx = ?", (pbx,)).fetchone()
        return None if row is None else float(row[0])

    def unfinished(self, pbx: str) -> list[OpenStateRecord]:
        """Return what went on at a PBX when it was observed last."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT key, state FROM unfinished ORDER BY rowid").fetchall()
        return checkpoints.read_journal(rows, pbx)

    def said(self) -> list[TableRow]:
        """Return the attempts and opt-outs that are here, longest ago first; the server may not have them."""
        names = (survey_attempts.name, opt_outs.name)
        with self._transaction() as connection:
            found = connection.execute(
                "SELECT name, row FROM entries WHERE name IN (?, ?) ORDER BY n", names
            ).fetchall()
        return [(metadata.tables[name], json.loads(row)) for name, row in found]

    def forget(self, before: Mapping[str, float]) -> int:
        """Delete entries of these tables that were written before an instant; return how many."""
        gone = 0
        with self._transaction() as connection:
            for name, instant in before.items():
                for kept_in in _KEPT_IN:
                    forgotten = f"DELETE FROM {kept_in} WHERE name = ? AND at < ?"  # noqa: S608 - our own
                    gone += connection.execute(forgotten, (name, instant)).rowcount
            (self.set_aside,) = connection.execute("SELECT count(*) FROM set_aside").fetchone()
        return gone

    def close(self) -> None:
        """Let go of the file; whatever comes next opens it again."""
        with self._lock:
            self._disconnect()

    # Under the lock

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            try:
                connection = self._connected()
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
                self._measure(connection)
                if self._room <= 0 and self._first <= self._sent:
                    connection.execute("DELETE FROM entries WHERE n <= ?", (self._sent,))
                    self._measure(connection)
                self._tell()
            except BaseException:
                self._disconnect()  # which rolls back
                raise

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity != identity(self._file):
            self._disconnect()  # moved away or deleted: see engine.py
        if self._connection is None:
            if not self._file.parent.is_dir():
                raise StorageError(f"the directory of the journal does not exist: {self._file.parent}")
            self._held = self._hold()
            self._connection = sqlite3.connect(
                self._file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._prepare(self._connection)
            self._identity = identity(self._file)
        return self._connection

    def _hold(self) -> IO[bytes]:
        """Lock the file beside it, until that is closed. Raises StorageError when another daemon has it."""
        try:
            lock = self._file.with_name(f"{self._file.name}.lock").open("wb")
        except OSError as error:
            raise StorageError(f"the journal {self._file}: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise StorageError(
                f"the journal {self._file} is held: is another cc-bridge running with it?"
            ) from error
        return lock

    def _prepare(self, connection: sqlite3.Connection) -> None:
        for pragma in (
            "auto_vacuum = INCREMENTAL",
            "journal_mode = WAL",
            "synchronous = FULL",  # a commit is on disk, whatever happens to the machine next
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0 and not connection.execute("SELECT name FROM sqlite_master").fetchall():
            connection.executescript(_TABLES)
        elif version != _FORMAT:
            raise StorageError(f"{self._file} is not a journal of this cc_bridge")
        for statement in (*statements(), checkpoints.MAKE):
            connection.execute(statement)
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA max_page_count = {int(_HARD_LIMIT * self.limit) // page}").fetchall()
        (self.set_aside,) = connection.execute("SELECT count(*) FROM set_aside").fetchone()

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

    def _measure(self, connection: sqlite3.Connection) -> None:
        self._sent, first, last, oldest_at = connection.execute(
            "SELECT n, (SELECT min(n) FROM entries), (SELECT max(n) FROM entries),"
            " (SELECT at FROM entries WHERE n > forwarded.n ORDER BY n LIMIT 1) FROM forwarded"
        ).fetchone()
        self._first = self._sent + 1 if first is None else first
        self.pending, self._oldest_at = max(0, (last or 0) - self._sent), oldest_at or 0.0
        pages, self._free, page = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        self.size = (pages - self._free) * page
        disk = statvfs(self._file)
        spare = disk.f_bavail * disk.f_frsize + self._free * page - _SPARE
        self._room = min(self.limit - self.size, spare)

    def _shrink(self) -> None:
        """Give some free pages back to the disk, if there are many and nothing waits."""
        with self._lock:
            if self._connection and not self.pending and self._free > _KEPT_FREE:
                # A script, because execute() stops after the first page: the pragma gives a row for each.
                self._connection.executescript(f"PRAGMA incremental_vacuum({_GIVE_BACK})")

    def _tell(self) -> None:
        """Tell when it gets full, and when there is room again."""
        full = self._room <= 0
        if full and not self.full:
            _log.error(
                "the journal is full, {pending} records wait for the database: only ratings are still taken",
                pending=self.pending,
            )
        elif self.full and not full:
            _log.info("the journal has room again")
        self.full = full


def _packed(row: dict[str, object]) -> str:
    # ASCII, so that half of a surrogate pair, which SQLite cannot take, is kept as well.
    return json.dumps(row, separators=(",", ":"))
