"""What the database knows of today, for a wallboard whose daemon has just been started.

`daemon/services/wallboard_publisher.py` reads it in a thread. The trap: rows that cannot be read, such as an
outcome of a newer version, must not keep all others away; so words stay words here.
"""

from dataclasses import dataclass, fields

from sqlalchemy import Connection, select

from cc_bridge.records import Outcome
from cc_bridge.storage.schema.column_types import without_index
from cc_bridge.storage.schema.tables import answers, queue_visits, survey_attempts
from cc_bridge.wallboard.today import RatingToday

__all__ = ["VisitRow", "rated_since", "visited_since"]

_OUTCOMES = frozenset(Outcome)


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A row of `queue_visits`, as far as it is counted."""

    uniqueid: str
    queue: str
    entered_at: float
    outcome: str
    wait_seconds: float


def visited_since(connection: Connection, pbx: str, since: float) -> list[VisitRow]:
    """Return the visits of a PBX whose callers entered since then."""
    c = queue_visits.c
    columns = [c[field.name] for field in fields(VisitRow)]
    rows = connection.execute(select(*columns).where(c.entered_at >= since, without_index(c.pbx) == pbx))
    return [VisitRow(*row) for row in rows if row.outcome in _OUTCOMES]


def rated_since(connection: Connection, pbx: str, since: float) -> list[RatingToday]:
    """Return the answers of a PBX that were given since then, with the queue of the rated talk."""
    same = (answers.c.pbx == survey_attempts.c.pbx) & (answers.c.attempt_id == survey_attempts.c.attempt_id)
    c = answers.c
    columns = survey_attempts.c.queue, c.attempt_id, c.question, c.kind, c.value, c.answered_at
    both = answers.join(survey_attempts, same)
    rows = connection.execute(
        select(*columns).select_from(both).where(c.answered_at >= since, without_index(c.pbx) == pbx)
    )
    return [RatingToday(*row) for row in rows]
