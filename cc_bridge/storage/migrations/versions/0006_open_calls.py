"""The table `unfinished`: the state of open calls and of agents.

If a daemon was killed, the next daemon continues from this state.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from cc_bridge.storage.schema.column_types import CleanText

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    f"{dialect}_{key}": value
    for dialect in ("mysql", "mariadb")
    for key, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}.items()
}


def upgrade() -> None:
    op.create_table(
        "unfinished",
        sa.Column("pbx", CleanText(64), nullable=False, comment="Name of the PBX in the configuration"),
        sa.Column("kind", CleanText(64), nullable=False, comment="What goes on: call, agent"),
        sa.Column("name", CleanText(150), nullable=False, comment="The call_id or the agent's name"),
        sa.Column("state", sa.Text(), nullable=False, comment="All that is known of it, JSON; personal data"),
        sa.PrimaryKeyConstraint("pbx", "kind", "name", name=op.f("pk_unfinished")),
        comment="Calls and agents' states that go on, for a daemon that comes after one that was killed; "
        "on a server always empty, since the journal holds them",
        **_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("unfinished")
