"""The common part of all report queries: their time span, their grouping, and the reading of rows.

PostgreSQL treats two parameters as two different expressions, even if their values are equal. So an
expression with a parameter in SELECT would not match the same expression in GROUP BY. Therefore a subquery
computes the values to group by, and the outer query groups by their names.

A query that groups by a name column, such as the queue, hides that column from the planner (see
`without_index`). Otherwise the planner may use the column's index and read the whole table row by row.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Double,
    Executable,
    Select,
    Table,
    case,
    literal,
)

from cc_bridge.reports.query import INTERVALS, Dimension, QueueSettings, ReportQuery
from cc_bridge.storage.reports.instants import DAY, LocalTime
from cc_bridge.storage.reports.queue_spellings import spellings
from cc_bridge.storage.reports.stored_names import stored_queues
from cc_bridge.storage.rollups.refresh import refreshed_until
from cc_bridge.storage.schema.column_types import without_index

__all__ = ["Expression", "Span", "SpanQueries"]

_Row = TypeVar("_Row")
Span = tuple[float, float]  # start (included) and end (excluded), UTC seconds since the epoch
Expression = ColumnElement[Any]


class SpanQueries:
    """The base class of all report queries: it reads rows within the time span of one report."""

    def __init__(
        self, connection: Connection, ask: ReportQuery, asked: Callable[[], object] = lambda: None
    ) -> None:
        """Set the database connection and the report's query.

        To show progress, `asked` is called each time that one figure of the report has been read.
        """
        self._connection = connection
        self._dialect = connection.dialect.name
        stored = list(stored_queues(connection))
        self._spellings = spellings(connection, stored, ask.settings)
        if ask.queues:
            ask = replace(ask, queues=tuple(sorted({*ask.queues, *filter(ask.covers, stored)})))
        self._ask = ask
        # The queues with settings of their own, in each spelling that the configuration or the database has.
        self._configured = sorted({*ask.settings, *(name for name in stored if name in ask.settings)})
        self._asked = asked
        self._instants = LocalTime(self._dialect, ask.offsets)

    def _rows(self, kind: Callable[..., _Row], *statements: Executable) -> Iterator[_Row]:
        """Execute the statements and yield `kind(*row)` for each row; then report progress.

        All the statements together read one figure of the report.
        """
        for row in self._read(*statements):
            yield kind(*row)
        self._asked()

    def _named_rows(self, kind: Callable[..., _Row], *statements: Select[Any]) -> Iterator[_Row]:
        """Execute the statements and yield `kind(**row)` for each row; then report progress.

        A row has its columns as keyword arguments, so a statement may leave out columns for which `kind` has
        a default.
        """
        for statement in statements:
            names = statement.selected_columns.keys()
            for row in self._read(statement):
                yield kind(**dict(zip(names, row, strict=True)))
        self._asked()

    def _read(self, *statements: Executable) -> Iterator[tuple[Any, ...]]:
        # Decimals become int or float: MariaDB returns them for a sum of integers, PostgreSQL for a sum of
        # sums.
        for statement in statements:
            for row in self._connection.execute(statement):
                yield tuple(
                    value if isinstance(value, str | int | float) else _number(value) for value in row
                )

    def _span(
        self, table: Table[Any], at: Column[Any], since: float | None = None, until: float | None = None
    ) -> list[Expression]:
        """Return the SQL conditions that select the rows of a table for the report.

        `at` is the column with the time of a row. `since` and `until` limit the rows to a part of the
        report's time span; None means the start or the end of the whole span.
        """
        since = self._ask.since if since is None else since
        until = self._ask.until if until is None else until
        where = [at >= since, at < until, *self._of(table)]
        if self._ask.queues:
            where.append(table.c.queue.in_(self._ask.queues))
        return where

    def _spans(self, since: float, until: float) -> tuple[Span | None, list[Span]]:
        """Return the part of a time span that is rolled up (None if none is), and the other parts.

        Only whole days in UTC are rolled up.
        """
        first = max(0, math.ceil(since / DAY)) * DAY  # no row is from before 1970
        after = min(until // DAY * DAY, refreshed_until(self._connection))
        if first >= after:
            return None, [(since, until)]
        return (first, after), [
            (begin, end) for begin, end in ((since, first), (after, until)) if begin < end
        ]

    def _rolled_up(self, table: Table[Any], span: Span) -> list[Expression]:
        """Return the SQL conditions for the rows of a roll-up table whose day is within a time span.

        The span must consist of whole UTC days.
        """
        first, after = (datetime.fromtimestamp(at, UTC).date() for at in span)
        return [table.c.day >= first, table.c.day < after, *self._of_pbx(table)]

    def _of(self, table: Table[Any]) -> list[Expression]:
        return [*self._of_pbx(table), *self._of_agent(table)]

    def _of_pbx(self, table: Table[Any]) -> tuple[Expression, ...]:
        if not self._ask.pbx:
            return ()
        all_of_it = self._dialect == "sqlite" and not self._ask.agent
        return ((without_index(table.c.pbx) if all_of_it else table.c.pbx) == self._ask.pbx,)

    def _of_agent(self, table: Table[Any]) -> tuple[Expression, ...]:
        return (table.c.agent == self._ask.agent,) if self._ask.agent else ()

    def _key(self, by: Dimension, table: Table[Any], at: Column[Any]) -> Expression:
        match by:
            case Dimension.HOUR | Dimension.HALF_HOUR | Dimension.QUARTER_HOUR:
                return self._instants.interval_of_day(at, INTERVALS[by])
            case Dimension.HOUR_OF_WEEK:
                return self._instants.hour_of_week(at)
            case Dimension.WEEKDAY:
                return self._instants.weekday(at)
            case Dimension.DAY:
                return self._instants.day(at)
            case Dimension.PART:
                return case((at < self._ask.change, 0), else_=1)
            case Dimension.WAIT_BAND:
                return self._band(table.c.wait_seconds)
            case _:
                return without_index(table.c[by.value])

    def _band(self, wait: Column[Any]) -> Expression:
        bounds = [(wait <= bound, number) for number, bound in enumerate(self._ask.bands)]
        return case(*bounds, else_=len(self._ask.bands))

    def _setting(self, queue: Column[Any], of: Callable[[QueueSettings], float]) -> Expression:
        usual = of(self._ask.others)
        values = {name: of(self._ask.of(name)) for name in self._configured}
        own = {name: value for name, value in values.items() if value != usual}
        if not own:
            return literal(usual, Double)
        by_value: Mapping[float, list[str]] = {
            value: [name for name in own if own[name] == value] for value in set(own.values())
        }
        whens = [(queue.in_(names), literal(value, Double)) for value, names in by_value.items()]
        return case(*whens, else_=literal(usual, Double))


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return value
    return int(value) if value == int(value) else float(value)
