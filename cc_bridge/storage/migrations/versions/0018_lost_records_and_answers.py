"""Descriptions of gaps and survey attempts: the gap reason `records_lost`, the survey reason `not_stored`.

They are comments of tables and columns on PostgreSQL and MariaDB. SQLite has no comments. Nothing
depends on a comment, so a downgrade leaves them as they are.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_GAP = "One gap: a span in which the PBX was not observed, or records were lost; its figures are incomplete"
_GAP_REASON = "Reason: link_lost, pbx_restarted, message_dropped, daemon_down, clock_step, records_lost"
_CALLS = "Number of visits and talks in progress when the gap started; with records_lost, of lost ones"
_SURVEY_REASON = (
    "Reason why the survey is not complete: hung_up, no_input, invalid, skipped, opted_out, time_limit, "
    "error, shutdown, not_stored; else empty"
)
_COLUMNS = (
    ("gaps", "reason", "VARCHAR(128) NOT NULL", _GAP_REASON),
    ("gaps", "calls_affected", "INTEGER NOT NULL", _CALLS),
    ("survey_attempts", "reason", "VARCHAR(64) NOT NULL", _SURVEY_REASON),
)


def upgrade() -> None:
    dialect = op.get_context().dialect.name
    if dialect == "postgresql":
        op.execute(f"COMMENT ON TABLE gaps IS '{_GAP}'")
        for table, column, _, comment in _COLUMNS:
            op.execute(f"COMMENT ON COLUMN {table}.{column} IS '{comment}'")
    elif dialect != "sqlite":
        op.execute(f"ALTER TABLE gaps COMMENT = '{_GAP}'")
        for table, column, kind, comment in _COLUMNS:
            op.execute(f"ALTER TABLE {table} MODIFY {column} {kind} COMMENT '{comment}'")


def downgrade() -> None:
    """Change nothing: no earlier version depends on the comments."""
