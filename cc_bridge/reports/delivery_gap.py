"""Report `delivery-gap`: the share of visits served in time next to the share of satisfied callers. Pure.

With many rows, chance alone makes the two shares of some rows differ. So a gap is highlighted only if the
confidence intervals of the two shares do not overlap. Both intervals are first widened: the more rows the
report has, the wider they are (Bonferroni correction).
"""

from cc_bridge.kpis.service_level import DEFAULT
from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import (
    Cell,
    Column,
    Figure,
    Highlight,
    Report,
    ReportRow,
    ReportTable,
    apart,
    comparable,
)
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.score_totals import ScoreTotals, by_key as said_by_key, scores
from cc_bridge.reports.source import Source
from cc_bridge.reports.visit_totals import LEVELS, VisitTotals, by_key

__all__ = ["BY", "delivery_gap"]

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
    LEVELS[0],
    Column("csat", Unit.PERCENT, kpi="csat", has_n=True, has_interval=True),
    Column("gap", Unit.POINTS, kpi="delivery_gap_in_time"),
)


def delivery_gap(ask: ReportQuery, source: Source) -> Report:
    """Return the report `delivery-gap`.

    Each row has the service level, the share of satisfied callers and the difference of the two shares.
    """
    waits, everyone = by_key(ask, source.visits(ask.counted_by))
    said, all_said = said_by_key(ask, source.answers(ask.counted_by))
    rows = [ReportRow((key,), _cells(ask, waits[key], said.get(key))) for key in ask.ordered(set(waits))]
    total = ReportRow(("",), _cells(ask, everyone, all_said))
    compared = sum(comparable(*row.cells[:2]) for row in rows)
    table = ReportTable(
        "delivery_gap", ((ask.by.value, ask.by),), _COLUMNS, tuple(rows), total, (LEVELS[0].name, "csat")
    )
    return Report(
        "delivery-gap",
        ask,
        (table,),
        findings=tuple(finding for row in rows for finding in _wide(ask, row, compared)),
        tiles=(LEVELS[0].name, "csat", "gap"),
    )


def _cells(ask: ReportQuery, waits: VisitTotals, said: ScoreTotals | None) -> tuple[Cell, ...]:
    level = waits.level(DEFAULT, ask.minimum)
    csat = scores(said, "csat", ask.minimum)["csat"]
    gap = None
    if level and csat and level.enough and csat.enough:
        gap = Figure(level.value - csat.value)
    return level, csat, gap


def _wide(ask: ReportQuery, row: ReportRow, compared: int) -> list[Highlight]:
    level, csat, gap = row.cells
    if gap is None or level is None or csat is None or not apart(level, csat, compared):
        return []
    figures = {"level": (Unit.PERCENT, level), "csat": (Unit.PERCENT, csat)}
    sentence = "claims_more" if gap.value > 0 else "claims_less"
    return [Highlight(sentence, {"key": (ask.by, row.keys[0])}, figures)]
