"""The first tables: queue visits, rings, talks, survey attempts, answers and gaps."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from cc_bridge.storage.schema.column_types import CleanText, Instant, Seconds

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _column(name: str, kind: sa.types.TypeEngine[Any], comment: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=null, comment=comment)


def _create(name: str, comment: str, key: list[str], *columns: sa.Column[Any]) -> None:
    # A binary collation: MariaDB's default one treats queues Sales and sales as equal.
    options = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}
    on_mysql: dict[str, Any] = {
        f"{dialect}_{k}": v for dialect in ("mysql", "mariadb") for k, v in options.items()
    }
    op.create_table(
        name, *columns, sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")), comment=comment, **on_mysql
    )


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def upgrade() -> None:
    _create(
        "queue_visits",
        "One stay of one caller in one queue; a call has as many as queues it passed",
        ["pbx", "uniqueid", "queue", "entered_at"],
        _column("pbx", CleanText(64), "Name of the PBX in the configuration"),
        _column("call_id", CleanText(150), "Linkedid: all rows of one call on one PBX share it"),
        _column("uniqueid", CleanText(150), "Uniqueid of the caller's channel"),
        _column("queue", CleanText(128), "Queue"),
        _column("entered_at", Instant(), "When the caller entered the queue, UTC"),
        _column("left_at", Instant(), "When the caller left the queue, whatever the outcome, UTC"),
        _column("wait_seconds", Seconds(), "left_at - entered_at, seconds"),
        _column(
            "outcome",
            CleanText(64),
            (
                "How the stay ended: answered, abandoned, timed_out, left_by_key, queue_full, "
                "join_empty, leave_empty, join_unavailable, leave_unavailable, transferred_away, "
                "unobserved"
            ),
        ),
        _column("agent", CleanText(128), "Name of the agent who answered; null unless answered", null=True),
        _column(
            "interface",
            CleanText(128),
            "Interface of the agent who answered; null unless answered",
            null=True,
        ),
        _column(
            "position", sa.Integer(), "Place in the queue on entry, from 1; 0 when the entry was not seen"
        ),
        _column("caller_number", CleanText(80), "Caller's number, personal data; empty when withheld"),
        _column("caller_name", CleanText(128), "Caller's name as the network sent it, personal data"),
        _column("language", CleanText(40), "Language of the caller's channel"),
        _column("ringing", sa.Boolean(), "True when an agent was ringing as the caller left"),
        _column("decided_by", CleanText(64), "Message of the PBX that told the outcome"),
    )
    _index("queue_visits", "queue", "entered_at")
    _index("queue_visits", "call_id")

    _create(
        "rings",
        "One attempt to reach one agent for one caller",
        ["pbx", "ring_uniqueid", "started_at"],
        _column("pbx", CleanText(64), "Name of the PBX in the configuration"),
        _column("call_id", CleanText(150), "Linkedid: all rows of one call on one PBX share it"),
        _column("uniqueid", CleanText(150), "Uniqueid of the caller's channel"),
        _column("ring_uniqueid", CleanText(150), "Uniqueid of the channel towards the agent"),
        _column("queue", CleanText(128), "Queue"),
        _column("agent", CleanText(128), "Name of the agent"),
        _column("interface", CleanText(128), "Interface of the agent"),
        _column("started_at", Instant(), "When the ringing began, UTC"),
        _column("ended_at", Instant(), "When the ringing ended, UTC"),
        _column("ring_seconds", Seconds(), "ended_at - started_at, seconds"),
        _column(
            "outcome",
            CleanText(64),
            (
                "How the attempt ended: answered, no_answer, busy, congestion, declined, "
                "answered_elsewhere, caller_gone, unobserved"
            ),
        ),
    )
    _index("rings", "agent", "started_at")
    _index("rings", "queue", "started_at")
    _index("rings", "call_id")

    _create(
        "talks",
        "One agent with one caller, from the agent's entry to the bridge until the agent leaves",
        ["pbx", "uniqueid", "agent_uniqueid", "answered_at"],
        _column("pbx", CleanText(64), "Name of the PBX in the configuration"),
        _column("call_id", CleanText(150), "Linkedid: all rows of one call on one PBX share it"),
        _column("uniqueid", CleanText(150), "Uniqueid of the caller's channel"),
        _column("agent_uniqueid", CleanText(150), "Uniqueid of the agent's own channel"),
        _column("queue", CleanText(128), "Queue"),
        _column("agent", CleanText(128), "Name of the agent"),
        _column("interface", CleanText(128), "Interface of the agent"),
        _column("answered_at", Instant(), "When agent and caller could hear each other, UTC"),
        _column("ended_at", Instant(), "When the agent left, UTC"),
        _column("talk_seconds", Seconds(), "ended_at - answered_at, hold included, seconds"),
        _column("hold_seconds", Seconds(), "Part of talk_seconds in which the caller was on hold, seconds"),
        _column("holds", sa.Integer(), "How many times the caller was put on hold"),
        _column("ended_by", CleanText(64), "Who ended the talk: caller, agent, transfer, system, unobserved"),
        _column(
            "transfer",
            CleanText(64),
            "How the agent passed the caller on: blind, attended; null: not",
            null=True,
        ),
        _column(
            "transfer_target",
            CleanText(128),
            "Where the caller was passed on to; null unless transferred",
            null=True,
        ),
    )
    _index("talks", "agent", "answered_at")
    _index("talks", "queue", "answered_at")
    _index("talks", "call_id")

    _create(
        "survey_attempts",
        "One caller asked to rate the service",
        ["pbx", "attempt_id"],
        _column("pbx", CleanText(64), "Name of the PBX in the configuration"),
        _column("attempt_id", CleanText(150), "Attempt, unique on its PBX"),
        _column("call_id", CleanText(150), "Linkedid: all rows of one call on one PBX share it"),
        _column("uniqueid", CleanText(150), "Uniqueid of the caller's channel"),
        _column("queue", CleanText(128), "Queue of the rated talk"),
        _column("agent", CleanText(128), "Agent of the rated talk"),
        _column("interface", CleanText(128), "Interface of that agent"),
        _column("survey", CleanText(64), "Survey definition"),
        _column("version", sa.Integer(), "Version of that definition"),
        _column("language", CleanText(40), "Language of the prompts"),
        _column("started_at", Instant(), "When the survey started, UTC"),
        _column(
            "ended_at",
            Instant(),
            "When the survey ended; null: it runs, or the daemon was killed in it, UTC",
            null=True,
        ),
        _column("result", CleanText(64), "How far the survey came: started, complete, partial, declined"),
        _column(
            "reason",
            CleanText(64),
            ("Why it is not complete: hung_up, no_input, invalid, time_limit, error, shutdown; else empty"),
        ),
    )
    _index("survey_attempts", "agent", "started_at")
    _index("survey_attempts", "queue", "started_at")
    _index("survey_attempts", "call_id")

    _create(
        "answers",
        "One valid answer of a caller; pbx and attempt_id lead to its survey_attempts row",
        ["pbx", "attempt_id", "question"],
        _column("pbx", CleanText(64), "Name of the PBX in the configuration"),
        _column("attempt_id", CleanText(150), "Attempt that the answer belongs to"),
        _column("question", CleanText(64), "Question in the survey definition"),
        _column("kind", CleanText(64), "Scale of the question: csat is 1 (bad) to 5 (good)"),
        _column("value", sa.Integer(), "What the caller chose on that scale"),
        _column("tries", sa.Integer(), "Keys and silences until the answer was valid, 1 for the first"),
        _column("answered_at", Instant(), "When the key was pressed, UTC"),
    )
    _index("answers", "answered_at")

    _create(
        "gaps",
        "A stretch in which the PBX was not observed; figures of that time are incomplete",
        ["pbx", "started_at"],
        _column("pbx", CleanText(64), "Name of the PBX in the configuration"),
        _column("started_at", Instant(), "From when, UTC"),
        _column("ended_at", Instant(), "Until when, UTC"),
        _column("reason", CleanText(128), "Why"),
        _column("calls_affected", sa.Integer(), "Open calls of which something may have been missed"),
    )


def downgrade() -> None:
    for table in ("queue_visits", "rings", "talks", "survey_attempts", "answers", "gaps"):
        op.drop_table(table)  # its indexes are dropped with it
