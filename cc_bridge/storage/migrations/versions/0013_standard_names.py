"""Standard names for tables and columns, and for stored words such as a follow-up's state `dismissed`.

PostgreSQL and MariaDB rename in place, so that rows, views and (on PostgreSQL) privileges are kept. SQLite
cannot rename constraints, so this migration copies four small tables on SQLite. The roll-up tables keep their
names, with one exception: the table that stores the day until which the roll-ups are filled is renamed, and
so is its trigger.

An earlier version of cc_bridge set `jit = off` for the whole database. This migration keeps the setting: it
does no harm, and an administrator may have set it too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from alembic import context, op

from cc_bridge.storage.migrations.frozen import OUTBOX_COLUMNS, replacing, statements
from cc_bridge.storage.schema.column_types import CleanText, Instant

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_PBX = "Name of the PBX in the configuration"
_KIND = "Kind of the question, such as csat; config/docs/schema.md lists them with their values"


def _text(name: str, length: int, comment: str) -> sa.Column[Any]:
    return sa.Column(name, CleanText(length), nullable=False, comment=comment)


def _instant(name: str, comment: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, Instant(), nullable=null, comment=f"{comment}, UTC")


@dataclass(frozen=True)
class _Table:
    name: str
    comment: str
    key: tuple[str, ...]
    columns: tuple[sa.Column[Any], ...]
    indexes: tuple[tuple[str, ...], ...] = ()

    def former(self, name: str, columns: Mapping[str, str]) -> "_Table":
        """Return the description of this table as it was before the migration.

        `name` is the former name of the table. `columns` maps new column names to former ones.
        """
        return _Table(
            name,
            self.comment,
            tuple(columns.get(each, each) for each in self.key),
            tuple(_copy(each, columns.get(each.name, each.name)) for each in self.columns),
            tuple(tuple(columns.get(each, each) for each in index) for index in self.indexes),
        )

    def index_names(self) -> list[str]:
        return [f"ix_{self.name}_{'_'.join(index)}" for index in self.indexes]


def _copy(column: sa.Column[Any], name: str) -> sa.Column[Any]:
    return sa.Column(name, column.type, nullable=column.nullable, comment=column.comment)


_SURVEY_DECISIONS = _Table(
    "survey_decisions",
    "One call that could have been rated: asked, or why not",
    ("pbx", "uniqueid", "decided_at"),
    (
        _text("pbx", 64, _PBX),
        _text("call_id", 150, "Linkedid: all rows of one call on one PBX share it"),
        _text("uniqueid", 150, "Uniqueid of the caller's channel"),
        _text("queue", 128, "Queue of the last talk"),
        _text("agent", 128, "Agent of the last talk"),
        _text("interface", 128, "Interface of that agent"),
        _instant("decided_at", "When it was decided"),
        _text("survey", 64, "Survey definition; empty when none was chosen"),
        _text("trigger", 64, "What brought the caller to the survey: queue, dial, extension, callback"),
        _text("stage", 64, "invited, caller_left_first, or the reason why the caller was not asked"),
        _text(
            "caller_key", 64, "The same for the same caller, personal data; empty when the number is withheld"
        ),
    ),
    (
        ("decided_at",),
        ("caller_key", "decided_at"),
        ("queue", "decided_at"),
        ("agent", "decided_at"),
        ("call_id",),
    ),
)
_DIGEST_DELIVERIES = _Table(
    "digest_deliveries",
    "One digest for one address, so that of several daemons only one sends it",
    ("frequency", "first_day", "owner", "address"),
    (
        _text("frequency", 64, "How often it comes: day, week, month"),
        _text("first_day", 64, "First day that it is about, as 2026-11-16"),
        _text("owner", 64, "Owner of the queues that it is about; empty: it is about all"),
        _text("address", 255, "Who gets it, personal data"),
        _text("last_day", 64, "Last day that it is about, with its end"),
        _instant("enqueued_at", "Since when it is to be sent"),
        _text("state", 64, "How far it has come: waiting, claimed, sending, sent, failed, unclear"),
        _text("claimed_by", 64, "Which process makes and sends it; empty: none yet"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="Times that it was tried"),
        _instant("next_attempt_at", "When it is tried next; of a claimed one, when another may take it over"),
        _instant("ended_at", "When it was sent or given up", null=True),
        _text("reason", 255, "What the last attempt failed for"),
    ),
    (("frequency", "state", "next_attempt_at"),),
)
_OBSERVATION_WATERMARKS = _Table(
    "observation_watermarks",
    "Until when each PBX was observed, renewed every few seconds",
    ("pbx",),
    (_text("pbx", 64, _PBX), _instant("observed_until", "Until when")),
)
_OPEN_STATE = _Table(
    "open_state",
    "Calls and agents' states that go on, for a daemon that comes after one that was killed; "
    "on a server always empty, since the journal holds them",
    ("pbx", "kind", "name"),
    (
        _text("pbx", 64, _PBX),
        _text("kind", 64, "What goes on: call, agent"),
        _text("name", 150, "The call_id or the agent's name"),
        sa.Column("state", sa.Text(), nullable=False, comment="All that is known of it, JSON; personal data"),
    ),
)
_TABLES = (
    (_SURVEY_DECISIONS.former("funnel", {"decided_at": "at"}), _SURVEY_DECISIONS),
    (
        _DIGEST_DELIVERIES.former(
            "publications",
            {"frequency": "every", "enqueued_at": "wanted_at", "next_attempt_at": "next_at", "reason": "why"},
        ),
        _DIGEST_DELIVERIES,
    ),
    (_OBSERVATION_WATERMARKS.former("observed", {"observed_until": "until"}), _OBSERVATION_WATERMARKS),
    (_OPEN_STATE.former("unfinished", {}), _OPEN_STATE),
)
# Table, former column, new column. If only the comment differs, nothing changes on SQLite.
_COLUMNS = (
    (
        "answers",
        _text(
            "kind",
            64,
            "Kind of the question: csat (1 bad to 5 good), nps (0 to 10), nps_0_9, ces (1 to 7), yes_no, "
            "choice, comment",
        ),
        _text("kind", 64, _KIND),
    ),
    ("opt_outs", _instant("at", "When it was said"), _instant("updated_at", "When it was said")),
    (
        "opt_outs",
        _text("told_by", 64, "How it was said: key (in a survey), command"),
        _text("source", 64, "How it was said: key (in a survey), command"),
    ),
    (
        "follow_ups",
        _text("told", 64, "What webhooks have been told of it: opened, closed; empty: nothing"),
        _text("notified_state", 64, "Last state that webhooks were notified of: opened, closed; empty: none"),
    ),
    (
        "follow_ups",
        _text("state", 64, "How far it has come: open, taken, done, dropped"),
        _text("state", 64, "How far it has come: open, taken, done, dismissed"),
    ),
    (
        "follow_ups",
        _instant("closed_at", "When it was done or dropped", null=True),
        _instant("closed_at", "When it was done or dismissed", null=True),
    ),
    (
        "follow_ups",
        _text("outcome", 1000, "What came of it, or why it was dropped, in somebody's own words"),
        _text("outcome", 1000, "What came of it, or why it was dismissed, in somebody's own words"),
    ),
)
_FORMER_VIEW_KIND = "Kind of the question: csat, nps, nps_0_9, ces, yes_no, choice, comment"
_FOLLOW_UP_INDEX = ("ix_follow_ups_told", "ix_follow_ups_notified_state")
_ROLLED_UP = ("agent_intervals", "answers", "calls", "rings", "survey_attempts", "talks")


def upgrade() -> None:
    for before, after in _TABLES:
        _rename_table(before, after)
    for table, former, column in _COLUMNS:
        _change_column(table, former, column)
    _rename_index("follow_ups", *_FOLLOW_UP_INDEX, ["notified_state"])
    op.execute("UPDATE follow_ups SET state = 'dismissed' WHERE state = 'dropped'")
    _rename_outbox(OUTBOX_COLUMNS)
    if op.get_context().dialect.name == "postgresql":
        _drop_triggers("cc_bridge_unsettle")
        op.execute("ALTER TABLE settled RENAME TO rollup_watermark")
        op.execute("ALTER TABLE rollup_watermark RENAME until TO refreshed_until")
        op.execute("ALTER TABLE rollup_watermark RENAME CONSTRAINT settled_pkey TO rollup_watermark_pkey")
        op.execute(
            "COMMENT ON COLUMN rollup_watermark.refreshed_until IS 'The first day that is not rolled up'"
        )
        _execute(statements("invalidate_rollup", "postgresql"))
        _execute(replacing("watermark_view", "postgresql"))
        op.execute(f"COMMENT ON COLUMN v_ratings.kind IS '{_KIND}'")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        _drop_triggers("cc_bridge_invalidate_rollup")
        op.execute("ALTER TABLE rollup_watermark RENAME CONSTRAINT rollup_watermark_pkey TO settled_pkey")
        op.execute("ALTER TABLE rollup_watermark RENAME refreshed_until TO until")
        op.execute("ALTER TABLE rollup_watermark RENAME TO settled")
        op.execute("COMMENT ON COLUMN settled.until IS 'The first day that is not settled'")
        _execute(statements("unsettle", "postgresql"))
        _execute(replacing("rollup_view", "postgresql"))
        op.execute(f"COMMENT ON COLUMN v_ratings.kind IS '{_FORMER_VIEW_KIND}'")
    _rename_outbox({after: before for before, after in OUTBOX_COLUMNS.items()})
    op.execute("UPDATE follow_ups SET state = 'dropped' WHERE state = 'dismissed'")
    for table, former, column in _COLUMNS:
        _change_column(table, column, former)
    _rename_index("follow_ups", *_FOLLOW_UP_INDEX[::-1], ["told"])
    for before, after in _TABLES:
        _rename_table(after, before)


def _execute(those: Iterable[Any]) -> None:
    for statement in those:
        op.execute(statement)


def _rename_table(before: _Table, after: _Table) -> None:
    if op.get_context().dialect.name == "sqlite":
        _copy_table(before, after)
        return
    op.rename_table(before.name, after.name)
    for old, new in zip(before.columns, after.columns, strict=True):
        if old.name != new.name:
            _change_column(after.name, old, new)
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {after.name} RENAME CONSTRAINT pk_{before.name} TO pk_{after.name}")
    names = zip(before.index_names(), after.index_names(), after.indexes, strict=True)
    for old_index, new_index, columns in names:
        _rename_index(after.name, old_index, new_index, list(columns))


def _copy_table(before: _Table, after: _Table) -> None:
    op.create_table(
        after.name,
        *(_copy(column, column.name) for column in after.columns),
        sa.PrimaryKeyConstraint(*after.key, name=op.f(f"pk_{after.name}")),
    )
    old, new = (", ".join(f'"{column.name}"' for column in table.columns) for table in (before, after))
    op.execute(f"INSERT INTO {after.name} ({new}) SELECT {old} FROM {before.name}")  # noqa: S608 - our own names
    op.drop_table(before.name)
    for name, columns in zip(after.index_names(), after.indexes, strict=True):
        op.create_index(op.f(name), after.name, list(columns))


def _change_column(table: str, before: sa.Column[Any], after: sa.Column[Any]) -> None:
    renamed = before.name != after.name
    if op.get_context().dialect.name == "sqlite":  # SQLite has no comments
        if renamed:
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {before.name} TO {after.name}")
        return
    op.alter_column(
        table,
        before.name,
        new_column_name=after.name if renamed else None,
        comment=after.comment if after.comment != before.comment else False,
        existing_type=before.type,
        existing_nullable=before.nullable,
        existing_comment=before.comment,
    )


def _rename_index(table: str, before: str, after: str, columns: list[str]) -> None:
    if op.get_context().dialect.name == "postgresql":
        if before != after:
            op.execute(f"ALTER INDEX {before} RENAME TO {after}")
        return
    op.drop_index(op.f(before), table)
    op.create_index(op.f(after), table, columns)


def _drop_triggers(name: str) -> None:
    for table in _ROLLED_UP:
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(f"DROP FUNCTION {name}_{table}()")


def _rename_outbox(columns: Mapping[str, str]) -> None:
    """Rename columns of the outbox, the table of webhook events; `columns` maps old names to new ones.

    A database has this table only if it is an SQLite file and webhooks are configured.
    """
    if context.is_offline_mode() or op.get_context().dialect.name != "sqlite":
        return
    if sa.inspect(op.get_bind()).has_table("outbox"):
        for before, after in columns.items():
            op.execute(f"ALTER TABLE outbox RENAME COLUMN {before} TO {after}")
