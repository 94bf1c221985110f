"""What a journal still holds, written into the database at once.

`cc-bridge db take-in` does it, for who has changed `storage.url` to an SQLite file while records waited for
a server: nobody forwards them any more. What a daemon could not write before is written the same way, row by
row where it must be, and what is refused stays in the journal.

The trap: a daemon that uses the journal holds it, so this is for one that is stopped, or works without it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cc_bridge.storage.pipeline.journal import Journal, JournalEntry
from cc_bridge.storage.pipeline.sql_sink import SqlSink, parts

__all__ = ["JournalImport", "take_in", "waiting_in"]

_BATCH = 500
_NO_LIMIT = 1 << 40  # bytes; nothing is added


class JournalImport(NamedTuple):
    """How many records were written, and how many the database refused."""

    written: int
    refused: int


def waiting_in(file: Path) -> int:
    """Return how many records wait in a journal; none if there is no such file. Raises StorageError."""
    if not file.exists():
        return 0
    journal = Journal(file, _NO_LIMIT)
    try:
        journal.open()
        return journal.pending
    finally:
        journal.close()


def take_in(file: Path, database: SqlSink, progress: Callable[[int], None]) -> JournalImport:
    """Write what waits in a journal; `progress` hears how many each time.

    Raises StorageError for a journal that is held or none, and what the database raises when it is away;
    what was written until then is noted and never written again.
    """
    journal = Journal(file, _NO_LIMIT)
    written = refused = 0

    def write(entries: Sequence[JournalEntry]) -> None:
        database.write([entry.row for entry in entries])

    try:
        while entries := journal.head(_BATCH):
            for part, refusal in parts(entries, write):
                if refusal is None:
                    journal.forwarded(part[-1].n)
                    written += len(part)
                else:
                    journal.put_aside(part[0].n, str(refusal))
                    refused += 1
                progress(len(part))
    finally:
        journal.close()
    return JournalImport(written, refused)
