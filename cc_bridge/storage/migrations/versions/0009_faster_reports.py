"""Views that count before they put together, and what PostgreSQL is told for reports of years.

The views look as before, so a downgrade leaves them.
"""

from alembic import op

from cc_bridge.storage.schema.planner_hints import taken_back, told
from cc_bridge.storage.views import creation

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    dialect = op.get_context().dialect.name
    for statement in (*creation(dialect, settled=False), *told(dialect)):
        op.execute(statement)


def downgrade() -> None:
    for statement in taken_back(op.get_context().dialect.name):
        op.execute(statement)
