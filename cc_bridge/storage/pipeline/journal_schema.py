"""The tables of a journal file, and the upgrade of a journal that an earlier version wrote.

The pragma `user_version` holds the number of the format, which is 2 today. The upgrade from format 1 renames
tables and columns in the file, and in the stored rows, which are JSON. The upgrade is one transaction.
"""

import json
import sqlite3
from collections.abc import Mapping

from cc_bridge.errors import StorageError
from cc_bridge.storage.migrations.frozen import OUTBOX_COLUMNS
from cc_bridge.storage.pipeline import checkpoints, outbox

__all__ = ["prepare"]

_FORMAT = 2
_TABLES = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- a number is never used twice
    created_at REAL NOT NULL, -- seconds since the epoch
    schema_version TEXT NOT NULL,
    table_name TEXT NOT NULL,
    row TEXT NOT NULL -- JSON
);
CREATE TABLE forward_watermark (entry_id INTEGER NOT NULL); -- the server has all entries up to this one
INSERT INTO forward_watermark VALUES (0);
CREATE TABLE rejected_entries (
    id INTEGER PRIMARY KEY, created_at REAL, schema_version TEXT, table_name TEXT, row TEXT, reason TEXT
);
CREATE TABLE observation_watermarks (pbx TEXT PRIMARY KEY, observed_until REAL NOT NULL);
"""
_COLUMNS = {"n": "id", "at": "created_at", "version": "schema_version", "name": "table_name"}
_RENAMED_IN_2: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "entries": ("entries", _COLUMNS),
    "forwarded": ("forward_watermark", {"n": "entry_id"}),
    "set_aside": ("rejected_entries", {**_COLUMNS, "why": "reason"}),
    "observed": ("observation_watermarks", {"until": "observed_until"}),
    "unfinished": ("open_state", {}),
    "outbox": ("outbox", OUTBOX_COLUMNS),
}
# Names that migration 0013 changes in a database. Old table -> its new name, and old column -> new column.
_ROWS_RENAMED_IN_2: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "funnel": ("survey_decisions", {"at": "decided_at"}),
    "opt_outs": ("opt_outs", {"at": "updated_at", "told_by": "source"}),
    "observed": ("observation_watermarks", {"until": "observed_until"}),
}


def prepare(connection: sqlite3.Connection) -> None:
    """Create the tables of a journal in an empty file, or upgrade the tables of an earlier format.

    Raises StorageError if the file is not a journal, is from a later version, or cannot be upgraded.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0 and not connection.execute("SELECT name FROM sqlite_master").fetchall():
        connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_FORMAT}; COMMIT;")
    elif version == 1:
        _upgrade(connection)
    elif version != _FORMAT:
        raise StorageError("not a journal, or one of a newer cc_bridge: check storage.journal_file")
    for statement in (*outbox.statements(), checkpoints.MAKE):
        connection.execute(statement)


def _upgrade(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        there = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        for old, (new, columns) in _RENAMED_IN_2.items():
            if old in there:  # a journal of an early version has no `unfinished` and no `outbox`
                if old != new:
                    connection.execute(f"ALTER TABLE {old} RENAME TO {new}")
                for before, after in columns.items():
                    connection.execute(f"ALTER TABLE {new} RENAME COLUMN {before} TO {after}")
        for table in ("entries", "rejected_entries"):
            _rename_in_rows(connection, table)
        connection.execute("PRAGMA user_version = 2")
        connection.execute("COMMIT")
    except Exception as error:
        connection.execute("ROLLBACK")
        raise StorageError(f"the journal of an earlier version cannot be upgraded: {error}") from error


def _rename_in_rows(connection: sqlite3.Connection, table: str) -> None:
    for old, (new, columns) in _ROWS_RENAMED_IN_2.items():
        rows = connection.execute(f"SELECT id, row FROM {table} WHERE table_name = ?", (old,))  # noqa: S608 - our own names
        renamed = [
            (new, json.dumps({columns.get(key, key): value for key, value in json.loads(row).items()},
                             separators=(",", ":")), number)
            for number, row in rows
        ]  # fmt: skip
        connection.executemany(
            f"UPDATE {table} SET table_name = ?, row = ?, schema_version = '0013' WHERE id = ?",  # noqa: S608 - our own names
            renamed,
        )
