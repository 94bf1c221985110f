"""One insert-or-replace by primary key for each table and each kind of database; the writer's statement.

The trap: MariaDB replaces on a clash of any unique key, the others on the primary key alone, so no table
may get a second unique key.
"""

from functools import cache
from typing import Any

from sqlalchemy import Insert, Table
from sqlalchemy.dialects import mysql, postgresql, sqlite

__all__ = ["upsert"]


@cache
def upsert(table: Table[Any], dialect: str) -> Insert:
    """Return the statement; executed with rows, a row whose key exists is replaced."""
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if not column.primary_key]
    if dialect in {"mysql", "mariadb"}:
        mine = mysql.insert(table)
        return mine.on_duplicate_key_update({name: mine.inserted[name] for name in others})
    theirs = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return theirs.on_conflict_do_update(index_elements=keys, set_={n: theirs.excluded[n] for n in others})
