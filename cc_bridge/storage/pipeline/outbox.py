"""The outbox: events that wait for delivery to their endpoints, beside the records that they tell of.

It is a table of a file on local disk: of the database where that is SQLite, else of the journal, since a
server that is away must not stop deliveries. The writer adds to it in the transaction of the record;
`webhooks/delivery.py` reads it in a thread, and `cc-bridge outbox` from outside. It is no part of the
schema of databases, and made where webhooks are configured.

Each look opens a connection of its own, a quarter of a millisecond: no thread owns it, and a file that was
moved away is not written to. What is noted here is not synced: after a power cut an event may go again.
The row itself is, with its record.

Delivered rows stay for an hour without their text, so that a record that is written again makes no second
event.

The trap: a file that does not exist must not be made here, since a database with only this table would be
taken for somebody else's.
"""

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import (
    Column,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    make_url,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.sql_sink import TableRow
from cc_bridge.storage.schema.upsert import ONCE

__all__ = [
    "INSERT",
    "OutboxCount",
    "OutboxEvent",
    "OutboxFile",
    "OutboxState",
    "local_file",
    "open_with_outbox",
    "outbox",
    "row",
]

_BUSY_SECONDS = 5.0
_KEPT_SECONDS = 3_600.0
_DEAD_SECONDS = 30 * 86_400.0  # they hold personal data
_LONGEST_PAUSE = 86_400.0  # what waits for longer was noted before the clock was put back


class OutboxState(StrEnum):
    """What has become of an event."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; `cc-bridge outbox retry` sends it again


outbox = Table(
    "outbox",
    MetaData(),
    Column("id", Integer, primary_key=True, comment="Grows, so that events of one call keep their order"),
    Column("endpoint", String, nullable=False, comment="Name in the configuration"),
    Column("event_id", String, nullable=False, comment="The same for all endpoints"),
    Column("type", String, nullable=False, comment="call_ended, rating_given, ..."),
    Column("call_id", String, nullable=False, comment="Events of one call do not overtake each other"),
    Column("created_at", Double, nullable=False, comment="When it was written, seconds since the epoch"),
    Column("body", Text, nullable=False, comment="JSON, personal data; empty once delivered"),
    Column("state", String, nullable=False, comment=", ".join(OutboxState)),
    Column("attempts", Integer, nullable=False, comment="Requests so far"),
    Column("next_attempt_at", Double, nullable=False, comment="Due then; of a delivered one, when that was"),
    Column("reason", String, nullable=False, comment="Why the last attempt failed"),
    UniqueConstraint("endpoint", "event_id"),
    # The first holds all that is looked at to find what is due, in that order, and to count.
    Index("ix_outbox_due", "endpoint", "state", "next_attempt_at", "id", "call_id", "created_at"),
    Index("ix_outbox_call", "endpoint", "state", "call_id", "id"),
    info={ONCE: True},
)
_COLUMNS = [column.name for column in outbox.columns if column.name != "id"]
_NAMES = ", ".join(_COLUMNS)
_VALUES = ", ".join(f":{name}" for name in _COLUMNS)
INSERT = f"INSERT OR IGNORE INTO outbox ({_NAMES}) VALUES ({_VALUES})"  # noqa: S608 - our own names

_DUE = f"""
SELECT {_NAMES} FROM outbox AS head
WHERE endpoint = :endpoint AND state = 'pending' AND next_attempt_at <= :now
AND NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.endpoint = head.endpoint
    AND earlier.state = 'pending' AND earlier.call_id = head.call_id AND earlier.id < head.id)
ORDER BY next_attempt_at, id LIMIT :limit
"""  # noqa: S608 - our own names
_LIST = f"""
SELECT {_NAMES} FROM outbox
WHERE state <> 'delivered' ORDER BY id
"""  # noqa: S608 - our own names
_COUNTS = """
SELECT endpoint, sum(state = 'pending'), min(CASE state WHEN 'pending' THEN created_at END),
    sum(state = 'dead')
FROM outbox WHERE state <> 'delivered' GROUP BY endpoint
"""
# The oldest beyond so many.
_BEYOND = """
SELECT id FROM outbox WHERE endpoint = :endpoint AND state = :state ORDER BY id DESC LIMIT -1 OFFSET :limit
"""
_GIVE_UP = f"UPDATE outbox SET state = 'dead', reason = :reason WHERE id IN ({_BEYOND})"  # noqa: S608 - our own words
_DROP = f"DELETE FROM outbox WHERE id IN ({_BEYOND})"  # noqa: S608 - our own words
_PRUNE = "DELETE FROM outbox WHERE endpoint = :endpoint AND state = 'dead' AND created_at < :long_ago"
# One of an earlier version is not there until its database or journal is upgraded.
_IS_THERE = "SELECT 1 FROM pragma_table_info('outbox') WHERE name = 'endpoint'"
_DEAD_OF_UNKNOWN = 10_000  # events kept for an endpoint that is configured no more


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """An event for one endpoint."""

    endpoint: str
    event_id: str
    type: str
    call_id: str
    created_at: float
    body: str
    state: str
    attempts: int
    next_attempt_at: float
    reason: str


@dataclass(frozen=True, slots=True)
class OutboxCount:
    """What is there for one endpoint."""

    pending: int
    oldest_at: float  # seconds since the epoch; 0 when nothing is pending
    dead: int


def row(endpoint: str, event_id: str, kind: str, call_id: str, body: str, now: float) -> TableRow:
    """Return what the writer adds beside the record."""
    return outbox, {
        "endpoint": endpoint, "event_id": event_id, "type": kind, "call_id": call_id, "created_at": now,
        "body": body, "state": OutboxState.PENDING.value, "attempts": 0, "next_attempt_at": 0.0, "reason": "",
    }  # fmt: skip


def statements() -> list[str]:
    """Return what makes the table and its index where they are not."""
    table = CreateTable(outbox, if_not_exists=True)
    indexes = [CreateIndex(index, if_not_exists=True) for index in outbox.indexes]
    parts: list[CreateTable | CreateIndex] = [table, *indexes]
    return [str(part.compile(dialect=sqlite.dialect())) for part in parts]


def open_with_outbox(url: str) -> Engine:
    """Open an SQLite database that has an outbox too."""
    engine = open_database(url)
    try:
        with engine.begin() as connection:
            for statement in statements():
                connection.exec_driver_sql(statement)
    except BaseException:
        engine.dispose()
        raise
    return engine


def local_file(url: str, journal: Path) -> Path:
    """Return the file that holds the outbox, for storage.url and storage.journal_file."""
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else journal


class OutboxFile:
    """The outbox in a file, for one look or note at a time; from any thread. Raises sqlite3.Error."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def due(self, endpoint: str, now: float, limit: int) -> Sequence[OutboxEvent]:
        """Return what may be sent now, one event of each call; those that were never tried come first."""
        return self._events(_DUE, {"endpoint": endpoint, "now": now, "limit": limit})

    def undelivered(self) -> Sequence[OutboxEvent]:
        """Return all that are pending or dead, in their order."""
        return self._events(_LIST, {})

    def counts(self) -> Mapping[str, OutboxCount]:
        """Return what is there by endpoint."""
        with self._transaction() as connection:
            rows = connection.execute(_COUNTS).fetchall() if connection else []
        return {
            endpoint: OutboxCount(pending, oldest or 0.0, dead) for endpoint, pending, oldest, dead in rows
        }

    def add(self, rows: Sequence[Mapping[str, object]]) -> bool:
        """Let these rows of `row` wait too, each once; False: there is no outbox yet. On disk on return."""
        with self._transaction("FULL") as connection:
            if connection is None:
                return False
            connection.executemany(INSERT, rows)
        return True

    def delivered(self, endpoint: str, event_id: str, now: float) -> None:
        with self._transaction() as connection:
            if connection:
                connection.execute(
                    "UPDATE outbox SET state = 'delivered', body = '', reason = '', attempts = attempts + 1,"
                    " next_attempt_at = ? WHERE endpoint = ? AND event_id = ?",
                    (now, endpoint, event_id),
                )

    def failed(
        self, endpoint: str, event_id: str, attempts: int, next_attempt_at: float | None, reason: str
    ) -> None:
        """Note a failed attempt; `next_attempt_at` None means that it was the last."""
        state = OutboxState.DEAD if next_attempt_at is None else OutboxState.PENDING
        with self._transaction() as connection:
            if connection:
                connection.execute(
                    "UPDATE outbox SET state = ?, attempts = ?, next_attempt_at = ?, reason = ?"
                    " WHERE endpoint = ? AND event_id = ?",
                    (state.value, attempts, next_attempt_at or 0.0, reason, endpoint, event_id),
                )

    def back(self, endpoint: str) -> None:
        """Make all events due that wait for their next attempt: the endpoint is back."""
        with self._transaction() as connection:
            if connection:
                connection.execute(
                    "UPDATE outbox SET next_attempt_at = 0 WHERE endpoint = ? AND state = 'pending'",
                    (endpoint,),
                )

    def retry(self, event_id: str | None, now: float) -> int:
        """Let an event, None: all, begin anew, whether it is dead or waits for a pause; return how many."""
        which = "" if event_id is None else " AND event_id = :event_id"
        with self._transaction() as connection:
            if connection is None:
                return 0
            return connection.execute(
                "UPDATE outbox SET state = 'pending', attempts = 0, next_attempt_at = 0, created_at = :now"  # noqa: S608 - no value in it
                f" WHERE state <> 'delivered'{which}",
                {"now": now, "event_id": event_id},
            ).rowcount

    def tidy(self, limits: Mapping[str, int], now: float) -> Mapping[str, int]:
        """Keep each endpoint's events within its bound; return how many were dropped, by endpoint.

        The oldest that are pending beyond it become dead, the oldest dead ones beyond it are dropped. What
        is for an endpoint that is configured no more becomes dead. What was delivered, and what has been dead
        for a month, is forgotten.
        """
        dropped: dict[str, int] = {}
        with self._transaction() as connection:
            if connection is None:
                return dropped
            connection.execute(
                "DELETE FROM outbox"
                " WHERE state = 'delivered' AND (next_attempt_at < ? OR next_attempt_at > ?)",
                (now - _KEPT_SECONDS, now + _LONGEST_PAUSE),
            )
            connection.execute(
                "UPDATE outbox SET next_attempt_at = 0 WHERE next_attempt_at > ?", (now + _LONGEST_PAUSE,)
            )
            for (endpoint,) in connection.execute("SELECT DISTINCT endpoint FROM outbox").fetchall():
                known = endpoint in limits
                reason = "too many events waited" if known else "no such receiver in the configuration"
                beyond = {
                    "endpoint": endpoint,
                    "state": "pending",
                    "limit": limits.get(endpoint, 0),
                    "reason": reason,
                }
                connection.execute(_GIVE_UP, beyond)
                kept = {
                    "endpoint": endpoint,
                    "state": "dead",
                    "limit": limits.get(endpoint, _DEAD_OF_UNKNOWN),
                }
                old = {"endpoint": endpoint, "long_ago": now - _DEAD_SECONDS}
                gone = [connection.execute(*one).rowcount for one in ((_DROP, kept), (_PRUNE, old))]
                if any(gone):
                    dropped[endpoint] = sum(gone)
        return dropped

    def _events(self, select: str, wanted: Mapping[str, object]) -> list[OutboxEvent]:
        with self._transaction() as connection:
            rows = connection.execute(select, wanted).fetchall() if connection else []
        return [OutboxEvent(*row) for row in rows]

    @contextmanager
    def _transaction(self, synchronous: str = "NORMAL") -> Generator[sqlite3.Connection | None]:
        """Give a connection; None where there is no outbox (yet)."""
        if not self._file.exists():
            yield None
            return
        uri = f"{self._file.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, timeout=_BUSY_SECONDS, uri=True)
        try:
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            made = connection.execute(_IS_THERE).fetchone()
            with connection:
                yield connection if made else None
        finally:
            connection.close()
