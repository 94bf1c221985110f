"""What a report consists of: figures with n and interval, in tables, with what stands out. Pure.

The reports make them, the modules of `render/` write them. The trap: no data is None, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    """What a key column holds besides a By: a word of the catalogue, or a text as it is."""

    WORD = "word"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, of n calls or answers if that is another number, with its interval if it has one."""

    value: float
    n: int | None = None
    low: float | None = None
    high: float | None = None
    enough: bool = True  # to be compared; else it is shown as "too few"


Cell = Figure | None


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of each row. Its formula is that of the KPI in kpis/catalogue.py, or its own."""

    name: str  # of its words in texts.toml, and in CSV and JSON
    unit: Unit
    kpi: str = ""
    formula: str = ""
    has_n: bool = False
    has_interval: bool = False


@dataclass(frozen=True, slots=True)
class ReportRow:
    keys: tuple[Group, ...]
    cells: tuple[Cell, ...]
    unit: Unit | None = None  # of all its figures, where rows differ in it


@dataclass(frozen=True, slots=True)
class ReportTable:
    name: str
    keys: tuple[tuple[str, Dimension | KeyKind], ...]  # name and kind of each key column
    columns: tuple[Column, ...]
    rows: tuple[ReportRow, ...]
    total: ReportRow | None = None
    charts: tuple[str, ...] = ()  # names of columns to be drawn, each with a bar a row

    def with_data(self) -> "ReportTable":
        """Return the table for people: without the columns that have no data in any row."""
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
        return row.cells[[column.name for column in self.columns].index(name)]


@dataclass(frozen=True, slots=True)
class Highlight:
    """Something that stands out, as a sentence of the catalogue with these in its places."""

    sentence: str
    keys: Mapping[str, tuple[Dimension | KeyKind, Group]] = field(default_factory=dict)
    figures: Mapping[str, tuple[Unit, Figure]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    name: str
    ask: ReportQuery
    tables: tuple[ReportTable, ...]
    findings: tuple[Highlight, ...] | None = None  # None: the report looks for none
    tiles: tuple[str, ...] = ()  # columns whose totals come first
    notes: tuple[str, ...] = ()  # sentences of the catalogue
    unobserved: float = 0.0  # seconds of the span


def count(value: float) -> Figure:
    return Figure(value)


def ratio(part: float, whole: float, n: int | None = None) -> Cell:
    """Return a share in % that no interval is known of, such as of time."""
    return Figure(100 * part / whole, n) if whole else None


def share(part: int, n: int, minimum: int = MINIMUM, z: float | None = None) -> Cell:
    """Return a share in % with Wilson's interval, of 95 % unless `z` says otherwise."""
    if not n:
        return None
    low, high = wilson(part, n, z) if z else wilson(part, n)
    return Figure(100 * part / n, n, 100 * low, 100 * high, n >= minimum)


def mean(total: float, squares: float, n: int, minimum: int = MINIMUM) -> Cell:
    """Return a mean with the interval by Student's t; of one value there is no interval."""
    if not n:
        return None
    middle = total / n
    if n == 1:
        return Figure(middle, n, enough=n >= minimum)
    half = student_t(n - 1) * sqrt(max(0.0, squares - n * middle**2) / (n - 1) / n)
    return Figure(middle, n, middle - half, middle + half, n >= minimum)


def of_score(score: Score | None) -> Cell:
    return Figure(score.value, score.n, score.low, score.high, score.enough) if score else None


def comparable(one: Cell, other: Cell) -> bool:
    """Tell whether two figures are known well enough to be compared, both with their interval."""
    if one is None or other is None or not (one.enough and other.enough):
        return False
    return None not in (one.low, one.high, other.low, other.high)


def apart(one: Cell, other: Cell, comparisons: int = 1) -> bool:
    """Tell whether two figures differ by more than chance explains: both known well, and no overlap.

    Of several `comparisons` chance alone puts one apart, so intervals count as wider for them (Bonferroni).
    """
    if one is None or other is None or not comparable(one, other):
        return False
    wider = _NORMAL.inv_cdf(1 - 0.025 / comparisons) / _NORMAL.inv_cdf(1 - 0.025)
    below, above = sorted((one, other), key=lambda each: each.value)
    reach = below.high - below.value + above.value - above.low  # type: ignore[operator] # None is left out above
    return wider * reach < above.value - below.value
