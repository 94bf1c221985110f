"""Detection of a second daemon that writes the same PBX into the same database.

Every few seconds a daemon stores a watermark: the instant until which its PBX was observed. Two daemons with
one PBX name overwrite each other's rows, and a daemon that starts would continue the other's open calls.

If the stored watermark is later than the one that this process wrote last, another daemon has stored it. An
earlier watermark may come from a journal import, so it is ignored. After a failed batch it is unknown which
watermark was stored, so the next check is skipped.

The check is an UPDATE that changes no value. SQLite then waits for the write lock. After a SELECT, a
transaction that needs this lock can fail immediately.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Table, update
from twisted.logger import Logger

from cc_bridge.storage.schema.tables import observation_watermarks

__all__ = ["DuplicateWriterCheck"]

_log = Logger()


class DuplicateWriterCheck:
    """A check for a second daemon that writes the same PBX.

    It keeps the last watermark that this process wrote for each PBX, and compares it with the stored one. A
    watermark is the instant until which a PBX was observed.
    """

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._reported: set[str] = set()

    def reset(self) -> None:
        """Forget the watermarks that this process wrote; call it after a failed batch.

        After a failure it is unknown whether the watermarks were stored. The next check is then skipped.
        """
        self._last.clear()

    def check(self, connection: Connection, rows: Iterable[tuple[Table[Any], Mapping[str, Any]]]) -> None:
        """Log a warning, once for each PBX, if another daemon has stored a watermark of the PBX.

        A watermark is the instant until which a PBX was observed. If the stored watermark is later than the
        one that this process wrote last, another daemon has stored it. `rows` is the batch that is to be
        written. Call this method within the transaction of the batch, before the rows are written.
        """
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
                    "another cc-bridge also writes records of the PBX {pbx!r} into this database, and each of"
                    " the two overwrites the other's rows: stop one of them, or set a different pbx.name for"
                    " each PBX",
                    pbx=pbx,
                )
        self._last |= marks
