"""The table `publications`: report digests that were sent or are waiting.

There is one row for each digest and e-mail address. A digest is about one period. It is about the queues of
one owner, or about all queues.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from cc_bridge.storage.schema.column_types import CleanText, Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    f"{dialect}_{key}": value
    for dialect in ("mysql", "mariadb")
    for key, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}.items()
}


def _column(name: str, kind: sa.types.TypeEngine[Any], comment: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=null, comment=comment)


def upgrade() -> None:
    op.create_table(
        "publications",
        _column("every", CleanText(64), "How often it comes: day, week, month"),
        _column("first_day", CleanText(64), "First day that it is about, as 2026-11-16"),
        _column("owner", CleanText(64), "Owner of the queues that it is about; empty: it is about all"),
        _column("address", CleanText(255), "Who gets it, personal data"),
        _column("last_day", CleanText(64), "Last day that it is about, with its end"),
        _column("wanted_at", Instant(), "Since when it is to be sent, UTC"),
        _column(
            "state",
            CleanText(64),
            "How far it has come: waiting, claimed, sending, sent, failed, unclear",
        ),
        _column("claimed_by", CleanText(64), "Which process makes and sends it; empty: none yet"),
        _column("attempts", sa.Integer(), "Times that it was tried"),
        _column(
            "next_at",
            Instant(),
            "When it is tried next; of a claimed one, when another may take it over, UTC",
        ),
        _column("ended_at", Instant(), "When it was sent or given up, UTC", null=True),
        _column("why", CleanText(255), "What the last attempt failed for"),
        sa.PrimaryKeyConstraint("every", "first_day", "owner", "address", name=op.f("pk_publications")),
        comment="One digest for one address, so that of several daemons only one sends it",
        **_OPTIONS,
    )
    op.create_index(
        op.f("ix_publications_every_state_next_at"), "publications", ["every", "state", "next_at"]
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_publications_every_state_next_at"), "publications")
    op.drop_table("publications")
