"""The geometry of bar charts with confidence intervals, which chart.svg.j2 draws as SVG. Pure.

The library pygal is not used. It has no confidence intervals and no right-to-left layout, its colours do not
follow the reader's colour scheme, and its files load a script from another server. The charts need only four
shapes.

SVG does not follow the direction of the page's text. Persian runs from right to left, so this module mirrors
all x coordinates for Persian.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, log10
from pathlib import Path

from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import Cell, Column, ReportRow, ReportTable
from cc_bridge.reports.query import INTERVALS, Dimension
from cc_bridge.reports.render.localization import Localization

__all__ = ["CHART_STYLE", "Chart", "ChartBar", "Tick", "charts"]

CHART_STYLE = Path(__file__).with_name("chart.css")
"""The style sheet of the charts."""

_MOST_LINES = 48  # rows; a longer chart is less readable than its table
_LYING, _STANDING = 540, 1080  # widths: the page shows two horizontal charts side by side
_LINE, _LABEL, _VALUE, _AXIS = 24, 150, 112, 22
_HEIGHT, _LEFT, _TOP = 170, 64, 8
_EMPTY = 48  # height of a chart without bars
_MOST_LABELS = 16
_IN_TIME = {Dimension.DAY, Dimension.WEEKDAY, *INTERVALS}


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the axis of a chart, with its text; `at` is its position in SVG units."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class ChartBar:
    """One bar of a chart, which shows the figure of one report row; lengths are in SVG units.

    `low` and `high` are the positions of the two ends of the figure's confidence interval, measured along the
    bar. They are None if the figure has no confidence interval.
    """

    label: str  # empty if there is no room for the labels of all bars
    text: str  # the figure at the end of the bar
    title: str  # shown when the pointer is over the bar
    x: float
    y: float
    width: float
    height: float
    label_at: float
    text_at: float
    low: float | None = None
    high: float | None = None
    faint: bool = False  # too few calls or answers


@dataclass(frozen=True, slots=True)
class Chart:
    """A bar chart of one column of a report table; all lengths are in SVG units."""

    title: str
    standing: bool  # vertical bars, for rows in order of time
    width: float
    height: float
    base: float  # position of the axis
    start: str  # the text-anchor of texts that start at their position
    end: str  # the text-anchor of texts that end at their position
    bars: tuple[ChartBar, ...]
    ticks: tuple[Tick, ...]
    message: str = ""  # shown in place of bars and axis if no figure can be drawn


def charts(table: ReportTable, wording: Localization) -> list[Chart]:
    """Return the charts of a table, one for each column that `table.charts` names.

    A table of fewer than two rows has no chart. A table of more than 48 rows has none either, unless its rows
    are days, weekdays or intervals of the day.
    """
    in_time = table.keys[-1][1] in _IN_TIME
    if len(table.rows) < 2 or (len(table.rows) > _MOST_LINES and not in_time):  # noqa: PLR2004 - one bar compares nothing
        return []
    columns = {column.name: column for column in table.columns}
    draw = _standing if in_time else _lying
    return [
        draw(table, columns[name], wording)
        if list(_highest(table, columns[name]))
        else _empty(columns[name], wording, in_time)
        for name in table.charts
    ]


def _empty(column: Column, wording: Localization, standing: bool) -> Chart:
    """Return a chart of a column in which no row has a figure to draw; it has a message only."""
    width = _STANDING if standing else _LYING
    message = wording.text("page", "no_chart")
    return Chart(wording.label(column), standing, width, _EMPTY, width / 2, "start", "end", (), (), message)


def _lying(table: ReportTable, column: Column, wording: Localization) -> Chart:
    mirrored = wording.direction == "rtl"
    length = _LYING - _LABEL - _VALUE
    bottom, top = _scale(table, column)

    def turned(x: float, width: float = 0.0) -> float:
        return round(_LYING - x - width if mirrored else x, 1)

    def along(value: float) -> float:
        return _LABEL + length * (max(bottom, min(value, top)) - bottom) / (top - bottom)

    zero = along(0.0)
    bars = []
    for number, row in enumerate(table.rows):
        cell = table.cell(row, column.name)
        faint = cell is not None and not cell.enough
        tip = along(cell.value) if cell and cell.enough else zero
        width = abs(tip - zero)
        low = high = None
        if cell and cell.enough and cell.low is not None and cell.high is not None:
            low, high = turned(along(cell.low)), turned(along(cell.high))
        bars.append(
            ChartBar(
                _key(table, row, wording),
                wording.cell(column.unit, cell),
                f"{_key(table, row, wording)}: {wording.full(column.unit, cell, column.name)}",
                turned(min(zero, tip), width),
                number * _LINE + 5,
                round(width, 1),
                _LINE - 10,
                turned(_LABEL - 8),
                turned(max(along(_upper(cell)), zero) + 6),
                low,
                high,
                faint,
            )
        )
    ticks = tuple(Tick(turned(along(at)), wording.tick(column.unit, at)) for at in _ticks(bottom, top))
    height = len(table.rows) * _LINE + _AXIS
    start, end = ("end", "start") if mirrored else ("start", "end")
    return Chart(wording.label(column), False, _LYING, height, turned(zero), start, end, tuple(bars), ticks)


def _standing(table: ReportTable, column: Column, wording: Localization) -> Chart:
    mirrored = wording.direction == "rtl"
    bottom, top = _scale(table, column)
    step = (_STANDING - _LEFT - 8) / len(table.rows)
    width = max(1.0, min(step * 0.7, 40.0))
    every = ceil(len(table.rows) / _MOST_LABELS)

    def up(value: float) -> float:
        return round(_TOP + _HEIGHT * (top - max(bottom, min(value, top))) / (top - bottom), 1)

    bars = []
    for number, row in enumerate(table.rows):
        cell = table.cell(row, column.name)
        middle = _LEFT + (number + 0.5) * step
        middle = _STANDING - middle if mirrored else middle
        value = cell.value if cell and cell.enough else 0.0
        low = high = None
        if cell and cell.enough and cell.low is not None and cell.high is not None:
            low, high = up(cell.low), up(cell.high)
        bars.append(
            ChartBar(
                "" if number % every else _short(table, row, wording),
                "",
                f"{_key(table, row, wording)}: {wording.full(column.unit, cell, column.name)}",
                round(middle - width / 2, 1),
                min(up(value), up(0.0)),
                round(width, 1),
                round(abs(up(0.0) - up(value)), 1),
                round(middle, 1),
                0.0,
                low,
                high,
                cell is not None and not cell.enough,
            )
        )
    ticks = tuple(Tick(up(at), wording.tick(column.unit, at)) for at in _ticks(bottom, top))
    start, end = ("end", "start") if mirrored else ("start", "end")
    base = _STANDING - _LEFT if mirrored else _LEFT
    height = _TOP + _HEIGHT + _AXIS
    return Chart(wording.label(column), True, _STANDING, height, base, start, end, tuple(bars), ticks)


def _key(table: ReportTable, row: ReportRow, wording: Localization) -> str:
    return wording.key(table.keys[-1][1], row.keys[-1])


def _short(table: ReportTable, row: ReportRow, wording: Localization) -> str:
    """Return the text of a row's key, short enough for a label under a bar.

    The label of a day is the date without the year. The label of an hour is two digits, such as `09`,
    and that of a shorter interval its start, such as `09:15`.
    """
    text = _key(table, row, wording)
    match table.keys[-1][1]:
        case Dimension.DAY:
            return text[5:]  # without the year
        case Dimension.HOUR:
            return text[:2]
        case Dimension.HALF_HOUR | Dimension.QUARTER_HOUR:
            return text[:5]
        case _:
            return text


def _upper(cell: Cell) -> float:
    if cell is None or not cell.enough:
        return 0.0
    return cell.value if cell.high is None else cell.high


def _scale(table: ReportTable, column: Column) -> tuple[float, float]:
    """Return the lowest and the highest value of a chart's scale.

    Both are round numbers, and every bar and confidence interval fits between them.
    """
    if column.unit is Unit.POINTS:
        return -100.0, 100.0
    return 0.0, _top(table, column)


def _top(table: ReportTable, column: Column) -> float:
    if column.unit is Unit.PERCENT and max(_highest(table, column), default=0) > 50:  # noqa: PLR2004 - half the scale
        return 100.0
    highest = max(_highest(table, column), default=0.0)
    if highest <= 0:
        return 1.0
    size: float = 10.0 ** floor(log10(highest))
    return next(size * step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if size * step >= highest)


def _highest(table: ReportTable, column: Column) -> Iterable[float]:
    for row in table.rows:
        cell = table.cell(row, column.name)
        if cell and cell.enough:
            yield cell.value if cell.high is None else cell.high


def _ticks(bottom: float, top: float) -> Iterable[float]:
    return (bottom + (top - bottom) * part / 4 for part in range(5))
