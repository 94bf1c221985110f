"""Report `lost`: the visits that no agent answered, by outcome. Pure."""

from cc_bridge.kpis.units import Unit
from cc_bridge.records import Outcome
from cc_bridge.reports.figures import Cell, Column, Report, ReportRow, ReportTable, count, share
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.source import Source
from cc_bridge.reports.visit_totals import LOST, VisitTotals, by_key

__all__ = ["BY", "lost"]

BY = (
    Dimension.QUEUE,
    Dimension.HOUR,
    Dimension.HALF_HOUR,
    Dimension.QUARTER_HOUR,
    Dimension.WEEKDAY,
    Dimension.DAY,
    Dimension.STAGE,
    Dimension.LANGUAGE,
    Dimension.WAIT_BAND,
)

_COLUMNS = (
    Column("visits", Unit.COUNT, kpi="visit_outcomes"),
    Column("lost", Unit.COUNT, formula=" + ".join(LOST)),
    Column("lost_share", Unit.PERCENT, formula="lost / visits", has_n=True, has_interval=True),
    *(Column(f"outcome_{outcome}", Unit.COUNT, formula=f"visits[{outcome}]") for outcome in LOST),
    Column("short_abandons", Unit.COUNT, kpi="short_abandons"),
    Column("abandoned_ringing", Unit.COUNT, formula="visits[abandoned] with an agent ringing"),
    Column("abandonment", Unit.PERCENT, kpi="abandonment", has_n=True, has_interval=True),
    Column("partial_visits", Unit.COUNT, kpi="partial_visits"),
)


def lost(ask: ReportQuery, source: Source) -> Report:
    """Return the report `lost`: the visits that no agent answered, by outcome."""
    waits, everyone = by_key(ask, source.visits(ask.counted_by))
    rows = (ReportRow((key,), _cells(ask, waits[key])) for key in ask.ordered(set(waits)))
    total = ReportRow(("",), _cells(ask, everyone))
    charts = ("lost_share", "abandonment")
    table = ReportTable("lost", ((ask.by.value, ask.by),), _COLUMNS, tuple(rows), total, charts)
    return Report("lost", ask, (table,), tiles=("visits", "lost", "lost_share", "short_abandons"))


def _cells(ask: ReportQuery, waits: VisitTotals) -> tuple[Cell, ...]:
    return (
        count(waits.visits),
        count(waits.lost),
        share(waits.lost, waits.visits, ask.minimum),
        *(count(waits.outcomes[Outcome(outcome)]) for outcome in LOST),
        count(waits.short_abandons),
        count(waits.abandoned_ringing),
        waits.abandonment(ask.minimum),
        count(waits.partial_visits),
    )
