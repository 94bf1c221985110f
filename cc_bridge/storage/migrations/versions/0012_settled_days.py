"""Days that are over are counted once, on PostgreSQL; the daemon begins with the first one by itself.

The views look as before.
"""

from alembic import op

from cc_bridge.storage import views
from cc_bridge.storage.rollups import refresh

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    dialect = op.get_context().dialect.name
    for statement in (*refresh.creation(dialect), *views.again(dialect)):
        op.execute(statement)


def downgrade() -> None:
    dialect = op.get_context().dialect.name
    for statement in (*views.again(dialect, settled=False), *refresh.removal(dialect)):
        op.execute(statement)
