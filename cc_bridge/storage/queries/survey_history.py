"""What is stored, counted for a live table on the screen, and read back for who may be asked again.

Every function takes an open connection; `since` is in UTC seconds since the epoch.
"""

from dataclasses import fields

from sqlalchemy import Connection, func, select

from cc_bridge.records import OptOut, SurveyDefinition, Trigger
from cc_bridge.storage.schema.tables import (
    opt_outs as said,
    survey_attempts,
    survey_decisions,
    surveys,
)
from cc_bridge.surveys.history import PastAttempt

__all__ = [
    "asked_since",
    "called_since",
    "definitions",
    "opt_outs",
]


def asked_since(connection: Connection, since: float) -> list[PastAttempt]:
    """Return who was asked since then on all PBXs, oldest first."""
    columns = [survey_attempts.c[field.name] for field in fields(PastAttempt)]
    rows = connection.execute(
        select(*columns).where(survey_attempts.c.started_at >= since).order_by(survey_attempts.c.started_at)
    )
    return [PastAttempt(*row) for row in rows]


def called_since(connection: Connection, since: float) -> dict[str, float]:
    """Return whom call-backs called since then, by caller key, with the last instant."""
    rows = connection.execute(
        select(survey_decisions.c.caller_key, func.max(survey_decisions.c.decided_at))
        .where(
            survey_decisions.c.decided_at >= since,
            survey_decisions.c.trigger == Trigger.CALLBACK,
            survey_decisions.c.caller_key != "",
        )
        .group_by(survey_decisions.c.caller_key)
    )
    return {row[0]: row[1] for row in rows}


def definitions(connection: Connection) -> list[SurveyDefinition]:
    """Return what each version of the surveys of all PBXs asks, as it was loaded there first."""
    columns = [surveys.c[field.name] for field in fields(SurveyDefinition)]
    return [SurveyDefinition(*row) for row in connection.execute(select(*columns))]


def opt_outs(connection: Connection) -> list[OptOut]:
    """Return what each caller said last, not to be asked or to be asked again, longest ago first."""
    columns = [said.c[field.name] for field in fields(OptOut)]
    return [OptOut(*row) for row in connection.execute(select(*columns).order_by(said.c.updated_at))]
