"""Report `journey`: calls with several queues or agents, and transfers. Pure."""

from collections import Counter

from cc_bridge.kpis.units import Unit
from cc_bridge.records import Transfer
from cc_bridge.reports.figures import Cell, Column, Report, ReportRow, ReportTable, count, share
from cc_bridge.reports.query import Dimension, Group, ReportQuery
from cc_bridge.reports.source import Source

__all__ = ["BY", "journey"]

BY = (
    Dimension.QUEUE,
    Dimension.HOUR,
    Dimension.HALF_HOUR,
    Dimension.QUARTER_HOUR,
    Dimension.WEEKDAY,
    Dimension.DAY,
    Dimension.STAGE,
)

_COLUMNS = (
    Column("calls", Unit.COUNT, formula="calls whose first queue it is"),
    Column("calls_answered", Unit.PERCENT, formula="calls[answered] / calls", has_n=True, has_interval=True),
    Column("several_queues", Unit.COUNT, formula="calls with queues > 1"),
    Column(
        "several_queues_share", Unit.PERCENT, formula="several_queues / calls", has_n=True, has_interval=True
    ),
    Column("several_agents", Unit.COUNT, formula="calls with talks > 1"),
    Column(
        "several_agents_share", Unit.PERCENT, formula="several_agents / calls", has_n=True, has_interval=True
    ),
    Column("transfers_blind", Unit.COUNT, formula="talks[transfer = blind]"),
    Column("transfers_attended", Unit.COUNT, formula="talks[transfer = attended]"),
)


class _Calls:
    """The numbers of calls and transfers that one row of the report `journey` shows."""

    def __init__(self) -> None:
        self.n, self.answered, self.queues, self.agents = 0, 0, 0, 0
        self.transfers: Counter[str] = Counter()

    def cells(self, minimum: int) -> tuple[Cell, ...]:
        return (
            count(self.n),
            share(self.answered, self.n, minimum),
            count(self.queues),
            share(self.queues, self.n, minimum),
            count(self.agents),
            share(self.agents, self.n, minimum),
            count(self.transfers[Transfer.BLIND]),
            count(self.transfers[Transfer.ATTENDED]),
        )


def journey(ask: ReportQuery, source: Source) -> Report:
    """Return the report `journey`.

    Each row has the number of calls with several queues, the number of calls with several agents, and the
    numbers of blind and attended transfers.
    """
    found: dict[Group, _Calls] = {}
    everyone = _Calls()
    for row in source.journeys(ask.counted_by):
        for calls in (found.setdefault(ask.row(row.key), _Calls()), everyone):
            calls.n += row.n
            calls.answered += row.n if row.answered else 0
            calls.queues += row.n if row.queues > 1 else 0
            calls.agents += row.n if row.talks > 1 else 0
    for transfer in source.transfers(ask.counted_by):
        for calls in (found.setdefault(ask.row(transfer.key), _Calls()), everyone):
            calls.transfers[transfer.kind] += transfer.n
    rows = (ReportRow((key,), found[key].cells(ask.minimum)) for key in ask.ordered(set(found)))
    total = ReportRow(("",), everyone.cells(ask.minimum))
    charts = ("several_queues_share", "several_agents_share")
    table = ReportTable("journey", ((ask.by.value, ask.by),), _COLUMNS, tuple(rows), total, charts)
    tiles = ("calls", "calls_answered", "several_queues_share", "several_agents_share")
    return Report("journey", ask, (table,), tiles=tiles)
