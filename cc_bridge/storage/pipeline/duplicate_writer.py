"""Detects that another daemon writes the same PBX into the same database, by the marks that both leave.

Every few seconds a daemon marks how far its PBX was observed; `sql_sink.py` checks before it writes a mark.
Two daemons of one name overwrite each other's rows and marks, and take each other's open calls for their own
at a start.

A mark that is not our last one may be ours from before a failure, or an old one of a journal that is
imported. So only a mark later than our last is another daemon's, and after a failed batch our last mark is
unknown. The check is an UPDATE that changes nothing, so that SQLite takes the write lock first: it lets
nobody wait for that lock who has read before.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Table, update
from twisted.logger import Logger

from cc_bridge.storage.schema.tables import observation_watermarks

__all__ = ["DuplicateWriterCheck"]

_log = Logger()


class DuplicateWriterCheck:
    """Remembers the last mark of each PBX that we have written."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._reported: set[str] = set()

    def reset(self) -> None:
        """Forget the marks after a failed batch: what is stored is unknown."""
        self._last.clear()

    def check(self, connection: Connection, rows: Iterable[tuple[Table[Any], Mapping[str, Any]]]) -> None:
        """Log once if another daemon has marked a PBX since; to be called before the rows are written."""
        marks = {row["pbx"]: row["observed_until"] for table, row in rows if table is observation_watermarks}
        for pbx in self._last.keys() & marks.keys() - self._reported:
            later = (
                observation_watermarks.c.pbx == pbx,
                observation_watermarks.c.observed_until > self._last[pbx],
            )
            if connection.execute(
                update(observation_watermarks)
                .where(*later)
                .values(observed_until=observation_watermarks.c.observed_until)
            ).rowcount:
                self._reported.add(pbx)
                _log.warn(
                    "another cc-bridge writes the PBX {pbx!r} into this database too: stop one of the two, or"
                    " give each PBX a pbx.name of its own",
                    pbx=pbx,
                )
        self._last |= marks
