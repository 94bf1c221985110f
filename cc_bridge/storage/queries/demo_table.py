"""Queries for the live table of the demo: ratings and visits by queue."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from cc_bridge.records import Outcome
from cc_bridge.storage.schema.tables import (
    answers,
    queue_visits,
    survey_attempts,
)

__all__ = ["OutcomeCount", "QueueRating", "ratings_by_queue", "visits_by_outcome"]


@dataclass(frozen=True, slots=True)
class QueueRating:
    """The number and mean of the answers that rate talks of one queue, for one question kind."""

    queue: str
    n: int
    mean: float


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """The number of visits of one queue that had the same outcome."""

    queue: str
    outcome: Outcome
    n: int


def ratings_by_queue(connection: Connection, since: float, kind: str = "csat") -> list[QueueRating]:
    """Return, for each queue, the number and mean of the answers that rate its talks.

    Only answers to questions of the kind `kind`, given at `since` or later, are counted. `since` is in UTC
    seconds since the epoch.
    """
    same_attempt = (answers.c.pbx == survey_attempts.c.pbx) & (
        answers.c.attempt_id == survey_attempts.c.attempt_id
    )
    rows = connection.execute(
        select(survey_attempts.c.queue, func.count(), func.avg(answers.c.value))
        .select_from(answers.join(survey_attempts, same_attempt))
        .where(answers.c.answered_at >= since, answers.c.kind == kind)
        .group_by(survey_attempts.c.queue)
        .order_by(survey_attempts.c.queue)
    )
    return [QueueRating(queue, n, float(mean)) for queue, n, mean in rows]


def visits_by_outcome(connection: Connection, since: float) -> list[OutcomeCount]:
    """Return the number of visits that started at `since` or later, by queue and outcome.

    `since` is in UTC seconds since the epoch.
    """
    by = (queue_visits.c.queue, queue_visits.c.outcome)
    rows = connection.execute(
        select(*by, func.count()).where(queue_visits.c.entered_at >= since).group_by(*by).order_by(*by)
    )
    return [OutcomeCount(queue, Outcome(outcome), n) for queue, outcome, n in rows]
