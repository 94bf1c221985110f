"""How each kind of database takes an instant apart, for the views; days and hours are those of UTC.

The trap: PostgreSQL finds rows by an index of an expression only where the expression is written as in the
index, so the views and their indexes are made of the same words.
"""

from dataclasses import dataclass, fields

__all__ = ["in_dialect"]


@dataclass(frozen=True, slots=True)
class _Words:
    """What a kind of database says, with `{}` for a column or a number."""

    hour: str  # when its hour began
    day: str
    tomorrow: str  # the day after it
    next_day: str  # the day after a day
    second_of_day: str
    whole: str  # a sum of whole numbers as a whole number


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
    # A zone's name is looked up for each row, an interval is not.
    "postgresql": _Words(
        "date_trunc('hour', {} AT TIME ZONE INTERVAL '0') AT TIME ZONE INTERVAL '0'",
        "CAST({} AT TIME ZONE INTERVAL '0' AS DATE)",
        "(CAST({} AT TIME ZONE INTERVAL '0' AS DATE) + 1)",
        "({} + 1)",  # as an instant it would be midnight in the session's time zone
        "CAST(EXTRACT(EPOCH FROM CAST({} AT TIME ZONE INTERVAL '0' AS TIME)) AS DOUBLE PRECISION)",
        "CAST({} AS BIGINT)",
    ),
    "mysql": _MARIADB,
    "mariadb": _MARIADB,
}


class _Of:
    """Lets a format string say `{day[started_at]}`."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __getitem__(self, inside: str) -> str:
        return self._words.format(inside)


def in_dialect(sql: str, dialect: str) -> str:
    """Return SQL with `{day[started_at]}` and the like in the words of a kind of database."""
    words = _WORDS[dialect]
    return sql.format_map({each.name: _Of(getattr(words, each.name)) for each in fields(_Words)})
