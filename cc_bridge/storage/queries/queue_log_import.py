"""Queries for the comparison with Asterisk's queue_log, and for the import of visits and talks from it.

An observed visit must not be imported again. The keys of two rows do not show that they are one visit: a key
contains the start, and the starts differ by a fraction of a second. So a visit in queue_log is skipped if an
observed visit of the same channel and queue overlaps it.

A second import of one queue_log gives a visit the same key, and writes the same row again. If the log starts
in the middle of a visit, its start is computed from the wait and may differ by a second. Such a visit is
skipped if it was imported before with another start.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from math import inf
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, select

from cc_bridge.queue_log.compared_sides import RecordedSide
from cc_bridge.queue_log.visits import LoggedVisit
from cc_bridge.queue_names import queue_key
from cc_bridge.records import EndedBy, Gap, GapReason, Outcome, QueueVisit, Record, Talk, Transfer
from cc_bridge.storage.schema.tables import TABLES, gaps, queue_visits, row_of, survey_decisions, talks
from cc_bridge.storage.schema.upsert import upsert

__all__ = ["QUEUE_LOG", "ImportResult", "add", "observed"]

QUEUE_LOG = "queue_log"  # value of the column `source` in imported rows
_SAME = 1.5  # seconds by which equal times may differ: queue_log may have whole seconds only
_EARLIEST, _LATEST = 0.0, 4_102_444_800.0  # 1970 and 2100: dates that every database can store
_TINY = 1e-6  # seconds
# A step of the PBX's clock back is dated by the new time, which may be earlier than the start of the log.
_STEP_BACK_SECONDS = 60.0
_WORDS: dict[str, type[StrEnum]] = {
    "outcome": Outcome,
    "ended_by": EndedBy,
    "transfer": Transfer,
    "reason": GapReason,
}


@dataclass(slots=True)
class ImportResult:
    """The counts of one import: visits and talks that were written, and visits that were skipped."""

    visits: int = 0
    talks: int = 0
    observed: int = 0  # skipped: the daemon has observed the visit
    known: int = 0  # skipped: an earlier import has the visit with a slightly different time
    unfinished: int = 0  # skipped: the log has no outcome


def observed(connection: Connection, pbx: str, since: float, until: float) -> RecordedSide:
    """Return the visits, talks and gaps of one PBX that overlap a time span, imported rows included."""
    since, until = max(since, _EARLIEST), min(until, _LATEST)
    v, t, g = queue_visits.c, talks.c, gaps.c
    first = connection.execute(select(func.min(v.entered_at)).where(v.pbx == pbx)).scalar_one()
    waited = _rows(connection, QueueVisit, v.pbx == pbx, v.entered_at <= until, v.left_at >= since)
    talked = _rows(connection, Talk, t.pbx == pbx, t.answered_at <= until, t.ended_at >= since)
    unseen = _rows(
        connection, Gap, g.pbx == pbx, g.started_at <= until, g.ended_at >= since - _STEP_BACK_SECONDS
    )
    d = survey_decisions.c
    decided: dict[str, list[float]] = {}
    for row in connection.execute(
        select(d.uniqueid, d.decided_at).where(d.pbx == pbx, d.decided_at >= since, d.decided_at <= until)
    ):
        decided.setdefault(row.uniqueid, []).append(row.decided_at)
    return RecordedSide(
        visits=[QueueVisit(**row) for row in waited],
        talks=[Talk(**row) for row in talked],
        since=-inf
        if first is None
        else first,  # -inf: without any stored visit, no visit counts as older than the records
        gaps=[Gap(**row) for row in unseen],
        over=decided,
    )


def add(
    engine: Engine,
    pbx: str,
    visits: list[LoggedVisit],
    counts: ImportResult,
    storable: Callable[[Record], Record] = lambda record: record,
) -> None:
    """Import visits from queue_log and their talks, in one transaction; add the results to `counts`.

    A visit that is stored already is skipped. `storable` returns a record pseudonymised as the configuration
    requires.
    """
    told = [visit for visit in visits if visit.outcome is not None]
    counts.unfinished += len(visits) - len(told)
    rows: dict[Table[Any], list[dict[str, Any]]] = {queue_visits: [], talks: []}
    with engine.begin() as connection:
        stored = _stored(connection, pbx, {visit.call for visit in told})
        for visit in told:
            source = _covered_by(visit, stored.get((visit.call, queue_key(visit.queue)), []))
            if source is not None:
                counts.known += source == QUEUE_LOG
                counts.observed += source != QUEUE_LOG
                continue
            for record in visit.records(pbx):
                if record is not None:
                    table, row = row_of(storable(record))
                    rows[table].append(row | {"source": QUEUE_LOG})
        for table, of_table in rows.items():
            if of_table:
                connection.execute(upsert(table, engine.dialect.name), of_table)
    counts.visits += len(rows[queue_visits])
    counts.talks += len(rows[talks])


def _stored(connection: Connection, pbx: str, calls: set[str]) -> dict[tuple[str, str], list[Any]]:
    """Return the stored visits of some channels, by the channel's Uniqueid and the queue in lower case.

    `calls` has the Uniqueids of the channels.
    """
    c = queue_visits.c
    found: dict[tuple[str, str], list[Any]] = {}
    wanted = select(c.uniqueid, c.queue, c.entered_at, c.left_at, c.position, c.source)
    for row in connection.execute(wanted.where(c.pbx == pbx, c.uniqueid.in_(sorted(calls)))):
        found.setdefault((row.uniqueid, queue_key(row.queue)), []).append(row)
    return found


def _covered_by(visit: LoggedVisit, rows: list[Any]) -> str | None:
    """Return the source of a stored visit that makes the import skip `visit`; None if `visit` is imported.

    `rows` are the stored visits of the same channel and queue. An observed visit that overlaps `visit` causes
    the skip. A visit of an earlier import (source "queue_log") causes it only if it has the same end but a
    different start. If it has the same start, it has the same key, so `visit` is written again without harm.
    """
    left_at = visit.entered_at if visit.left_at is None else visit.left_at
    for row in rows:
        if row.source == QUEUE_LOG:
            # If a log starts in mid-visit, the entry is computed from the wait and may be a second off.
            computed = 0 in (visit.position, row.position) and row.entered_at != visit.entered_at
            if computed and abs(row.left_at - left_at) < _TINY:
                return QUEUE_LOG
        else:
            overlap = min(row.left_at, left_at) - max(row.entered_at, visit.entered_at)
            if overlap > 1 or abs(row.entered_at - visit.entered_at) <= _SAME:
                return str(row.source)
    return None


def _rows(connection: Connection, kind: type[Record], *where: Any) -> Iterator[dict[str, Any]]:
    """Yield the stored records of the type `kind` that match the SQL conditions `where`.

    A record is a dict of its fields. Texts of enum fields become enum members.
    """
    table = TABLES[kind]
    names = [field.name for field in fields(kind)]
    for row in connection.execute(select(*(table.c[name] for name in names)).where(*where)):
        yield {
            name: _WORDS[name](value) if name in _WORDS and value is not None else value
            for name, value in zip(names, row, strict=True)
        }
