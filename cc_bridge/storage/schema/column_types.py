"""SQLAlchemy column types that store the same values on SQLite, PostgreSQL and MariaDB.

Note: released migrations use these types too, so a type must never change how it stores its values. A change
needs a new type and a new migration.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, DateTime, Dialect, Double, String, func
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = ["CleanText", "Instant", "Seconds", "without_index"]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - SQLite and MariaDB store UTC without a time zone
_EPOCH_AWARE = _EPOCH.replace(tzinfo=UTC)
_MICROSECONDS = 6  # decimal places of a second

# PostgreSQL rejects NUL in a text, and no driver can encode half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Instant(TypeDecorator[float]):
    """A column type for instants: UTC seconds since the epoch in Python, a timestamp in SQL.

    The timestamp has microseconds. SQLite stores sortable text (`2026-11-22 01:10:19.123456`, UTC),
    PostgreSQL `timestamptz`, and MariaDB `DATETIME(6)` in UTC.
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
        # Adding whole microseconds avoids the rounding and the time zones of datetime.fromtimestamp().
        return epoch + timedelta(microseconds=round(value * 1_000_000))

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> float | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return (value - (_EPOCH_AWARE if value.tzinfo else _EPOCH)).total_seconds()


class Seconds(TypeDecorator[float]):
    """A column type for durations in seconds, rounded to microseconds.

    Durations are differences of instants, which have microseconds too.
    """

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else round(value, _MICROSECONDS)


class CleanText(TypeDecorator[str]):
    """A column type for text of limited length that every database accepts, whatever a phone has sent.

    Text that is too long is truncated. A character that cannot be stored becomes U+FFFD. The length is in
    characters, as PostgreSQL and MariaDB count it.
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
        # Printable text contains no such character; nearly all text is printable.
        return text if text.isprintable() else _UNSTORABLE.sub("\ufffd", text)


def without_index(name: Column[Any]) -> ColumnElement[Any]:
    """Return an SQL expression that has the value of a column, but that makes no index of it usable.

    The column must be text and never null. A query often has the conditions `pbx = ?` and a range of
    instants. Without statistics, SQLite then prefers the index for `pbx = ?`, the first column of a primary
    key. It would read all rows of a PBX to find the rows of the last minute.
    """
    return func.coalesce(name, "")
