"""What a view is made of: its columns, each beside its SQL, and where its rows come from."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Integer, Table
from sqlalchemy.types import TypeEngine

from cc_bridge.storage.schema.column_types import CleanText, Instant, Seconds
from cc_bridge.storage.views.dialects import in_dialect

__all__ = ["Lookup", "View", "column", "count", "instant", "integer", "pbx", "seconds", "sum_of", "text"]


@dataclass(frozen=True, slots=True)
class Lookup:
    """An index for a view, on PostgreSQL."""

    table: str
    expression: str
    where: str = ""  # empty: of all rows

    def creation(self, name: str) -> str:
        """Return the statement that makes it."""
        only = f" WHERE {self.where}" if self.where else ""
        return in_dialect(f"CREATE INDEX {name} ON {self.table} (({self.expression})){only}", "postgresql")


@dataclass(frozen=True, slots=True)
class View:
    """One view: its columns, which tell a row from another, and where the rows come from."""

    table: Table[Any]  # what it looks like; a column's info holds its SQL
    key: tuple[str, ...]
    rows: str  # from FROM on, with {hour[column]} and the like for what each database says in its own words
    before: str = ""  # WITH ...

    def select(self, dialect: str) -> str:
        """Return what the view is, in the words of a kind of database."""
        columns = ",\n".join(f"    {each.info['sql']} AS {each.name}" for each in self.table.columns)
        return in_dialect(f"{self.before}SELECT\n{columns}\n{self.rows}", dialect)


def column(name: str, kind: TypeEngine[Any], comment: str, sql: str = "") -> Column[Any]:
    return Column(name, kind, comment=comment, info={"sql": sql or name})


def text(name: str, length: int, comment: str, sql: str = "") -> Column[Any]:
    return column(name, CleanText(length), comment, sql)


def integer(name: str, comment: str, sql: str) -> Column[Any]:
    return column(name, Integer(), comment, sql)


def count(name: str, comment: str, condition: str, amount: str = "n") -> Column[Any]:
    """Return a column that adds up what was counted of the rows of which a condition holds."""
    return integer(name, comment, f"{{whole[SUM(CASE WHEN {condition} THEN {amount} ELSE 0 END)]}}")


def sum_of(name: str, comment: str, amount: str, condition: str) -> Column[Any]:
    return seconds(name, comment, f"SUM(CASE WHEN {condition} THEN {amount} ELSE 0 END)")


def seconds(name: str, comment: str, sql: str) -> Column[Any]:
    return column(name, Seconds(), f"{comment}, seconds", sql)


def instant(name: str, comment: str, sql: str = "") -> Column[Any]:
    return column(name, Instant(), f"{comment}, UTC", sql)


def pbx(sql: str = "") -> Column[Any]:
    return text("pbx", 64, "Name of the PBX in the configuration", sql)
