"""The source `unknown_channel` of a survey's agent: a new comment on survey_attempts.attributed_by.

Stored surveys are not changed.
"""

from alembic import op

from cc_bridge.storage.schema.column_types import CleanText

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_BEFORE = "Source of the rated queue and agent: events, channel"
_AFTER = f"{_BEFORE}, unknown_channel"


def upgrade() -> None:
    _comment(_BEFORE, _AFTER)


def downgrade() -> None:
    _comment(_AFTER, _BEFORE)


def _comment(before: str, after: str) -> None:
    if op.get_context().dialect.name != "sqlite":  # SQLite has no comments
        op.alter_column(
            "survey_attempts",
            "attributed_by",
            comment=after,
            existing_type=CleanText(64),
            existing_nullable=False,
            existing_server_default="events",
            existing_comment=before,
        )
