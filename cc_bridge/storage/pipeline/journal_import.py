"""Import of the records that wait in a journal, after storage moved from a server to an SQLite file.

After such a change of `storage.url`, no daemon forwards the journal any more. The import writes its records
in batches. If the database rejects a batch, smaller parts are written until the rejected records are found.
Rejected records stay in the journal.

A running daemon holds the lock of its journal. Stop the daemon before the import, or configure another
journal for it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cc_bridge.storage.pipeline.journal import Journal, JournalEntry
from cc_bridge.storage.pipeline.sql_sink import SqlSink, write_bisecting

__all__ = ["JournalImport", "import_journal", "pending_in"]

_BATCH = 500
_NO_LIMIT = 1 << 40  # bytes; an import adds no record to the journal


class JournalImport(NamedTuple):
    """The result of a journal import: how many records were written, and how many the database rejected."""

    written: int
    rejected: int


def pending_in(file: Path, *, sets_aside: bool = False) -> int:
    """Return the number of records that wait in a journal; 0 if the file does not exist.

    With `sets_aside`, a file whose content is damaged is renamed, and the result is 0.

    Raises StorageError if the journal cannot be used, for example because another process has locked it.
    """
    if not file.exists():
        return 0
    journal = Journal(file, _NO_LIMIT, sets_aside=sets_aside)
    try:
        journal.open()
        return journal.pending
    finally:
        journal.close()


def import_journal(file: Path, database: SqlSink, progress: Callable[[int], None]) -> JournalImport:
    """Write all waiting records of a journal into a database.

    The records are handled in parts; `progress` gets the number of records of each part.

    Raises StorageError for a journal that cannot be used or that another process holds. Errors of the
    database are not caught. The records that were written before an error are acknowledged, so that the next
    import does not write them again.
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
