"""What became of lost calls: called back, came again by themselves, or not managed. Pure.

The report `lost` shows it beside the lost visits, and so does the digest; `storage/recalls.py` gives the
calls. The trap: it counts calls, of callers who can be known again; `lost.py` counts visits, of all.
"""

from collections.abc import Callable, Iterable, Mapping
from statistics import median

from cc_bridge.customers.lost_calls import LostCall, Managed
from cc_bridge.reports.figures import Cell, Column, Figure, Row, Table, Unit, count, share
from cc_bridge.reports.query import Ask, By, Key

__all__ = ["BY", "recalls"]

_COLUMNS = (
    Column("lost_calls", Unit.COUNT, formula="calls lost, of known callers, 24 h over"),
    Column("recalled", Unit.COUNT, formula="lost_calls[recalled]"),
    Column("self_served", Unit.COUNT, formula="lost_calls[self_served]"),
    Column("not_managed", Unit.COUNT, formula="lost_calls[not_managed]"),
    Column(
        "not_managed_share", Unit.PERCENT, formula="not_managed / lost_calls", has_n=True, has_interval=True
    ),
    Column("recall_median", Unit.TIME, formula="median of answered - lost of recalled", has_n=True),
    Column("recall_open", Unit.COUNT, formula="calls lost, 24 h not over"),
)
_KEYS: Mapping[By, Callable[[Ask, LostCall], Key]] = {
    By.QUEUE: lambda _ask, call: call.queue,
    By.STAGE: lambda ask, call: ask.of(call.queue).stage,
    By.HOUR: lambda ask, call: ask.days.hour_of(call.entered_at)[1],
    By.WEEKDAY: lambda ask, call: ask.days.hour_of(call.entered_at)[0],
    By.DAY: lambda ask, call: ask.days.number(ask.days.today(call.entered_at)),
}
BY = tuple(_KEYS)


def recalls(ask: Ask, calls: Iterable[LostCall]) -> Table:
    """Return the lost calls that entered in the span; what is asked by must be in BY."""
    found: dict[Key, list[LostCall]] = {}
    for call in calls:
        inside = ask.since <= call.entered_at < ask.until
        if inside and call.pbx == (ask.pbx or call.pbx) and (not ask.queues or call.queue in ask.queues):
            found.setdefault(_KEYS[ask.by](ask, call), []).append(call)
    rows = tuple(Row((key,), _cells(ask, found[key])) for key in ask.ordered(set(found)))
    total = Row(("",), _cells(ask, [call for of_key in found.values() for call in of_key]))
    return Table("recalls", ((ask.by.value, ask.by),), _COLUMNS, rows, total, ("not_managed_share",))


def _cells(ask: Ask, calls: list[LostCall]) -> tuple[Cell, ...]:
    decided = [call for call in calls if call.decided]

    def became(managed: Managed) -> list[LostCall]:
        return [call for call in decided if call.managed is managed]

    took = [call.seconds for call in became(Managed.RECALLED) if call.seconds is not None]
    not_managed = len(became(Managed.NOT_MANAGED))
    return (
        count(len(decided)),
        count(len(became(Managed.RECALLED))),
        count(len(became(Managed.SELF_SERVED))),
        count(not_managed),
        share(not_managed, len(decided), ask.minimum),
        Figure(median(took), len(took)) if took else None,
        count(len(calls) - len(decided)),
    )
