"""Report `service`: visits, outcomes, wait times, service levels and handling times of the queues. Pure."""

from collections.abc import Callable

from cc_bridge.kpis.service_level import ServiceLevelDefinition
from cc_bridge.kpis.units import Unit
from cc_bridge.records import Outcome
from cc_bridge.reports.figures import Cell, Column, Figure, Report, ReportRow, ReportTable, count, mean
from cc_bridge.reports.query import Dimension, Group, ReportQuery
from cc_bridge.reports.source import Source, TalkSums
from cc_bridge.reports.visit_totals import LEVELS, VisitTotals, by_key

__all__ = ["BY", "service"]

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
    Column("offered", Unit.COUNT, formula="answered + abandoned + timed_out + left_by_key"),
    Column("answered", Unit.COUNT, formula="visits[answered]"),
    Column("abandoned", Unit.COUNT, formula="visits[abandoned]"),
    Column("short_abandons", Unit.COUNT, kpi="short_abandons"),
    Column("abandonment", Unit.PERCENT, kpi="abandonment", has_n=True, has_interval=True),
    LEVELS[0],
    Column("threshold", Unit.SECONDS, formula="queues.NAME.service_level_seconds"),
    Column("partial_visits", Unit.COUNT, kpi="partial_visits"),
)
_WAIT_COLUMNS = (
    Column("wait_mean", Unit.SECONDS, formula="sum of the waits / visits", has_n=True, has_interval=True),
    Column(
        "wait_median",
        Unit.SECONDS,
        formula="least whole T with wait <= T for 50 % of visits, at most wait_max",
        has_n=True,
    ),
    Column(
        "wait_p90",
        Unit.SECONDS,
        formula="least whole T with wait <= T for 90 % of visits, at most wait_max",
        has_n=True,
    ),
    Column("wait_max", Unit.SECONDS, kpi="longest_wait", has_n=True),
    Column("answer_mean", Unit.SECONDS, kpi="average_speed_of_answer", has_n=True, has_interval=True),
    Column(
        "handle_mean", Unit.SECONDS, formula="sum of (talk + wrap_up) / talks", has_n=True, has_interval=True
    ),
)
_LEVEL_COLUMNS = (Column("threshold", Unit.SECONDS, formula="queues.NAME.service_level_seconds"), *LEVELS)
_OUTCOME_COLUMNS = tuple(Column(f"outcome_{one}", Unit.COUNT, formula=f"visits[{one}]") for one in Outcome)


def service(ask: ReportQuery, source: Source) -> Report:
    """Return the report `service`: outcomes, wait times, service levels and handling times."""
    waits, everyone = by_key(ask, source.visits(ask.counted_by), source.waits(ask.counted_by))
    handled: dict[Group, _Handled] = {}
    together = _Handled()
    if ask.by not in {Dimension.LANGUAGE, Dimension.WAIT_BAND}:  # talks have neither
        for talks in source.talks(ask.counted_by):
            handled.setdefault(ask.row(talks.key), _Handled()).add(talks)
            together.add(talks)
    keys = ask.ordered(set(waits))
    key = ((ask.by.value, ask.by),)

    def table(name: str, columns: tuple[Column, ...], cells: "_Cells", *charts: str) -> ReportTable:
        rows = (ReportRow((each,), cells(ask, each, waits[each], handled.get(each))) for each in keys)
        total = ReportRow(("",), cells(ask, None, everyone, together))
        return ReportTable(name, key, columns, tuple(rows), total, charts)

    return Report(
        "service",
        ask,
        (
            table("service", _COLUMNS, _cells, "service_level_no_short", "abandonment"),
            table("waits", _WAIT_COLUMNS, _waits, "wait_p90", "handle_mean"),
            table("levels", _LEVEL_COLUMNS, _levels),
            table("outcomes", _OUTCOME_COLUMNS, _outcomes),
        ),
        tiles=("offered", "answered", "abandonment", "service_level_no_short", "wait_median", "handle_mean"),
    )


class _Handled:
    """The talks of one report row: their number, and the sum of their handling times in seconds.

    The handling time of a talk is its talk time and wrap-up. The object also has the sum of the squared
    handling times, from which the confidence interval of the mean is computed.
    """

    def __init__(self) -> None:
        self.n, self.sum, self.squares = 0, 0.0, 0.0

    def add(self, talks: TalkSums) -> None:
        self.n += talks.whole
        self.sum += talks.talk + talks.wrap_up
        self.squares += talks.squares


_Cells = Callable[[ReportQuery, Group | None, VisitTotals, _Handled | None], tuple[Cell, ...]]


def _threshold(ask: ReportQuery, key: Group | None) -> Cell:
    """Return the service level threshold in seconds that applies to a report row.

    `key` is the key of the row; None means the row of totals. If the report is grouped by queue, a row has
    the threshold of its queue. Any other row, and the row of totals, has the threshold that all queues share;
    None if the queues have different thresholds.
    """
    if ask.by is Dimension.QUEUE and key is not None:
        return Figure(ask.of(str(key)).threshold)
    thresholds = {ask.others.threshold, *(each.threshold for each in ask.settings.values())}
    return Figure(thresholds.pop()) if len(thresholds) == 1 else None


def _cells(
    ask: ReportQuery, key: Group | None, waits: VisitTotals, _handled: _Handled | None
) -> tuple[Cell, ...]:
    return (
        count(waits.visits),
        count(waits.offered),
        count(waits.outcomes[Outcome.ANSWERED]),
        count(waits.outcomes[Outcome.ABANDONED]),
        count(waits.short_abandons),
        waits.abandonment(ask.minimum),
        waits.level(ServiceLevelDefinition.NO_SHORT, ask.minimum),
        _threshold(ask, key),
        count(waits.partial_visits),
    )


def _waits(
    ask: ReportQuery, _key: Group | None, waits: VisitTotals, handled: _Handled | None
) -> tuple[Cell, ...]:
    return (
        waits.mean(ask.minimum),
        waits.within(0.5),
        waits.within(0.9),
        waits.longest_wait,
        waits.answer_mean(ask.minimum),
        mean(handled.sum, handled.squares, handled.n, ask.minimum) if handled else None,
    )


def _levels(
    ask: ReportQuery, key: Group | None, waits: VisitTotals, _handled: _Handled | None
) -> tuple[Cell, ...]:
    levels = (
        waits.level(ServiceLevelDefinition(column.name.removeprefix("service_level_")), ask.minimum)
        for column in LEVELS
    )
    return (_threshold(ask, key), *levels)


def _outcomes(
    _ask: ReportQuery, _key: Group | None, waits: VisitTotals, _handled: _Handled | None
) -> tuple[Cell, ...]:
    return tuple(count(waits.outcomes[outcome]) for outcome in Outcome)
