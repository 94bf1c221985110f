"""Queries for the survey history: past attempts, callback surveys, survey versions and opt-outs.

Every function takes an open connection. `since` is in UTC seconds since the epoch.
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
    """Return the survey attempts on all PBXs that started at `since` or later, oldest first."""
    columns = [survey_attempts.c[field.name] for field in fields(PastAttempt)]
    rows = connection.execute(
        select(*columns).where(survey_attempts.c.started_at >= since).order_by(survey_attempts.c.started_at)
    )
    return [PastAttempt(*row) for row in rows]


def called_since(connection: Connection, since: float) -> dict[str, float]:
    """Return the callers who had a callback survey at `since` or later.

    The result maps a caller key to the instant of that caller's last callback survey.
    """
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
    """Return all stored survey definitions, one for each version of each survey on each PBX.

    If different contents were loaded under one version number, the definition has the content that was loaded
    first.
    """
    columns = [surveys.c[field.name] for field in fields(SurveyDefinition)]
    return [SurveyDefinition(*row) for row in connection.execute(select(*columns))]


def opt_outs(connection: Connection) -> list[OptOut]:
    """Return the latest opt-out or opt-in of each caller; the oldest one comes first."""
    columns = [said.c[field.name] for field in fields(OptOut)]
    return [OptOut(*row) for row in connection.execute(select(*columns).order_by(said.c.updated_at))]
