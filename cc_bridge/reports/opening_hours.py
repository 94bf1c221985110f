"""Report `hours`: the configured opening hours next to the agents present and the answered visits. Pure.

An agent is present unless logged out or unreachable. One agent serves several queues. So the number of agents
present is always the number in the whole contact centre, even if the report covers only some queues.
"""

from collections import Counter, defaultdict

from cc_bridge.kpis.units import Unit
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
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.source import Source

__all__ = ["BY", "hours", "is_open"]

BY = (Dimension.HOUR, Dimension.WEEKDAY)

_COLUMNS = (
    Column("open_hours", Unit.COUNT, formula="hours of the span in which a queue is configured as open"),
    Column("agents_present", Unit.MEAN, formula="time not logged_out nor unreachable / hours of the span"),
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


class _Row:
    """The totals of one row of the report `hours`: one hour of the day or one weekday."""

    def __init__(self) -> None:
        self.open, self.hours, self.there = 0, 0, 0.0
        self.visits: Counter[str] = Counter()
        self.visits_open: Counter[str] = Counter()

    def cells(self, minimum: int) -> tuple[Cell, ...]:
        visits, inside = self.visits.total(), self.visits_open.total()
        return (
            count(self.open),
            Figure(self.there / _HOUR / self.hours) if self.hours else None,
            count(visits),
            count(self.visits[Outcome.ANSWERED]),
            share(self.visits[Outcome.ANSWERED], visits, minimum),
            count(inside),
            share(self.visits_open[Outcome.ANSWERED], inside, minimum),
            ratio(visits - inside, visits, visits),
        )


def hours(ask: ReportQuery, source: Source) -> Report:
    """Return the report `hours`, with one row for each hour of the day or each weekday.

    A row has the configured opening hours, the number of agents present and the answered visits.
    """
    rows: defaultdict[int, _Row] = defaultdict(_Row)
    everyone = _Row()

    def both(weekday: int, hour: int) -> tuple[_Row, _Row]:
        return rows[hour if ask.by is Dimension.HOUR else weekday], everyone

    visited = list(source.visited_hours())
    queues = {queue for queue, *_ in visited} | set(ask.settings)
    at = ask.since
    while at < ask.until:  # each single hour of the span, because a local day may have 23 or 25
        weekday, hour = ask.days.hour_of(at)
        claimed = any(is_open(ask, queue, weekday, hour) for queue in queues)
        for row in both(weekday, hour):
            row.hours += 1
            row.open += claimed
        at += _HOUR
    for queue, weekday, hour, outcome, n in visited:
        for row in both(weekday, hour):
            row.visits[outcome] += n
            if is_open(ask, queue, weekday, hour):
                row.visits_open[outcome] += n
    for presence in source.presence():
        for row in both(presence.weekday, presence.hour):
            row.there += presence.seconds
    keys = ask.ordered({*rows})
    shown = tuple(ReportRow((key,), rows[int(key)].cells(ask.minimum)) for key in keys)
    table = ReportTable(
        "hours",
        ((ask.by.value, ask.by),),
        _COLUMNS,
        shown,
        ReportRow(("",), everyone.cells(ask.minimum)),
        ("agents_present", "answered_share"),
    )
    empty = [
        Highlight("nobody_there", {"key": (ask.by, key)}, {"open": (Unit.COUNT, count(rows[int(key)].open))})
        for key in keys
        if everyone.there and rows[int(key)].open and not rows[int(key)].there
    ]
    tiles = ("open_hours", "agents_present", "answered_open", "visits_closed_share")
    said = any(ask.of(queue).opening for queue in queues)
    notes = ("agents_of_all_queues", *(() if said else ("no_hours",)))
    return Report("hours", ask, (table,), findings=tuple(empty), tiles=tiles, notes=notes)


def is_open(ask: ReportQuery, queue: str, weekday: int, hour: int) -> bool:
    """Return whether a queue is open in some part of a local hour; True if the queue has no opening hours.

    `weekday` is 0 for Monday. `ask` has the opening hours of the queues.
    """
    opening = ask.of(queue).opening
    return opening is None or any(
        opening.contains_minute(weekday, 60 * hour + minute) for minute in range(60)
    )
