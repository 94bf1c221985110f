"""The heat map of a report: one figure for each hour of the week. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from cc_bridge.kpis.service_level import DEFAULT
from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import Cell, Column, count
from cc_bridge.reports.query import Dimension, Group, ReportQuery
from cc_bridge.reports.score_totals import ScoreTotals, by_key as said_by_key, scores
from cc_bridge.reports.source import Source
from cc_bridge.reports.visit_totals import LEVELS, VisitTotals, by_key

__all__ = ["HOURS", "LEVELS_OF_HEAT", "HeatMap", "HeatMeasure", "heat_map"]

HOURS = range(24)
LEVELS_OF_HEAT = 5
_HOURS_OF_DAY = len(HOURS)


class HeatMeasure(StrEnum):
    """The figure that a heat map shows."""

    OFFERED = "offered"
    SERVICE_LEVEL = "service_level"
    ABANDONMENT = "abandonment"
    RATING = "rating"


_COLUMNS: Mapping[HeatMeasure, Column] = {
    HeatMeasure.OFFERED: Column("offered", Unit.COUNT),
    HeatMeasure.SERVICE_LEVEL: LEVELS[0],
    HeatMeasure.ABANDONMENT: Column("abandonment", Unit.PERCENT, kpi="abandonment"),
    HeatMeasure.RATING: Column("csat", Unit.PERCENT, kpi="csat"),
}


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A heat map: for each weekday (0 is Monday), in the order of the calendar, a figure for each hour."""

    measure: HeatMeasure
    column: Column
    rows: tuple[tuple[int, tuple[Cell, ...]], ...]

    def level(self, cell: Cell) -> int:
        """Return the level of a cell's figure: 1 (lowest) to 5 (highest); 0 for a cell that is not shown.

        The levels divide the range of the cells that are shown into equal parts.
        """
        if cell is None or not cell.enough:
            return 0
        low, high = self.range
        part = (cell.value - low) / (high - low) if high > low else 1.0
        return 1 + min(int(part * LEVELS_OF_HEAT), LEVELS_OF_HEAT - 1)

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest figure that is shown; (0, 0) if none is."""
        shown = [cell.value for _, cells in self.rows for cell in cells if cell and cell.enough]
        return (min(shown), max(shown)) if shown else (0.0, 0.0)


def heat_map(ask: ReportQuery, source: Source, measure: HeatMeasure) -> HeatMap:
    """Return the heat map of a measure for the span and queues of `ask`."""
    cells: Mapping[Group, Cell]
    ask = replace(ask, by=Dimension.HOUR_OF_WEEK)
    if measure is HeatMeasure.RATING:
        said, _ = said_by_key(ask, source.answers(ask.by))
        cells = {key: _rating(ask, totals) for key, totals in said.items()}
    else:
        waits, _ = by_key(ask, source.visits(ask.by))
        cells = {key: _figure(ask, totals, measure) for key, totals in waits.items()}
    rows = (
        (weekday, tuple(cells.get(weekday * _HOURS_OF_DAY + hour) for hour in HOURS))
        for weekday in ask.days.weekdays()
    )
    return HeatMap(measure, _COLUMNS[measure], tuple(rows))


def _rating(ask: ReportQuery, totals: ScoreTotals) -> Cell:
    return scores(totals, "csat", ask.minimum)["csat"]


def _figure(ask: ReportQuery, waits: VisitTotals, measure: HeatMeasure) -> Cell:
    match measure:
        case HeatMeasure.SERVICE_LEVEL:
            return waits.level(DEFAULT, ask.minimum)
        case HeatMeasure.ABANDONMENT:
            return waits.abandonment(ask.minimum)
        case _:
            return count(waits.offered)
