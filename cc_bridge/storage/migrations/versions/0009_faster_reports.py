"""Faster views, and hints for PostgreSQL's planner that make reports over years faster.

The new views count the rows of each table before they combine the tables. The columns of the views are
unchanged, so a downgrade keeps the new views.
"""

from alembic import op

from cc_bridge.storage.migrations.frozen import replacing

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Table, column, and the number of distinct values for the planner: hours of a day, days of a month, seconds.
_DISTINCT = (
    ("agent_intervals", "started_at", 50),
    ("agent_intervals", "ended_at", 50),
    ("answers", "answered_at", 50),
    ("calls", "started_at", 50),
    ("calls", "wait_seconds", 50),
    ("funnel", "at", 50),
    ("queue_visits", "entered_at", 50),
    ("queue_visits", "wait_seconds", 300),
    ("survey_attempts", "started_at", 50),
    ("talks", "answered_at", 50),
)


def upgrade() -> None:
    dialect = op.get_context().dialect.name
    for statement in replacing("views", dialect):
        op.execute(statement)
    if dialect == "postgresql":
        for table, column, values in _DISTINCT:
            op.execute(f"ALTER TABLE {table} ALTER {column} SET (n_distinct = {values})")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for table, column, _ in _DISTINCT:
            op.execute(f"ALTER TABLE {table} ALTER {column} RESET (n_distinct)")
