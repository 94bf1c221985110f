"""Notices that another daemon writes the same PBX into the same database, by the marks that both leave.

Every few seconds a daemon marks how far its PBX was observed; `sql_sink.py` asks before it writes one. Two of
one name overwrite each other's rows and marks, and take each other's open calls for their own at a start.

The trap: a mark that is not our last one may be ours from before a failure, or an old one that `db take-in`
brings. So only one that is later than our last is another daemon's, and nothing is known after a failure. It
is looked for by an UPDATE that changes nothing: SQLite lets nobody wait for a lock who has read before.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Table, update
from twisted.logger import Logger

from cc_bridge.storage.schema.tables import observed

__all__ = ["DuplicateWriterCheck"]

_log = Logger()


class DuplicateWriterCheck:
    """Remembers the last mark of each PBX that we have written."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._told: set[str] = set()

    def forget(self) -> None:
        """Know no more what is stored: a batch failed."""
        self._last.clear()

    def look(self, connection: Connection, rows: Iterable[tuple[Table[Any], Mapping[str, Any]]]) -> None:
        """Say it once if another daemon has marked a PBX since; called before the rows are written."""
        marks = {row["pbx"]: row["until"] for table, row in rows if table is observed}
        for pbx in self._last.keys() & marks.keys() - self._told:
            later = (observed.c.pbx == pbx, observed.c.until > self._last[pbx])
            if connection.execute(update(observed).where(*later).values(until=observed.c.until)).rowcount:
                self._told.add(pbx)
                _log.warn(
                    "another cc-bridge writes the PBX {pbx!r} into this database too: stop one of the two, or"
                    " give each PBX a pbx.name of its own",
                    pbx=pbx,
                )
        self._last |= marks
