"""Clearer descriptions of tables, views and columns, as comments on PostgreSQL and MariaDB.

SQLite has no comments. Nothing depends on a comment, so a downgrade leaves them as they are.
"""

from alembic import op

from cc_bridge.storage.migrations.frozen import statements

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("descriptions", op.get_context().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Change nothing: no earlier version depends on the comments."""
