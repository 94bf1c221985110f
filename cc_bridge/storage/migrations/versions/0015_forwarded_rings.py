"""The ring outcome `forwarded`: a new column of the view v_agent_day, and a new comment on rings.outcome.

Stored rings are not changed. A ring that was forwarded before this migration keeps its stored outcome, which
is not `forwarded`.
"""

import sqlalchemy as sa
from alembic import op

from cc_bridge.storage.migrations.frozen import replacing, statements
from cc_bridge.storage.schema.column_types import CleanText

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_OUTCOMES = "Outcome of the ring: answered, no_answer, busy, congestion, declined, answered_elsewhere, "
_BEFORE = f"{_OUTCOMES}caller_gone, unobserved"
_AFTER = f"{_OUTCOMES}forwarded, caller_gone, unobserved"
_PRIVILEGES = """\
SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
FROM pg_class, aclexplode(relacl) WHERE oid = CAST('v_agent_day' AS regclass) AND grantee <> relowner"""


def upgrade() -> None:
    dialect = op.get_context().dialect.name
    _comment(_BEFORE, _AFTER)
    for statement in replacing("rings_forwarded", dialect):
        op.execute(statement)


def downgrade() -> None:
    dialect = op.get_context().dialect.name
    if dialect == "postgresql":
        _replace_on_postgresql()
    else:
        for statement in replacing("views", dialect):
            op.execute(statement)
    _comment(_AFTER, _BEFORE)


def _replace_on_postgresql() -> None:
    """Replace the view v_agent_day by its form before this migration, with the same comments and privileges.

    The view is dropped and created again, because CREATE OR REPLACE VIEW cannot remove a column.
    """
    granted = op.get_bind().execute(sa.text(_PRIVILEGES)).all()
    op.execute("DROP VIEW v_agent_day")
    for name in ("watermark_view", "descriptions"):
        for statement in statements(name, "postgresql"):
            op.execute(statement)
    for privilege, grantee, option in granted:
        op.execute(f"GRANT {privilege} ON v_agent_day TO {grantee}{option}")


def _comment(before: str, after: str) -> None:
    if op.get_context().dialect.name != "sqlite":  # SQLite has no comments
        op.alter_column(
            "rings",
            "outcome",
            comment=after,
            existing_type=CleanText(64),
            existing_nullable=False,
            existing_comment=before,
        )
