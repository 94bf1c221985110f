"""Counts for the reports, in SQL that is the same on every kind of database. `commands/report.py` asks.

Each question is one pass over the span's rows, which come back counted: some thousand rows for millions. What
is local of an instant comes from the offsets that the span has (`ask.Ask.offsets`), as whole seconds: a
database's own time zones differ by kind, and MariaDB has none until somebody loads them.

The trap: the columns of a GROUP BY are written twice, and PostgreSQL takes two parameters for two different
expressions. So what is grouped by is computed in a subquery, and grouped by its name.
"""

import math
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Double,
    Engine,
    FromClause,
    Integer,
    Table,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    select,
    text,
)

from cc_bridge.records import AgentState, SurveyResult, Trigger
from cc_bridge.reports import facts
from cc_bridge.reports.ask import Ask, By, QueueSettings
from cc_bridge.storage.schema import (
    agent_intervals,
    answers,
    calls,
    funnel,
    gaps,
    queue_visits,
    rings,
    survey_attempts,
    talks,
)

__all__ = ["Facts", "reading"]

_AT_ONCE = 5_000  # rows that are held in memory
_AWAY = (AgentState.LOGGED_OUT, AgentState.UNREACHABLE)
# What is counted has some thousand groups, and PostgreSQL expects as many as rows: it would sort on disk.
_COUNTING = ("work_mem = '128MB'", "enable_sort = off", "jit = off")
_HOUR = 3600
_DAY = 24 * _HOUR
_THURSDAY = 3  # 1970-01-01

_Row = TypeVar("_Row")
_Expression = ColumnElement[Any]


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """Open a transaction that sees the database as it is now, whatever is written meanwhile."""
    level = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**level) as connection:
        if engine.dialect.name == "postgresql":
            for setting in _COUNTING:
                connection.exec_driver_sql(f"SET LOCAL {setting}")
        yield connection


class Facts:
    """The Source of one report, in one transaction, so that all its figures are of the same rows."""

    def __init__(self, connection: Connection, ask: Ask, asked: Callable[[], object] = lambda: None) -> None:
        """`asked` hears of each question that was answered."""
        self._connection = connection
        self._dialect = connection.dialect.name
        self._ask = ask
        self._asked = asked
        self._offsets = ask.offsets

    def visits(self, by: By) -> Iterator[facts.Visits]:
        c = queue_visits.c
        wait = c.wait_seconds
        inner = (
            select(
                self._key(by, queue_visits, c.entered_at).label("key"),
                c.outcome,
                self._up(wait).label("second"),
                wait.label("wait"),
                case((wait <= self._setting(c.queue, attrgetter("threshold")), 1), else_=0).label("within"),
                case((wait < self._setting(c.queue, attrgetter("short_abandon")), 1), else_=0).label("short"),
                case((c.ringing, 1), else_=0).label("ringing"),
            )
            .where(*self._span(queue_visits, c.entered_at))
            .subquery()
        )
        i = inner.c
        keys = (i.key, i.outcome, i.second)
        sums = (
            func.count(),
            func.sum(i.wait),
            func.sum(i.wait * i.wait),
            func.max(i.wait),
            func.sum(i.within),
            func.sum(i.short),
            func.sum(i.ringing),
        )
        yield from self._rows(facts.Visits, select(*keys, *sums).group_by(*keys))

    def talks(self, by: By) -> Iterator[facts.Talks]:
        c = talks.c
        handle = c.talk_seconds + self._setting(c.queue, attrgetter("wrap_up"))
        whole = c.partial.is_(False)
        inner = (
            select(
                self._key(by, talks, c.answered_at).label("key"),
                case((whole, 1), else_=0).label("whole"),
                case((whole, c.talk_seconds), else_=0.0).label("talk"),
                case((whole, c.hold_seconds), else_=0.0).label("hold"),
                case((whole, handle), else_=0.0).label("handle"),
            )
            .where(*self._span(talks, c.answered_at), c.queue != "")
            .subquery()
        )
        i = inner.c
        statement = select(
            i.key,
            func.count(),
            func.sum(i.whole),
            func.sum(i.talk),
            func.sum(i.hold),
            func.sum(i.handle - i.talk),
            func.sum(i.handle * i.handle),
        ).group_by(i.key)
        yield from self._rows(facts.Talks, statement)

    def rings(self) -> Iterator[facts.Rings]:
        c = rings.c
        where = self._span(rings, c.started_at)
        inner = select(_unindexed(c.agent).label("agent"), c.outcome).where(*where).subquery()
        keys = (inner.c.agent, inner.c.outcome)
        yield from self._rows(facts.Rings, select(*keys, func.count()).group_by(*keys))

    def states(self) -> Iterator[facts.States]:
        c = agent_intervals.c
        since, until = (
            literal(self._ask.since, c.started_at.type),
            literal(self._ask.until, c.started_at.type),
        )
        inside = and_(c.started_at >= since, c.ended_at <= until)
        # Nearly all lie inside, and have their seconds; an instant is only taken apart at the ends.
        begin = case((c.started_at < since, since), else_=c.started_at)
        end = case((c.ended_at > until, until), else_=c.ended_at)
        seconds = case((inside, c.seconds), else_=self._exact(end) - self._exact(begin))
        inner = (
            select(_unindexed(c.agent).label("agent"), c.state, seconds.label("seconds"))
            .where(c.started_at < until, c.ended_at > since, *self._of_pbx(agent_intervals))
            .subquery()
        )
        keys = (inner.c.agent, inner.c.state)
        yield from self._rows(facts.States, select(*keys, func.sum(inner.c.seconds)).group_by(*keys))

    def answers(self, by: By) -> Iterator[facts.Answers]:
        c = answers.c
        source, key = self._rated_by(by)
        inner = (
            select(key.label("key"), c.question, c.kind, c.value)
            .select_from(source)
            .where(*self._answered(), *((c.agent != "",) if by is By.AGENT else ()))
            .subquery()
        )
        keys = (inner.c.key, inner.c.question, inner.c.kind, inner.c.value)
        yield from self._rows(facts.Answers, select(*keys, func.count()).group_by(*keys))

    def callers(self, by: By) -> Iterator[facts.Callers]:
        c = funnel.c
        inner = (
            select(self._key(by, funnel, c.at).label("key"), c.stage)
            .where(*self._span(funnel, c.at), c.trigger != Trigger.CALLBACK)
            .subquery()
        )
        keys = (inner.c.key, inner.c.stage)
        yield from self._rows(facts.Callers, select(*keys, func.count()).group_by(*keys))

    def lingered(self) -> Iterator[facts.Lingered]:
        c = funnel.c
        inner = (
            select(_unindexed(c.queue).label("queue"), c.agent, c.stage, c.trigger)
            .where(*self._span(funnel, c.at))
            .subquery()
        )
        keys = (inner.c.queue, inner.c.agent, inner.c.stage, inner.c.trigger)
        yield from self._rows(facts.Lingered, select(*keys, func.count()).group_by(*keys))

    def attempts(self, by: By) -> Iterator[facts.Attempts]:
        c, given = survey_attempts.c, answers.c
        some = exists().where(given.pbx == c.pbx, given.attempt_id == c.attempt_id)
        answered = case(
            (c.result.in_((SurveyResult.COMPLETE, SurveyResult.PARTIAL)), 1),
            (and_(c.result == SurveyResult.STARTED, some), 1),  # the daemon was killed in it
            else_=0,
        )
        inner = (
            select(
                self._key(by, survey_attempts, c.started_at).label("key"),
                c.result,
                c.reason,
                answered.label("answered"),
            )
            .where(*self._span(survey_attempts, c.started_at))
            .subquery()
        )
        keys = (inner.c.key, inner.c.result, inner.c.reason)
        statement = select(*keys, func.count(), func.sum(inner.c.answered)).group_by(*keys)
        yield from self._rows(facts.Attempts, statement)

    def rated(self) -> Iterator[facts.Rated]:
        c = answers.c
        source = self._with_call(_attempted())
        inner = (
            select(
                func.coalesce(self._band(calls.c.wait_seconds), -1).label("band"),
                case((calls.c.talks > 2, 3), else_=func.coalesce(calls.c.talks, 0)).label("talks"),  # noqa: PLR2004 - three or more
                self._hour(c.answered_at).label("hour"),
                _queue().label("queue"),
                c.value,
            )
            .select_from(source)
            .where(*self._answered(), c.kind == "csat")
            .subquery()
        )
        keys = (inner.c.band, inner.c.talks, inner.c.hour, inner.c.queue, inner.c.value)
        yield from self._rows(facts.Rated, select(*keys, func.count()).group_by(*keys))

    def journeys(self, by: By) -> Iterator[facts.Journeys]:
        c = calls.c
        inner = (
            select(self._key(by, calls, c.started_at).label("key"), c.queues, c.talks, c.answered)
            .where(*self._span(calls, c.started_at), c.queues > 0)
            .subquery()
        )
        i = inner.c
        keys = (i.key, i.queues, i.talks, i.answered)
        yield from self._rows(facts.Journeys, select(*keys, func.count()).group_by(*keys))

    def transfers(self, by: By) -> Iterator[facts.Transfers]:
        c = talks.c
        inner = (
            select(self._key(by, talks, c.answered_at).label("key"), c.transfer)
            .where(*self._span(talks, c.answered_at), c.queue != "", c.transfer.is_not(None))
            .subquery()
        )
        keys = (inner.c.key, inner.c.transfer)
        yield from self._rows(facts.Transfers, select(*keys, func.count()).group_by(*keys))

    def visited_hours(self) -> Iterator[tuple[str, int, int, str, int]]:
        """Yield queue, weekday, hour, outcome and number of visits."""
        c = queue_visits.c
        inner = (
            select(
                c.queue,
                self._weekday(c.entered_at).label("weekday"),
                self._hour(c.entered_at).label("hour"),
                c.outcome,
            )
            .where(*self._span(queue_visits, c.entered_at))
            .subquery()
        )
        keys = (inner.c.queue, inner.c.weekday, inner.c.hour, inner.c.outcome)
        yield from self._rows(lambda *each: each, select(*keys, func.count()).group_by(*keys))

    def presence(self) -> Iterator[facts.Presence]:
        c = agent_intervals.c
        since, until = self._ask.since, self._ask.until
        there = (c.started_at < until, c.ended_at > since, c.state.not_in(_AWAY))
        inner = (
            select(
                self._local(c.started_at).label("since"),
                self._local(c.ended_at).label("until"),
                c.seconds,
                c.started_at,
                c.ended_at,
            )
            .where(*there, *self._of_pbx(agent_intervals))
            .subquery()
        )
        i = inner.c
        same = i.since // _HOUR == i.until // _HOUR
        short = select((i.since // _HOUR).label("hour"), i.seconds).where(same).subquery()
        statement = select(short.c.hour, func.sum(short.c.seconds)).group_by(short.c.hour)
        hours: dict[int, float] = dict(self._rows(lambda hour, n: (int(hour), float(n)), statement))
        long = select(i.started_at, i.ended_at).where(~same)
        # Not all at once, though PostgreSQL uses one process only where rows are fetched in parts.
        for started_at, ended_at in self._connection.execute(long, execution_options={"yield_per": _AT_ONCE}):
            at, end = max(started_at, since), min(ended_at, until)
            while at < end:
                local = at + self._offset(at)
                hour = int(local // _HOUR)
                later = min(at + (hour + 1) * _HOUR - local, end)
                hours[hour] = hours.get(hour, 0.0) + later - at
                at = later
        self._asked()
        for hour, seconds in hours.items():
            yield facts.Presence((hour // 24 + _THURSDAY) % 7, hour % 24, seconds)

    def unobserved(self) -> float:
        c = gaps.c
        since, until = self._ask.since, self._ask.until
        where = (c.started_at < until, c.ended_at > since, *self._of_pbx(gaps))
        rows = self._connection.execute(select(c.started_at, c.ended_at).where(*where))
        return math.fsum(min(end, until) - max(begin, since) for begin, end in rows)

    # -- rows

    def _rows(self, kind: Callable[..., _Row], statement: Any) -> Iterator[_Row]:
        # MariaDB gives a sum of whole numbers as Decimal.
        for row in self._connection.execute(statement):
            yield kind(*(value if isinstance(value, str | int | float) else _number(value) for value in row))
        self._asked()

    def _span(self, table: Table[Any], at: Column[Any], *, queue: bool = True) -> list[_Expression]:
        where = [at >= self._ask.since, at < self._ask.until, *self._of_pbx(table)]
        if queue and self._ask.queues:
            where.append(table.c.queue.in_(self._ask.queues))
        return where

    def _of_pbx(self, table: Table[Any]) -> tuple[_Expression, ...]:
        return (table.c.pbx == self._ask.pbx,) if self._ask.pbx else ()

    def _answered(self) -> list[_Expression]:
        c = answers.c
        where = [c.answered_at >= self._ask.since, c.answered_at < self._ask.until, *self._of_pbx(answers)]
        if self._ask.queues:
            where.append(_queue().in_(self._ask.queues))
        return where

    # -- what is counted by

    def _key(self, by: By, table: Table[Any], at: Column[Any]) -> _Expression:
        match by:
            case By.HOUR:
                return self._hour(at)
            case By.WEEKDAY:
                return self._weekday(at)
            case By.DAY:
                return self._local(at) // _DAY
            case By.PART:
                return case((at < self._ask.change, 0), else_=1)
            case By.WAIT_BAND:
                return self._band(table.c.wait_seconds)
            case _:
                return _unindexed(table.c[by.value])

    def _rated_by(self, by: By) -> tuple[FromClause, _Expression]:
        """Return from where answers come, and what they are counted by."""
        c = answers.c
        plain = answers if not self._ask.queues else _attempted()
        match by:
            case By.AGENT:
                return plain, _unindexed(c.agent)
            case By.QUEUE:
                return _attempted(), _queue()
            case By.LANGUAGE:
                return _attempted(), func.coalesce(survey_attempts.c.language, "")
            case By.WAIT_BAND:
                return self._with_call(_attempted()), func.coalesce(self._band(calls.c.wait_seconds), -1)
            case _:
                return plain, self._key(by, answers, c.answered_at)

    @staticmethod
    def _with_call(source: FromClause) -> FromClause:
        attempts = survey_attempts.c
        same = (calls.c.pbx == attempts.pbx) & (calls.c.call_id == attempts.call_id)
        return source.outerjoin(calls, same)

    def _band(self, wait: Column[Any]) -> _Expression:
        """Return the number of the band; null without a wait."""
        bounds = [(wait <= bound, number) for number, bound in enumerate(self._ask.bands)]
        return case((wait.is_(None), None), *bounds, else_=len(self._ask.bands))

    def _setting(self, queue: Column[Any], of: Callable[[QueueSettings], float]) -> _Expression:
        usual = of(self._ask.others)
        own = {name: of(each) for name, each in self._ask.settings.items() if of(each) != usual}
        if not own:
            return literal(usual, Double)
        by_value: Mapping[float, list[str]] = {
            value: [name for name in own if own[name] == value] for value in set(own.values())
        }
        whens = [(queue.in_(names), literal(value, Double)) for value, names in by_value.items()]
        return case(*whens, else_=literal(usual, Double))

    # -- instants, in each database's own words

    def _local(self, at: Column[Any]) -> _Expression:
        """Return local seconds since 1970-01-01 00:00 local time, whole ones."""
        *changes, last = self._offsets
        offset: _Expression = literal_column(str(last.seconds))
        if changes:
            whens = [(at < literal(each.before, at.type), each.seconds) for each in changes]
            offset = case(*whens, else_=last.seconds)
        return self._whole(at) + offset

    def _offset(self, at: float) -> int:
        return next(each.seconds for each in self._offsets if each.before is None or at < each.before)

    def _hour(self, at: Column[Any]) -> _Expression:
        return self._local(at) // _HOUR % 24

    def _weekday(self, at: Column[Any]) -> _Expression:
        return (self._local(at) // _DAY + _THURSDAY) % 7

    def _whole(self, at: _Expression) -> _Expression:
        """Return UTC seconds since the epoch, rounded down."""
        if self._dialect == "postgresql":
            return cast(func.floor(func.date_part("epoch", at)), BigInteger)
        if self._dialect == "sqlite":
            return cast(func.strftime("%s", at), Integer)
        return func.timestampdiff(text("SECOND"), literal_column("'1970-01-01'"), at)

    def _exact(self, at: _Expression) -> _Expression:
        """Return UTC seconds since the epoch, with their fractions."""
        if self._dialect == "postgresql":
            return func.date_part("epoch", at)
        if self._dialect == "sqlite":
            return (func.julianday(at) - 2440587.5) * _DAY
        return func.timestampdiff(text("MICROSECOND"), literal_column("'1970-01-01'"), at) / 1e6

    def _up(self, seconds: Column[Any]) -> _Expression:
        """Return seconds rounded up to a whole number."""
        if self._dialect == "sqlite":  # which may have been built without ceil()
            down = cast(seconds, Integer)
            return down + case((seconds > down, 1), else_=0)
        return cast(func.ceil(seconds), Integer)


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return value
    return int(value) if value == int(value) else float(value)


def _attempted() -> FromClause:
    """Return the answers with their attempts, whose queue is that of the talk whatever is rated."""
    c, attempts = answers.c, survey_attempts.c
    return answers.outerjoin(survey_attempts, (attempts.pbx == c.pbx) & (attempts.attempt_id == c.attempt_id))


def _unindexed(name: Column[Any]) -> _Expression:
    """Return a name that is never null, so that no index of it looks like a shortcut to its groups."""
    return func.coalesce(name, "")


def _queue() -> _Expression:
    return case((answers.c.queue != "", answers.c.queue), else_=func.coalesce(survey_attempts.c.queue, ""))
