"""Local hours and days of instants, in the words of each kind of database.

What is local comes from the offsets that the span has (`ask.Ask.offsets`), as whole seconds: a database's own
time zones differ by kind, and MariaDB has none until somebody loads them.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    case,
    cast,
    func,
    literal,
    literal_column,
    text,
    type_coerce,
)

from cc_bridge.reports.calendar import UtcOffset
from cc_bridge.storage.schema.column_types import Instant

__all__ = ["DAY", "HOUR", "THURSDAY", "LocalTime"]

HOUR = 3600
DAY = 24 * HOUR
THURSDAY = 3  # 1970-01-01

_Expression = ColumnElement[Any]


class LocalTime:
    """Takes instants of one span apart."""

    def __init__(self, dialect: str, offsets: tuple[UtcOffset, ...]) -> None:
        self._dialect = dialect
        self._offsets = offsets

    def day(self, at: Column[Any]) -> _Expression:
        """Return the local day, counted from 1970-01-01."""
        return self._local(at) // DAY

    def hour(self, at: Column[Any]) -> _Expression:
        return self._local(at) // HOUR % 24

    def weekday(self, at: Column[Any]) -> _Expression:
        return (self._local(at) // DAY + THURSDAY) % 7

    def hour_of_week(self, at: Column[Any]) -> _Expression:
        """Return the local hour, counted from Monday 00:00: one expression is cheaper than two."""
        return (self._local(at) // HOUR + 24 * THURSDAY) % (7 * 24)

    def part(self, at: _Expression, width: int) -> _Expression:
        """Return when the part of `width` seconds began that holds an instant, UTC seconds since 1970."""
        if self._dialect == "postgresql":  # 14 and later
            span: _Expression = literal_column(f"INTERVAL '{width} seconds'")
            return type_coerce(func.date_bin(span, at, literal(0.0, Instant)), Instant)
        return self._whole(at) // width * width

    def into(self, at: _Expression, width: int) -> _Expression:
        """Return the seconds since that part began."""
        part = self.part(at, width)
        return self.exact(at) - (self.exact(part) if self._dialect == "postgresql" else part)

    def exact(self, at: _Expression) -> _Expression:
        """Return UTC seconds since the epoch, with their fractions."""
        if self._dialect == "postgresql":
            return func.date_part("epoch", at)
        if self._dialect == "sqlite":
            return (func.julianday(at) - 2440587.5) * DAY
        return func.timestampdiff(text("MICROSECOND"), literal_column("'1970-01-01'"), at) / 1e6

    def up(self, seconds: Column[Any]) -> _Expression:
        """Return seconds rounded up to a whole number."""
        if self._dialect == "sqlite":  # which may have been built without ceil()
            down = cast(seconds, Integer)
            return down + case((seconds > down, 1), else_=0)
        return cast(func.ceil(seconds), Integer)

    def _local(self, at: Column[Any]) -> _Expression:
        """Return local seconds since 1970-01-01 00:00 local time, whole ones."""
        *changes, last = self._offsets
        offset: _Expression = literal_column(str(last.seconds))
        if changes:
            whens = [(at < literal(each.before, at.type), each.seconds) for each in changes]
            offset = case(*whens, else_=last.seconds)
        return self._whole(at) + offset

    def _whole(self, at: _Expression) -> _Expression:
        """Return UTC seconds since the epoch, rounded down."""
        if self._dialect == "postgresql":
            return cast(func.floor(func.date_part("epoch", at)), BigInteger)
        if self._dialect == "sqlite":
            return cast(func.strftime("%s", at), Integer)
        return func.timestampdiff(text("SECOND"), literal_column("'1970-01-01'"), at)
