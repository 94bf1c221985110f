"""Checkpoints: the saved state of each open call and of each agent.

If a daemon was killed, the next daemon of the same PBX continues from its checkpoints. A checkpoint is
written in the same transaction as the rows of calls that have just ended. An SQLite database holds the
checkpoints in a table. With a database server the journal holds them, because a daemon must be able to start
without the server.

A checkpoint contains the caller's number and is useless once the call has ended. Therefore a record with an
empty state deletes the stored checkpoint. If a batch has several states of one call or agent, only the last
one is stored.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam

from cc_bridge.records import OpenStateRecord
from cc_bridge.storage.schema.tables import open_state
from cc_bridge.storage.schema.upsert import upsert

__all__ = [
    "MAKE",
    "CheckpointStates",
    "RowsAndCheckpoints",
    "keep",
    "keep_in_journal",
    "part",
    "read_journal",
]

_KEY = ("pbx", "kind", "name")

# In the journal the key is one JSON text: SQLite cannot store half of a surrogate pair, JSON escapes it.
MAKE = "CREATE TABLE IF NOT EXISTS open_state (key TEXT PRIMARY KEY, state TEXT NOT NULL)"

_delete = open_state.delete().where(*(open_state.c[name] == bindparam(f"the_{name}") for name in _KEY))

CheckpointStates = Mapping[tuple[str, ...], Mapping[str, Any]]  # rows by key


class RowsAndCheckpoints(NamedTuple):
    """A batch of rows in two parts: checkpoints, and the rows of all other tables.

    `states` maps the key of each call or agent to its last checkpoint in the batch. `ended` has the rows of
    the other tables, as (table, row).
    """

    ended: list[tuple[Any, dict[str, Any]]]
    states: CheckpointStates


def part(rows: Sequence[tuple[Any, dict[str, Any]]]) -> RowsAndCheckpoints:
    """Divide a batch into the last checkpoint of each call or agent, and the rows of all other tables."""
    states = {tuple(row[name] for name in _KEY): row for table, row in rows if table is open_state}
    return RowsAndCheckpoints(
        [each for each in rows if each[0] is not open_state] if states else list(rows), states
    )


def keep(connection: Connection, states: CheckpointStates) -> None:
    """Write checkpoints into an SQL database; a checkpoint with an empty state deletes the stored one."""
    still_open = [row for row in states.values() if row["state"]]
    over = [
        {f"the_{name}": value for name, value in zip(_KEY, key, strict=True)}
        for key, row in states.items()
        if not row["state"]
    ]
    if still_open:
        connection.execute(upsert(open_state, connection.dialect.name), still_open)
    if over:
        connection.execute(_delete, over)


def keep_in_journal(connection: sqlite3.Connection, states: CheckpointStates) -> None:
    """Write checkpoints into a journal; a checkpoint with an empty state deletes the stored one."""
    still_open = [(json.dumps(key), row["state"]) for key, row in states.items() if row["state"]]
    over = [(json.dumps(key),) for key, row in states.items() if not row["state"]]
    connection.executemany("INSERT OR REPLACE INTO open_state VALUES (?, ?)", still_open)
    connection.executemany("DELETE FROM open_state WHERE key = ?", over)


def read_journal(rows: Iterable[tuple[str, str]], pbx: str) -> list[OpenStateRecord]:
    """Return the checkpoints of one PBX from the (key, state) rows of a journal."""
    found = ((*json.loads(key), state) for key, state in rows)
    return [OpenStateRecord(*each) for each in found if each[0] == pbx]
