"""Frozen SQL of migrations: the files in `sql/`, which never change after the release of their migration.

A migration never uses the SQL of the current views or roll-ups, because later versions change that SQL. A
file is named after its content and its kind of database, such as `views.postgresql.sql`. Each statement ends
with a semicolon and an empty line.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import DDL

__all__ = ["OUTBOX_COLUMNS", "replacing", "statements"]

OUTBOX_COLUMNS = {"n": "id", "receiver": "endpoint", "at": "created_at", "next_at": "next_attempt_at"}
"""Columns of the outbox that migration 0013 renames: old name -> new name.

The outbox is a table of an SQLite database or of a journal.
"""

_FILES = Path(__file__).parent / "sql"
_VIEW = "CREATE VIEW "


def statements(name: str, dialect: str) -> Iterator[Any]:
    """Yield the SQL statements of one frozen file.

    The file is named after `name` and `dialect`, the kind of database. If there is no such file, nothing is
    yielded.
    """
    yield from map(_ddl, _texts(name, dialect))


def replacing(name: str, dialect: str) -> Iterator[Any]:
    """Yield the SQL statements of one frozen file, changed so that they replace existing views.

    The file is named after `name` and `dialect`, the kind of database. The new views must have the same
    columns as the existing ones. PostgreSQL and MariaDB get CREATE OR REPLACE VIEW, so that privileges on the
    views are kept. SQLite gets DROP VIEW and CREATE VIEW.
    """
    for text in _texts(name, dialect):
        if not text.startswith(_VIEW):
            yield _ddl(text)
        elif dialect == "sqlite":
            yield _ddl(f"DROP VIEW {text.removeprefix(_VIEW).partition(' ')[0]}")
            yield _ddl(text)
        else:
            yield _ddl(text.replace(_VIEW, "CREATE OR REPLACE VIEW ", 1))


def _texts(name: str, dialect: str) -> list[str]:
    file = _FILES / f"{name}.{'mariadb' if dialect == 'mysql' else dialect}.sql"
    return file.read_text(encoding="utf-8").rstrip(";\n").split(";\n\n") if file.exists() else []


def _ddl(text: str) -> Any:
    """Return an SQLAlchemy statement that executes `text` unchanged, including percent signs and colons."""
    return DDL(text.replace("%", "%%"))  # type: ignore[no-untyped-call] # as SQLAlchemy 2.1 has it
