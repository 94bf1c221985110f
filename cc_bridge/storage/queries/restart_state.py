"""Queries for a restart: how far a PBX was observed, and what was open then."""

from dataclasses import fields

from sqlalchemy import Connection, select

from cc_bridge.records import OpenStateRecord
from cc_bridge.storage.schema.tables import (
    observed,
    unfinished as going_on,
)

__all__ = ["observed_until", "unfinished"]


def observed_until(connection: Connection, pbx: str) -> float | None:
    """Return until when a PBX was observed, UTC seconds since the epoch; None if it never was."""
    until: float | None = connection.scalar(select(observed.c.until).where(observed.c.pbx == pbx))
    return until


def unfinished(connection: Connection, pbx: str) -> list[OpenStateRecord]:
    """Return what went on at a PBX when it was observed last."""
    columns = [going_on.c[field.name] for field in fields(OpenStateRecord)]
    return [
        OpenStateRecord(*row) for row in connection.execute(select(*columns).where(going_on.c.pbx == pbx))
    ]
