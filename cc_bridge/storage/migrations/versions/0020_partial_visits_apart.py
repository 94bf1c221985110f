"""Partial visits are counted apart: v_calls_by_hour has them in the new last column `partial_visits` only."""

from alembic import op

from cc_bridge.storage.migrations.frozen import replacing, statements

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_VIEW = "v_calls_by_hour"


def upgrade() -> None:
    for statement in replacing("partial_visits_apart", op.get_context().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Restore the view of schema 0017. It is dropped first: PostgreSQL cannot remove a column of a view."""
    op.execute(f"DROP VIEW {_VIEW}")
    for statement in statements("visits_partial", op.get_context().dialect.name):
        if _VIEW in statement.statement:
            op.execute(statement)
