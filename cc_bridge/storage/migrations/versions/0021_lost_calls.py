"""The follow-up reason `lost_call`: a new comment on follow_ups.reason. Stored follow-ups are not changed."""

from alembic import op

from cc_bridge.storage.schema.column_types import CleanText

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_BEFORE = "Reason: low_rating, not_solved, comment, abandoned_twice, long_wait"
_AFTER = f"{_BEFORE}, lost_call"


def upgrade() -> None:
    _comment(_BEFORE, _AFTER)


def downgrade() -> None:
    _comment(_AFTER, _BEFORE)


def _comment(before: str, after: str) -> None:
    if op.get_context().dialect.name != "sqlite":  # SQLite has no comments
        op.alter_column(
            "follow_ups",
            "reason",
            comment=after,
            existing_type=CleanText(64),
            existing_nullable=False,
            existing_comment=before,
        )
