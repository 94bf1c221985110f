"""Tables for survey decisions and opt-outs; columns for the trigger of a survey and for the rated agent."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from cc_bridge.storage.schema.column_types import CleanText, Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    f"{dialect}_{key}": value
    for dialect in ("mysql", "mariadb")
    for key, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}.items()
}
_TRIGGER = "What brought the caller to the survey: queue, dial, extension, callback"
_CALLER_KEY = "The same for the same caller, personal data; empty when the number is withheld"
# Table -> its new columns: name, length, comment, and the value in existing rows.
_ADDED = {
    "survey_attempts": (
        ("trigger", 64, _TRIGGER, "queue"),
        ("attributed_by", 64, "Who says whom it rates: events, channel", "events"),
        ("caller_key", 64, _CALLER_KEY, ""),
    ),
    "answers": (
        ("queue", 128, "Queue that it rates; empty for the company as a whole", ""),
        ("agent", 128, "Agent whom it rates; empty for the company as a whole", ""),
        ("interface", 128, "Interface of that agent", ""),
        ("label", 128, "What the key of a choice means, else empty", ""),
        ("recording", 255, "File of a spoken comment on the PBX, personal data; else empty", ""),
    ),
}


def _column(name: str, kind: sa.types.TypeEngine[Any], comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def upgrade() -> None:
    op.create_table(
        "funnel",
        _column("pbx", CleanText(64), "Name of the PBX in the configuration"),
        _column("call_id", CleanText(150), "Linkedid: all rows of one call on one PBX share it"),
        _column("uniqueid", CleanText(150), "Uniqueid of the caller's channel"),
        _column("queue", CleanText(128), "Queue of the last talk"),
        _column("agent", CleanText(128), "Agent of the last talk"),
        _column("interface", CleanText(128), "Interface of that agent"),
        _column("at", Instant(), "When it was decided, UTC"),
        _column("survey", CleanText(64), "Survey definition; empty when none was chosen"),
        _column("trigger", CleanText(64), _TRIGGER),
        _column(
            "stage",
            CleanText(64),
            "invited, caller_left_first, or the reason why the caller was not asked",
        ),
        _column("caller_key", CleanText(64), _CALLER_KEY),
        sa.PrimaryKeyConstraint("pbx", "uniqueid", "at", name=op.f("pk_funnel")),
        comment="One call that could have been rated: asked, or why not",
        **_OPTIONS,
    )
    op.create_index(op.f("ix_funnel_queue_at"), "funnel", ["queue", "at"])
    op.create_index(op.f("ix_funnel_agent_at"), "funnel", ["agent", "at"])
    op.create_index(op.f("ix_funnel_call_id"), "funnel", ["call_id"])
    op.create_table(
        "opt_outs",
        _column("caller_key", CleanText(64), _CALLER_KEY),
        _column("at", Instant(), "When it was said, UTC"),
        _column("opted_out", sa.Boolean(), "True: not to be asked; false: to be asked again"),
        _column("told_by", CleanText(64), "How it was said: key (in a survey), command"),
        sa.PrimaryKeyConstraint("caller_key", name=op.f("pk_opt_outs")),
        comment="What a caller said last about being asked to rate; it holds for all PBXs",
        **_OPTIONS,
    )
    for table, added in _ADDED.items():
        for name, length, comment, before in added:
            column: sa.Column[str] = sa.Column(
                name, CleanText(length), nullable=False, server_default=before, comment=comment
            )
            op.add_column(table, column)
    op.create_index(op.f("ix_survey_attempts_started_at"), "survey_attempts", ["started_at"])
    _let_old_answers_rate_whom_their_attempt_rates()


def _let_old_answers_rate_whom_their_attempt_rates() -> None:
    """Copy the rated queue, agent and interface from each survey attempt to its existing answers.

    Without the copy, these columns would be empty, and an answer would count as a rating of the whole
    company.
    """
    whom = ("queue", "agent", "interface")
    key = ("pbx", "attempt_id")
    attempts = sa.table("survey_attempts", *(sa.column(name) for name in key + whom))
    answers = sa.table("answers", *(sa.column(name) for name in key + whom))
    same = sa.and_(*(answers.c[name] == attempts.c[name] for name in key))

    def of_attempt(name: str) -> sa.ColumnElement[str]:
        # An answer can exist without its attempt.
        found = sa.select(attempts.c[name]).where(same).correlate(answers).scalar_subquery()
        return sa.func.coalesce(found, sa.literal_column("''"))

    op.execute(answers.update().values({name: of_attempt(name) for name in whom}))


def downgrade() -> None:
    op.drop_index(op.f("ix_survey_attempts_started_at"), "survey_attempts")
    for table, added in _ADDED.items():
        for name, *_ in added:
            op.drop_column(table, name)
    op.drop_table("opt_outs")
    op.drop_table("funnel")
