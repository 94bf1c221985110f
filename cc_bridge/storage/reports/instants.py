"""SQL expressions for the local hours and days of instants, on each kind of database.

Local time is computed from the UTC offsets within the report's time span (`ReportQuery.offsets`), in whole
seconds. The databases' own time zones are not used: they differ by kind of database, and MariaDB has none
until an administrator loads them.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    Select,
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
THURSDAY = 3  # the weekday of 1970-01-01, where Monday is 0

_Expression = ColumnElement[Any]


class LocalTime:
    """A builder of SQL expressions that give the local hour and day of an instant.

    It knows the kind of database and the UTC offsets within the time span of one report.
    """

    def __init__(self, dialect: str, offsets: tuple[UtcOffset, ...]) -> None:
        self._dialect = dialect
        self._offsets = offsets

    def day(self, at: Column[Any]) -> _Expression:
        """Return an SQL expression for the local day of an instant, in days since 1970-01-01."""
        return self._local(at) // DAY

    def hour(self, at: Column[Any]) -> _Expression:
        """Return an SQL expression for the local hour of the day of an instant, 0 to 23."""
        return self.interval_of_day(at, 60)

    def interval_of_day(self, at: Column[Any], minutes: int) -> _Expression:
        """Return an SQL expression for the interval of the local day that contains the instant `at`.

        The expression is the number of the interval: 0 is the one that starts at midnight. Each interval is
        `minutes` minutes long; a day must be a whole number of intervals.
        """
        width = 60 * minutes
        return self._local(at) // width % (DAY // width)

    def weekday(self, at: Column[Any]) -> _Expression:
        """Return an SQL expression for the local weekday of an instant, 0 (Monday) to 6 (Sunday)."""
        return (self._local(at) // DAY + THURSDAY) % 7

    def hour_of_week(self, at: Column[Any]) -> _Expression:
        """Return an SQL expression for the whole local hours from Monday 00:00 to an instant, 0 to 167.

        One expression for weekday and hour is cheaper than two.
        """
        return (self._local(at) // HOUR + 24 * THURSDAY) % (7 * 24)

    def part(self, at: _Expression, width: int) -> _Expression:
        """Return an SQL expression for the start of the time slot that contains an instant.

        Slots are `width` seconds long and counted from 1970-01-01 00:00 UTC. The result is a timestamp on
        PostgreSQL, and a number on other databases: UTC seconds since the epoch.
        """
        if self._dialect == "postgresql":  # 14 and later
            span: _Expression = literal_column(f"INTERVAL '{width} seconds'")
            return type_coerce(func.date_bin(span, at, literal(0.0, Instant)), Instant)
        return self._whole(at) // width * width

    def into(self, at: _Expression, width: int) -> _Expression:
        """Return an SQL expression for the seconds between the start of a time slot and an instant in it.

        Slots are `width` seconds long and counted from 1970-01-01 00:00 UTC.
        """
        part = self.part(at, width)
        return self.exact(at) - (self.exact(part) if self._dialect == "postgresql" else part)

    def exact(self, at: _Expression) -> _Expression:
        """Return an SQL expression for an instant in UTC seconds since the epoch, including fractions."""
        if self._dialect == "postgresql":
            return func.date_part("epoch", at)
        if self._dialect == "sqlite":
            return (func.julianday(at) - 2440587.5) * DAY
        return func.timestampdiff(text("MICROSECOND"), literal_column("'1970-01-01'"), at) / 1e6

    def microseconds(self, at: _Expression) -> _Expression:
        """Return an SQL expression for an instant in UTC microseconds since the epoch, without rounding."""
        if self._dialect == "postgresql":
            return cast(func.date_part("epoch", at) * 1e6, BigInteger)  # the cast rounds
        if self._dialect == "sqlite":
            return cast(func.strftime("%s", at), Integer) * 1_000_000 + cast(func.substr(at, 21), Integer)
        return func.timestampdiff(text("MICROSECOND"), literal_column("'1970-01-01'"), at)

    def after(self, at: Column[Any], seconds: int) -> _Expression:
        """Return an SQL expression for the instant that is `seconds` after an instant."""
        later: _Expression
        if self._dialect == "postgresql":
            later = at.op("+")(literal_column(f"INTERVAL '{seconds} seconds'"))
        elif self._dialect == "sqlite":  # the text of an instant, with the microseconds that it had
            whole = func.strftime("%Y-%m-%d %H:%M:%S", at, f"+{seconds} seconds")
            later = whole.op("||")(func.substr(at, 20))
        else:
            later = func.timestampadd(text("SECOND"), seconds, at)
        return type_coerce(later, at.type)

    def computed_once(self, rows: Select[Any]) -> Select[Any]:
        """Return a SELECT for use in a join, whose expressions are computed once for each of its rows.

        SQLite would otherwise compute an expression, such as that of `after`, for each pair of joined rows.
        SQLite does not do so for a SELECT with a limit.
        """
        return rows.offset(0) if self._dialect == "sqlite" else rows

    def up(self, seconds: Column[Any]) -> _Expression:
        """Return an SQL expression that rounds a number of seconds up to a whole number."""
        if self._dialect == "sqlite":  # SQLite can be built without ceil()
            down = cast(seconds, Integer)
            return down + case((seconds > down, 1), else_=0)
        return cast(func.ceil(seconds), Integer)

    def _local(self, at: Column[Any]) -> _Expression:
        """Return an SQL expression for an instant in whole seconds since 1970-01-01 00:00 local time."""
        *changes, last = self._offsets
        offset: _Expression = literal_column(str(last.seconds))
        if changes:
            whens = [(at < literal(each.before, at.type), each.seconds) for each in changes]
            offset = case(*whens, else_=last.seconds)
        return self._whole(at) + offset

    def _whole(self, at: _Expression) -> _Expression:
        """Return an SQL expression for an instant in UTC seconds since the epoch, rounded down."""
        if self._dialect == "postgresql":
            return cast(func.floor(func.date_part("epoch", at)), BigInteger)
        if self._dialect == "sqlite":
            return cast(func.strftime("%s", at), Integer)
        return func.timestampdiff(text("SECOND"), literal_column("'1970-01-01'"), at)
