"""What goes on, kept in the transaction of what has ended: for the daemon that comes after a killed one.

`sql_sink.py` keeps it in the database when that is a file, `journal.py` in the journal otherwise: what a
start needs must not wait for a server, and nobody but this PBX's next daemon has any use for it.

The trap: a state is worth nothing once the thing has ended, and it holds the caller's number. So an empty one
deletes the row, and of several in a batch only the last counts.
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

# In the journal the key is one text of JSON, since SQLite takes no half of a surrogate pair.
MAKE = "CREATE TABLE IF NOT EXISTS open_state (key TEXT PRIMARY KEY, state TEXT NOT NULL)"

_delete = open_state.delete().where(*(open_state.c[name] == bindparam(f"the_{name}") for name in _KEY))

CheckpointStates = Mapping[tuple[str, ...], Mapping[str, Any]]  # rows by key


class RowsAndCheckpoints(NamedTuple):
    ended: list[tuple[Any, dict[str, Any]]]
    states: CheckpointStates


def part(rows: Sequence[tuple[Any, dict[str, Any]]]) -> RowsAndCheckpoints:
    """Part rows of tables into those of what has ended, and the last state of each thing that goes on."""
    states = {tuple(row[name] for name in _KEY): row for table, row in rows if table is open_state}
    return RowsAndCheckpoints(
        [each for each in rows if each[0] is not open_state] if states else list(rows), states
    )


def keep(connection: Connection, states: CheckpointStates) -> None:
    """Write states into a database, and delete the empty ones."""
    going_on = [row for row in states.values() if row["state"]]
    over = [
        {f"the_{name}": value for name, value in zip(_KEY, key, strict=True)}
        for key, row in states.items()
        if not row["state"]
    ]
    if going_on:
        connection.execute(upsert(open_state, connection.dialect.name), going_on)
    if over:
        connection.execute(_delete, over)


def keep_in_journal(connection: sqlite3.Connection, states: CheckpointStates) -> None:
    """Do the same in a journal."""
    going_on = [(json.dumps(key), row["state"]) for key, row in states.items() if row["state"]]
    over = [(json.dumps(key),) for key, row in states.items() if not row["state"]]
    connection.executemany("INSERT OR REPLACE INTO open_state VALUES (?, ?)", going_on)
    connection.executemany("DELETE FROM open_state WHERE key = ?", over)


def read_journal(rows: Iterable[tuple[str, str]], pbx: str) -> list[OpenStateRecord]:
    """Return what a journal holds of one PBX."""
    found = ((*json.loads(key), state) for key, state in rows)
    return [OpenStateRecord(*each) for each in found if each[0] == pbx]
