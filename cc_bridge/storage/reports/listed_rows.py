"""The rows behind one figure of a report, as SQL conditions.

Time span, queues, grouping, thresholds and opening hours have the same SQL as the figures (`span_queries.py`
and the other modules here), so that a list cannot differ from the number that it belongs to.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    FromClause,
    Table,
    and_,
    case,
    exists,
    false,
    func,
    or_,
)

from cc_bridge.records import Outcome, Trigger
from cc_bridge.reports.calendar import day_of
from cc_bridge.reports.call_filter import AGENTS_SPOKEN, COMPLETE, CallFilter, ListCondition, ListKind, RowKey
from cc_bridge.reports.opening_hours import is_open
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.voice import NO_CALLERS
from cc_bridge.storage.reports.lost_calls import lost_call_rows
from cc_bridge.storage.reports.span_queries import Expression
from cc_bridge.storage.reports.stored_names import stored_names
from cc_bridge.storage.reports.visits import VisitQueries
from cc_bridge.storage.reports.voice import SurveyQueries, attempted, rated_queue
from cc_bridge.storage.rollups.tables import SEVERAL
from cc_bridge.storage.schema.tables import (
    answers,
    calls,
    not_routed_calls,
    queue_visits,
    rings,
    survey_attempts,
    survey_decisions,
    talks,
)

__all__ = ["ListedRows", "ListedTable", "narrowed"]

_HOURS_OF_WEEK = range(7 * 24)


@dataclass(frozen=True, slots=True)
class ListedTable:
    """A table or subquery from which a list of calls takes its rows.

    at: the column with the time of a row
    key: the columns that identify a row
    """

    table: Any
    at: Any
    key: tuple[Any, ...]


def _listed(table: Table[Any], at: Column[Any]) -> ListedTable:
    return ListedTable(table, at, tuple(table.primary_key))


_TABLES: Mapping[ListKind, ListedTable] = {
    ListKind.VISITS: _listed(queue_visits, queue_visits.c.entered_at),
    ListKind.CALLS: _listed(calls, calls.c.started_at),
    ListKind.TALKS: _listed(talks, talks.c.answered_at),
    ListKind.RINGS: _listed(rings, rings.c.started_at),
    ListKind.ANSWERS: _listed(answers, answers.c.answered_at),
    ListKind.DECISIONS: _listed(survey_decisions, survey_decisions.c.decided_at),
    ListKind.ATTEMPTS: _listed(survey_attempts, survey_attempts.c.started_at),
    ListKind.NOT_ROUTED: _listed(not_routed_calls, not_routed_calls.c.ended_at),
}


class ListedRows(VisitQueries, SurveyQueries):
    """The rows of one list, which are rows of the table `listed.table`.

    source: the FROM clause, which joins the table to others if the conditions need them
    where: the conditions of the rows
    marked: the condition of the marked rows, which are the numerator of a share; false for other lists
    """

    def __init__(
        self,
        connection: Connection,
        ask: ReportQuery,
        wanted: CallFilter,
        now: float,
        shared: Collection[str] = (),
    ) -> None:
        """Make the SQL of the filter `wanted`.

        `ask` has the days, queues, agent and PBX of this filter. `now` is in UTC seconds since the epoch. A
        list of lost calls leaves out the caller keys in `shared`, which many people use.
        """
        super().__init__(connection, narrowed(ask, wanted))
        self._kind = wanted.kind
        if wanted.kind is ListKind.LOST_CALLS:
            lost = lost_call_rows((self._ask.since, self._ask.until), self._instants, now, shared)
            self.listed = ListedTable(lost, lost.c.entered_at, (lost.c.pbx, lost.c.call_id))
        else:
            self.listed = _TABLES[wanted.kind]
        self.source = self._source(wanted)
        self.where = [
            *self._base(wanted),
            *(self._in_row(row) for row in wanted.rows),
            *(self._meets(condition) for condition in wanted.conditions),
        ]
        self.marked = and_(*map(self._meets, wanted.marks)) if wanted.marks else false()

    def _source(self, wanted: CallFilter) -> FromClause:
        if self._kind is not ListKind.ANSWERS:
            table: FromClause = self.listed.table
            return table
        if not {Dimension.WAIT_BAND, AGENTS_SPOKEN} & {row.by for row in wanted.rows}:
            return attempted()
        s = survey_attempts.c
        return attempted().outerjoin(calls, and_(calls.c.pbx == s.pbx, calls.c.call_id == s.call_id))

    def _base(self, wanted: CallFilter) -> list[Expression]:
        """Return the SQL conditions that every listed row must meet, as every row in a report does."""
        table, at = self.listed.table, self.listed.at
        if self._kind is ListKind.ANSWERS:
            return self._where(self._queue if self._ask.queues else None)
        where = self._span(table, at)
        match self._kind:
            case ListKind.VISITS if not wanted.values("partial"):
                where.append(table.c.partial.is_(False))
            case ListKind.CALLS:
                where.append(table.c.queues > 0)
            case ListKind.TALKS:
                where.append(table.c.queue != "")
            case ListKind.DECISIONS:
                where.append(table.c.trigger != Trigger.CALLBACK)
        return where

    @property
    def _queue(self) -> Expression:
        """The SQL expression for the queue of a row."""
        return rated_queue() if self._kind is ListKind.ANSWERS else self.listed.table.c.queue

    def _in_row(self, row: RowKey) -> Expression:
        """Return the condition for what a report counts in its row `row`.

        With `row.others`, return the condition for what it counts in its other rows.
        """
        same: Expression
        if row.by == Dimension.QUEUE:
            same = self._queue.in_(self._spelled(str(row.key)))
        elif row.by == Dimension.STAGE:
            same = self._queue.in_(self._queues_of_stage(str(row.key)))
        else:
            same = self._key_of(row.by) == row.key
        return ~same if row.others else same

    def _spelled(self, queue: str) -> list[str]:
        """Return all spellings of the queue that a report shows as `queue`."""
        return [queue, *(name for name, shown in self._spellings.items() if shown == queue)]

    def _key_of(self, by: str) -> Expression:
        if by == Dimension.AGENT:
            agent: Expression = self.listed.table.c.agent
            return agent
        if self._kind is ListKind.ANSWERS:
            if by == Dimension.LANGUAGE:
                return func.coalesce(survey_attempts.c.language, "")
            if by == Dimension.WAIT_BAND:
                return case((calls.c.call_id.is_(None), -1), else_=self._band(calls.c.wait_seconds))
            if by == AGENTS_SPOKEN:
                spoken = calls.c.talks
                return case((calls.c.call_id.is_(None), 0), (spoken >= SEVERAL, SEVERAL), else_=spoken)
        return self._key(Dimension(by), self.listed.table, self.listed.at)

    def _queues_of_stage(self, stage: str) -> list[str]:
        """Return the names of the stored queues of a stage of the customer's journey."""
        columns = [queue_visits.c.queue if self._kind is ListKind.LOST_CALLS else self.listed.table.c.queue]
        if self._kind is ListKind.ANSWERS:
            columns.append(survey_attempts.c.queue)
        found = {"", *(name for column in columns for name in stored_names(self._connection, column))}
        return sorted(name for name in found if self._ask.of(name).stage == stage)

    def _meets(self, condition: ListCondition) -> Expression:
        """Return the SQL of a condition."""
        return _CONDITIONS[self._kind, condition.name](self, condition.values)

    # -- the conditions by name

    def closed(self) -> Expression:
        """Return the condition for visits outside the opening hours of their queue."""
        hour = self._instants.hour_of_week(queue_visits.c.entered_at)
        queue = queue_visits.c.queue
        usual = self._closed_hours("")
        own: dict[tuple[int, ...], list[str]] = {}
        for name in self._configured:
            own.setdefault(self._closed_hours(name), []).append(name)
        parts = [and_(queue.in_(names), hour.in_(closed)) for closed, names in own.items()]
        return or_(*parts, and_(queue.not_in(self._configured), hour.in_(usual)))

    def _closed_hours(self, queue: str) -> tuple[int, ...]:
        """Return the hours of the week in which a queue is closed, as numbers; 0 is Monday, 0:00 to 1:00."""
        return tuple(at for at in _HOURS_OF_WEEK if not is_open(self._ask, queue, at // 24, at % 24))

    def rated_visit(self) -> Expression:
        """Return the condition for visits whose caller answered a question of a survey about this queue."""
        v, s, a = queue_visits.c, survey_attempts.c, answers.c
        return exists().where(
            s.pbx == v.pbx,
            s.call_id == v.call_id,
            a.pbx == s.pbx,
            a.attempt_id == s.attempt_id,
            or_(a.queue == v.queue, and_(a.queue == "", s.queue == v.queue)),
        )


def narrowed(ask: ReportQuery, wanted: CallFilter) -> ReportQuery:
    """Return the query with fewer days if the filter is for one day, so that an index finds its rows.

    The day before and the day after are kept too. If the clocks change on a day, the local day that SQL
    computes for an instant can be one of these.
    """
    day = wanted.key(Dimension.DAY)
    if day is None:
        return ask
    first, last = (day_of(int(day)) + timedelta(step) for step in (-1, 1))
    return replace(ask, first=max(first, ask.first), last=min(last, ask.last))


_Meets = Callable[[ListedRows, tuple[str, ...]], Expression]


def _one_of(column: Column[Any]) -> _Meets:
    return lambda _rows, values: column.in_(values)


def _yes(make: Callable[[ListedRows], Expression]) -> _Meets:
    """Return a function that makes the SQL of a condition with the values `yes` and `no`.

    `make` makes the SQL for `yes`. The returned function gets the wanted values: one of them, or both.
    """

    def meets(rows: ListedRows, values: Iterable[str]) -> Expression:
        condition = make(rows)
        return or_(*(condition if value == "yes" else ~condition for value in values))

    return meets


def _several(_rows: ListedRows, values: Iterable[str]) -> Expression:
    return and_(*((calls.c.queues if value == "queues" else calls.c.talks) > 1 for value in values))


_CONDITIONS: Mapping[tuple[ListKind, str], _Meets] = {
    (ListKind.VISITS, "outcome"): _one_of(queue_visits.c.outcome),
    (ListKind.VISITS, "in-time"): _yes(ListedRows.in_time),
    (ListKind.VISITS, "short-abandon"): _yes(
        lambda rows: and_(queue_visits.c.outcome == Outcome.ABANDONED, rows.is_short())
    ),
    (ListKind.VISITS, "ringing"): _yes(lambda _: queue_visits.c.ringing.is_(True)),
    (ListKind.VISITS, "partial"): lambda _rows, _values: queue_visits.c.partial.is_(True),
    (ListKind.VISITS, "open"): _yes(lambda rows: ~rows.closed()),
    (ListKind.VISITS, "rated"): _yes(ListedRows.rated_visit),
    (ListKind.CALLS, "answered"): _yes(lambda _: calls.c.answered.is_(True)),
    (ListKind.CALLS, "several"): _several,
    (ListKind.TALKS, "whole"): _yes(lambda _: talks.c.partial.is_(False)),
    (ListKind.TALKS, "transfer"): _one_of(talks.c.transfer),
    (ListKind.RINGS, "outcome"): _one_of(rings.c.outcome),
    (ListKind.ANSWERS, "kind"): _one_of(answers.c.kind),
    (ListKind.ANSWERS, "question"): _one_of(answers.c.question),
    (ListKind.ANSWERS, "value"): lambda _rows, values: answers.c.value.in_(list(map(int, values))),
    (ListKind.ANSWERS, "person"): lambda _rows, _values: answers.c.agent != "",
    (ListKind.DECISIONS, "stage"): _one_of(survey_decisions.c.stage),
    (ListKind.DECISIONS, "eligible"): _yes(lambda _: survey_decisions.c.stage.not_in(sorted(NO_CALLERS))),
    (ListKind.LOST_CALLS, "result"): lambda rows, values: rows.listed.table.c.managed.in_(list(values)),
    (ListKind.LOST_CALLS, "decided"): _yes(lambda rows: rows.listed.table.c.decided == 1),
    (ListKind.ATTEMPTS, "result"): _one_of(survey_attempts.c.result),
    (ListKind.ATTEMPTS, "reason"): lambda _rows, values: survey_attempts.c.reason.in_(
        ["" if value == COMPLETE else value for value in values]
    ),
}
