"""Visit totals: the outcomes, wait times and service levels of many visits together. Pure.

SQL returns the number of visits for each wait time, rounded up to whole seconds. So a median is the smallest
number of whole seconds within which half of the visits had ended, but never more than the longest wait.

A visit is partial if the PBX's clock was set during its wait. It counts in the number of partial visits, and
in no other figure.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from cc_bridge.kpis.service_level import DEFAULT, ServiceLevelDefinition, VisitCounts, from_counts
from cc_bridge.kpis.units import Unit
from cc_bridge.records import Outcome
from cc_bridge.reports.figures import Cell, Column, Figure, mean, share
from cc_bridge.reports.query import Group, ReportQuery
from cc_bridge.reports.source import VisitSums, WaitCount

__all__ = ["LEVELS", "LOST", "VisitTotals", "by_key"]

LOST = (
    Outcome.ABANDONED, Outcome.TIMED_OUT, Outcome.LEFT_BY_KEY, Outcome.QUEUE_FULL, Outcome.JOIN_EMPTY,
    Outcome.LEAVE_EMPTY, Outcome.JOIN_UNAVAILABLE, Outcome.LEAVE_UNAVAILABLE,
)  # fmt: skip

LEVELS = tuple(
    Column(
        f"service_level_{one}",
        Unit.PERCENT,
        kpi=f"service_level_{one}",
        has_n=True,
        has_interval=True,
    )
    for one in (DEFAULT, *(one for one in ServiceLevelDefinition if one is not DEFAULT))
)


@dataclass(slots=True)
class VisitTotals:
    """The totals of the visits in one row of a report; times are in seconds."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: Counter[int] = field(default_factory=Counter)  # wait time, rounded up -> visits
    wait: float = 0.0  # sum of the wait times
    squares: float = 0.0  # sum of the squares of the wait times
    longest: float = 0.0  # longest wait time.
    answer_wait: float = 0.0  # sum of the wait times of answered visits
    answer_squares: float = 0.0  # sum of the squares of these wait times.
    answered_within: int = 0  # visits answered within the threshold
    abandoned_within: int = 0  # visits abandoned within the threshold
    short_abandons: int = 0
    abandoned_ringing: int = 0  # visits abandoned while an agent's phone rang
    partial_visits: int = 0  # visits that are in none of the other fields

    def add(self, visits: VisitSums) -> None:
        """Add visits. Partial visits are added only to `partial_visits`."""
        if visits.partial:
            self.partial_visits += visits.n
            return
        self.outcomes[visits.outcome] += visits.n
        self.wait += visits.wait
        self.squares += visits.squares
        self.longest = max(self.longest, visits.longest)
        if visits.outcome == Outcome.ANSWERED:
            self.answer_wait += visits.wait
            self.answer_squares += visits.squares
            self.answered_within += visits.within
        elif visits.outcome == Outcome.ABANDONED:
            self.abandoned_within += visits.within
            self.short_abandons += visits.short
            self.abandoned_ringing += visits.ringing

    @property
    def visits(self) -> int:
        return self.outcomes.total()

    @property
    def counts(self) -> VisitCounts:
        return VisitCounts(
            visits=self.visits,
            answered=self.outcomes[Outcome.ANSWERED],
            answered_within=self.answered_within,
            abandoned=self.outcomes[Outcome.ABANDONED],
            abandoned_within=self.abandoned_within,
            short_abandons=self.short_abandons,
            timed_out=self.outcomes[Outcome.TIMED_OUT],
            left_by_key=self.outcomes[Outcome.LEFT_BY_KEY],
            partial_visits=self.partial_visits,
        )

    @property
    def offered(self) -> int:
        counts = self.counts
        return counts.answered + counts.abandoned + counts.timed_out + counts.left_by_key

    @property
    def lost(self) -> int:
        return sum(self.outcomes[outcome] for outcome in LOST)

    def level(self, definition: ServiceLevelDefinition, minimum: int) -> Cell:
        level = from_counts(self.counts, definition)
        return share(level.numerator, level.n, minimum) if level else None

    def abandonment(self, minimum: int) -> Cell:
        short = self.short_abandons
        return share(self.outcomes[Outcome.ABANDONED] - short, self.offered - short, minimum)

    def mean(self, minimum: int) -> Cell:
        return mean(self.wait, self.squares, self.visits, minimum)

    def answer_mean(self, minimum: int) -> Cell:
        return mean(self.answer_wait, self.answer_squares, self.outcomes[Outcome.ANSWERED], minimum)

    def within(self, part: float) -> Cell:
        """Return the wait time within which the fraction `part` of the visits had ended.

        For example, 0.5 gives the median wait time. The time is in whole seconds, rounded up, but at most the
        longest wait. None means that there are no visits.
        """
        ended = 0
        for second, n in sorted(self.seconds.items()):
            ended += n
            if ended >= part * self.visits:
                return Figure(min(second, self.longest), self.visits)
        return None

    @property
    def longest_wait(self) -> Cell:
        return Figure(self.longest, self.visits) if self.visits else None


def by_key(
    ask: ReportQuery, rows: Iterable[VisitSums], waits: Iterable[WaitCount] = ()
) -> tuple[dict[Group, VisitTotals], VisitTotals]:
    """Return the visit totals of each report row, by the row's key, and the totals of all rows together.

    Without `waits`, the totals have no medians: `VisitTotals.within` returns None.
    """
    found: dict[Group, VisitTotals] = {}
    everyone = VisitTotals()
    for row in rows:
        found.setdefault(ask.row(row.key), VisitTotals()).add(row)
        everyone.add(row)
    for wait in waits:
        found.setdefault(ask.row(wait.key), VisitTotals()).seconds[wait.second] += wait.n
        everyone.seconds[wait.second] += wait.n
    return found, everyone
