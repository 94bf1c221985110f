"""The journal: records on local disk, in order, until a database server has them. SQLite, write-ahead log.

The writer appends to it, the forwarder copies from its head and acknowledges what the server has committed.
With an SQLite database there is no journal: that file is both.

Forwarded entries stay for two minutes, as long as there is room: a server that crashes, or whose standby
takes over, may have lost the last commits that it confirmed, and gets them again.

An entry is the row of a table, in JSON, with the version of the schema that it was made for. Columns that
came later are filled by the server as for its own older rows. A migration that renames or drops a column
needs a new format of the journal, with an upgrade in `journal_schema.py`.

`observation_watermarks` holds how far the PBX was observed, and `open_state` the calls and agents' states of
that moment: a start needs both without asking the server. Neither is forwarded from there, nor limited.

The table `outbox` holds events for webhooks, delivered from here: see outbox.py.

Libraries were looked at and not taken, since none takes or gives a batch in one transaction: persist-queue
1.1 also has no bound, queuelib 1.10 never syncs and forgets an item as it hands it out, litequeue 0.9 does
not sync each commit.
"""

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
# What PostgreSQL and MariaDB confirm before it is on their disk is older after a second, what they confirm
# before a standby has it, usually after a few.
_REWIND_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A row in the journal and its number, which grows."""

    id: int
    row: TableRow


class Journal:
    """The journal in a file; opened when it is needed, and again after any failure.

    Readable from any thread, as of the last transaction:
    pending: entries that the server does not have, about
    rejected: rows that the server rejected, kept in the file for somebody to look at
    full: the limit is reached, or the disk is full but for a rest; until there is room only what callers said
        should be written
    """

    def __init__(self, file: Path, limit: int, now: Callable[[], float] = time) -> None:
        """`limit` is in bytes; `now` gives seconds since the epoch."""
        self.pending = self.rejected = 0
        self.full = False
        self.arrived = Event()  # set by `write`, for the one who waits for it to clear
        self._path = file
        self._file = JournalSqliteFile(file, limit, self._count_rejected, self._committed)
        self._now = now
        self._oldest_at = 0.0
        self._first = self._sent = 0  # numbers of the first entry, and of the last that is forwarded
        self._version = newest()

    @property
    def limit(self) -> int:
        """Bytes that it may take."""
        return self._file.limit

    @property
    def size(self) -> int:
        """Bytes that it takes, rejected entries and outbox included."""
        return self._file.size

    @property
    def oldest_seconds(self) -> float:
        """How long the first entry has waited for the server; 0 when there is none."""
        return max(0.0, self._now() - self._oldest_at) if self.pending else 0.0

    def open(self) -> None:
        """Open it now, to learn what is in it. Raises StorageError for a file that cannot be used."""
        try:
            with self._file.transaction():
                pass
        except sqlite3.Error as error:
            raise StorageError(f"the journal {self._path}: {error}") from error

    def write(self, rows: Sequence[TableRow]) -> None:
        """Append rows; they are on disk when it returns. Raises RecordRejected for what JSON cannot hold."""
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
        """Return the first entries that are not forwarded, up to `limit`."""
        with self._file.transaction() as connection:
            found = connection.execute(
                "SELECT id, table_name, row FROM entries"
                " WHERE id > (SELECT entry_id FROM forward_watermark) ORDER BY id LIMIT ?",
                (limit,),
            ).fetchall()
        try:
            return [JournalEntry(n, (metadata.tables[name], json.loads(row))) for n, name, row in found]
        except KeyError as error:  # it stays where it is
            raise StorageError(
                f"the journal was written by a newer cc_bridge, for the table {error}"
            ) from None

    def ack(self, last: int) -> None:
        """Note that the server has committed the entries up to this number."""
        with self._file.transaction() as connection:
            connection.execute("UPDATE forward_watermark SET entry_id = ?", (last,))
            # By number, so that no more entries are looked at than go.
            connection.execute(
                "DELETE FROM entries WHERE id <= :last AND id < coalesce("
                "(SELECT id FROM entries WHERE created_at >= :then ORDER BY id LIMIT 1), :last + 1)",
                {"last": last, "then": self._now() - _REWIND_SECONDS},
            )
        if not self.pending:
            self._file.shrink()

    def rewind(self) -> None:
        """Let the entries that were forwarded last be forwarded again: the server may have lost them."""
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE forward_watermark SET entry_id = (SELECT min(id) - 1 FROM entries)"
                " WHERE EXISTS (SELECT * FROM entries)"
            )
        self.arrived.set()

    def reject(self, entry_id: int, reason: str) -> None:
        """Take the first entry that is not forwarded, which has this number, out of the way."""
        with self._file.transaction() as connection:
            taken = connection.execute("DELETE FROM entries WHERE id = ? RETURNING *", (entry_id,)).fetchall()
            connection.executemany(
                "INSERT INTO rejected_entries VALUES (?, ?, ?, ?, ?, ?)", [(*row, reason) for row in taken]
            )
            connection.execute("UPDATE forward_watermark SET entry_id = ?", (entry_id,))
            self.rejected += len(taken)

    def observed_until(self, pbx: str) -> float | None:
        """Return until when a PBX was observed, UTC seconds since the epoch; None if it never was."""
        with self._file.transaction() as connection:
            row = connection.execute(
                "SELECT observed_until FROM observation_watermarks WHERE pbx = ?", (pbx,)
            ).fetchone()
        return None if row is None else float(row[0])

    def open_records(self, pbx: str) -> list[OpenStateRecord]:
        """Return the calls and agents' states that were open at a PBX when it was observed last."""
        with self._file.transaction() as connection:
            rows = connection.execute("SELECT key, state FROM open_state ORDER BY rowid").fetchall()
        return checkpoints.read_journal(rows, pbx)

    def recorded_decisions(self) -> list[TableRow]:
        """Return the attempts and opt-outs that are here, oldest first; the server may not have them."""
        names = (survey_attempts.name, opt_outs.name)
        with self._file.transaction() as connection:
            found = connection.execute(
                "SELECT table_name, row FROM entries WHERE table_name IN (?, ?) ORDER BY id", names
            ).fetchall()
        return [(metadata.tables[name], json.loads(row)) for name, row in found]

    def prune(self, before: Mapping[str, float]) -> int:
        """Delete entries of these tables that were written before an instant; return how many."""
        deleted = 0
        with self._file.transaction() as connection:
            for name, instant in before.items():
                for table in _HOLD_ROWS:
                    old = f"DELETE FROM {table} WHERE table_name = ? AND created_at < ?"  # noqa: S608 - our own
                    deleted += connection.execute(old, (name, instant)).rowcount
            self._count_rejected(connection)
        return deleted

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        self._file.close()

    # Under the lock of the file

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
        self.pending, self._oldest_at = max(0, (last or 0) - self._sent), oldest_at or 0.0

    def _log_transition(self) -> None:
        """Log when it gets full, and when there is room again."""
        full = self._file.room <= 0
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
