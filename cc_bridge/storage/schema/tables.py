"""The SQL tables: one for each kind of record, with the unit and meaning of each column.

The pipeline fills the tables with rows from `row_of`. The migrations must lead to exactly these tables.

A column is filled from the record's attribute with the same name. So a new column needs a new attribute of
the record and a migration. A column that the database fills with a default, such as `source`, needs only the
migration.

There are no foreign keys on purpose: an answer must never be rejected because its attempt is missing.
"""

from collections.abc import Callable
from enum import StrEnum
from operator import attrgetter
from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, Table, Text, false

from cc_bridge.follow_ups.follow_up import LONGEST_NAME, LONGEST_TEXT, FollowUpReason, FollowUpState
from cc_bridge.records import (
    AgentInterval,
    AgentState,
    Answer,
    AttributedBy,
    Call,
    CustomerNumber,
    Direction,
    EndedBy,
    Gap,
    GapReason,
    NotRoutedCall,
    ObservationWatermark,
    OpenStateRecord,
    OptOut,
    Outcome,
    QueueVisit,
    Record,
    Ring,
    RingOutcome,
    SurveyAttempt,
    SurveyDecision,
    SurveyDefinition,
    SurveyResult,
    Talk,
    Transfer,
    Trigger,
)
from cc_bridge.storage.schema.column_types import CleanText, Instant, Seconds

__all__ = [
    "NEWEST",
    "OLDEST",
    "TABLES",
    "answers",
    "calls",
    "customers",
    "digest_deliveries",
    "follow_ups",
    "gaps",
    "metadata",
    "not_routed_calls",
    "observation_watermarks",
    "open_state",
    "opt_outs",
    "queue_visits",
    "rings",
    "row_of",
    "survey_attempts",
    "survey_decisions",
    "surveys",
    "talks",
]

# Lengths in characters. A key of InnoDB has up to 3,072 bytes, which is 768 characters of utf8mb4. The widest
# key here (talks: PBX and two channels) needs 372. Asterisk is not known to produce longer values.
_PBX = 64
_CHANNEL = 150  # Asterisk's AST_MAX_PUBLIC_UNIQUEID is 149
_NAME = 128  # queue, agent or caller: Asterisk's own limit is 80 bytes
_NUMBER = 80  # AST_MAX_EXTENSION
_LANGUAGE = 40  # MAX_LANGUAGE
_WORD = 64  # a word from a fixed list, a key or an id
_FILE = 255  # a file name on the PBX
_ADDRESS = 255  # an email address has up to 254

# Keys in a table's `info`, each with the name of a column. Of two rows with one primary key, NEWEST keeps the
# newer, OLDEST the older.
NEWEST, OLDEST = "newest", "oldest"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    },
)


def _text(name: str, length: int, comment: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, CleanText(length), primary_key=key, nullable=null, comment=comment)


def _later(name: str, length: int, comment: str, *, before: str = "") -> Column[str]:
    """Return a text column that a migration added to an existing table.

    Rows that existed before the migration have the value `before`.
    """
    return Column(name, CleanText(length), nullable=False, server_default=before, comment=comment)


def _instant(name: str, comment: str, *, key: bool = False, null: bool = False) -> Column[float]:
    return Column(name, Instant(), primary_key=key, nullable=null, comment=f"{comment}, UTC")


def _seconds(name: str, comment: str) -> Column[float]:
    return Column(name, Seconds(), nullable=False, comment=f"{comment}, seconds")


def _integer(name: str, comment: str) -> Column[int]:
    return Column(name, Integer, nullable=False, comment=comment)


def _words(enum: type[StrEnum]) -> str:
    return ", ".join(enum)


def _pbx() -> Column[str]:
    return _text("pbx", _PBX, "Name of the PBX in the configuration", key=True)


def _call() -> Column[str]:
    return _text("call_id", _CHANNEL, "Linkedid of the call: all rows of one call on one PBX share it")


def _caller(*, key: bool = False) -> Column[str]:
    return _text("uniqueid", _CHANNEL, "Uniqueid of the caller's channel", key=key)


def _source() -> Column[str]:
    comment = "Source of the row: observed (events of the PBX), queue_log (imported)"
    return _later("source", _WORD, comment, before="observed")


def _flag(name: str, comment: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=false(), comment=comment)


def _table(
    name: str, comment: str, *parts: Column[Any] | Index, newest: str = "", oldest: str = ""
) -> Table[Any]:
    # MariaDB's default collation treats queues Sales and sales as equal. utf8mb4_bin treats two keys as equal
    # that differ only in spaces at the end.
    options = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
    on_mysql: dict[str, Any] = {
        f"{dialect}_{k}": v for dialect in ("mysql", "mariadb") for k, v in options.items()
    }
    info = {NEWEST: newest, OLDEST: oldest}
    return Table(name, metadata, *parts, comment=comment, info=info, **on_mysql)


_CALLER_KEY = "Caller key, the same in all calls of a caller, personal data; empty if the number is withheld"
_OTHER_SIDE = (
    "Caller key of the outside party (of the caller, or of the called party of an outgoing call), personal "
    "data; empty if the number is withheld"
)

calls = _table(
    "calls",
    "One call, from the start of its first channel to the end of its last; calls without a queue are stored "
    "if direct_calls.enabled",
    _pbx(),
    _text("call_id", _CHANNEL, "Linkedid of the call: all rows of one call on one PBX share it", key=True),
    _text("uniqueid", _CHANNEL, "Uniqueid of the first channel"),
    _text("direction", _WORD, f"Direction of the call, seen from the contact centre: {_words(Direction)}"),
    _instant("started_at", "Start of the first channel"),
    _instant("ended_at", "End of the last channel"),
    _seconds("call_seconds", "ended_at - started_at"),
    _text("caller_number", _NUMBER, "Caller's number, personal data; empty if withheld"),
    _text("caller_name", _NAME, "Caller's name as the network sent it, personal data"),
    _text(
        "dialed", _NUMBER, "First dialled extension; the called number of an outgoing call is personal data"
    ),
    _text("language", _LANGUAGE, "Language of the caller's channel"),
    _text("queue", _NAME, "First queue that the caller entered; empty for a call without a queue"),
    Column(
        "answered", Boolean, nullable=False, comment="True if an agent of a queue or another phone answered"
    ),
    _integer("queues", "Number of queue visits (rows of queue_visits)"),
    _integer("talks", "Number of talks (rows of talks)"),
    _seconds("wait_seconds", "Sum of the wait time in queues before the first answer"),
    _seconds("talk_seconds", "Sum of the talk time of talks that are not partial, hold included"),
    Column(
        "partial",
        Boolean,
        nullable=False,
        comment="True if the start, the end or a part of a talk was not observed",
    ),
    _later("caller_key", _WORD, _OTHER_SIDE),
    Index(None, "started_at"),
    Index(None, "queue", "started_at"),
    Index(None, "caller_key", "started_at"),
    Index(None, "caller_number", "started_at"),
    Index(None, "dialed", "started_at"),
)

queue_visits = _table(
    "queue_visits",
    "One visit: the stay of one caller in one queue; a call has one visit for each queue it entered",
    _pbx(),
    _call(),
    _caller(key=True),
    _text("queue", _NAME, "Queue", key=True),
    _instant("entered_at", "Time at which the caller entered the queue", key=True),
    _instant("left_at", "Time at which the caller left the queue, whatever the outcome"),
    _seconds("wait_seconds", "left_at - entered_at"),
    _text("outcome", _WORD, f"Outcome of the visit: {_words(Outcome)}"),
    _text("agent", _NAME, "Name of the agent who answered; null unless answered", null=True),
    _text("interface", _NAME, "Interface of the agent who answered; null unless answered", null=True),
    _integer("position", "Position in the queue on entry, from 1; 0 if the entry was not observed"),
    _text("caller_number", _NUMBER, "Caller's number, personal data; empty if withheld"),
    _text("caller_name", _NAME, "Caller's name as the network sent it, personal data"),
    _text("language", _LANGUAGE, "Language of the caller's channel"),
    Column(
        "ringing", Boolean, nullable=False, comment="True if an agent's phone was ringing as the caller left"
    ),
    _text("decided_by", _WORD, "Event of the PBX that determined the outcome"),
    Column(
        "partial",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="True if the PBX's clock was set during the wait: wait_seconds is not exact and in no sum",
    ),
    _source(),
    _later("caller_key", _WORD, _CALLER_KEY),
    Index(None, "entered_at"),
    Index(None, "queue", "entered_at"),
    Index(None, "agent", "entered_at"),
    Index(None, "caller_key", "entered_at"),
    Index(None, "caller_number", "entered_at"),
    Index(None, "call_id"),
)

rings = _table(
    "rings",
    "One ring: a ring attempt of one agent's phone for one caller",
    _pbx(),
    _call(),
    _caller(),
    _text("ring_uniqueid", _CHANNEL, "Uniqueid of the channel towards the agent", key=True),
    _text("queue", _NAME, "Queue"),
    _text("agent", _NAME, "Name of the agent"),
    _text("interface", _NAME, "Interface of the agent"),
    _instant("started_at", "Start of the ringing", key=True),
    _instant("ended_at", "End of the ringing"),
    _seconds("ring_seconds", "ended_at - started_at"),
    _text("outcome", _WORD, f"Outcome of the ring: {_words(RingOutcome)}"),
    Index(None, "started_at"),
    Index(None, "queue", "started_at"),
    Index(None, "agent", "started_at"),
    Index(None, "call_id"),
)

talks = _table(
    "talks",
    "One talk: the conversation of one caller with one agent, from the agent's entry into the bridge until "
    "the agent leaves it",
    _pbx(),
    _call(),
    _caller(key=True),
    _text("agent_uniqueid", _CHANNEL, "Uniqueid of the agent's own channel", key=True),
    _text("queue", _NAME, "Queue; empty for a direct call, which has no queue"),
    _text("agent", _NAME, "Name of the agent"),
    _text("interface", _NAME, "Interface of the agent"),
    _instant("answered_at", "Time from which agent and caller could hear each other", key=True),
    _instant("ended_at", "Time at which the agent left"),
    _seconds("talk_seconds", "ended_at - answered_at, hold included"),
    _seconds("hold_seconds", "Part of talk_seconds in which the caller was on hold"),
    _integer("holds", "Number of times that the caller was put on hold"),
    _text("ended_by", _WORD, f"Party that ended the talk: {_words(EndedBy)}"),
    _text(
        "transfer",
        _WORD,
        f"Kind of transfer to another destination by the agent: {_words(Transfer)}; null: no transfer",
        null=True,
    ),
    _text("transfer_target", _NAME, "Destination of the transfer; null unless transferred", null=True),
    _source(),
    _flag("picked_up", "True if a phone other than the ringing one picked up the call"),
    _flag("partial", "True if the start or end was not observed; then talk_seconds must not be counted"),
    Index(None, "answered_at"),
    Index(None, "queue", "answered_at"),
    Index(None, "agent", "answered_at"),
    Index(None, "call_id"),
)

agent_intervals = _table(
    "agent_intervals",
    "One period of one agent in one state, across all queues of the agent",
    _pbx(),
    _text("agent", _NAME, "Name of the agent", key=True),
    _text("state", _WORD, f"State: {_words(AgentState)}"),
    _instant("started_at", "Start of the state", key=True),
    _instant("ended_at", "End of the state"),
    _seconds("seconds", "ended_at - started_at"),
    _text("reason", _NAME, "Reason of a pause; do_not_disturb if unreachable for that reason; else empty"),
    _text("queue", _NAME, "Queue of the talk before a wrap-up, else empty"),
    Column(
        "flagged", Boolean, nullable=False, comment="True for a wrap-up that was ended at its maximum length"
    ),
    Index(None, "started_at"),
)

_TRIGGER = f"Event that started the survey: {_words(Trigger)}"

survey_decisions = _table(
    "survey_decisions",
    "One survey decision: an eligible caller who was invited, or was not for the reason in stage",
    _pbx(),
    _call(),
    _caller(key=True),
    _text("queue", _NAME, "Queue of the last talk"),
    _text("agent", _NAME, "Agent of the last talk"),
    _text("interface", _NAME, "Interface of the agent of the last talk"),
    _instant("decided_at", "Time of the decision", key=True),
    _text("survey", _WORD, "Survey definition; empty if none was chosen"),
    _text("trigger", _WORD, _TRIGGER),
    _text("stage", _WORD, "Decision: invited, caller_left_first, or the reason for no invitation"),
    _text("caller_key", _WORD, _CALLER_KEY),
    Index(None, "decided_at"),
    Index(None, "caller_key", "decided_at"),
    Index(None, "queue", "decided_at"),
    Index(None, "agent", "decided_at"),
    Index(None, "call_id"),
)

not_routed_calls = _table(
    "not_routed_calls",
    "One call that was not routed to the survey: an agent hung up, and the dialplan requested no survey",
    _pbx(),
    _text("call_id", _CHANNEL, "Linkedid of the call: all rows of one call on one PBX share it", key=True),
    _caller(),
    _text("queue", _NAME, "Queue of the last talk"),
    _text("agent", _NAME, "Agent of the last talk"),
    _text("interface", _NAME, "Interface of the agent of the last talk"),
    _instant("ended_at", "End of the call"),
    _text("survey", _WORD, "Survey of the queue"),
    _text("caller_key", _WORD, _CALLER_KEY),
    Index(None, "ended_at"),
    Index(None, "caller_key", "ended_at"),
    Index(None, "queue", "ended_at"),
    Index(None, "agent", "ended_at"),
)

survey_attempts = _table(
    "survey_attempts",
    "One survey attempt: a survey that was started with one caller",
    _pbx(),
    _text("attempt_id", _CHANNEL, "Id of the attempt, unique on its PBX", key=True),
    _call(),
    _caller(),
    _text("queue", _NAME, "Queue of the rated talk"),
    _text("agent", _NAME, "Agent of the rated talk"),
    _text("interface", _NAME, "Interface of the agent of the rated talk"),
    _text("survey", _WORD, "Survey definition"),
    _integer("version", "Version of the survey definition"),
    _text("language", _LANGUAGE, "Language of the prompts"),
    _instant("started_at", "Start of the survey"),
    _instant(
        "ended_at",
        "End of the survey; null: it is in progress, or the daemon was killed during it",
        null=True,
    ),
    _text("result", _WORD, f"Result of the survey: {_words(SurveyResult)}"),
    _text(
        "reason",
        _WORD,
        "Reason why the survey is not complete: hung_up, no_input, invalid, skipped, opted_out, time_limit, "
        "error, shutdown, not_stored; else empty",
    ),
    _later("trigger", _WORD, _TRIGGER, before=Trigger.QUEUE),
    _later(
        "attributed_by",
        _WORD,
        f"Source of the rated queue and agent: {_words(AttributedBy)}",
        before=AttributedBy.EVENTS,
    ),
    _later("caller_key", _WORD, _CALLER_KEY),
    Index(None, "started_at"),
    Index(None, "caller_key", "started_at"),
    Index(None, "queue", "started_at"),
    Index(None, "agent", "started_at"),
    Index(None, "call_id"),
)

_KIND = "Kind of the question, such as csat; config/docs/schema.md lists them with their values"

answers = _table(
    "answers",
    "One valid answer of a caller; its survey_attempts row has the same pbx and attempt_id",
    _pbx(),
    _text("attempt_id", _CHANNEL, "Id of the answer's survey attempt", key=True),
    _text("question", _WORD, "Id of the question in the survey definition", key=True),
    _text("kind", _WORD, _KIND),
    _integer("value", "Score; yes_no: 1 (yes) or 0 (no); choice: the key; comment: seconds of the recording"),
    _integer("tries", "Number of attempts until the input was valid; 1: the first was valid"),
    _instant("answered_at", "Time of the answer"),
    _later("queue", _NAME, "Rated queue; empty if the answer rates the company as a whole"),
    _later("agent", _NAME, "Rated agent; empty if the answer rates the company as a whole"),
    _later("interface", _NAME, "Interface of the rated agent"),
    _later("label", _NAME, "Meaning of value in words: yes or no, or the label of a choice; else empty"),
    _later("recording", _FILE, "File of a spoken comment on the PBX, personal data; else empty"),
    Index(None, "answered_at"),
    Index(None, "queue", "answered_at"),
    Index(None, "agent", "answered_at"),
)

surveys = _table(
    "surveys",
    "One version of a survey definition with its questions, as it was first loaded",
    _pbx(),
    _text("survey", _WORD, "Survey definition", key=True),
    Column(
        "version",
        Integer,
        primary_key=True,
        autoincrement=False,
        nullable=False,
        comment="Version of the survey definition",
    ),
    _text("languages", _FILE, "Languages, separated by commas; callers of another language hear the first"),
    Column(
        "questions",
        Text(),
        nullable=False,
        comment="JSON: the list of questions in order, each with id, kind, ask (the prompt), rates (subject "
        "of the rating), scale (lowest and highest value, or null) and labels (value: meaning)",
    ),
    _instant("first_seen", "Time at which the version was first loaded"),
    oldest="first_seen",
)

opt_outs = _table(
    "opt_outs",
    "The last opt-out or opt-in of a caller; it is valid on all PBXs",
    _text("caller_key", _WORD, _CALLER_KEY, key=True),
    _instant("updated_at", "Time of the opt-out or opt-in"),
    Column(
        "opted_out", Boolean, nullable=False, comment="True: no survey invitations; false: invitations again"
    ),
    _text("source", _WORD, "Source: key (pressed in a survey), command"),
    newest="updated_at",
)

customers = _table(
    "customers",
    "The customer behind a number, as imported from a CRM; it is valid on all PBXs",
    _text("caller_key", _WORD, _CALLER_KEY, key=True),
    _text(
        "customer_id",
        _WORD,
        "Customer id in the CRM; numbers with one id belong to one customer; may be empty",
    ),
    _text("name", _NAME, "Name, personal data; empty unless callers.number_storage is plain"),
    _instant("updated_at", "Time of the last change by an import"),
    Index(None, "customer_id"),
    newest="updated_at",
)

# This table has no kind of record; storage/queries/follow_ups.py has its statements. It has a unique key
# besides the primary key, so `upsert` must never get it.
follow_ups = _table(
    "follow_ups",
    "One follow-up: a customer who should be called back, for one reason",
    _text(
        "follow_up_id", _WORD, "Id computed from PBX, reason and cause, so that a cause opens one", key=True
    ),
    _text("pbx", _PBX, "Name of the PBX whose call opened the follow-up"),
    _text("reason", _WORD, f"Reason: {_words(FollowUpReason)}"),
    _text("caller_key", _WORD, "Caller key, the same in all calls of a caller, personal data; never empty"),
    _text("number", _NUMBER, "Caller's number in the form that callers.number_storage allows, personal data"),
    _text("queue", _NAME, "Queue of the call that opened the follow-up; empty for a direct call"),
    _text("agent", _NAME, "Agent of the rated talk, or agent who answered after the wait; may be empty"),
    _text("call_id", _CHANNEL, "Linkedid of the call that opened the follow-up"),
    _text("detail", _FILE, "Cause in words, such as csat=1 or waited 612 s"),
    _text("owner", _WORD, "Owner of the queue in the configuration at the time of opening; may be empty"),
    _instant("opened_at", "Time of the cause"),
    _instant("due_at", "Due time: opened_at plus the allowed business hours"),
    _text("state", _WORD, f"State: {_words(FollowUpState)}"),
    _text("taken_by", LONGEST_NAME, "Person who took the follow-up; empty: not taken"),
    _instant("taken_at", "Time of taking; null: not taken", null=True),
    _text("closed_by", LONGEST_NAME, "Person who closed the follow-up; empty: not closed"),
    _instant("closed_at", "Time of closing (done or dismissed); null: not closed", null=True),
    _text(
        "outcome", LONGEST_TEXT, "Outcome, or reason for the dismissal, as typed by the person who closed it"
    ),
    _text("linked_pbx", _PBX, "PBX of the next answered call from or to the customer; empty: none yet"),
    _text("linked_call_id", _CHANNEL, "Linkedid of the next answered call; empty: none yet"),
    _instant("linked_at", "Start of the next answered call; null: none yet", null=True),
    _text(
        "open_key",
        _FILE,
        "Reason and customer of an unclosed follow-up, unique; null when closed",
        null=True,
    ),
    _text("notified_state", _WORD, "Last state that webhooks were notified of: opened, closed; empty: none"),
    Index(None, "open_key", unique=True),
    Index(None, "owner", "state", "due_at"),
    Index(None, "state", "due_at"),
    Index(None, "caller_key"),
    Index(None, "closed_at"),
    Index(None, "notified_state"),
)

# This table has no kind of record; storage/queries/digest_deliveries.py has its statements.
digest_deliveries = _table(
    "digest_deliveries",
    "One digest for one address; of several daemons only one sends it",
    _text("frequency", _WORD, "Period of the digest: day, week, month", key=True),
    _text("first_day", _WORD, "First day of the period, such as 2026-11-16", key=True),
    _text("owner", _WORD, "Owner whose queues the digest covers; empty: all queues", key=True),
    _text("address", _ADDRESS, "Recipient's email address, personal data", key=True),
    _text("last_day", _WORD, "Last day of the period, included"),
    _instant("enqueued_at", "Time from which the digest should be sent"),
    _text("state", _WORD, "State: waiting, claimed, sending, sent, failed, unclear"),
    _text("claimed_by", _WORD, "Process that makes and sends the digest; empty: none yet"),
    _integer("attempts", "Number of attempts"),
    _instant(
        "next_attempt_at", "Time of the next attempt; if claimed or sending, time at which the claim expires"
    ),
    _instant("ended_at", "Time of sending or of the final failure; null: not ended", null=True),
    _text("reason", _FILE, "Reason why the last attempt failed; empty: it did not"),
    Index(None, "frequency", "state", "next_attempt_at"),
)

gaps = _table(
    "gaps",
    "One gap: a span in which the PBX was not observed, or records were lost; its figures are incomplete",
    _pbx(),
    _instant("started_at", "Start of the gap", key=True),
    _instant("ended_at", "End of the gap"),
    _text("reason", _NAME, f"Reason: {_words(GapReason)}"),
    _integer(
        "calls_affected",
        "Number of visits and talks in progress when the gap started; with records_lost, of lost ones",
    ),
)

observation_watermarks = _table(
    "observation_watermarks",
    "The watermark of each PBX: the time until which it was observed, updated every few seconds",
    _pbx(),
    _instant("observed_until", "Time until which the PBX was observed"),
)

open_state = _table(
    "open_state",
    "One checkpoint: the saved state of an open call or of an agent, from which a daemon continues after its "
    "predecessor was killed; always empty on a server, where the journal has the checkpoints",
    _pbx(),
    _text("kind", _WORD, "Kind of checkpoint: call, agent", key=True),
    _text("name", _CHANNEL, "call_id of the call, or name of the agent", key=True),
    Column("state", Text, nullable=False, comment="Saved state in JSON; personal data"),
)

TABLES: dict[type[Record], Table[Any]] = {
    Call: calls,
    QueueVisit: queue_visits,
    Ring: rings,
    Talk: talks,
    AgentInterval: agent_intervals,
    SurveyDefinition: surveys,
    SurveyDecision: survey_decisions,
    NotRoutedCall: not_routed_calls,
    SurveyAttempt: survey_attempts,
    Answer: answers,
    OptOut: opt_outs,
    CustomerNumber: customers,
    Gap: gaps,
    ObservationWatermark: observation_watermarks,
    OpenStateRecord: open_state,
}


def _reader(
    kind: type[Record], table: Table[Any]
) -> tuple[Table[Any], list[str], Callable[[Record], tuple[Any, ...]]]:
    names = [column.name for column in table.columns if hasattr(kind, column.name)]
    return table, names, attrgetter(*names)


_READERS = {kind: _reader(kind, table) for kind, table in TABLES.items()}


def row_of(record: Record) -> tuple[Table[Any], dict[str, Any]]:
    """Return the table in which a record is stored, and its row as a dict of column values.

    Each column has the value of the record's attribute with the same name.
    """
    table, names, values = _READERS[type(record)]
    return table, dict(zip(names, values(record), strict=True))
