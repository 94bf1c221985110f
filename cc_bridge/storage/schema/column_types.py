"""Column types that hold the same on SQLite, PostgreSQL and MariaDB.

`tables.py` and the migrations build their tables of these. The trap: a migration that has shipped uses
them too, so what a type stores never changes; a different storage is a new type and a new migration.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, DateTime, Dialect, Double, String, func
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = ["CleanText", "Instant", "Seconds", "without_index"]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - SQLite and MariaDB keep UTC without saying so
_EPOCH_AWARE = _EPOCH.replace(tzinfo=UTC)
_MICROSECONDS = 6  # decimals

# PostgreSQL takes no NUL in a text, and no driver can encode half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Instant(TypeDecorator[float]):
    """UTC seconds since the epoch in Python, a timestamp with microseconds in SQL.

    SQLite: text that people can read and sort (`2026-11-22 01:10:19.123456`, UTC); PostgreSQL:
    `timestamptz`; MariaDB: `DATETIME(6)` in UTC.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=_MICROSECONDS))
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: float | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        epoch = _EPOCH_AWARE if dialect.name == "postgresql" else _EPOCH
        # Through whole microseconds: datetime.fromtimestamp() would be a system call's time zone away.
        return epoch + timedelta(microseconds=round(value * 1_000_000))

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> float | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return (value - (_EPOCH_AWARE if value.tzinfo else _EPOCH)).total_seconds()


class Seconds(TypeDecorator[float]):
    """A duration, rounded to microseconds: the difference of two instants has no more, only noise."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else round(value, _MICROSECONDS)


class CleanText(TypeDecorator[str]):
    """Text of bounded length that every database takes, whatever a caller's phone sent.

    What is too long is cut, what cannot be stored becomes U+FFFD. Length is in characters, as
    PostgreSQL and MariaDB count it.
    """

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self._length = length

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        text = str.__str__(value)  # a StrEnum's word as a plain str: drivers treat enums in their own ways
        if len(text) > self._length:
            text = text[: self._length]
        # Printable text holds neither kind, and is nearly all there is.
        return text if text.isprintable() else _UNSTORABLE.sub("\ufffd", text)


def without_index(name: Column[Any]) -> ColumnElement[Any]:
    """Return a name that is never null, so that no planner sees an index of it.

    SQLite without statistics takes `pbx = ?`, the begin of a primary key, before any range of instants, and
    so reads all of a PBX for the last minute of it.
    """
    return func.coalesce(name, "")
