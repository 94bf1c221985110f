"""Retention: rows and recordings that have been kept for long enough are deleted, in small batches.

`cc-bridge purge` and the daemon's nightly job delete them. A purge deletes rows of one PBX only. The order of
tables does not matter: there are no foreign keys, and a rating can be read without its call.

On SQLite a deletion locks out all other writers. Meanwhile a caller on the phone may wait until a survey
answer is stored. So the size of a batch adapts until a transaction takes about 20 ms, and an equally long
pause follows each one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Delete,
    Engine,
    Table,
    Update,
    bindparam,
    delete,
    func,
    select,
    update,
)

from cc_bridge.storage.personal_data.recordings import Recordings
from cc_bridge.storage.rollups.refresh import prune
from cc_bridge.storage.schema.tables import (
    agent_intervals,
    answers,
    calls,
    follow_ups,
    not_routed_calls,
    queue_visits,
    rings,
    survey_attempts,
    survey_decisions,
    talks,
)

__all__ = ["COMMENTS", "PurgeResult", "Purger", "RetentionPolicy", "in_batches", "tables_before"]

COMMENTS = "recordings"  # the key of spoken comments in counts by table
_DAY = 86_400.0
_FOUND = 5_000  # keys per lookup, which takes no lock
_FIRST, _LEAST, _MOST = 100, 10, 2_000  # rows per transaction: of the first one, at least, at most
_LOCK_SECONDS = 0.02  # target time of a transaction; a slow disk may double it before the batch shrinks

# The tables of each setting in [retention], by the column that gives the age of a row; each has an index.
_TABLES: dict[str, tuple[Column[float], ...]] = {
    "calls": (
        calls.c.started_at,
        queue_visits.c.entered_at,
        rings.c.started_at,
        talks.c.answered_at,
        agent_intervals.c.started_at,
    ),
    "ratings": (survey_attempts.c.started_at, answers.c.answered_at),
    "funnel": (survey_decisions.c.decided_at, not_routed_calls.c.ended_at),
    "follow_ups": (follow_ups.c.closed_at,),  # null in an unclosed follow-up, which is kept
}


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """The number of days for which each kind of data is kept; 0 means for ever."""

    calls: float = 0
    ratings: float = 0
    comments: float = 0
    funnel: float = 0
    follow_ups: float = 0

    def before(self, kind: str, now: float) -> float | None:
        """Return the instant before which data of one kind is deleted; None if it is kept for ever.

        `kind` is the name of a field, such as "calls". Instants are UTC seconds since the epoch.
        """
        days: float = getattr(self, kind)
        return now - days * _DAY if days else None


def tables_before(keep: RetentionPolicy, now: float) -> dict[str, float]:
    """Return the tables from which old rows are deleted, with the instant before which a row is old.

    `keep` decides how long the rows of a table are kept. Tables whose rows are kept for ever are left out.
    Instants are UTC seconds since the epoch.
    """
    limits = {kind: keep.before(kind, now) for kind in _TABLES}
    return {
        column.table.name: limit
        for kind, limit in limits.items()
        if limit is not None
        for column in _TABLES[kind]
    }


@dataclass(slots=True)
class PurgeResult:
    """The result of a purge.

    `rows` has the number of deleted rows of each table, and the number of removed recordings under the key
    "recordings". `not_here` is the number of recordings that are not on this machine.
    """

    rows: dict[str, int] = field(default_factory=dict)
    not_here: int = 0


class Purger:
    """One purge: it deletes the old rows and recordings of one PBX."""

    def __init__(
        self,
        engine: Engine,
        pbx: str,
        keep: RetentionPolicy,
        now: float,
        recordings: Recordings,
        pause: Callable[[float], bool],
    ) -> None:
        """Set the database, the PBX whose rows are purged, the retention policy `keep`, and the recordings.

        `now` is in UTC seconds since the epoch. `pause` sleeps for the given seconds and returns True if the
        purge should stop.
        """
        self._engine = engine
        self._pbx = pbx
        self._keep = keep
        self._now = now
        self._recordings = recordings
        self._pause = pause

    def count(self) -> dict[str, int]:
        """Return how many rows of each table `run` would delete, and how many recordings it would remove."""
        counts: dict[str, int] = {}
        with self._engine.connect() as connection:
            for table, old in self._old():
                counts[table.name] = (
                    connection.scalar(select(func.count()).select_from(table).where(*old)) or 0
                )
            if spoken := self._spoken():
                counts[COMMENTS] = (
                    connection.scalar(select(func.count()).select_from(answers).where(*spoken)) or 0
                )
        return counts

    def run(self, progress: Callable[[int], None] = lambda _rows: None) -> PurgeResult:
        """Delete old rows and recordings; `progress` gets the number of rows of each batch.

        Recordings are removed before the rows that name them, so that no file is left behind. Raises
        StorageError for a file that may not be removed.
        """
        done = PurgeResult()
        if spoken := self._spoken():
            self._remove(spoken, done, progress)
        for table, old in self._old():
            for batch in in_batches(self._engine, table, old, delete(table), self._pause):
                done.rows[table.name] = done.rows.get(table.name, 0) + len(batch)
                progress(len(batch))
        limits = (self._keep.before(kind, self._now) for kind in ("calls", "ratings"))
        prune(self._engine, self._pbx, *limits)
        return done

    def _remove(
        self, spoken: list[ColumnElement[bool]], done: PurgeResult, progress: Callable[[int], None]
    ) -> None:
        def remove(batch: list[dict[str, Any]]) -> None:
            removed = sum(self._recordings.remove(row["recording"]) for row in batch)
            done.rows[COMMENTS] = done.rows.get(COMMENTS, 0) + removed
            done.not_here += len(batch) - removed

        cleared = update(answers).values(recording="")
        for batch in in_batches(
            self._engine, answers, spoken, cleared, self._pause, [answers.c.recording], remove
        ):
            progress(len(batch))

    def _old(self) -> Iterator[tuple[Table[Any], list[ColumnElement[bool]]]]:
        """Yield each table from which old rows are deleted, with the conditions that select these rows."""
        for kind, columns in _TABLES.items():
            before = self._keep.before(kind, self._now)
            if before is not None:
                for column in columns:
                    yield column.table, [column.table.c.pbx == self._pbx, column < before]

    def _spoken(self) -> list[ColumnElement[bool]]:
        """Return the SQL conditions for answers whose recordings are to be removed.

        The list is empty if recordings and answers are kept for ever. Otherwise a recording is removed once
        it has been kept for the days that are set for recordings, or when its answer is deleted, whichever is
        earlier.
        """
        limits = [self._keep.before(kind, self._now) for kind in ("comments", "ratings")]
        before = max((limit for limit in limits if limit is not None), default=None)
        if before is None:
            return []
        c = answers.c
        return [c.pbx == self._pbx, c.answered_at < before, c.recording != ""]


def in_batches(
    engine: Engine,
    table: Table[Any],
    where: list[ColumnElement[bool]],
    change: Delete | Update,
    pause: Callable[[float], bool] = lambda _seconds: False,
    also: Sequence[Column[Any]] = (),
    first: Callable[[list[dict[str, Any]]], None] = lambda _batch: None,
) -> Iterator[list[dict[str, Any]]]:
    """Change or delete all rows that match `where`, in batches; yield each batch after its commit.

    A batch is a list of rows. A row is a dict with the primary key and the columns named in `also`. After the
    statement `change`, a row must no longer match `where`: otherwise the row would be found again and again.

    `first` is called with each batch before its transaction. `pause` is called after each batch with the
    seconds that its transaction took; if it returns True, no more batches follow.
    """
    keys = [column.name for column in table.primary_key]
    change = change.where(*(table.c[name] == bindparam(f"key_{name}") for name in keys))
    look = select(*table.primary_key, *also).where(*where).limit(_FOUND)
    size = _FIRST
    while True:
        with engine.connect() as connection:
            found = [dict(row) for row in connection.execute(look).mappings()]
        if not found:
            return
        while found:
            batch, found = found[:size], found[size:]
            first(batch)
            began = monotonic()
            with engine.begin() as connection:
                connection.execute(change, [{f"key_{name}": row[name] for name in keys} for row in batch])
            took = monotonic() - began
            yield batch
            size = max(_LEAST, min(_MOST, round(size * min(2.0, _LOCK_SECONDS / max(took, 1e-6)))))
            if pause(took):
                return
