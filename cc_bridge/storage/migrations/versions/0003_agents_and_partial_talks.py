"""Tables for the states of agents and for the instant until which each PBX was observed.

The table `talks` gets two flags: the call was picked up at another phone, or the talk was not fully observed.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from cc_bridge.storage.schema.column_types import CleanText, Instant, Seconds

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    f"{dialect}_{key}": value
    for dialect in ("mysql", "mariadb")
    for key, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}.items()
}
_FLAGS = {
    "picked_up": "True when another phone than the one that rang picked the call up",
    "partial": "True when begin or end was not seen: talk_seconds is not to be counted",
}


def _column(name: str, kind: sa.types.TypeEngine[Any], comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def upgrade() -> None:
    for name, comment in _FLAGS.items():
        flag: sa.Column[bool] = sa.Column(
            name, sa.Boolean(), nullable=False, server_default=sa.false(), comment=comment
        )
        op.add_column("talks", flag)
    op.create_table(
        "agent_intervals",
        _column("pbx", CleanText(64), "Name of the PBX in the configuration"),
        _column("agent", CleanText(128), "Name of the agent"),
        _column(
            "state",
            CleanText(64),
            "State: logged_out, available, ringing, talking, wrap_up, paused, unreachable",
        ),
        _column("started_at", Instant(), "From when, UTC"),
        _column("ended_at", Instant(), "Until when, UTC"),
        _column("seconds", Seconds(), "ended_at - started_at, seconds"),
        _column("reason", CleanText(128), "Reason of the pause, else empty"),
        _column("queue", CleanText(128), "Queue whose talk is wrapped up, else empty"),
        _column("flagged", sa.Boolean(), "True for a wrap-up that was cut off at its cap"),
        sa.PrimaryKeyConstraint("pbx", "agent", "started_at", name=op.f("pk_agent_intervals")),
        comment="One stretch of one agent in one state, across all queues of the agent",
        **_OPTIONS,
    )
    op.create_index(op.f("ix_agent_intervals_started_at"), "agent_intervals", ["started_at"])
    op.create_table(
        "observed",
        _column("pbx", CleanText(64), "Name of the PBX in the configuration"),
        _column("until", Instant(), "Until when, UTC"),
        sa.PrimaryKeyConstraint("pbx", name=op.f("pk_observed")),
        comment="Until when each PBX was observed, renewed every few seconds",
        **_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("observed")
    op.drop_table("agent_intervals")
    for name in _FLAGS:
        op.drop_column("talks", name)
