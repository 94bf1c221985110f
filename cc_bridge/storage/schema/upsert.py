"""The upsert of each table on each kind of database: insert a row, or replace the row with the same key.

A table's `info` may name a column with an instant as `NEWEST`. Then a new row replaces the stored row only if
its instant is not earlier. This matters because two daemons and a command may write about the same caller in
any order. A column named as `OLDEST` has the opposite effect: a new row replaces the stored row only if its
instant is earlier.

Note: MariaDB replaces a row on a conflict of any unique key, the other databases on the primary key alone. So
a table with an upsert must not have a second unique key. `follow_ups` has one, and uses other statements.
"""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Insert, Table, func
from sqlalchemy.dialects import mysql, sqlite

from cc_bridge.storage.schema.tables import NEWEST, OLDEST

__all__ = ["ONCE", "upsert"]

ONCE = "once"  # in a table's `info`: an existing row is never replaced; for SQLite files only


@cache
def upsert(table: Table[Any], dialect: str) -> Insert:
    """Return the statement that inserts rows into a table, and replaces stored rows that have the same key.

    The table's `info` may limit the replacement. With `NEWEST`, an earlier row does not replace a later one.
    With `OLDEST`, only an earlier row replaces a later one. With `ONCE`, a stored row is never replaced.
    `dialect` is the kind of database. Execute the statement with a list of rows.
    """
    if table.info.get(ONCE):
        return sqlite.insert(table).on_conflict_do_nothing()
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if not column.primary_key]
    if dialect in {"mysql", "mariadb"}:
        return _mysql(table, others)
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 2 MB that other databases do not need

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
    # MariaDB has no WHERE here, and assigns from left to right. So the compared column is assigned last.
    others.sort(key=compared.__eq__)
    return mine.on_duplicate_key_update(
        [(name, func.if_(replaces, mine.inserted[name], table.c[name])) for name in others]
    )


def _replaces(table: Table[Any], new: Any) -> tuple[str, ColumnElement[bool] | None]:
    """Return the column that decides whether a new row replaces the stored row, and the condition for it.

    `new` has the columns of the new row. If a new row always replaces the stored row, the column is empty and
    the condition None.
    """
    if name := table.info[NEWEST]:
        return name, new[name] >= table.c[name]
    if name := table.info[OLDEST]:
        return name, new[name] < table.c[name]
    return "", None
