"""The roll-up table `lost_calls` on PostgreSQL: lost calls and their results by day, for reports.

The migration fills it for the days that the other roll-up tables have, except for the last two: the results
of those depend on later days. It takes some seconds for a million visits.
"""

from alembic import op

from cc_bridge.storage.migrations.frozen import statements

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("lost_calls", op.get_context().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP TABLE lost_calls")
