"""Survey definitions, the first views, indexes for common queries, and the caller key of calls and visits.

Existing calls and visits get an empty caller key. Unclear column comments are corrected.

On MariaDB all tables get a collation that distinguishes keys with a different number of spaces at the end.
MariaDB rebuilds the tables for that, which takes minutes if there are millions of rows.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from cc_bridge.storage.migrations.frozen import statements
from cc_bridge.storage.schema.column_types import CleanText, Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MARIADB = ("mysql", "mariadb")
_OPTIONS: dict[str, Any] = {
    f"{dialect}_{key}": value
    for dialect in _MARIADB
    for key, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}.items()
}
_TABLES = (
    "agent_intervals",
    "answers",
    "calls",
    "funnel",
    "gaps",
    "observed",
    "opt_outs",
    "queue_visits",
    "rings",
    "survey_attempts",
    "talks",
)
_INDEXES = (
    ("answers", "agent", "answered_at"),
    ("answers", "queue", "answered_at"),
    ("calls", "caller_key", "started_at"),
    ("calls", "caller_number", "started_at"),
    ("calls", "dialed", "started_at"),
    ("funnel", "at"),
    ("funnel", "caller_key", "at"),
    ("queue_visits", "agent", "entered_at"),
    ("queue_visits", "caller_key", "entered_at"),
    ("queue_visits", "caller_number", "entered_at"),
    ("queue_visits", "entered_at"),
    ("rings", "started_at"),
    ("survey_attempts", "caller_key", "started_at"),
    ("talks", "answered_at"),
)
_VIEWS = ("v_calls_by_hour", "v_agent_day", "v_ratings")
_VIEW_INDEXES = (
    "ix_queue_visits_hour",
    "ix_talks_hour",
    "ix_talks_day",
    "ix_rings_day",
    "ix_agent_intervals_day",
    "ix_agent_intervals_over_midnight",
    "ix_agent_intervals_over_a_day",
    "ix_answers_day",
)
_KEYS = {
    "calls": "Key of the person outside: who called, or whom a call that went out has called, personal data",
    "queue_visits": "The same for the same caller, personal data; empty when the number is withheld",
}
# Table, column, type, new comment, former comment.
_COMMENTS: tuple[tuple[str, str, sa.types.TypeEngine[Any], str, str], ...] = (
    (
        "answers",
        "kind",
        CleanText(64),
        (
            "Kind of the question: csat (1 bad to 5 good), nps (0 to 10), nps_0_9, ces (1 to 7), yes_no, "
            "choice, comment"
        ),
        "Scale of the question: csat is 1 (bad) to 5 (good)",
    ),
    (
        "answers",
        "value",
        sa.Integer(),
        "Score; 1 for yes, 0 for no; key of a choice; seconds of a spoken comment",
        "What the caller chose on that scale",
    ),
    (
        "gaps",
        "reason",
        CleanText(128),
        "Why: link_lost, pbx_restarted, message_dropped, daemon_down",
        "Why",
    ),
    (
        "survey_attempts",
        "reason",
        CleanText(64),
        (
            "Why it is not complete: hung_up, no_input, invalid, skipped, opted_out, time_limit, error, "
            "shutdown; else empty"
        ),
        "Why it is not complete: hung_up, no_input, invalid, time_limit, error, shutdown; else empty",
    ),
    ("talks", "queue", CleanText(128), "Queue; empty for a direct call, which passed none", "Queue"),
)


def _column(name: str, kind: sa.types.TypeEngine[Any], comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def upgrade() -> None:
    dialect = op.get_context().dialect.name
    if dialect in _MARIADB:
        for table in _TABLES:
            op.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
    if dialect != "sqlite":  # SQLite has no comments
        for table, name, kind, now, before in _COMMENTS:
            _comment(table, name, kind, now, before)
    op.create_table(
        "surveys",
        _column("pbx", CleanText(64), "Name of the PBX in the configuration"),
        _column("survey", CleanText(64), "Survey definition"),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False, comment="Its version"),
        _column(
            "languages",
            CleanText(255),
            "Its languages, with commas between; callers of another one hear the first",
        ),
        _column(
            "questions",
            sa.Text(),
            "JSON: a list of questions in their order, each with id, kind, ask (prompt), rates (whom), "
            "scale (lowest and highest value, or null) and labels (value: meaning)",
        ),
        _column("first_seen", Instant(), "When it was first loaded, UTC"),
        sa.PrimaryKeyConstraint("pbx", "survey", "version", name=op.f("pk_surveys")),
        comment="What each version of a survey asks, as it was loaded first",
        **_OPTIONS,
    )
    for table, comment in _KEYS.items():
        op.add_column(
            table, sa.Column("caller_key", CleanText(64), nullable=False, server_default="", comment=comment)
        )
    for table, *columns in _INDEXES:
        op.create_index(_index(table, columns), table, columns)
    for made in ("view_indexes", "views"):
        for statement in statements(made, dialect):
            op.execute(statement)


def downgrade() -> None:
    # The tables of MariaDB keep their collation: under the former one, two rows could have equal keys.
    dialect = op.get_context().dialect.name
    for view in _VIEWS:
        op.execute(f"DROP VIEW {view}")
    if dialect == "postgresql":
        for index in _VIEW_INDEXES:
            op.execute(f"DROP INDEX {index}")
    for table, *columns in _INDEXES:
        op.drop_index(_index(table, columns), table)
    for table in _KEYS:
        op.drop_column(table, "caller_key")
    op.drop_table("surveys")
    if dialect != "sqlite":
        for table, name, kind, now, before in _COMMENTS:
            _comment(table, name, kind, before, now)


def _index(table: str, columns: list[str]) -> str:
    return op.f(f"ix_{table}_{'_'.join(columns)}")


def _comment(table: str, name: str, kind: sa.types.TypeEngine[Any], now: str, before: str) -> None:
    op.alter_column(
        table, name, comment=now, existing_type=kind, existing_nullable=False, existing_comment=before
    )
