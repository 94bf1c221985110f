"""The journal: an SQLite file on local disk that holds records until the database server has stored them.

The writer appends entries in order; the forwarder copies them to the server. An SQLite database needs no
journal.

Forwarded entries stay for two minutes, or less if the journal is full. They are sent again after a lost
connection, because a server that crashes may lose its last confirmed commits.

An entry is a table row in JSON. The server fills columns that are newer than the entry with defaults. A
migration that renames or drops a column needs a new journal format, with an upgrade in `journal_schema.py`.

The tables `observation_watermarks` and `open_state` let a daemon start without the server; they are not
forwarded. The table `outbox` holds events for webhooks.
"""

# Libraries were checked and rejected, because none appends or returns a batch in one transaction.
# persist-queue 1.1 also has no bound. queuelib 1.10 never syncs, and forgets an item when it returns it.
# litequeue 0.9 does not sync each commit.

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import time

from twisted.logger import Logger

from cc_bridge.errors import StorageError
from cc_bridge.records import OpenStateRecord
from cc_bridge.storage.migrate import newest
from cc_bridge.storage.pipeline import checkpoints
from cc_bridge.storage.pipeline.journal_sqlite_file import JournalSqliteFile
from cc_bridge.storage.pipeline.outbox import INSERT, outbox
from cc_bridge.storage.pipeline.sql_sink import RecordRejected, TableRow
from cc_bridge.storage.schema.tables import metadata, observation_watermarks, opt_outs, survey_attempts

__all__ = ["Journal", "JournalEntry"]

_log = Logger()

_HOLD_ROWS = ("entries", "rejected_entries")
# PostgreSQL and MariaDB can confirm a commit up to a second before it is on their disk, and usually up to a
# few seconds before a standby has it.
_REWIND_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A table row in the journal, with its entry number. Entry numbers grow and are never used twice."""

    id: int
    row: TableRow


class Journal:
    """A journal file; it is opened at its first use, and again after any failure.

    Any thread may read these attributes, which each transaction updates. `pending` is the approximate number
    of entries that the database server does not have. `rejected` is the number of rows that the database
    server rejected; they stay in the file for an administrator. `full` is True if the size limit is reached
    or the disk is nearly full. The writer should then write only answers, survey attempts and opt-outs.
    """

    def __init__(
        self, file: Path, limit: int, now: Callable[[], float] = time, *, sets_aside: bool = False
    ) -> None:
        """Set the file, the size limit in bytes, and a clock that returns UTC seconds since the epoch.

        With `sets_aside`, a file that cannot be read is renamed and replaced by a new one.
        """
        self.pending = self.rejected = 0
        self.full = False
        self.arrived = Event()  # set by `write`; the forwarder clears it and waits for it
        self._path = file
        self._file = JournalSqliteFile(file, limit, self._opened, self._committed, sets_aside=sets_aside)
        self._now = now
        self._oldest_at = 0.0
        self._first = self._sent = 0  # numbers of the first entry and of the last forwarded entry
        self._last = 0  # highest number of an entry so far
        self._version = newest()

    @property
    def limit(self) -> int:
        """The largest size that the journal may have, in bytes."""
        return self._file.limit

    @property
    def size(self) -> int:
        """The size of the journal in bytes, including rejected entries and the outbox."""
        return self._file.size

    @property
    def oldest_seconds(self) -> float:
        """The seconds that the oldest entry has waited for the database server; 0 if no entry waits."""
        return max(0.0, self._now() - self._oldest_at) if self.pending else 0.0

    def open(self) -> None:
        """Open the file and count its entries. Raises StorageError for a file that cannot be used."""
        try:
            with self._file.transaction():
                pass
        except sqlite3.Error as error:
            raise StorageError(f"the journal {self._path}: {error}") from error

    def write(self, rows: Sequence[TableRow]) -> None:
        """Append rows; they are on disk when this method returns.

        Raises RecordRejected for a value that JSON cannot hold.
        """
        now = self._now()
        try:
            rows, states = checkpoints.part(rows)
            forwarded = [(table, row) for table, row in rows if table is not outbox]
            entries = [(now, self._version, table.name, _packed(row)) for table, row in forwarded]
        except (TypeError, ValueError) as error:
            raise RecordRejected(type(error).__name__) from error
        marks = [row for table, row in rows if table is observation_watermarks]
        with self._file.transaction() as connection:
            connection.executemany(
                "INSERT INTO entries (created_at, schema_version, table_name, row) VALUES (?, ?, ?, ?)",
                entries,
            )
            connection.executemany(
                "INSERT OR REPLACE INTO observation_watermarks VALUES (:pbx, :observed_until)", marks
            )
            connection.executemany(INSERT, [row for table, row in rows if table is outbox])
            checkpoints.keep_in_journal(connection, states)
        self.arrived.set()

    def head(self, limit: int) -> list[JournalEntry]:
        """Return up to `limit` entries that are not forwarded yet, oldest first.

        Raises StorageError for an entry of a table that this version does not know.
        """
        with self._file.transaction() as connection:
            found = connection.execute(
                "SELECT id, table_name, row FROM entries"
                " WHERE id > (SELECT entry_id FROM forward_watermark) ORDER BY id LIMIT ?",
                (limit,),
            ).fetchall()
        try:
            return [JournalEntry(n, (metadata.tables[name], json.loads(row))) for n, name, row in found]
        except KeyError as error:  # the entry stays in the journal
            raise StorageError(
                f"the journal was written by a newer cc_bridge, for the table {error}: upgrade this one"
            ) from None

    def ack(self, last: int) -> None:
        """Store that the database server has committed all entries up to the entry number `last`.

        Entries that are acknowledged and older than two minutes are deleted.
        """
        with self._file.transaction() as connection:
            connection.execute("UPDATE forward_watermark SET entry_id = ?", (last,))
            # A range of numbers, so that SQLite reads only the entries that it deletes.
            connection.execute(
                "DELETE FROM entries WHERE id <= :last AND id < coalesce("
                "(SELECT id FROM entries WHERE created_at >= :then ORDER BY id LIMIT 1), :last + 1)",
                {"last": last, "then": self._now() - _REWIND_SECONDS},
            )
        if not self.pending:
            self._file.shrink()

    def rewind(self) -> None:
        """Mark all forwarded entries that are still in the file as not forwarded.

        They are then sent again, because the database server may have lost them.
        """
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE forward_watermark SET entry_id = (SELECT min(id) - 1 FROM entries)"
                " WHERE EXISTS (SELECT * FROM entries)"
            )
        self.arrived.set()

    def reject(self, entry_id: int, reason: str) -> None:
        """Move an entry that waits for the database server to the table of rejected entries.

        `entry_id` is the number of the entry, which must be the oldest one that waits. `reason` is stored
        with the entry.
        """
        with self._file.transaction() as connection:
            taken = connection.execute("DELETE FROM entries WHERE id = ? RETURNING *", (entry_id,)).fetchall()
            connection.executemany(
                "INSERT INTO rejected_entries VALUES (?, ?, ?, ?, ?, ?)", [(*row, reason) for row in taken]
            )
            connection.execute("UPDATE forward_watermark SET entry_id = ?", (entry_id,))
            self.rejected += len(taken)

    def observed_until(self, pbx: str) -> float | None:
        """Return the instant until which a PBX was observed; None if it was never observed.

        The instant is in UTC seconds since the epoch.
        """
        with self._file.transaction() as connection:
            row = connection.execute(
                "SELECT observed_until FROM observation_watermarks WHERE pbx = ?", (pbx,)
            ).fetchone()
        return None if row is None else float(row[0])

    def open_records(self, pbx: str) -> list[OpenStateRecord]:
        """Return the checkpoints of a PBX: the open calls and agents' states when it was last observed."""
        with self._file.transaction() as connection:
            rows = connection.execute("SELECT key, state FROM open_state ORDER BY rowid").fetchall()
        return checkpoints.read_journal(rows, pbx)

    def recorded_decisions(self) -> list[TableRow]:
        """Return the survey attempts and opt-outs in the journal, oldest first.

        The survey history adds them to the rows that it reads from the database server, where they may still
        be missing.
        """
        names = (survey_attempts.name, opt_outs.name)
        with self._file.transaction() as connection:
            found = connection.execute(
                "SELECT table_name, row FROM entries WHERE table_name IN (?, ?) ORDER BY id", names
            ).fetchall()
        return [(metadata.tables[name], json.loads(row)) for name, row in found]

    def prune(self, before: Mapping[str, float]) -> int:
        """Delete entries that are older than their table's limit; return how many were deleted.

        `before` maps the name of a table to its limit, an instant in UTC seconds since the epoch. Entries
        that still wait for the server and rejected entries are deleted too.
        """
        deleted = 0
        with self._file.transaction() as connection:
            for name, instant in before.items():
                for table in _HOLD_ROWS:
                    old = f"DELETE FROM {table} WHERE table_name = ? AND created_at < ?"  # noqa: S608 - our own
                    deleted += connection.execute(old, (name, instant)).rowcount
            self._count_rejected(connection)
        return deleted

    def close(self) -> None:
        """Close the file; the next method that needs it opens it again."""
        self._file.close()

    # Methods that run under the lock of the file.

    def _opened(self, connection: sqlite3.Connection) -> None:
        """Count the rejected entries, and let a new file continue the entry numbers of the file before it.

        While the file is replaced, the forwarder may be sending an entry of the earlier file. With continued
        numbers, it cannot acknowledge an entry of the new file by mistake.
        """
        self._count_rejected(connection)
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entries'").fetchone()
        if (row[0] if row else 0) < self._last:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM sqlite_sequence WHERE name = 'entries'")
            connection.execute("INSERT INTO sqlite_sequence VALUES ('entries', ?)", (self._last,))
            connection.execute("UPDATE forward_watermark SET entry_id = ?", (self._last,))
            connection.execute("COMMIT")

    def _count_rejected(self, connection: sqlite3.Connection) -> None:
        (self.rejected,) = connection.execute("SELECT count(*) FROM rejected_entries").fetchone()

    def _committed(self, connection: sqlite3.Connection) -> None:
        self._count_pending(connection)
        if self._file.room <= 0 and self._first <= self._sent:
            connection.execute("DELETE FROM entries WHERE id <= ?", (self._sent,))
            self._file.measure(connection)
            self._count_pending(connection)
        self._log_transition()

    def _count_pending(self, connection: sqlite3.Connection) -> None:
        self._sent, first, last, oldest_at = connection.execute(
            "SELECT entry_id, (SELECT min(id) FROM entries), (SELECT max(id) FROM entries),"
            " (SELECT created_at FROM entries WHERE id > entry_id ORDER BY id LIMIT 1)"
            " FROM forward_watermark"
        ).fetchone()
        self._first = self._sent + 1 if first is None else first
        self._last = max(self._last, self._sent, last or 0)
        self.pending, self._oldest_at = max(0, (last or 0) - self._sent), oldest_at or 0.0

    def _log_transition(self) -> None:
        """Log an error when the journal becomes full, and a message at level info when it has room again."""
        full = self._file.room <= 0
        if full and not self.full:
            _log.error(
                "the journal is full (size limit or free disk space); {pending} records wait for the database"
                " server. Only survey answers, survey attempts and opt-outs are stored until there is room.",
                pending=self.pending,
            )
        elif self.full and not full:
            _log.info("the journal has room again; records of every kind are accepted again")
        self.full = full


def _packed(row: dict[str, object]) -> str:
    # json.dumps writes ASCII. This keeps half of a surrogate pair, which SQLite cannot store as text.
    return json.dumps(row, separators=(",", ":"))
