"""The table `not_routed_calls`: answered callers whose dialplan did not request the survey of the queue.

All existing rows stay as they are. Calls of an earlier version have no row in the new table.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from cc_bridge.storage.schema.column_types import CleanText, Instant

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TABLE = "not_routed_calls"
_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_nopad_bin"))
}
_INDEXES = (["ended_at"], ["caller_key", "ended_at"], ["queue", "ended_at"], ["agent", "ended_at"])
_CALL = "Linkedid of the call: all rows of one call on one PBX share it"
_CALLER_KEY = "Caller key, the same in all calls of a caller, personal data; empty if the number is withheld"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        _column("pbx", CleanText(64), "Name of the PBX in the configuration"),
        _column("call_id", CleanText(150), _CALL),
        _column("uniqueid", CleanText(150), "Uniqueid of the caller's channel"),
        _column("queue", CleanText(128), "Queue of the last talk"),
        _column("agent", CleanText(128), "Agent of the last talk"),
        _column("interface", CleanText(128), "Interface of the agent of the last talk"),
        _column("ended_at", Instant(), "End of the call, UTC"),
        _column("survey", CleanText(64), "Survey of the queue"),
        _column("caller_key", CleanText(64), _CALLER_KEY),
        sa.PrimaryKeyConstraint("pbx", "call_id", name=op.f(f"pk_{_TABLE}")),
        comment="One call that was not routed to the survey: an agent hung up, and the dialplan requested no"
        " survey",
        **_OPTIONS,
    )
    for columns in _INDEXES:
        op.create_index(_index(columns), _TABLE, columns)


def downgrade() -> None:
    for columns in _INDEXES:
        op.drop_index(_index(columns), _TABLE)
    op.drop_table(_TABLE)


def _column(name: str, kind: sa.types.TypeEngine[Any], comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def _index(columns: list[str]) -> str:
    return op.f(f"ix_{_TABLE}_{'_'.join(columns)}")
