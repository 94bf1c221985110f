"""One insert-or-replace by primary key for each table and each kind of database; the writer's statement.

A row replaces the one with its key, but where the table names a column as `NEWEST`, only one that is not
newer: two daemons and a command may tell about the same caller, and one of them may be late.

The trap: MariaDB replaces on a clash of any unique key, the others on the primary key alone, so no table
may get a second unique key.
"""

from functools import cache
from typing import Any

from sqlalchemy import Insert, Table, func
from sqlalchemy.dialects import mysql, sqlite

from cc_bridge.storage.schema import NEWEST

__all__ = ["upsert"]


@cache
def upsert(table: Table[Any], dialect: str) -> Insert:
    """Return the statement; executed with rows, a row whose key exists is replaced."""
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if not column.primary_key]
    newest: str = table.info[NEWEST]
    if dialect in {"mysql", "mariadb"}:
        return _mysql(table, others, newest)
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 2 MB for nothing elsewhere

        theirs: sqlite.Insert | postgresql.Insert = postgresql.insert(table)
    else:
        theirs = sqlite.insert(table)
    return theirs.on_conflict_do_update(
        index_elements=keys,
        set_={name: theirs.excluded[name] for name in others},
        where=theirs.excluded[newest] >= table.c[newest] if newest else None,
    )


def _mysql(table: Table[Any], others: list[str], newest: str) -> Insert:
    mine = mysql.insert(table)
    if not newest:
        return mine.on_duplicate_key_update({name: mine.inserted[name] for name in others})
    # It has no WHERE here, and assigns from left to right: what is compared with changes last.
    others.sort(key=newest.__eq__)
    taken = mine.inserted[newest] >= table.c[newest]
    return mine.on_duplicate_key_update(
        [(name, func.if_(taken, mine.inserted[name], table.c[name])) for name in others]
    )
