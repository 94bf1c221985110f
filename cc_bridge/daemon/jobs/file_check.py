"""The periodic job that checks the local file of the records for damage.

The file is the SQLite database. If the database is on a server, the file is the journal. A minute after the
start, and then once a day, SQLite reads the whole file and checks it for damaged pages.

A file that could not be read was set aside: it was renamed, and is still in the same folder. Every minute the
job counts such files.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from twisted.logger import Logger

from cc_bridge.daemon.jobs.periodic import PeriodicJob
from cc_bridge.daemon.service import Context
from cc_bridge.storage.files.unreadable_file import is_unreadable, set_aside_files
from cc_bridge.storage.pipeline.outbox import local_file

__all__ = ["FileCheckJob"]

_log = Logger()

_DAY = 86_400.0
_MOST_FAULTS = 5  # faults of a damaged file that are logged
_STEPS = 100_000  # steps of SQLite between two looks whether the daemon stops; a fraction of a second
_BUSY_SECONDS = 5.0


class _Found(NamedTuple):
    """The result of a run: the number of files set aside, and the faults of the file.

    `faults` is None if the run did not check the file.
    """

    set_aside: int
    faults: list[str] | None


class FileCheckJob(PeriodicJob[_Found]):
    """The job that checks the local file of the records.

    `damaged` is True if the last check found damaged pages. `set_aside` is the number of unreadable files
    beside the file. The metrics show both.
    """

    name = "check of the database file"
    interval = 60.0
    at_start = False  # at the start the writer may still be creating the file

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        storage = context.config.storage
        self.damaged = False
        self.set_aside = 0
        self._file = local_file(storage.url, storage.journal_file)
        self._next_check_at = 0.0

    def prepare(self) -> Callable[[], _Found]:
        due = self._clock.seconds() >= self._next_check_at
        return lambda: _Found(len(set_aside_files(self._file)), self._faults() if due else None)

    def finish(self, found: _Found) -> None:
        self.set_aside = found.set_aside
        if found.faults is None:
            return
        self._next_check_at = self._clock.seconds() + _DAY
        self.damaged = bool(found.faults)
        if found.faults:
            _log.error(
                "{file} is damaged: {faults}; make a copy of it now, and see the alert"
                " CcBridgeDatabaseDamaged in the runbook",
                file=str(self._file),
                faults="; ".join(found.faults),
            )

    def _faults(self) -> list[str]:
        """Return the faults that SQLite finds in the file; empty if it is whole or missing."""
        if not self._file.exists():
            return []
        try:
            with closing(
                sqlite3.connect(f"{self._file.resolve().as_uri()}?mode=ro", timeout=_BUSY_SECONDS, uri=True)
            ) as connection:
                connection.set_progress_handler(self.stopping.is_set, _STEPS)
                rows = connection.execute(f"PRAGMA quick_check({_MOST_FAULTS})").fetchall()
        except sqlite3.DatabaseError as error:
            if is_unreadable(error):
                return [str(error)]
            raise
        return [" ".join(text.split()) for (text,) in rows if text != "ok"]
