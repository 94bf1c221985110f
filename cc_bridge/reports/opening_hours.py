"""Report `hours`: the configured opening hours next to the agents present and the answered visits. Pure.

An agent is present unless logged out or unreachable. One agent serves several queues. So the number of agents
present is always the number in the whole contact centre, even if the report covers only some queues.

Only time counts in which the PBX was observed: neither the future, nor the time before the first record, nor
gaps. The contact centre is open while a queue with configured hours is. A queue without configured hours is
always open, but does not make the whole contact centre always open, unless no queue has configured hours.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable

from cc_bridge.kpis.units import Unit
from cc_bridge.queue_names import queue_key
from cc_bridge.records import Outcome
from cc_bridge.reports.figures import (
    Cell,
    Column,
    Figure,
    Highlight,
    Report,
    ReportRow,
    ReportTable,
    count,
    ratio,
    share,
)
from cc_bridge.reports.query import Dimension, Group, ReportQuery
from cc_bridge.reports.source import Source

__all__ = ["BY", "hours", "is_open"]

BY = (Dimension.HOUR, Dimension.WEEKDAY, Dimension.QUEUE)

_COLUMNS = (
    Column("open_hours", Unit.COUNT, formula="observed hours in which a queue is configured as open"),
    Column("agents_present", Unit.MEAN, formula="time not logged_out nor unreachable / observed hours"),
    Column("visits", Unit.COUNT, kpi="visit_outcomes"),
    Column("answered", Unit.COUNT, formula="visits[answered]"),
    Column("answered_share", Unit.PERCENT, formula="answered / visits", has_n=True, has_interval=True),
    Column("visits_open", Unit.COUNT, formula="visits within the configured hours of their queue"),
    Column(
        "answered_open",
        Unit.PERCENT,
        formula="visits_open[answered] / visits_open",
        has_n=True,
        has_interval=True,
    ),
    Column("visits_closed_share", Unit.PERCENT, formula="(visits - visits_open) / visits", has_n=True),
)
_HOUR = 3600.0
_DECIMALS = 2


_Slot = tuple[int, int]  # local weekday (Monday is 0) and hour


class _Row:
    """The totals of one row of the report `hours`: one hour of the day, one weekday, or one queue.

    Times are in seconds: the observed time, the part of it in which a queue is open, and the sum of the
    agents' presence. `has_hours` is False only for a queue without configured hours, if another queue has
    configured hours.
    """

    def __init__(self) -> None:
        self.observed, self.open, self.there = 0.0, 0.0, 0.0
        self.has_hours = True
        self.visits: Counter[str] = Counter()
        self.visits_open: Counter[str] = Counter()

    def add_time(self, observed: float, open_seconds: float, there: float) -> None:
        self.observed += observed
        self.open += open_seconds
        self.there += there

    def add_visits(self, outcome: str, n: int, *, is_open: bool) -> None:
        self.visits[outcome] += n
        self.visits_open[outcome] += n if is_open else 0

    def cells(self, minimum: int) -> tuple[Cell, ...]:
        visits, inside = self.visits.total(), self.visits_open.total()
        return (
            count(round(self.open / _HOUR, _DECIMALS)) if self.has_hours else None,
            Figure(self.there / self.observed) if self.observed else None,
            count(visits),
            count(self.visits[Outcome.ANSWERED]),
            share(self.visits[Outcome.ANSWERED], visits, minimum),
            count(inside),
            share(self.visits_open[Outcome.ANSWERED], inside, minimum),
            ratio(visits - inside, visits, visits),
        )


class _Schedule:
    """The queues of the report with their opening hours.

    queues: all queues of the report
    configured: the queues that have opening hours
    timetable: the queues whose hours count for the whole contact centre: all of them if none is configured
    """

    def __init__(self, ask: ReportQuery, visited: Iterable[str]) -> None:
        unvisited = {queue_key(queue): queue for queue in ask.settings if ask.covers(queue)}
        names = set(visited)
        for queue in names:
            unvisited.pop(queue_key(queue), None)
        self._ask = ask
        self._known: dict[tuple[str, _Slot], bool] = {}
        self.queues = sorted({*names, *unvisited.values()})
        self.configured = [queue for queue in self.queues if ask.of(queue).opening]
        self.timetable = frozenset(self.configured or self.queues)

    def is_open(self, queue: str, slot: _Slot) -> bool:
        """Return whether a queue is open in some part of a local hour; True without opening hours."""
        if (queue, slot) not in self._known:
            self._known[queue, slot] = is_open(self._ask, queue, *slot)
        return self._known[queue, slot]

    def any_open(self, slot: _Slot) -> bool:
        """Return whether the contact centre is open: some queue of the timetable is."""
        return any(self.is_open(queue, slot) for queue in self.timetable)


class _Rows:
    """The rows of the report by their keys, and the totals (`everyone`)."""

    def __init__(self, ask: ReportQuery, schedule: _Schedule) -> None:
        self._by = ask.by
        self._schedule = schedule
        self.by_key: defaultdict[Group, _Row] = defaultdict(_Row)
        self.everyone = _Row()

    def add_time(self, slot: _Slot, seconds: float, there: float) -> None:
        """Add the observed time of a local hour, and the agents' presence in it, both in seconds."""
        schedule, claimed = self._schedule, self._schedule.any_open(slot)
        self.everyone.add_time(seconds, seconds if claimed else 0.0, there)
        if self._by is not Dimension.QUEUE:
            self._row("", slot).add_time(seconds, seconds if claimed else 0.0, there)
            return
        for queue in schedule.queues:
            self.by_key[queue].has_hours = queue in schedule.timetable
            if schedule.is_open(queue, slot):
                self.by_key[queue].add_time(seconds, seconds, there)

    def add_visits(self, queue: str, slot: _Slot, outcome: str, n: int) -> None:
        """Add the visits of a queue with one outcome that started in a local hour."""
        for row in (self._row(queue, slot), self.everyone):
            row.add_visits(outcome, n, is_open=self._schedule.is_open(queue, slot))

    def _row(self, queue: str, slot: _Slot) -> _Row:
        weekday, hour = slot
        match self._by:
            case Dimension.QUEUE:
                return self.by_key[queue]
            case Dimension.HOUR:
                return self.by_key[hour]
            case _:
                return self.by_key[weekday]


def hours(ask: ReportQuery, source: Source) -> Report:
    """Return the report `hours`, with one row for each hour of the day, each weekday or each queue.

    A row has the configured opening hours, the number of agents present and the answered visits. The row of a
    queue has the agents who are present while the queue is open.
    """
    visited = list(source.visited_hours())
    schedule = _Schedule(ask, (queue for queue, *_ in visited))
    found = _Rows(ask, schedule)
    present: defaultdict[_Slot, float] = defaultdict(float)
    for presence in source.presence():
        present[presence.weekday, presence.hour] += presence.seconds
    for slot, seconds in _observed(ask, source).items():
        found.add_time(slot, seconds, present[slot])
    for queue, weekday, hour, outcome, n in visited:
        found.add_visits(queue, (weekday, hour), outcome, n)
    rows, everyone = found.by_key, found.everyone
    keys = ask.ordered({*rows})
    shown = tuple(ReportRow((key,), rows[key].cells(ask.minimum)) for key in keys)
    table = ReportTable(
        "hours",
        ((ask.by.value, ask.by),),
        _COLUMNS,
        shown,
        ReportRow(("",), everyone.cells(ask.minimum)),
        ("agents_present", "answered_share"),
    )
    empty = [
        Highlight(
            "nobody_there", {"key": (ask.by, key)}, {"open": (Unit.COUNT, count(rows[key].open / _HOUR))}
        )
        for key in keys
        if everyone.there and rows[key].open and not rows[key].there
    ]
    tiles = ("open_hours", "agents_present", "answered_open", "visits_closed_share")
    notes = (
        "agents_of_all_queues",
        *(("agents_while_open",) if ask.by is Dimension.QUEUE else ()),
        *(() if schedule.configured else ("no_hours",)),
        *(("some_without_hours",) if schedule.timetable != set(schedule.queues) else ()),
    )
    return Report("hours", ask, (table,), findings=tuple(empty), tiles=tiles, notes=notes)


def is_open(ask: ReportQuery, queue: str, weekday: int, hour: int) -> bool:
    """Return whether a queue is open in some part of a local hour; True if the queue has no opening hours.

    `weekday` is 0 for Monday. `ask` has the opening hours of the queues.
    """
    opening = ask.of(queue).opening
    return opening is None or any(
        opening.contains_minute(weekday, 60 * hour + minute) for minute in range(60)
    )


def _observed(ask: ReportQuery, source: Source) -> dict[_Slot, float]:
    """Return the seconds in which the PBX was observed, by local weekday and hour."""
    seconds: defaultdict[_Slot, float] = defaultdict(float)
    for begin, end in source.observed():
        at = begin
        while at < end:  # hour by hour from the start of the span, because a day may have 23 or 25 hours
            after = min(end, ask.since + (math.floor((at - ask.since) / _HOUR) + 1) * _HOUR)
            seconds[ask.days.hour_of(at)] += after - at
            at = after
    return seconds
