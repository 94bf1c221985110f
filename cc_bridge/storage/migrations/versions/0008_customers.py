"""The table `customers`: customers' ids and names from a CRM, by caller key."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from cc_bridge.storage.schema.column_types import CleanText, Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    f"{dialect}_{key}": value
    for dialect in ("mysql", "mariadb")
    for key, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}.items()
}


def _column(name: str, kind: sa.types.TypeEngine[Any], comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def upgrade() -> None:
    op.create_table(
        "customers",
        _column(
            "caller_key",
            CleanText(64),
            "The same for the same caller, personal data; empty when the number is withheld",
        ),
        _column(
            "customer_id",
            CleanText(64),
            "The CRM's id; all numbers with the same one are one customer; may be empty",
        ),
        _column("name", CleanText(128), "Name, personal data; empty unless callers.number_storage is plain"),
        _column("updated_at", Instant(), "When it was told last, UTC"),
        sa.PrimaryKeyConstraint("caller_key", name=op.f("pk_customers")),
        comment="Who is behind a number, as imported from a CRM; it holds for all PBXs",
        **_OPTIONS,
    )
    op.create_index(op.f("ix_customers_customer_id"), "customers", ["customer_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_customers_customer_id"), "customers")
    op.drop_table("customers")
