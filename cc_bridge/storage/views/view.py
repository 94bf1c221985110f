"""The definition of an SQL view: its columns, each with its SQL, and the SQL that yields its rows."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Integer, Table
from sqlalchemy.types import TypeEngine

from cc_bridge.storage.schema.column_types import CleanText, Instant, Seconds
from cc_bridge.storage.views.dialects import in_dialect

__all__ = ["Lookup", "View", "column", "count", "instant", "integer", "pbx", "seconds", "sum_of", "text"]


@dataclass(frozen=True, slots=True)
class Lookup:
    """An index on PostgreSQL by which a view finds rows: a table and the indexed SQL expression."""

    table: str
    expression: str
    where: str = ""  # condition of a partial index; empty: the index has all rows

    def creation(self, name: str) -> str:
        """Return the CREATE INDEX statement for an index with this name."""
        only = f" WHERE {self.where}" if self.where else ""
        return in_dialect(f"CREATE INDEX {name} ON {self.table} (({self.expression})){only}", "postgresql")


@dataclass(frozen=True, slots=True)
class View:
    """An SQL view: its name and columns (`table`), its key columns, and the SQL that yields its rows."""

    table: Table[Any]  # name, comment and columns; the SQL of a column is in its `info`
    key: tuple[str, ...]  # columns that identify a row
    rows: str  # the SQL from FROM to the end, with placeholders such as {hour[column]}
    before: str = ""  # the WITH clause, if any

    def select(self, dialect: str) -> str:
        """Return the SELECT statement of the view for one kind of database."""
        columns = ",\n".join(f"    {each.info['sql']} AS {each.name}" for each in self.table.columns)
        return in_dialect(f"{self.before}SELECT\n{columns}\n{self.rows}", dialect)


def column(name: str, kind: TypeEngine[Any], comment: str, sql: str = "") -> Column[Any]:
    return Column(name, kind, comment=comment, info={"sql": sql or name})


def text(name: str, length: int, comment: str, sql: str = "") -> Column[Any]:
    return column(name, CleanText(length), comment, sql)


def integer(name: str, comment: str, sql: str) -> Column[Any]:
    return column(name, Integer(), comment, sql)


def count(name: str, comment: str, condition: str, amount: str = "n") -> Column[Any]:
    """Return a view column that adds up `amount` over the rows that meet a condition.

    `amount`, by default `n`, and `condition` are SQL expressions. `comment` describes the column to the users
    of the view.
    """
    return integer(name, comment, f"{{whole[SUM(CASE WHEN {condition} THEN {amount} ELSE 0 END)]}}")


def sum_of(name: str, comment: str, amount: str, condition: str) -> Column[Any]:
    return seconds(name, comment, f"SUM(CASE WHEN {condition} THEN {amount} ELSE 0 END)")


def seconds(name: str, comment: str, sql: str) -> Column[Any]:
    return column(name, Seconds(), f"{comment}, seconds", sql)


def instant(name: str, comment: str, sql: str = "") -> Column[Any]:
    return column(name, Instant(), f"{comment}, UTC", sql)


def pbx(sql: str = "") -> Column[Any]:
    return text("pbx", 64, "Name of the PBX in the configuration", sql)
