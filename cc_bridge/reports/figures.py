"""The parts of a report: tables, highlights, and figures with n and a 95 % interval. Pure.

n is the number of calls or answers from which a figure is computed. A figure without data is None, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from math import sqrt
from statistics import NormalDist

from cc_bridge.kpis.scores import MINIMUM, Score, student_t, wilson
from cc_bridge.kpis.units import Unit
from cc_bridge.reports.query import Dimension, Group, ReportQuery

__all__ = [
    "Cell",
    "Column",
    "Figure",
    "Highlight",
    "KeyKind",
    "Report",
    "ReportRow",
    "ReportTable",
    "apart",
    "comparable",
    "count",
    "mean",
    "of_score",
    "ratio",
    "share",
]  # fmt: skip

_NORMAL = NormalDist()


class KeyKind(StrEnum):
    """The format of row keys in a key column of a report, if the keys are not values of a Dimension.

    WORD: each key is the name of a word in texts.toml, and the word is shown in the reader's language.
    QUESTION: each key is the id of a question, whose title in the reader's language is shown. TEXT: each key
    is shown unchanged.
    """

    WORD = "word"
    QUESTION = "question"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a report, with n (the number of calls or answers) and the 95 % interval if it has them.

    `low` and `high` are the bounds of the interval.
    """

    value: float
    n: int | None = None
    low: float | None = None
    high: float | None = None
    enough: bool = True  # n is large enough to compare; else the figure is shown as "too few"


Cell = Figure | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of figures in a report table.

    If the column shows a KPI, `kpi` is its name, and the KPI's formula is used. Otherwise `kpi` is empty, and
    `formula` has the formula.

    If `signed` is true, each figure is a difference and is shown with its sign. A difference of shares is
    shown in points.
    """

    name: str  # key of the label in texts.toml, and name in CSV and JSON
    unit: Unit
    kpi: str = ""
    formula: str = ""
    has_n: bool = False
    has_interval: bool = False
    signed: bool = False


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A row of a table: its keys, such as the name of a queue, and one figure for each column."""

    keys: tuple[Group, ...]
    cells: tuple[Cell, ...]
    unit: Unit | None = None  # of all figures of the row; None: each column's own unit


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table of a report: its key columns, its columns of figures, its rows and a row of totals."""

    name: str
    keys: tuple[tuple[str, Dimension | KeyKind], ...]  # name and kind of each key column
    columns: tuple[Column, ...]
    rows: tuple[ReportRow, ...]
    total: ReportRow | None = None
    charts: tuple[str, ...] = ()  # names of the columns to draw as a chart with one bar per row

    def with_data(self) -> "ReportTable":
        """Return the table without the columns in which no row has a figure."""
        rows = (*self.rows, self.total) if self.total else self.rows
        kept = [place for place in range(len(self.columns)) if any(row.cells[place] for row in rows)]

        def less(row: ReportRow) -> ReportRow:
            return replace(row, cells=tuple(row.cells[place] for place in kept))

        columns = tuple(self.columns[place] for place in kept)
        return replace(
            self,
            columns=columns,
            rows=tuple(map(less, self.rows)),
            total=less(self.total) if self.total else None,
            charts=tuple(name for name in self.charts if name in {column.name for column in columns}),
        )

    def cell(self, row: ReportRow, name: str) -> Cell:
        """Return the row's figure in the column called `name`."""
        return row.cells[[column.name for column in self.columns].index(name)]


@dataclass(frozen=True, slots=True)
class Highlight:
    """A highlighted finding of a report.

    `sentence` is the name of a sentence in texts.toml. `keys` and `figures` are inserted into this sentence.
    """

    sentence: str
    keys: Mapping[str, tuple[Dimension | KeyKind, Group]] = field(default_factory=dict)
    figures: Mapping[str, tuple[Unit, Figure]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """A report: its query, tables, highlights and notes."""

    name: str
    ask: ReportQuery
    tables: tuple[ReportTable, ...]
    findings: tuple[Highlight, ...] | None = None  # None: a report without highlights
    tiles: tuple[str, ...] = ()  # names of the columns whose totals are shown first
    notes: tuple[str, ...] = ()  # keys of sentences in texts.toml
    unobserved: float = 0.0  # seconds of the span in which the PBX was not observed
    begins: date | None = None  # day of the first record, if it is after the first day of the span

    @property
    def uncovered(self) -> bool:
        """Whether all days of the span are before the first record, so that nothing is known of them."""
        return self.begins is not None and self.begins > self.ask.last


def count(value: float) -> Figure:
    """Return a number as a figure that has neither a sample size (n) nor a confidence interval."""
    return Figure(value)


def ratio(part: float, whole: float, n: int | None = None) -> Cell:
    """Return `part` of `whole` in per cent, without a confidence interval; None if `whole` is 0.

    Use it for a share that needs no confidence interval, such as a share of time. `n`, if given, is the
    sample size of the figure.
    """
    return Figure(100 * part / whole, n) if whole else None


def share(part: int, n: int, minimum: int = MINIMUM, z: float | None = None) -> Cell:
    """Return `part` of `n` in per cent, with Wilson's confidence interval.

    The result is None, an empty cell, if `n` is 0. The interval has 95 % confidence. `z`, a quantile of the
    normal distribution, sets another confidence. If `n` is less than `minimum`, the figure is shown as "too
    few".
    """
    if not n:
        return None
    low, high = wilson(part, n, z) if z else wilson(part, n)
    return Figure(100 * part / n, n, 100 * low, 100 * high, n >= minimum)


def mean(total: float, squares: float, n: int, minimum: int = MINIMUM) -> Cell:
    """Return the mean of `n` times with its 95 % confidence interval by Student's t; None if `n` is 0.

    `total` is the sum of the times, `squares` the sum of their squares. The mean of one time has no interval.
    The interval starts at 0 or later, because no time is negative. If `n` is less than `minimum`, the figure
    is shown as "too few".
    """
    if not n:
        return None
    middle = total / n
    if n == 1:
        return Figure(middle, n, enough=n >= minimum)
    half = student_t(n - 1) * sqrt(max(0.0, squares - n * middle**2) / (n - 1) / n)
    return Figure(middle, n, max(0.0, middle - half), middle + half, n >= minimum)


def of_score(score: Score | None) -> Cell:
    """Return a survey score as a figure of a report; None if there is no score."""
    return Figure(score.value, score.n, score.low, score.high, score.enough) if score else None


def comparable(one: Cell, other: Cell) -> bool:
    """Return whether two figures can be compared.

    Both must have a confidence interval and enough calls or answers.
    """
    if one is None or other is None or not (one.enough and other.enough):
        return False
    return None not in (one.low, one.high, other.low, other.high)


def apart(one: Cell, other: Cell, comparisons: int = 1) -> bool:
    """Return whether two figures differ by more than chance explains.

    The result is True if both figures are comparable, so that neither is empty or "too few", and their
    confidence intervals do not overlap. If many pairs of figures
    are compared, chance alone makes some pairs differ. So the more pairs there are (`comparisons`), the more
    both intervals are widened (Bonferroni correction).
    """
    if one is None or other is None or not comparable(one, other):
        return False
    wider = _NORMAL.inv_cdf(1 - 0.025 / comparisons) / _NORMAL.inv_cdf(1 - 0.025)
    below, above = sorted((one, other), key=lambda each: each.value)
    reach = below.high - below.value + above.value - above.low  # type: ignore[operator] # None is left out above
    return wider * reach < above.value - below.value
