"""What is stored, counted for a live table on the screen, and read back for who may be asked again.

Every function takes an open connection; `since` is in UTC seconds since the epoch.
"""

from dataclasses import dataclass, fields

from sqlalchemy import Connection, func, select, union

from cc_bridge.records import OptOut, Outcome, SurveyDefinition, Trigger, Unfinished
from cc_bridge.storage.columns import hidden
from cc_bridge.storage.schema import (
    agent_intervals,
    answers,
    funnel,
    observed,
    opt_outs as said,
    queue_visits,
    survey_attempts,
    surveys,
    talks,
    unfinished as going_on,
)
from cc_bridge.surveys.asked import Asking

__all__ = [
    "Rating",
    "Visits",
    "agents_since",
    "asked_since",
    "called_since",
    "definitions",
    "is_agent",
    "observed_until",
    "opt_outs",
    "queues_between",
    "ratings_by_queue",
    "unfinished",
    "visits_by_outcome",
]


@dataclass(frozen=True, slots=True)
class Rating:
    """The answers of one kind in one queue."""

    queue: str
    n: int
    mean: float


@dataclass(frozen=True, slots=True)
class Visits:
    """The visits of one queue that ended in one way."""

    queue: str
    outcome: Outcome
    n: int


def is_agent(connection: Connection, pbx: str, name: str) -> bool:
    """Tell whether an agent of this name was ever seen at a PBX."""
    i, t = agent_intervals.c, talks.c
    seen = (
        select(i.agent).where(i.pbx == pbx, i.agent == name),
        select(t.agent).where(hidden(t.pbx) == pbx, t.agent == name),
    )
    return any(connection.scalar(each.limit(1)) is not None for each in seen)


def agents_since(connection: Connection, pbx: str, since: float) -> list[str]:
    """Return the names of the agents who were there, or talked."""
    i, t = agent_intervals.c, talks.c
    seen = union(
        select(i.agent).where(hidden(i.pbx) == pbx, i.started_at >= since),
        select(t.agent).where(hidden(t.pbx) == pbx, t.answered_at >= since, t.agent != ""),
    )
    return sorted(connection.scalars(seen))


def ratings_by_queue(connection: Connection, since: float, kind: str = "csat") -> list[Rating]:
    """Return number and mean of the answers on one scale, by the queue of the rated talk."""
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
    return [Rating(queue, n, float(mean)) for queue, n, mean in rows]


def visits_by_outcome(connection: Connection, since: float) -> list[Visits]:
    """Return the number of visits that began since then, by queue and outcome."""
    by = (queue_visits.c.queue, queue_visits.c.outcome)
    rows = connection.execute(
        select(*by, func.count()).where(queue_visits.c.entered_at >= since).group_by(*by).order_by(*by)
    )
    return [Visits(queue, Outcome(outcome), n) for queue, outcome, n in rows]


def queues_between(connection: Connection, since: float, until: float) -> set[str]:
    """Return the queues that somebody entered then."""
    v = queue_visits.c
    entered = select(v.queue).where(v.entered_at >= since, v.entered_at < until)
    return set(connection.scalars(entered.distinct()))


def observed_until(connection: Connection, pbx: str) -> float | None:
    """Return until when a PBX was observed, UTC seconds since the epoch; None if it never was."""
    until: float | None = connection.scalar(select(observed.c.until).where(observed.c.pbx == pbx))
    return until


def unfinished(connection: Connection, pbx: str) -> list[Unfinished]:
    """Return what went on at a PBX when it was observed last."""
    columns = [going_on.c[field.name] for field in fields(Unfinished)]
    return [Unfinished(*row) for row in connection.execute(select(*columns).where(going_on.c.pbx == pbx))]


def asked_since(connection: Connection, since: float) -> list[Asking]:
    """Return who was asked since then on all PBXs, oldest first."""
    columns = [survey_attempts.c[field.name] for field in fields(Asking)]
    rows = connection.execute(
        select(*columns).where(survey_attempts.c.started_at >= since).order_by(survey_attempts.c.started_at)
    )
    return [Asking(*row) for row in rows]


def called_since(connection: Connection, since: float) -> dict[str, float]:
    """Return whom call-backs called since then, by caller key, with the last instant."""
    rows = connection.execute(
        select(funnel.c.caller_key, func.max(funnel.c.at))
        .where(funnel.c.at >= since, funnel.c.trigger == Trigger.CALLBACK, funnel.c.caller_key != "")
        .group_by(funnel.c.caller_key)
    )
    return {row[0]: row[1] for row in rows}


def definitions(connection: Connection) -> list[SurveyDefinition]:
    """Return what each version of the surveys of all PBXs asks, as it was loaded there first."""
    columns = [surveys.c[field.name] for field in fields(SurveyDefinition)]
    return [SurveyDefinition(*row) for row in connection.execute(select(*columns))]


def opt_outs(connection: Connection) -> list[OptOut]:
    """Return what each caller said last, not to be asked or to be asked again, longest ago first."""
    columns = [said.c[field.name] for field in fields(OptOut)]
    return [OptOut(*row) for row in connection.execute(select(*columns).order_by(said.c.at))]
