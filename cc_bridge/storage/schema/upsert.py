"""One insert-or-replace by primary key for each table and each kind of database; the writer's statement.

A row replaces the one with its key, but where the table names a column as `NEWEST`, only one that is not
newer: two daemons and a command may tell about the same caller, and one of them may be late. Where it names
one as `OLDEST`, only one that is newer: the first one stays.

The trap: MariaDB replaces on a clash of any unique key, the others on the primary key alone, so no table
of these may have a second unique key; `follow_ups` has one, and statements of its own.
"""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Insert, Table, func
from sqlalchemy.dialects import mysql, sqlite

from cc_bridge.storage.schema.tables import NEWEST, OLDEST

__all__ = ["ONCE", "upsert"]

ONCE = "once"  # in the info of a table of SQLite files: a row stays as it is, whatever comes with its key


@cache
def upsert(table: Table[Any], dialect: str) -> Insert:
    """Return the statement; executed with rows, a row whose key exists is replaced."""
    if table.info.get(ONCE):
        return sqlite.insert(table).on_conflict_do_nothing()
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if not column.primary_key]
    if dialect in {"mysql", "mariadb"}:
        return _mysql(table, others)
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 2 MB for nothing elsewhere

        theirs: sqlite.Insert | postgresql.Insert = postgresql.insert(table)
    else:
        theirs = sqlite.insert(table)
    _, replaces = _replaces(table, theirs.excluded)
    return theirs.on_conflict_do_update(
        index_elements=keys, set_={name: theirs.excluded[name] for name in others}, where=replaces
    )


def _mysql(table: Table[Any], others: list[str]) -> Insert:
    mine = mysql.insert(table)
    compared, replaces = _replaces(table, mine.inserted)
    if replaces is None:
        return mine.on_duplicate_key_update({name: mine.inserted[name] for name in others})
    # It has no WHERE here, and assigns from left to right: what is compared with changes last.
    others.sort(key=compared.__eq__)
    return mine.on_duplicate_key_update(
        [(name, func.if_(replaces, mine.inserted[name], table.c[name])) for name in others]
    )


def _replaces(table: Table[Any], new: Any) -> tuple[str, ColumnElement[bool] | None]:
    """Return the column that tells whether a new row replaces the stored one, and how; None: always."""
    if name := table.info[NEWEST]:
        return name, new[name] >= table.c[name]
    if name := table.info[OLDEST]:
        return name, new[name] < table.c[name]
    return "", None
