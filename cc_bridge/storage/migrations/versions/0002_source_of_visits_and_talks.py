"""The column `source` of visits and talks: observed live, or imported from queue_log."""

import sqlalchemy as sa
from alembic import op

from cc_bridge.storage.schema.column_types import CleanText

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = ("queue_visits", "talks")


def upgrade() -> None:
    comment = "Where the row is from: observed (events of the PBX), queue_log (imported)"
    for table in _TABLES:
        op.add_column(
            table,
            sa.Column("source", CleanText(64), nullable=False, server_default="observed", comment=comment),
        )


def downgrade() -> None:
    for table in _TABLES:
        op.drop_column(table, "source")
