"""The SQL tables, one for each kind of record, each column with its unit and meaning.

`storage/pipeline/writer.py` fills them through `row_of`, `storage/queries/survey_history.py` and the reports
of integrators read them, and `migrations/` must lead to exactly this. The trap: a column is filled from the
record's attribute of the same name, so a new column needs that attribute and a migration; one that the
database fills by itself, as `source`, needs only the migration.

There are no foreign keys on purpose: an answer must never be refused because its attempt is missing.
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

# In characters. A key of InnoDB holds 3,072 bytes, 768 characters of utf8mb4, and the widest here
# (talks: PBX and two channels) needs 372. Over-long values of Asterisk's own are not known to exist.
_PBX = 64
_CHANNEL = 150  # Asterisk's AST_MAX_PUBLIC_UNIQUEID is 149
_NAME = 128  # queue, agent, caller: Asterisk's own bounds are 80 bytes
_NUMBER = 80  # AST_MAX_EXTENSION
_LANGUAGE = 40  # MAX_LANGUAGE
_WORD = 64  # one of our own words
_FILE = 255  # a name on the PBX
_ADDRESS = 255  # the longest of a mail has 254

# In a table's info: the column by which an older row never replaces a newer one, or the other way round.
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
    """Return a column that came when there were rows already; they hold what was true `before` it."""
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
    return _text("call_id", _CHANNEL, "Linkedid: all rows of one call on one PBX share it")


def _caller(*, key: bool = False) -> Column[str]:
    return _text("uniqueid", _CHANNEL, "Uniqueid of the caller's channel", key=key)


def _source() -> Column[str]:
    comment = "Where the row is from: observed (events of the PBX), queue_log (imported)"
    return _later("source", _WORD, comment, before="observed")


def _flag(name: str, comment: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=false(), comment=comment)


def _table(
    name: str, comment: str, *parts: Column[Any] | Index, newest: str = "", oldest: str = ""
) -> Table[Any]:
    # MariaDB's default collation would take queues Sales and sales for the same, and utf8mb4_bin two keys
    # that differ in blanks at the end.
    options = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
    on_mysql: dict[str, Any] = {
        f"{dialect}_{k}": v for dialect in ("mysql", "mariadb") for k, v in options.items()
    }
    info = {NEWEST: newest, OLDEST: oldest}
    return Table(name, metadata, *parts, comment=comment, info=info, **on_mysql)


_CALLER_KEY = "The same for the same caller, personal data; empty when the number is withheld"
_OTHER_SIDE = "Key of the person outside: who called, or whom a call that went out has called, personal data"

calls = _table(
    "calls",
    "One call from its first channel to the end of its last; those without a queue if direct_calls.enabled",
    _pbx(),
    _text("call_id", _CHANNEL, "Linkedid: all rows of one call on one PBX share it", key=True),
    _text("uniqueid", _CHANNEL, "Uniqueid of the first channel"),
    _text("direction", _WORD, f"Which way the call went: {_words(Direction)}"),
    _instant("started_at", "When the first channel began"),
    _instant("ended_at", "When the last channel ended"),
    _seconds("call_seconds", "ended_at - started_at"),
    _text("caller_number", _NUMBER, "Caller's number, personal data; empty when withheld"),
    _text("caller_name", _NAME, "Caller's name as the network sent it, personal data"),
    _text("dialed", _NUMBER, "First extension that was dialled; a number that was called is personal data"),
    _text("language", _LANGUAGE, "Language of the caller's channel"),
    _text("queue", _NAME, "First queue that the caller was in; empty without any"),
    Column("answered", Boolean, nullable=False, comment="True when an agent of a queue or a phone answered"),
    _integer("queues", "Visits of queues, rows of queue_visits"),
    _integer("talks", "Talks, rows of talks"),
    _seconds("wait_seconds", "Sum of the waits in queues before the first answer"),
    _seconds("talk_seconds", "Sum of the talks that are not partial, hold included"),
    Column("partial", Boolean, nullable=False, comment="True when begin, end or part of a talk was not seen"),
    _later("caller_key", _WORD, _OTHER_SIDE),
    Index(None, "started_at"),
    Index(None, "queue", "started_at"),
    Index(None, "caller_key", "started_at"),
    Index(None, "caller_number", "started_at"),
    Index(None, "dialed", "started_at"),
)

queue_visits = _table(
    "queue_visits",
    "One stay of one caller in one queue; a call has as many as queues it passed",
    _pbx(),
    _call(),
    _caller(key=True),
    _text("queue", _NAME, "Queue", key=True),
    _instant("entered_at", "When the caller entered the queue", key=True),
    _instant("left_at", "When the caller left the queue, whatever the outcome"),
    _seconds("wait_seconds", "left_at - entered_at"),
    _text("outcome", _WORD, f"How the stay ended: {_words(Outcome)}"),
    _text("agent", _NAME, "Name of the agent who answered; null unless answered", null=True),
    _text("interface", _NAME, "Interface of the agent who answered; null unless answered", null=True),
    _integer("position", "Place in the queue on entry, from 1; 0 when the entry was not seen"),
    _text("caller_number", _NUMBER, "Caller's number, personal data; empty when withheld"),
    _text("caller_name", _NAME, "Caller's name as the network sent it, personal data"),
    _text("language", _LANGUAGE, "Language of the caller's channel"),
    Column("ringing", Boolean, nullable=False, comment="True when an agent was ringing as the caller left"),
    _text("decided_by", _WORD, "Message of the PBX that told the outcome"),
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
    "One attempt to reach one agent for one caller",
    _pbx(),
    _call(),
    _caller(),
    _text("ring_uniqueid", _CHANNEL, "Uniqueid of the channel towards the agent", key=True),
    _text("queue", _NAME, "Queue"),
    _text("agent", _NAME, "Name of the agent"),
    _text("interface", _NAME, "Interface of the agent"),
    _instant("started_at", "When the ringing began", key=True),
    _instant("ended_at", "When the ringing ended"),
    _seconds("ring_seconds", "ended_at - started_at"),
    _text("outcome", _WORD, f"How the attempt ended: {_words(RingOutcome)}"),
    Index(None, "started_at"),
    Index(None, "queue", "started_at"),
    Index(None, "agent", "started_at"),
    Index(None, "call_id"),
)

talks = _table(
    "talks",
    "One agent with one caller, from the agent's entry to the bridge until the agent leaves",
    _pbx(),
    _call(),
    _caller(key=True),
    _text("agent_uniqueid", _CHANNEL, "Uniqueid of the agent's own channel", key=True),
    _text("queue", _NAME, "Queue; empty for a direct call, which passed none"),
    _text("agent", _NAME, "Name of the agent"),
    _text("interface", _NAME, "Interface of the agent"),
    _instant("answered_at", "When agent and caller could hear each other", key=True),
    _instant("ended_at", "When the agent left"),
    _seconds("talk_seconds", "ended_at - answered_at, hold included"),
    _seconds("hold_seconds", "Part of talk_seconds in which the caller was on hold"),
    _integer("holds", "How many times the caller was put on hold"),
    _text("ended_by", _WORD, f"Who ended the talk: {_words(EndedBy)}"),
    _text("transfer", _WORD, f"How the agent passed the caller on: {_words(Transfer)}; null: not", null=True),
    _text("transfer_target", _NAME, "Where the caller was passed on to; null unless transferred", null=True),
    _source(),
    _flag("picked_up", "True when another phone than the one that rang picked the call up"),
    _flag("partial", "True when begin or end was not seen: talk_seconds is not to be counted"),
    Index(None, "answered_at"),
    Index(None, "queue", "answered_at"),
    Index(None, "agent", "answered_at"),
    Index(None, "call_id"),
)

agent_intervals = _table(
    "agent_intervals",
    "One stretch of one agent in one state, across all queues of the agent",
    _pbx(),
    _text("agent", _NAME, "Name of the agent", key=True),
    _text("state", _WORD, f"State: {_words(AgentState)}"),
    _instant("started_at", "From when", key=True),
    _instant("ended_at", "Until when"),
    _seconds("seconds", "ended_at - started_at"),
    _text("reason", _NAME, "Reason of the pause, else empty"),
    _text("queue", _NAME, "Queue whose talk is wrapped up, else empty"),
    Column("flagged", Boolean, nullable=False, comment="True for a wrap-up that was cut off at its cap"),
    Index(None, "started_at"),
)

_TRIGGER = f"What brought the caller to the survey: {_words(Trigger)}"

survey_decisions = _table(
    "survey_decisions",
    "One call that could have been rated: asked, or why not",
    _pbx(),
    _call(),
    _caller(key=True),
    _text("queue", _NAME, "Queue of the last talk"),
    _text("agent", _NAME, "Agent of the last talk"),
    _text("interface", _NAME, "Interface of that agent"),
    _instant("decided_at", "When it was decided", key=True),
    _text("survey", _WORD, "Survey definition; empty when none was chosen"),
    _text("trigger", _WORD, _TRIGGER),
    _text("stage", _WORD, "invited, caller_left_first, or the reason why the caller was not asked"),
    _text("caller_key", _WORD, _CALLER_KEY),
    Index(None, "decided_at"),
    Index(None, "caller_key", "decided_at"),
    Index(None, "queue", "decided_at"),
    Index(None, "agent", "decided_at"),
    Index(None, "call_id"),
)

survey_attempts = _table(
    "survey_attempts",
    "One caller asked to rate the service",
    _pbx(),
    _text("attempt_id", _CHANNEL, "Attempt, unique on its PBX", key=True),
    _call(),
    _caller(),
    _text("queue", _NAME, "Queue of the rated talk"),
    _text("agent", _NAME, "Agent of the rated talk"),
    _text("interface", _NAME, "Interface of that agent"),
    _text("survey", _WORD, "Survey definition"),
    _integer("version", "Version of that definition"),
    _text("language", _LANGUAGE, "Language of the prompts"),
    _instant("started_at", "When the survey started"),
    _instant("ended_at", "When the survey ended; null: it runs, or the daemon was killed in it", null=True),
    _text("result", _WORD, f"How far the survey came: {_words(SurveyResult)}"),
    _text(
        "reason",
        _WORD,
        "Why it is not complete: hung_up, no_input, invalid, skipped, opted_out, time_limit, error, "
        "shutdown; else empty",
    ),
    _later("trigger", _WORD, _TRIGGER, before=Trigger.QUEUE),
    _later(
        "attributed_by", _WORD, f"Who says whom it rates: {_words(AttributedBy)}", before=AttributedBy.EVENTS
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
    "One valid answer of a caller; pbx and attempt_id lead to its survey_attempts row",
    _pbx(),
    _text("attempt_id", _CHANNEL, "Attempt that the answer belongs to", key=True),
    _text("question", _WORD, "Question in the survey definition", key=True),
    _text("kind", _WORD, _KIND),
    _integer("value", "Score; 1 for yes, 0 for no; key of a choice; seconds of a spoken comment"),
    _integer("tries", "Keys and silences until the answer was valid, 1 for the first"),
    _instant("answered_at", "When the key was pressed"),
    _later("queue", _NAME, "Queue that it rates; empty for the company as a whole"),
    _later("agent", _NAME, "Agent whom it rates; empty for the company as a whole"),
    _later("interface", _NAME, "Interface of that agent"),
    _later("label", _NAME, "What the key of a choice means, else empty"),
    _later("recording", _FILE, "File of a spoken comment on the PBX, personal data; else empty"),
    Index(None, "answered_at"),
    Index(None, "queue", "answered_at"),
    Index(None, "agent", "answered_at"),
)

surveys = _table(
    "surveys",
    "What each version of a survey asks, as it was loaded first",
    _pbx(),
    _text("survey", _WORD, "Survey definition", key=True),
    Column("version", Integer, primary_key=True, autoincrement=False, nullable=False, comment="Its version"),
    _text("languages", _FILE, "Its languages, with commas between; callers of another one hear the first"),
    Column(
        "questions",
        Text(),
        nullable=False,
        comment="JSON: a list of questions in their order, each with id, kind, ask (prompt), rates (whom), "
        "scale (lowest and highest value, or null) and labels (value: meaning)",
    ),
    _instant("first_seen", "When it was first loaded"),
    oldest="first_seen",
)

opt_outs = _table(
    "opt_outs",
    "What a caller said last about being asked to rate; it holds for all PBXs",
    _text("caller_key", _WORD, _CALLER_KEY, key=True),
    _instant("updated_at", "When it was said"),
    Column("opted_out", Boolean, nullable=False, comment="True: not to be asked; false: to be asked again"),
    _text("source", _WORD, "How it was said: key (in a survey), command"),
    newest="updated_at",
)

customers = _table(
    "customers",
    "Who is behind a number, as imported from a CRM; it holds for all PBXs",
    _text("caller_key", _WORD, _CALLER_KEY, key=True),
    _text("customer_id", _WORD, "The CRM's id; all numbers with the same one are one customer; may be empty"),
    _text("name", _NAME, "Name, personal data; empty unless callers.number_storage is plain"),
    _instant("updated_at", "When it was told last"),
    Index(None, "customer_id"),
    newest="updated_at",
)

# No record is written here: storage/queries/follow_ups.py has the statements, and the one unique key besides
# a primary key. `upsert` must never get this table.
follow_ups = _table(
    "follow_ups",
    "One customer whom somebody should call back, for one reason",
    _text("follow_up_id", _WORD, "Made of PBX, reason and what opened it, so that it opens once", key=True),
    _text("pbx", _PBX, "Name of the PBX whose call opened it"),
    _text("reason", _WORD, f"Why: {_words(FollowUpReason)}"),
    _text("caller_key", _WORD, "The same for the same caller, personal data; never empty"),
    _text("number", _NUMBER, "Caller's number as callers.number_storage lets it be stored, personal data"),
    _text("queue", _NAME, "Queue that opened it; empty for a direct call"),
    _text("agent", _NAME, "Agent of the rated talk, or who answered after the wait; may be empty"),
    _text("call_id", _CHANNEL, "Linkedid of the call that opened it"),
    _text("detail", _FILE, "What opened it, such as csat=1 or waited 612 s"),
    _text("owner", _WORD, "Owner of the queue in the configuration when it opened; may be empty"),
    _instant("opened_at", "When that happened"),
    _instant("due_at", "Until when it is to be closed, in business hours from opened_at on"),
    _text("state", _WORD, f"How far it has come: {_words(FollowUpState)}"),
    _text("taken_by", LONGEST_NAME, "Who took it; empty: nobody yet"),
    _instant("taken_at", "When it was taken", null=True),
    _text("closed_by", LONGEST_NAME, "Who closed it; empty: nobody yet"),
    _instant("closed_at", "When it was done or dismissed", null=True),
    _text("outcome", LONGEST_TEXT, "What came of it, or why it was dismissed, in somebody's own words"),
    _text("linked_pbx", _PBX, "PBX of the next answered call from or to the customer; empty: none yet"),
    _text("linked_call_id", _CHANNEL, "Linkedid of that call; empty: none yet"),
    _instant("linked_at", "When that call began", null=True),
    _text(
        "open_key",
        _FILE,
        "Reason and customer while it is not closed, unique; null when it is closed",
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

# No record is written here: storage/queries/digest_deliveries.py has the statements.
digest_deliveries = _table(
    "digest_deliveries",
    "One digest for one address, so that of several daemons only one sends it",
    _text("frequency", _WORD, "How often it comes: day, week, month", key=True),
    _text("first_day", _WORD, "First day that it is about, as 2026-11-16", key=True),
    _text("owner", _WORD, "Owner of the queues that it is about; empty: it is about all", key=True),
    _text("address", _ADDRESS, "Who gets it, personal data", key=True),
    _text("last_day", _WORD, "Last day that it is about, with its end"),
    _instant("enqueued_at", "Since when it is to be sent"),
    _text("state", _WORD, "How far it has come: waiting, claimed, sending, sent, failed, unclear"),
    _text("claimed_by", _WORD, "Which process makes and sends it; empty: none yet"),
    _integer("attempts", "Times that it was tried"),
    _instant("next_attempt_at", "When it is tried next; of a claimed one, when another may take it over"),
    _instant("ended_at", "When it was sent or given up", null=True),
    _text("reason", _FILE, "What the last attempt failed for"),
    Index(None, "frequency", "state", "next_attempt_at"),
)

gaps = _table(
    "gaps",
    "A stretch in which the PBX was not observed; figures of that time are incomplete",
    _pbx(),
    _instant("started_at", "From when", key=True),
    _instant("ended_at", "Until when"),
    _text("reason", _NAME, f"Why: {_words(GapReason)}"),
    _integer("calls_affected", "Open calls of which something may have been missed"),
)

observation_watermarks = _table(
    "observation_watermarks",
    "Until when each PBX was observed, renewed every few seconds",
    _pbx(),
    _instant("observed_until", "Until when"),
)

open_state = _table(
    "open_state",
    "Calls and agents' states that go on, for a daemon that comes after one that was killed; "
    "on a server always empty, since the journal holds them",
    _pbx(),
    _text("kind", _WORD, "What goes on: call, agent", key=True),
    _text("name", _CHANNEL, "The call_id or the agent's name", key=True),
    Column("state", Text, nullable=False, comment="All that is known of it, JSON; personal data"),
)

TABLES: dict[type[Record], Table[Any]] = {
    Call: calls,
    QueueVisit: queue_visits,
    Ring: rings,
    Talk: talks,
    AgentInterval: agent_intervals,
    SurveyDefinition: surveys,
    SurveyDecision: survey_decisions,
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
    """Return the table of a record and its row; its columns are attributes of the record."""
    table, names, values = _READERS[type(record)]
    return table, dict(zip(names, values(record), strict=True))
