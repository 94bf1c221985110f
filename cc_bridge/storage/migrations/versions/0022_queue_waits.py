"""The roll-up table `queue_waits` on PostgreSQL: visits by day, queue, outcome and wait, for reports.

The migration counts the days that the other roll-up tables have. It takes some seconds for a million visits.
"""

from alembic import op

from cc_bridge.storage.migrations.frozen import statements

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("queue_waits", op.get_context().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP TRIGGER cc_bridge_invalidate_rollup ON queue_visits")
        op.execute("DROP FUNCTION cc_bridge_invalidate_rollup_queue_visits()")
        op.execute("DROP TABLE queue_waits")
