"""The table of lost calls by result: an agent called back, the caller called again, or neither. Pure.

The table counts only lost calls of callers with a known number. The report `lost` is different: it counts all
visits that no agent answered, with and without a known number.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from cc_bridge.customers.lost_calls import LostCall, LostCallStatus
from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import Cell, Column, Figure, ReportRow, ReportTable, count, share
from cc_bridge.reports.query import Dimension, Group, ReportQuery

__all__ = ["BY", "LostCallCount", "callback_table", "callback_table_of_counts", "covered", "row_key"]

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


@dataclass(frozen=True, slots=True)
class LostCallCount:
    """The number `n` of lost calls that have the same `key`, result (`managed`) and `decided`.

    `key` is the value of the query's dimension, such as the name of a queue. `decided` is False while the
    result may still change. If the result is final and an agent called back, `seconds` has one time for each
    call, from the lost call to the callback. Otherwise `seconds` has no meaning.
    """

    key: Group
    managed: LostCallStatus
    decided: bool
    n: int
    seconds: tuple[float, ...] = ()


def callback_table(ask: ReportQuery, calls: Iterable[LostCall]) -> ReportTable:
    """Return the table that counts lost calls by their result.

    The results are: an agent called back, the caller called again, or neither. `ask` is the query of the
    table. A call of `calls` is counted if its caller entered a queue of the query within the query's span.
    `ask.by` must be one of the dimensions in BY.
    """
    return callback_table_of_counts(
        ask,
        (
            LostCallCount(
                row_key(ask, ask.by, call),
                call.managed,
                call.decided,
                1,
                () if call.seconds is None else (call.seconds,),
            )
            for call in covered(ask, calls)
        ),
    )


def callback_table_of_counts(ask: ReportQuery, counts: Iterable[LostCallCount]) -> ReportTable:
    """Return the table of `callback_table` for lost calls that are already counted.

    The keys of the counts are the keys of the table's rows.
    """
    found: dict[Group, _Calls] = {}
    everyone = _Calls()
    for each in counts:
        for calls in (found.setdefault(each.key, _Calls()), everyone):
            calls.add(each)
    rows = tuple(ReportRow((key,), found[key].cells(ask.minimum)) for key in ask.ordered(set(found)))
    total = ReportRow(("",), everyone.cells(ask.minimum))
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


class _Calls:
    """The lost calls of one row of the table."""

    def __init__(self) -> None:
        self._by_status: Counter[LostCallStatus] = Counter()  # calls whose window has ended
        self._open = 0
        self._took: list[float] = []  # seconds until an agent called back

    def add(self, counted: LostCallCount) -> None:
        if not counted.decided:
            self._open += counted.n
            return
        self._by_status[counted.managed] += counted.n
        if counted.managed is LostCallStatus.RECALLED:
            self._took += counted.seconds

    def cells(self, minimum: int) -> tuple[Cell, ...]:
        """Return the cells of the row. A share of fewer than `minimum` calls is marked as "too few"."""
        decided, not_managed = self._by_status.total(), self._by_status[LostCallStatus.NOT_MANAGED]
        return (
            count(decided),
            count(self._by_status[LostCallStatus.RECALLED]),
            count(self._by_status[LostCallStatus.SELF_SERVED]),
            count(not_managed),
            share(not_managed, decided, minimum),
            Figure(median(self._took), len(self._took)) if self._took else None,
            count(self._open),
        )
