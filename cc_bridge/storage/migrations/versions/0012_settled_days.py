"""Roll-up tables on PostgreSQL: figures of past days, which the daemon counts once and stores.

The tables are empty after the migration; the daemon fills them, starting with the oldest day. The columns of
the views are unchanged.
"""

from alembic import op

from cc_bridge.storage.migrations.frozen import replacing, statements

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_COUNTED = ("agent_intervals", "answers", "calls", "rings", "survey_attempts", "talks")
_TABLES = ("agent_facts", "agent_presence", "queue_talks", "rated_calls", "settled")


def upgrade() -> None:
    dialect = op.get_context().dialect.name
    for statement in (
        *statements("rollups", dialect),
        *statements("unsettle", dialect),
        *replacing("rollup_view", dialect),
    ):
        op.execute(statement)


def downgrade() -> None:
    dialect = op.get_context().dialect.name
    if dialect != "postgresql":
        return
    for statement in replacing("views", dialect):
        op.execute(statement)
    for table in _COUNTED:
        op.execute(f"DROP TRIGGER cc_bridge_unsettle ON {table}")
        op.execute(f"DROP FUNCTION cc_bridge_unsettle_{table}()")
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")
