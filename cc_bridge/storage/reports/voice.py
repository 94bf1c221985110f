"""Report queries about surveys: answers, survey attempts and survey decisions.

The database may lack the survey attempt of an answer, or the call. An outer join from answers to calls would
count the answers with and without a call. But PostgreSQL runs an outer join to millions of calls in a single
process, which is slow. So one query counts the answers whose attempt and call are stored, with an inner join.
Another query counts all answers, without a join. The difference is the number of answers without a call.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import FromClause, Select, and_, case, exists, func, literal_column, select

from cc_bridge.records import SurveyResult, Trigger
from cc_bridge.reports import source
from cc_bridge.reports.query import Dimension
from cc_bridge.storage.reports.span_queries import Expression, SpanQueries
from cc_bridge.storage.rollups.tables import SEVERAL, rated_calls
from cc_bridge.storage.schema.column_types import without_index
from cc_bridge.storage.schema.tables import (
    answers,
    calls,
    not_routed_calls,
    survey_attempts,
    survey_decisions,
)
from cc_bridge.surveys.eligibility import SurveyStage

__all__ = ["SurveyQueries", "attempted", "rated_queue"]

_Part = tuple[FromClause, Expression, list[Expression]]
_NO_CALL = -1  # in place of a wait band: the call of the answer is not stored


class SurveyQueries(SpanQueries):
    """The report queries about surveys; SqlSource inherits from this class."""

    def answers(self, by: Dimension) -> Iterator[source.AnswerCount]:
        """Yield the number of answers by question, question kind and value.

        The answers are counted for each value of the dimension `by`.
        """
        c = answers.c
        what = (c.question, c.kind, c.value)
        if by is Dimension.WAIT_BAND:
            known = self._of_calls(self._band(calls.c.wait_seconds), *what)
            everyone = [_counted(source, where, *what) for source, _, where in self._answered()]
            yield from (source.AnswerCount(*row) for row in self._with_others(known, everyone))
            return
        match by:
            case Dimension.AGENT:
                parts = [
                    (s, without_index(c.agent), [*where, c.agent != ""]) for s, _, where in self._answered()
                ]
            case Dimension.QUEUE:
                parts = self._answered(by_queue=True)
            case Dimension.LANGUAGE:
                language = func.coalesce(survey_attempts.c.language, "")
                parts = [(attempted(), language, self._where(rated_queue()))]
            case _:
                key = self._key(by, answers, c.answered_at)
                parts = [(source, key, where) for source, _, where in self._answered()]
        statements = (_counted(source, where, key, *what) for source, key, where in parts)
        yield from self._rows(source.AnswerCount, *statements)

    def rated(self) -> Iterator[source.RatedBy]:
        """Yield the numbers of answers to satisfaction questions (csat), for one of four factors at a time.

        The answers are counted by their value. The four factors are the local hour of the answer, the queue,
        the number of talks in the call, and the wait band of the call. A wait band is a range of wait times,
        such as 20 to 60 seconds. Each answer is counted four times, once for each factor.
        """
        c = answers.c
        csat = c.kind == "csat"
        everyone = [
            _counted(source, [*where, csat], self._instants.hour(c.answered_at), queue, c.value)
            for source, queue, where in self._answered(by_queue=True)
        ]
        without_call: Counter[int] = Counter()
        for hour, queue, value, n in self._rows(lambda *row: row, *everyone):
            yield source.RatedBy(Dimension.HOUR, hour, value, n)
            yield source.RatedBy(Dimension.QUEUE, queue, value, n)
            without_call[value] += n
        for band, spoken, value, n in self._read(*self._rated_calls()):
            yield source.RatedBy(Dimension.WAIT_BAND, band, value, n)
            yield source.RatedBy("agents_spoken", spoken, value, n)
            without_call[value] -= n
        for value, n in without_call.items():
            if n > 0:
                yield source.RatedBy(Dimension.WAIT_BAND, _NO_CALL, value, n)
                yield source.RatedBy("agents_spoken", 0, value, n)

    def _rated_calls(self) -> Iterator[Select[Any]]:
        """Yield SELECTs that count csat answers by wait band of the call, talks in the call, and value.

        A wait band is a range of wait times, such as 20 to 60 seconds.
        """
        ask, r = self._ask, rated_calls.c
        rolled_up, live = None, [(ask.since, ask.until)]
        if not (ask.queues or ask.agent):
            rolled_up, live = self._spans(ask.since, ask.until)
        talks = case((calls.c.talks >= SEVERAL, SEVERAL), else_=calls.c.talks)
        for span in live:
            band = self._band(calls.c.wait_seconds)
            only = (answers.c.kind == "csat",)
            yield self._of_calls(band, talks, answers.c.value, only=only, span=span)
        if rolled_up:
            kept = select(self._band(r.wait_seconds).label("band"), r.talks, r.value, r.n)
            i = kept.where(*self._rolled_up(rated_calls, rolled_up)).subquery().c
            yield select(i.band, i.talks, i.value, func.sum(i.n)).group_by(i.band, i.talks, i.value)

    def invitations(self, by: Dimension) -> Iterator[source.InvitationCount]:
        """Yield the number of survey decisions by result; decisions for callbacks are left out.

        The result is an invitation or the reason against one. Decisions are counted for each value of the
        dimension `by`.
        """
        c = survey_decisions.c
        where = [*self._span(survey_decisions, c.decided_at), c.trigger != Trigger.CALLBACK]
        yield from self._rows(
            source.InvitationCount,
            _counted(survey_decisions, where, self._key(by, survey_decisions, c.decided_at), c.stage),
        )

    def not_routed(self, by: Dimension) -> Iterator[source.NotRoutedCount]:
        """Yield the number of calls that were not routed to a survey, for each value of a dimension."""
        ended_at = not_routed_calls.c.ended_at
        key = self._key(by, not_routed_calls, ended_at)
        where = self._span(not_routed_calls, ended_at)
        yield from self._rows(source.NotRoutedCount, _counted(not_routed_calls, where, key))

    def hangups(self) -> Iterator[source.HangupCount]:
        """Yield how many callers were invited to a survey, and how many missed it because they hung up first.

        A caller who hangs up before the agent cannot be invited. Both numbers are counted by queue, agent and
        trigger.
        """
        c = survey_decisions.c
        where = [
            *self._span(survey_decisions, c.decided_at),
            c.stage.in_((SurveyStage.CALLER_LEFT_FIRST, SurveyStage.INVITED)),
        ]
        statement = _counted(survey_decisions, where, without_index(c.queue), c.agent, c.stage, c.trigger)
        yield from self._rows(source.HangupCount, statement)

    def attempts(self, by: Dimension) -> Iterator[source.AttemptCount]:
        """Yield the number of survey attempts, and how many of them have an answer.

        The attempts are counted by result, by the reason why the survey is not complete, and by the value of
        the dimension `by`.
        """
        c, given = survey_attempts.c, answers.c
        of_answered = case((c.result.in_((SurveyResult.COMPLETE, SurveyResult.PARTIAL)), 1), else_=0)
        key = self._key(by, survey_attempts, c.started_at)
        span = self._span(survey_attempts, c.started_at)
        inner = (
            select(key.label("key"), c.result, c.reason, of_answered.label("answered"))
            .where(*span)
            .subquery()
        )
        keys = (inner.c.key, inner.c.result, inner.c.reason)
        statement = select(*keys, func.count(), func.sum(inner.c.answered)).group_by(*keys)
        # Attempts with an answer during which the daemon was killed count as answered. The literal 0 keeps
        # them from being counted twice as attempts. There are few.
        some = exists().where(given.pbx == c.pbx, given.attempt_id == c.attempt_id)
        cut_off = _counted(
            survey_attempts,
            [*span, c.result == SurveyResult.STARTED, some],
            key, c.result, c.reason, literal_column("0"),
        )  # fmt: skip
        yield from self._rows(source.AttemptCount, statement, cut_off)

    def _answered(self, *, by_queue: bool = False) -> list[_Part]:
        """Return the report's survey answers in one or two parts, each as (FROM clause, queue, conditions).

        A report on all queues without `by_queue` has one part with all answers. Any other report has two
        parts: answers that rate a certain queue, and answers that rate the whole company. In the second part,
        the queue is that of the survey attempt.
        """
        c = answers.c
        if not (by_queue or self._ask.queues):
            return [(answers, c.queue, self._where(None))]
        # An answer about the company as a whole has the queue of its attempt. Only these need the attempt.
        whole = func.coalesce(survey_attempts.c.queue, "")
        return [
            (answers, without_index(c.queue), [*self._where(c.queue), c.queue != ""]),
            (attempted(), whole, [*self._where(whole), c.queue == ""]),
        ]

    def _where(self, queue: Expression | None, since: float = 0.0, until: float = 0.0) -> list[Expression]:
        """Return the SQL conditions for the answers of the report.

        `queue` is the SQL expression for the queue of an answer; the conditions limit it to the report's
        queues. If `queue` is None, answers about all queues match. `since` and `until` replace the start and
        end of the report's time span; 0 keeps them.
        """
        c = answers.c
        where = [c.answered_at >= (since or self._ask.since), c.answered_at < (until or self._ask.until)]
        where += self._of(answers)
        if self._ask.queues and queue is not None:
            where.append(queue.in_(self._ask.queues))
        return where

    def _of_calls(
        self, *keys: Expression, only: Sequence[Expression] = (), span: tuple[float, float] = (0.0, 0.0)
    ) -> Select[Any]:
        """Return a SELECT that counts answers, grouped by the columns `keys` of the answers or their calls.

        Answers without a stored call are not counted. `only` has further conditions. `span` replaces the
        report's time span; (0.0, 0.0) keeps it.
        """
        attempts = survey_attempts.c
        same = (calls.c.pbx == attempts.pbx) & (calls.c.call_id == attempts.call_id)
        source = answers.join(survey_attempts, _same_attempt()).join(calls, same)
        queue = rated_queue() if self._ask.queues else None
        return _counted(source, [*self._where(queue, *span), *only], *keys)

    def _with_others(self, known: Select[Any], everyone: list[Select[Any]]) -> Iterator[tuple[Any, ...]]:
        """Yield the counts of answers whose call is stored, then the counts of all other answers.

        `known` counts the answers whose call is stored, `everyone` counts all answers. The other answers are
        the difference.
        """
        remaining: Counter[tuple[Any, ...]] = Counter()
        for *key, n in self._rows(lambda *row: row, *everyone):
            remaining[(*key,)] += n
        for row in self._read(known):
            remaining[row[1:-1]] -= row[-1]
            yield row
        yield from ((_NO_CALL, *key, n) for key, n in remaining.items() if n > 0)


def _counted(source: FromClause, where: list[Expression], *keys: Expression) -> Select[Any]:
    """Return a SELECT that counts the rows that match `where`, grouped by the columns `keys`."""
    named = [key.label(f"key_{number}") for number, key in enumerate(keys)]
    inner = select(*named).select_from(source).where(*where).subquery()
    return select(*inner.c, func.count()).group_by(*inner.c)


def _same_attempt() -> Expression:
    c, attempts = answers.c, survey_attempts.c
    return and_(attempts.pbx == c.pbx, attempts.attempt_id == c.attempt_id)


def attempted() -> FromClause:
    """Return a FROM clause that joins each answer to its survey attempt, which may be missing.

    An answer that rates the whole company has no queue. Its survey attempt has one: the queue of the rated
    talk.
    """
    return answers.outerjoin(survey_attempts, _same_attempt())


def rated_queue() -> Expression:
    """Return an SQL expression for the queue of a survey answer.

    This is the queue that the answer rates. If none is stored with the answer, it is the queue of the survey
    attempt.
    """
    return case((answers.c.queue != "", answers.c.queue), else_=func.coalesce(survey_attempts.c.queue, ""))
