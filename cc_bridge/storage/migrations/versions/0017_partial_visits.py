"""The column `queue_visits.partial`: the PBX's clock was set during the wait, so the wait is in no sum.

The views v_calls_by_hour and v_ratings leave the waits of such visits out. Existing visits are not partial,
because no earlier version recorded whether the clock was set.
"""

import sqlalchemy as sa
from alembic import op

from cc_bridge.storage.migrations.frozen import replacing

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TABLE, _COLUMN = "queue_visits", "partial"
_COMMENT = "True if the PBX's clock was set during the wait: wait_seconds is not exact and in no sum"
_VIEWS = ("v_calls_by_hour", "v_ratings")


def upgrade() -> None:
    flag: sa.Column[bool] = sa.Column(
        _COLUMN, sa.Boolean(), nullable=False, server_default=sa.false(), comment=_COMMENT
    )
    op.add_column(_TABLE, flag)
    for statement in replacing("visits_partial", op.get_context().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Remove the column. The comments on the views' columns stay, because nothing depends on them."""
    for statement in replacing("views", op.get_context().dialect.name):
        if any(f"VIEW {view}" in statement.statement for view in _VIEWS):
            op.execute(statement)
    op.drop_column(_TABLE, _COLUMN)
