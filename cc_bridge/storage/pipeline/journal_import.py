"""Import of the records that wait in a journal, after `storage.url` was changed to an SQLite file.

Records that waited for a server are then forwarded by nobody. They are written as a daemon would have written
them, row by row where it must be, and what is rejected stays in the journal.

A daemon that uses the journal holds it, so this is for one that is stopped, or works without it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cc_bridge.storage.pipeline.journal import Journal, JournalEntry
from cc_bridge.storage.pipeline.sql_sink import SqlSink, write_bisecting

__all__ = ["JournalImport", "import_journal", "pending_in"]

_BATCH = 500
_NO_LIMIT = 1 << 40  # bytes; nothing is added


class JournalImport(NamedTuple):
    """How many records were written, and how many the database rejected."""

    written: int
    rejected: int


def pending_in(file: Path) -> int:
    """Return how many records wait in a journal; none if there is no such file. Raises StorageError."""
    if not file.exists():
        return 0
    journal = Journal(file, _NO_LIMIT)
    try:
        journal.open()
        return journal.pending
    finally:
        journal.close()


def import_journal(file: Path, database: SqlSink, progress: Callable[[int], None]) -> JournalImport:
    """Write what waits in a journal; `progress` gets the number of each part.

    Raises StorageError for a journal that is held or none, and what the database raises when it is away;
    what was written until then is noted and never written again.
    """
    journal = Journal(file, _NO_LIMIT)
    written = rejected = 0

    def write(entries: Sequence[JournalEntry]) -> None:
        database.write([entry.row for entry in entries])

    try:
        while entries := journal.head(_BATCH):
            for part, rejection in write_bisecting(entries, write):
                if rejection is None:
                    journal.ack(part[-1].id)
                    written += len(part)
                else:
                    journal.reject(part[0].id, str(rejection))
                    rejected += 1
                progress(len(part))
    finally:
        journal.close()
    return JournalImport(written, rejected)
