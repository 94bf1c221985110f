"""The table `calls`: calls with or without a queue."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from cc_bridge.storage.schema.column_types import CleanText, Instant, Seconds

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    f"{dialect}_{key}": value
    for dialect in ("mysql", "mariadb")
    for key, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}.items()
}


def _column(name: str, kind: sa.types.TypeEngine[Any], comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def upgrade() -> None:
    op.create_table(
        "calls",
        _column("pbx", CleanText(64), "Name of the PBX in the configuration"),
        _column("call_id", CleanText(150), "Linkedid: all rows of one call on one PBX share it"),
        _column("uniqueid", CleanText(150), "Uniqueid of the first channel"),
        _column("direction", CleanText(64), "Which way the call went: in, out, internal"),
        _column("started_at", Instant(), "When the first channel began, UTC"),
        _column("ended_at", Instant(), "When the last channel ended, UTC"),
        _column("call_seconds", Seconds(), "ended_at - started_at, seconds"),
        _column("caller_number", CleanText(80), "Caller's number, personal data; empty when withheld"),
        _column("caller_name", CleanText(128), "Caller's name as the network sent it, personal data"),
        _column(
            "dialed",
            CleanText(80),
            "First extension that was dialled; a number that was called is personal data",
        ),
        _column("language", CleanText(40), "Language of the caller's channel"),
        _column("queue", CleanText(128), "First queue that the caller was in; empty without any"),
        _column("answered", sa.Boolean(), "True when an agent of a queue or a phone answered"),
        _column("queues", sa.Integer(), "Visits of queues, rows of queue_visits"),
        _column("talks", sa.Integer(), "Talks, rows of talks"),
        _column("wait_seconds", Seconds(), "Sum of the waits in queues before the first answer, seconds"),
        _column("talk_seconds", Seconds(), "Sum of the talks that are not partial, hold included, seconds"),
        _column("partial", sa.Boolean(), "True when begin, end or part of a talk was not seen"),
        sa.PrimaryKeyConstraint("pbx", "call_id", name=op.f("pk_calls")),
        comment="One call from its first channel to the end of its last; "
        "those without a queue if direct_calls.enabled",
        **_OPTIONS,
    )
    op.create_index(op.f("ix_calls_started_at"), "calls", ["started_at"])
    op.create_index(op.f("ix_calls_queue_started_at"), "calls", ["queue", "started_at"])


def downgrade() -> None:
    op.drop_table("calls")
