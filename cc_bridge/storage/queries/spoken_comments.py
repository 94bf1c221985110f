"""The stored spoken comments: one of a survey attempt, one about an agent, or all about an agent."""

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, select

from cc_bridge.customers.spoken_comment import StoredComment
from cc_bridge.storage.queries.id_batches import id_batches
from cc_bridge.storage.schema.tables import answers, survey_attempts

__all__ = ["comment_of_agent", "comment_of_attempt", "comments_about", "comments_of_calls"]

_QUESTIONS = 20  # comments of one survey, at most
_EXACT = 0.0005  # seconds; instants are stored in microseconds

_a, _s = answers.c, survey_attempts.c


def comment_of_attempt(
    connection: Connection, pbx: str, attempt_id: str, question: str
) -> StoredComment | None:
    """Return the spoken comment that answers a question of a survey attempt; None if there is none."""
    where = (_a.pbx == pbx, _a.attempt_id == attempt_id, _a.question == question)
    return next(_found(connection, 1, *where), None)


def comment_of_agent(connection: Connection, pbx: str, agent: str, at: float) -> StoredComment | None:
    """Return the spoken comment about an agent that was left at the instant `at`; None if there is none."""
    where = (_a.agent == agent, _a.answered_at.between(at - _EXACT, at + _EXACT), _a.pbx == pbx)
    return next(_found(connection, 1, *where), None)


def comments_about(
    connection: Connection, agent: str, since: float, until: float, limit: int
) -> list[StoredComment]:
    """Return up to `limit` spoken comments about an agent from `since` up to `until`, the newest first.

    The comments of all PBXs are returned. Instants are UTC seconds since the epoch.
    """
    where = (_a.agent == agent, _a.answered_at >= since, _a.answered_at < until)
    return list(_found(connection, limit, *where))


def comments_of_calls(
    connection: Connection, calls: Collection[tuple[str, str]]
) -> dict[tuple[str, str], StoredComment]:
    """Return one spoken comment for each of these calls that has any, by PBX and call id.

    Comments whose recording is erased are left out. Of several comments of one call, the earliest one is
    returned.
    """
    call_of: dict[tuple[str, str], tuple[str, str]] = {}  # by PBX and survey attempt
    for some in id_batches(sorted({call_id for _, call_id in calls})):
        for row in connection.execute(select(_s.pbx, _s.attempt_id, _s.call_id).where(_s.call_id.in_(some))):
            if (row.pbx, row.call_id) in calls:
                call_of[row.pbx, row.attempt_id] = (row.pbx, row.call_id)
    found: dict[tuple[str, str], StoredComment] = {}
    for pbx in {pbx for pbx, _ in call_of}:
        for some in id_batches(sorted(attempt for of, attempt in call_of if of == pbx)):
            where = (_a.pbx == pbx, _a.attempt_id.in_(some), _a.recording != "")
            for each in _found(connection, len(some) * _QUESTIONS, *where):  # the newest comes first
                found[call_of[pbx, each.attempt_id]] = each
    return found


def _found(connection: Connection, limit: int, *where: ColumnElement[Any]) -> Iterator[StoredComment]:
    same = and_(_s.pbx == _a.pbx, _s.attempt_id == _a.attempt_id)
    rows = connection.execute(
        select(
            _a.pbx,
            _a.attempt_id,
            _a.question,
            case((_a.queue != "", _a.queue), else_=_s.queue),
            case((_a.agent != "", _a.agent), else_=_s.agent),
            _a.answered_at,
            _a.value,
            _a.recording,
        )
        .select_from(answers.outerjoin(survey_attempts, same))
        .where(*where, _a.kind == "comment")
        .order_by(_a.answered_at.desc())
        .limit(limit)
    )
    for row in rows:
        yield StoredComment(*row[:3], row[3] or "", row[4] or "", *row[5:])
