"""The table of lost calls by result: an agent called back, the caller called again, or neither. Pure.

The table counts only lost calls of callers with a known number. The report `lost` is different: it counts all
visits that no agent answered, with and without a known number.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from statistics import median

from cc_bridge.customers.lost_calls import LostCall, LostCallStatus
from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import Cell, Column, Figure, ReportRow, ReportTable, count, share
from cc_bridge.reports.query import Dimension, Group, ReportQuery

__all__ = ["BY", "callback_table", "covered", "row_key"]

_COLUMNS = (
    Column("lost_calls", Unit.COUNT, formula="calls lost at least 24 h ago, of known callers"),
    Column("recalled", Unit.COUNT, formula="lost_calls[recalled]"),
    Column("self_served", Unit.COUNT, formula="lost_calls[self_served]"),
    Column("not_managed", Unit.COUNT, formula="lost_calls[not_managed]"),
    Column(
        "not_managed_share", Unit.PERCENT, formula="not_managed / lost_calls", has_n=True, has_interval=True
    ),
    Column("recall_median", Unit.TIME, formula="median of answered - lost of recalled", has_n=True),
    Column("recall_open", Unit.COUNT, formula="calls lost less than 24 h ago"),
)
_KEYS: Mapping[Dimension, Callable[[ReportQuery, LostCall], Group]] = {
    Dimension.QUEUE: lambda _ask, call: call.queue,
    Dimension.STAGE: lambda ask, call: ask.of(call.queue).stage,
    Dimension.HOUR: lambda ask, call: ask.days.minute_of_day(call.entered_at) // 60,
    Dimension.HALF_HOUR: lambda ask, call: ask.days.minute_of_day(call.entered_at) // 30,
    Dimension.QUARTER_HOUR: lambda ask, call: ask.days.minute_of_day(call.entered_at) // 15,
    Dimension.WEEKDAY: lambda ask, call: ask.days.hour_of(call.entered_at)[0],
    Dimension.DAY: lambda ask, call: ask.days.number(ask.days.today(call.entered_at)),
}
BY = tuple(_KEYS)


def callback_table(ask: ReportQuery, calls: Iterable[LostCall]) -> ReportTable:
    """Return the table that counts lost calls by their result.

    The results are: an agent called back, the caller called again, or neither. `ask` is the query of the
    table. A call of `calls` is counted if its caller entered a queue of the query within the query's span.
    `ask.by` must be one of the dimensions in BY.
    """
    found: dict[Group, list[LostCall]] = {}
    for call in covered(ask, calls):
        found.setdefault(row_key(ask, ask.by, call), []).append(call)
    rows = tuple(ReportRow((key,), _cells(ask, found[key])) for key in ask.ordered(set(found)))
    total = ReportRow(("",), _cells(ask, [call for of_key in found.values() for call in of_key]))
    return ReportTable("recalls", ((ask.by.value, ask.by),), _COLUMNS, rows, total, ("not_managed_share",))


def covered(ask: ReportQuery, calls: Iterable[LostCall]) -> Iterator[LostCall]:
    """Yield those of the lost calls whose caller entered a queue of the query within the query's span."""
    for call in calls:
        inside = ask.since <= call.entered_at < ask.until
        if inside and call.pbx == (ask.pbx or call.pbx) and ask.covers(call.queue):
            yield call


def row_key(ask: ReportQuery, by: Dimension, call: LostCall) -> Group:
    """Return the key of the row in which a lost call is counted. `by` must be one of the dimensions in BY."""
    return _KEYS[by](ask, call)


def _cells(ask: ReportQuery, calls: list[LostCall]) -> tuple[Cell, ...]:
    decided = [call for call in calls if call.decided]

    def with_status(status: LostCallStatus) -> list[LostCall]:
        return [call for call in decided if call.managed is status]

    took = [call.seconds for call in with_status(LostCallStatus.RECALLED) if call.seconds is not None]
    not_managed = len(with_status(LostCallStatus.NOT_MANAGED))
    return (
        count(len(decided)),
        count(len(with_status(LostCallStatus.RECALLED))),
        count(len(with_status(LostCallStatus.SELF_SERVED))),
        count(not_managed),
        share(not_managed, len(decided), ask.minimum),
        Figure(median(took), len(took)) if took else None,
        count(len(calls) - len(decided)),
    )
