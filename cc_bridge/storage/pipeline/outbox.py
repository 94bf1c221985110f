"""The outbox: a table of events that wait for delivery to webhook endpoints.

The table is in the SQLite database or, with a database server, in the journal. Both are local files, so
deliveries continue while a server is away. The writer stores an event and the record that causes it in one
transaction.

Each access opens a new connection, because an old one would write to a file that was moved away. Results of
deliveries are not synced: after a power failure an event may be sent again. A delivered row stays for an hour
without its body, so that a second write of its record makes no second event.

A missing file is never created: without a schema version, the daemon would take it for another program's
file.
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
_DEAD_SECONDS = 30 * 86_400.0  # dead events contain personal data, so they are deleted after 30 days
# Seconds. A next attempt further in the future was set before the clock was set back.
_LONGEST_PAUSE = 86_400.0


class OutboxState(StrEnum):
    """The delivery state of an event for one endpoint."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"  # no further attempts; `cc-bridge outbox retry` makes it pending again


outbox = Table(
    "outbox",
    MetaData(),
    Column("id", Integer, primary_key=True, comment="Growing number: keeps the events of a call in order"),
    Column("endpoint", String, nullable=False, comment="Endpoint's name in the configuration"),
    Column("event_id", String, nullable=False, comment="Id of the event, the same for all endpoints"),
    Column("type", String, nullable=False, comment="Type of event: call_ended, rating_given, ..."),
    Column("call_id", String, nullable=False, comment="Linkedid; events of one call are sent in order"),
    Column("created_at", Double, nullable=False, comment="Time of writing, seconds since the epoch"),
    Column("body", Text, nullable=False, comment="Event in JSON, personal data; empty once delivered"),
    Column("state", String, nullable=False, comment=", ".join(OutboxState)),
    Column("attempts", Integer, nullable=False, comment="Requests so far"),
    Column(
        "next_attempt_at",
        Double,
        nullable=False,
        comment="Time of the next attempt, or of the delivery, seconds since the epoch",
    ),
    Column("reason", String, nullable=False, comment="Why the last attempt failed"),
    UniqueConstraint("endpoint", "event_id"),
    # The first index covers the queries for due events and for counts, in the order that they need.
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
# All but the newest `limit` events of an endpoint in a state.
_BEYOND = """
SELECT id FROM outbox WHERE endpoint = :endpoint AND state = :state ORDER BY id DESC LIMIT -1 OFFSET :limit
"""
_GIVE_UP = f"UPDATE outbox SET state = 'dead', reason = :reason WHERE id IN ({_BEYOND})"  # noqa: S608 - our own words
_DROP = f"DELETE FROM outbox WHERE id IN ({_BEYOND})"  # noqa: S608 - our own words
_PRUNE = "DELETE FROM outbox WHERE endpoint = :endpoint AND state = 'dead' AND created_at < :long_ago"
# True for the current table only: an outbox of an earlier version, with other column names, counts as missing
# until its database or journal is upgraded.
_IS_THERE = "SELECT 1 FROM pragma_table_info('outbox') WHERE name = 'endpoint'"
_DEAD_OF_UNKNOWN = 10_000  # dead events kept for an endpoint that is no longer configured


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """An event that is to be sent to one endpoint.

    The fields are columns of the table `outbox`; instants are UTC seconds since the epoch.
    """

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
    """The numbers of pending and dead events of one endpoint, and the time of its oldest pending event.

    A dead event is not sent any more.
    """

    pending: int
    oldest_at: float  # time of the oldest pending event, seconds since the epoch; 0 without one
    dead: int


def row(endpoint: str, event_id: str, kind: str, call_id: str, body: str, now: float) -> TableRow:
    """Return a new pending event as a row of the outbox; the writer stores it with the record that causes it.

    `now` is in UTC seconds since the epoch.
    """
    return outbox, {
        "endpoint": endpoint, "event_id": event_id, "type": kind, "call_id": call_id, "created_at": now,
        "body": body, "state": OutboxState.PENDING.value, "attempts": 0, "next_attempt_at": 0.0, "reason": "",
    }  # fmt: skip


def statements() -> list[str]:
    """Return the SQL statements that create the outbox table and its indexes if they do not exist."""
    table = CreateTable(outbox, if_not_exists=True)
    indexes = [CreateIndex(index, if_not_exists=True) for index in outbox.indexes]
    parts: list[CreateTable | CreateIndex] = [table, *indexes]
    return [str(part.compile(dialect=sqlite.dialect())) for part in parts]


def open_with_outbox(url: str) -> Engine:
    """Return an engine for an SQLite database; create the outbox in it if it has none."""
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
    """Return the local file that holds the outbox.

    It is the SQLite database of `url`, or the file `journal` if `url` names a database server.
    """
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else journal


class OutboxFile:
    """A file with an outbox. Each method makes one read or one update, and any thread may call it.

    The methods raise sqlite3.Error if the file cannot be read or written. A file that does not exist counts
    as an empty outbox.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def due(self, endpoint: str, now: float, limit: int) -> Sequence[OutboxEvent]:
        """Return up to `limit` events of an endpoint that may be sent at `now`, ordered by their due time.

        Events of one call are sent in order, so only the oldest pending event of each call is returned. New
        events have the due time 0, so they come first. `now` is in UTC seconds since the epoch.
        """
        return self._events(_DUE, {"endpoint": endpoint, "now": now, "limit": limit})

    def undelivered(self) -> Sequence[OutboxEvent]:
        """Return all events of all endpoints that are pending or dead, oldest first."""
        return self._events(_LIST, {})

    def counts(self) -> Mapping[str, OutboxCount]:
        """Return, by endpoint, the numbers of pending and dead events; endpoints without any are left out."""
        with self._transaction() as connection:
            rows = connection.execute(_COUNTS).fetchall() if connection else []
        return {
            endpoint: OutboxCount(pending, oldest or 0.0, dead) for endpoint, pending, oldest, dead in rows
        }

    def add(self, rows: Sequence[Mapping[str, object]]) -> bool:
        """Add rows that the function `row` made; they are on disk when this method returns.

        An event that is already stored for the endpoint stays as it is. Return False if the file or its
        outbox does not exist yet.
        """
        with self._transaction("FULL") as connection:
            if connection is None:
                return False
            connection.executemany(INSERT, rows)
        return True

    def delivered(self, endpoint: str, event_id: str, now: float) -> None:
        """Mark an event as delivered at `now` (seconds since the epoch), and delete its body."""
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
        """Store the result of a failed attempt to deliver an event.

        `attempts` is the number of attempts so far, `reason` says why this attempt failed. `next_attempt_at`
        is in UTC seconds since the epoch. If it is None, no further attempt follows: the event becomes dead.
        """
        state = OutboxState.DEAD if next_attempt_at is None else OutboxState.PENDING
        with self._transaction() as connection:
            if connection:
                connection.execute(
                    "UPDATE outbox SET state = ?, attempts = ?, next_attempt_at = ?, reason = ?"
                    " WHERE endpoint = ? AND event_id = ?",
                    (state.value, attempts, next_attempt_at or 0.0, reason, endpoint, event_id),
                )

    def back(self, endpoint: str) -> None:
        """Make all pending events of an endpoint due now; call it when the endpoint accepts events again."""
        with self._transaction() as connection:
            if connection:
                connection.execute(
                    "UPDATE outbox SET next_attempt_at = 0 WHERE endpoint = ? AND state = 'pending'",
                    (endpoint,),
                )

    def retry(self, event_id: str | None, now: float) -> int:
        """Make one undelivered event due now, or all undelivered events if `event_id` is None.

        An event of several endpoints becomes due for each endpoint that has not accepted it. The count of
        attempts starts at 0 again, and a dead event becomes pending. Return the number of changed rows: one
        for each event and endpoint.
        """
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
        """Delete old events and events beyond the limits; return how many dead events were deleted.

        `limits` maps each configured endpoint to a number. The endpoint may have this number of pending
        events, and the same number of dead events. Beyond it, the oldest pending events become dead and the
        oldest dead events are deleted. All pending events of an endpoint that is no longer configured become
        dead. Delivered events are deleted after an hour, dead events after 30 days. The result has the
        numbers by endpoint.
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
                reason = "too many events waited" if known else "no such endpoint in the configuration"
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
                deleted = [connection.execute(*one).rowcount for one in ((_DROP, kept), (_PRUNE, old))]
                if any(deleted):
                    dropped[endpoint] = sum(deleted)
        return dropped

    def _events(self, select: str, wanted: Mapping[str, object]) -> list[OutboxEvent]:
        with self._transaction() as connection:
            rows = connection.execute(select, wanted).fetchall() if connection else []
        return [OutboxEvent(*row) for row in rows]

    @contextmanager
    def _transaction(self, synchronous: str = "NORMAL") -> Generator[sqlite3.Connection | None]:
        """Run a transaction in a `with` block and yield its connection.

        Yield None instead if the file or its outbox does not exist yet. `synchronous` is the value of
        SQLite's pragma: with FULL the commit is on disk, with NORMAL a power failure may undo it.
        """
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
