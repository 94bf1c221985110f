"""Which callers were lost, and how. Pure."""

from cc_bridge.records import Outcome
from cc_bridge.reports.figures import Cell, Column, Report, Row, Table, Unit, count, share
from cc_bridge.reports.query import Ask, By
from cc_bridge.reports.source import Source
from cc_bridge.reports.visit_totals import LOST, Waits, by_key

__all__ = ["BY", "lost"]

BY = (By.QUEUE, By.HOUR, By.WEEKDAY, By.DAY, By.STAGE, By.LANGUAGE, By.WAIT_BAND)

_COLUMNS = (
    Column("visits", Unit.COUNT, measure="visit_outcomes"),
    Column("lost", Unit.COUNT, formula=" + ".join(LOST)),
    Column("lost_share", Unit.PERCENT, formula="lost / visits", has_n=True, has_interval=True),
    *(Column(f"outcome_{outcome}", Unit.COUNT, formula=f"visits[{outcome}]") for outcome in LOST),
    Column("short_abandons", Unit.COUNT, measure="short_abandons"),
    Column("abandoned_ringing", Unit.COUNT, formula="visits[abandoned] with an agent ringing"),
    Column("abandonment", Unit.PERCENT, measure="abandonment", has_n=True, has_interval=True),
)


def lost(ask: Ask, source: Source) -> Report:
    """Return the visits that nobody answered, by how they ended."""
    waits, everyone = by_key(ask, source.visits(ask.counted_by))
    rows = (Row((key,), _cells(ask, waits[key])) for key in ask.ordered(set(waits)))
    total = Row(("",), _cells(ask, everyone))
    charts = ("lost_share", "abandonment")
    table = Table("lost", ((ask.by.value, ask.by),), _COLUMNS, tuple(rows), total, charts)
    return Report("lost", ask, (table,), tiles=("visits", "lost", "lost_share", "short_abandons"))


def _cells(ask: Ask, waits: Waits) -> tuple[Cell, ...]:
    return (
        count(waits.visits),
        count(waits.lost),
        share(waits.lost, waits.visits, ask.minimum),
        *(count(waits.outcomes[Outcome(outcome)]) for outcome in LOST),
        count(waits.short_abandons),
        count(waits.abandoned_ringing),
        waits.abandonment(ask.minimum),
    )
