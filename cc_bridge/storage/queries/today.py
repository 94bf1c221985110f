"""Queries for today's visits and ratings, which fill the wallboard of a daemon that has just started.

A row that cannot be interpreted, such as an outcome of a newer version, must not block the other rows. So
outcomes stay plain text here, and visits with an unknown outcome are skipped.
"""

from dataclasses import dataclass, fields

from sqlalchemy import Connection, select

from cc_bridge.records import Outcome
from cc_bridge.storage.schema.column_types import without_index
from cc_bridge.storage.schema.tables import answers, queue_visits, survey_attempts
from cc_bridge.wallboard.today import RatingToday

__all__ = ["VisitRow", "rated_between", "visited_between"]

_OUTCOMES = frozenset(Outcome)


@dataclass(frozen=True, slots=True)
class VisitRow:
    """One row of `queue_visits`, with only the columns that the wallboard needs."""

    uniqueid: str
    queue: str
    entered_at: float
    outcome: str
    wait_seconds: float
    partial: bool


def visited_between(connection: Connection, pbx: str, since: float, until: float) -> list[VisitRow]:
    """Return the visits of a PBX whose callers entered the queue between two instants.

    `since` is included, `until` is not. Both instants are in UTC seconds since the epoch. Visits with an
    unknown outcome are left out.
    """
    c = queue_visits.c
    columns = [c[field.name] for field in fields(VisitRow)]
    span = c.entered_at >= since, c.entered_at < until
    rows = connection.execute(select(*columns).where(*span, without_index(c.pbx) == pbx))
    return [VisitRow(*row) for row in rows if row.outcome in _OUTCOMES]


def rated_between(connection: Connection, pbx: str, since: float, until: float) -> list[RatingToday]:
    """Return the answers at a PBX that were given between two instants.

    Each answer has the queue of the rated talk. `since` is included, `until` is not. Both
    instants are in UTC seconds since the epoch.
    """
    same = (answers.c.pbx == survey_attempts.c.pbx) & (answers.c.attempt_id == survey_attempts.c.attempt_id)
    c = answers.c
    columns = survey_attempts.c.queue, c.attempt_id, c.question, c.kind, c.value, c.answered_at
    both = answers.join(survey_attempts, same)
    span = c.answered_at >= since, c.answered_at < until
    rows = connection.execute(select(*columns).select_from(both).where(*span, without_index(c.pbx) == pbx))
    return [RatingToday(*row) for row in rows]
