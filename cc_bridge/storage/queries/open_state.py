"""Queries for a daemon that starts: until when its PBX was observed, and what was open at that time.

The open state consists of the calls that had not ended, and of the agents' states.
"""

from dataclasses import fields

from sqlalchemy import Connection, select

from cc_bridge.records import OpenStateRecord
from cc_bridge.storage.schema.tables import (
    observation_watermarks,
    open_state,
)

__all__ = ["observed_until", "open_records"]


def observed_until(connection: Connection, pbx: str) -> float | None:
    """Return the instant until which a PBX was observed; None if it was never observed.

    The instant is in UTC seconds since the epoch.
    """
    until: float | None = connection.scalar(
        select(observation_watermarks.c.observed_until).where(observation_watermarks.c.pbx == pbx)
    )
    return until


def open_records(connection: Connection, pbx: str) -> list[OpenStateRecord]:
    """Return the checkpoints of a PBX: the open calls and agents' states when it was last observed."""
    columns = [open_state.c[field.name] for field in fields(OpenStateRecord)]
    return [
        OpenStateRecord(*row) for row in connection.execute(select(*columns).where(open_state.c.pbx == pbx))
    ]
