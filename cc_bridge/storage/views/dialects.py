"""SQL expressions for the hour and day of an instant on each kind of database, for the views.

Hours and days are UTC. PostgreSQL uses an index of an expression only if a query has exactly the same
expression. So the views and their indexes are built from the same texts.
"""

from dataclasses import dataclass, fields

__all__ = ["in_dialect"]


@dataclass(frozen=True, slots=True)
class _Words:
    """The SQL expressions for hours and days on one kind of database.

    In each expression, `{}` is the place of a column or a number.
    """

    hour: str  # instant -> start of its hour
    day: str  # instant -> its day
    tomorrow: str  # instant -> the day after its day
    next_day: str  # day -> the day after it
    second_of_day: str  # instant -> seconds since midnight
    whole: str  # sum of integers -> integer


_MARIADB = _Words(
    "TIMESTAMPADD(HOUR, HOUR({0}), DATE({0}))",
    "DATE({})",
    "(DATE({}) + INTERVAL 1 DAY)",
    "({} + INTERVAL 1 DAY)",
    "CAST(TIME_TO_SEC(TIME({})) AS DOUBLE)",
    "CAST({} AS SIGNED)",
)
_WORDS = {
    # An instant is text such as 2026-11-22 01:10:19.123456.
    "sqlite": _Words(
        "substr({}, 1, 13) || ':00:00.000000'",
        "substr({}, 1, 10)",
        "date({}, '+1 day')",
        "date({}, '+1 day')",
        "(substr({0}, 12, 2) * 3600 + substr({0}, 15, 2) * 60 + substr({0}, 18))",
        "CAST({} AS INTEGER)",
    ),
    # INTERVAL '0' means UTC here. A zone's name would be looked up for each row, an interval is not.
    "postgresql": _Words(
        "date_trunc('hour', {} AT TIME ZONE INTERVAL '0') AT TIME ZONE INTERVAL '0'",
        "CAST({} AT TIME ZONE INTERVAL '0' AS DATE)",
        "(CAST({} AT TIME ZONE INTERVAL '0' AS DATE) + 1)",
        "({} + 1)",  # `+ INTERVAL` would make an instant in the session's time zone
        "CAST(EXTRACT(EPOCH FROM CAST({} AT TIME ZONE INTERVAL '0' AS TIME)) AS DOUBLE PRECISION)",
        "CAST({} AS BIGINT)",
    ),
    "mysql": _MARIADB,
    "mariadb": _MARIADB,
}


class _Of:
    """An SQL expression that a placeholder such as `{day[started_at]}` applies to a column.

    `str.format_map` indexes the object with the name in brackets; the result is the SQL for this column.
    """

    def __init__(self, words: str) -> None:
        self._words = words

    def __getitem__(self, inside: str) -> str:
        return self._words.format(inside)


def in_dialect(sql: str, dialect: str) -> str:
    """Return SQL for one kind of database, from SQL with placeholders such as `{day[started_at]}`."""
    words = _WORDS[dialect]
    return sql.format_map({each.name: _Of(getattr(words, each.name)) for each in fields(_Words)})
