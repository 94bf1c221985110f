"""The table `follow_ups`: customers who should be called back, the reason, and the outcome."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from cc_bridge.storage.schema.column_types import CleanText, Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    f"{dialect}_{key}": value
    for dialect in ("mysql", "mariadb")
    for key, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}.items()
}
_INDEXES = (
    ("owner", "state", "due_at"),
    ("state", "due_at"),
    ("caller_key",),
    ("closed_at",),
    ("told",),
)


def _text(name: str, length: int, comment: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, CleanText(length), nullable=null, comment=comment)


def _instant(name: str, comment: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, Instant(), nullable=null, comment=f"{comment}, UTC")


def upgrade() -> None:
    op.create_table(
        "follow_ups",
        _text("follow_up_id", 64, "Made of PBX, reason and what opened it, so that it opens once"),
        _text("pbx", 64, "Name of the PBX whose call opened it"),
        _text("reason", 64, "Why: low_rating, not_solved, comment, abandoned_twice, long_wait"),
        _text("caller_key", 64, "The same for the same caller, personal data; never empty"),
        _text("number", 80, "Caller's number as callers.number_storage lets it be stored, personal data"),
        _text("queue", 128, "Queue that opened it; empty for a direct call"),
        _text("agent", 128, "Agent of the rated talk, or who answered after the wait; may be empty"),
        _text("call_id", 150, "Linkedid of the call that opened it"),
        _text("detail", 255, "What opened it, such as csat=1 or waited 612 s"),
        _text("owner", 64, "Owner of the queue in the configuration when it opened; may be empty"),
        _instant("opened_at", "When that happened"),
        _instant("due_at", "Until when it is to be closed, in business hours from opened_at on"),
        _text("state", 64, "How far it has come: open, taken, done, dismissed"),
        _text("taken_by", 64, "Who took it; empty: nobody yet"),
        _instant("taken_at", "When it was taken", null=True),
        _text("closed_by", 64, "Who closed it; empty: nobody yet"),
        _instant("closed_at", "When it was done or dismissed", null=True),
        _text("outcome", 1000, "What came of it, or why it was dismissed, in somebody's own words"),
        _text("linked_pbx", 64, "PBX of the next answered call from or to the customer; empty: none yet"),
        _text("linked_call_id", 150, "Linkedid of that call; empty: none yet"),
        _instant("linked_at", "When that call began", null=True),
        _text(
            "open_key",
            255,
            "Reason and customer while it is not closed, unique; null when it is closed",
            null=True,
        ),
        _text("told", 64, "What webhooks have been told of it: opened, closed; empty: nothing"),
        sa.PrimaryKeyConstraint("follow_up_id", name=op.f("pk_follow_ups")),
        comment="One customer whom somebody should call back, for one reason",
        **_OPTIONS,
    )
    op.create_index(op.f("ix_follow_ups_open_key"), "follow_ups", ["open_key"], unique=True)
    for columns in _INDEXES:
        op.create_index(_index(columns), "follow_ups", list(columns))


def downgrade() -> None:
    op.drop_table("follow_ups")


def _index(columns: tuple[str, ...]) -> str:
    return op.f(f"ix_follow_ups_{'_'.join(columns)}")
