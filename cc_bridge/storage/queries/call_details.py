"""The details of the rows of a list of calls: customer, agents, talk and answers of each call.

Calls on two PBXs may have the same `call_id`. So rows are searched by id, and rows of another PBX are then
left out.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Column, Connection, Select, case, select

from cc_bridge.records import Direction, Outcome
from cc_bridge.reports.call_filter import ListKind
from cc_bridge.reports.listed_call import GivenAnswer, ListedCall, StoredWord
from cc_bridge.reports.query import ReportQuery
from cc_bridge.storage.queries.customers import names
from cc_bridge.storage.queries.id_batches import id_batches
from cc_bridge.storage.schema.tables import (
    answers,
    calls,
    queue_visits,
    survey_attempts,
    survey_decisions,
    talks,
)

__all__ = ["CallDetails"]

_Call = tuple[str, str]  # PBX and call id


class CallDetails:
    """The calls, talks, answers and customers' names that belong to some rows of a list."""

    def __init__(self, connection: Connection, rows: Sequence[Any], ask: ReportQuery) -> None:
        """Read the details of `rows`, which have a PBX and a call id.

        Talks and answers of queues that `ask` does not cover are left out.
        """
        self._connection = connection
        self._wanted = {(row.pbx, row.call_id) for row in rows if row.call_id}
        self._calls = {(row.pbx, row.call_id): row for row in self._read(select(calls), calls.c.call_id)}
        without = self._wanted - self._calls.keys()  # in progress: a call gets its row when it ends
        v, s, d = queue_visits.c, survey_attempts.c, survey_decisions.c
        self._numbers = self._texts(v.caller_number, v.entered_at, without)
        parts = ((v, v.entered_at), (s, s.started_at), (d, d.decided_at))
        keys = [self._texts(c.caller_key, at, without) for c, at in parts]
        self._keys = {of: key for each in keys for of, texts in each.items() for key in texts if key}
        self._talks = self._by_call(self._read(select(talks), talks.c.call_id), ask)
        self._answers = self._by_call(self._read(_given(), survey_attempts.c.call_id), ask)
        callers = (*self._calls.values(), *rows)
        known = {getattr(row, "caller_key", "") for row in callers} | set(self._keys.values())
        self._names = names(connection, {key for key in known if key})

    def listed(self, kind: ListKind, row: Any) -> ListedCall:
        """Return a row of a list of this kind; `row` is its row of the database.

        In a list of lost calls, `row` is a LostCall.
        """
        found = _LISTED[kind](self, row)
        of = row.pbx, row.call_id
        call = self._calls.get(of)
        key = getattr(row, "caller_key", "") or (call.caller_key if call else self._keys.get(of, ""))
        return replace(
            found,
            number=self._number(row, key),
            caller_key=key,
            customer=self._names.get(key, ""),
            marked=bool(getattr(row, "marked", False)),
        )

    def talk_seconds(self, visit: Any) -> float | None:
        """Return the talk time of an answered visit; None if its talk was not observed from start to end."""
        for talk in self._talks[visit.pbx, visit.call_id]:
            its = talk.queue == visit.queue and talk.agent == visit.agent
            if its and talk.answered_at >= visit.entered_at:
                return None if talk.partial else talk.talk_seconds
        return None

    def agents(self, call: Any) -> tuple[str, ...]:
        """Return the names of the agents who talked in a call, in the order of their first talks."""
        return tuple(dict.fromkeys(talk.agent for talk in self._talks[call.pbx, call.call_id]))

    def answers(
        self, row: Any, agent: str | None = None, queue: str | None = None
    ) -> tuple[GivenAnswer, ...]:
        """Return the answers in the surveys of a row's call.

        If `agent` or `queue` is given, only the answers about this agent or queue are returned.
        """
        return tuple(
            GivenAnswer(each.question, each.kind, each.value, each.label)
            for each in self._answers[row.pbx, row.call_id]
            if (agent is None or each.agent == agent) and (queue is None or each.queue == queue)
        )

    def _number(self, row: Any, key: str) -> str | None:
        """Return the number of the outside party in the call of a row, or else the caller key.

        `key` is the caller key of the row; it may be empty. The number is empty if the call has none. It is
        None if no stored record says whether it has one.
        """
        of = row.pbx, row.call_id
        found = [row.caller_number] if hasattr(row, "caller_number") else []
        if of in self._calls:
            found.append(_outside(self._calls[of]))
        found += self._numbers.get(of, ())
        return next(filter(None, found), "") or key or ("" if found else None)

    def _texts(self, text: Column[Any], at: Column[Any], of: Collection[_Call]) -> Mapping[_Call, list[str]]:
        """Return, for each call in `of`, the values of the column `text` in the records of the call.

        The values of a call are in the order of the column `at`, which has instants.
        """
        found: defaultdict[_Call, list[str]] = defaultdict(list)
        c = text.table.c
        parts = select(c.pbx, c.call_id, text.label("text")).order_by(at)
        for row in self._read(parts, c.call_id, of):
            found[row.pbx, row.call_id].append(row.text)
        return found

    def _read(
        self, statement: Select[Any], call_id: Column[Any], of: Collection[_Call] | None = None
    ) -> Iterator[Any]:
        """Yield the rows of `statement` for the calls in `of`; without `of`, for all calls of this object.

        `call_id` is the column with the id of a row's call.
        """
        wanted = self._wanted if of is None else of
        for some in id_batches(sorted({each for _, each in wanted})):
            for row in self._connection.execute(statement.where(call_id.in_(some))):
                if (row.pbx, row.call_id) in wanted:
                    yield row

    @staticmethod
    def _by_call(rows: Iterator[Any], ask: ReportQuery) -> Mapping[_Call, list[Any]]:
        found: defaultdict[_Call, list[Any]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row.answered_at):
            if ask.covers(row.queue):
                found[row.pbx, row.call_id].append(row)
        return found


def _given() -> Select[Any]:
    """Return a SELECT of answers with the call, queue and agent of their surveys.

    An answer about the company as a whole has the queue and the agent of its survey attempt.
    """
    a, s = answers.c, survey_attempts.c
    rated = a.queue != ""
    its = (
        case((rated, a.queue), else_=s.queue).label("queue"),
        case((rated, a.agent), else_=s.agent).label("agent"),
    )
    columns = (a.pbx, s.call_id, *its, a.question, a.kind, a.value, a.label, a.answered_at)
    return select(*columns).join_from(
        answers, survey_attempts, (s.pbx == a.pbx) & (s.attempt_id == a.attempt_id)
    )


def _outside(call: Any) -> str:
    """Return the number of the outside party of a call."""
    number: str = call.dialed if call.direction == Direction.OUT else call.caller_number
    return number


def _words(**names: str | None) -> tuple[StoredWord, ...]:
    """Return the words that are not empty; the name of an argument is the kind of its word."""
    return tuple(StoredWord(kind, name) for kind, name in names.items() if name)


# -- the rows of each kind of list


def _visit(details: CallDetails, row: Any) -> ListedCall:
    answered = row.outcome == Outcome.ANSWERED
    return ListedCall(
        row.entered_at,
        row.pbx,
        row.call_id,
        row.queue,
        agents=(row.agent,) if row.agent else (),
        words=_words(outcome=row.outcome),
        wait_seconds=None if row.partial else row.wait_seconds,
        talk_seconds=details.talk_seconds(row) if answered else None,
        answers=details.answers(row, queue=row.queue) if answered else (),
    )


def _call(details: CallDetails, row: Any) -> ListedCall:
    return ListedCall(
        row.started_at,
        row.pbx,
        row.call_id,
        row.queue,
        agents=details.agents(row),
        words=_words(call="answered" if row.answered else "not_answered"),
        wait_seconds=row.wait_seconds,
        talk_seconds=row.talk_seconds if row.talks else None,
        answers=details.answers(row),
    )


def _talk(details: CallDetails, row: Any) -> ListedCall:
    return ListedCall(
        row.answered_at,
        row.pbx,
        row.call_id,
        row.queue,
        agents=(row.agent,),
        words=_words(transfers=row.transfer),
        talk_seconds=None if row.partial else row.talk_seconds,
        answers=details.answers(row, row.agent, row.queue),
    )


def _ring(_details: CallDetails, row: Any) -> ListedCall:
    return ListedCall(
        row.started_at,
        row.pbx,
        row.call_id,
        row.queue,
        agents=(row.agent,),
        words=_words(ring=row.outcome),
        wait_seconds=row.ring_seconds,
    )


def _answer(_details: CallDetails, row: Any) -> ListedCall:
    agent = row.agent or (row.attempt_agent if not row.queue else "")  # about the company: as `_given`
    return ListedCall(
        row.answered_at,
        row.pbx,
        row.call_id or "",
        row.queue or row.attempt_queue or "",
        agents=(agent,) if agent else (),
        answers=(GivenAnswer(row.question, row.kind, row.value, row.label),),
    )


def _decision(details: CallDetails, row: Any) -> ListedCall:
    return _asked(details, row, row.decided_at, _words(stage=row.stage))


def _attempt(details: CallDetails, row: Any) -> ListedCall:
    return _asked(details, row, row.started_at, _words(survey=row.result, reason=row.reason))


def _not_routed(details: CallDetails, row: Any) -> ListedCall:
    return _asked(details, row, row.ended_at)


def _asked(details: CallDetails, row: Any, at: float, words: tuple[StoredWord, ...] = ()) -> ListedCall:
    return ListedCall(
        at,
        row.pbx,
        row.call_id,
        row.queue,
        agents=(row.agent,) if row.agent else (),
        words=words,
        answers=details.answers(row, row.agent, row.queue),
    )


def _lost_call(_details: CallDetails, row: Any) -> ListedCall:
    return ListedCall(
        row.entered_at,
        row.pbx,
        row.call_id,
        row.queue,
        words=_words(outcome=row.outcome, managed=row.managed),
        wait_seconds=row.lost_at - row.entered_at,
    )


_LISTED: Mapping[ListKind, Callable[[CallDetails, Any], ListedCall]] = {
    ListKind.VISITS: _visit,
    ListKind.CALLS: _call,
    ListKind.TALKS: _talk,
    ListKind.RINGS: _ring,
    ListKind.ANSWERS: _answer,
    ListKind.DECISIONS: _decision,
    ListKind.ATTEMPTS: _attempt,
    ListKind.NOT_ROUTED: _not_routed,
    ListKind.LOST_CALLS: _lost_call,
}
