"""Records of one caller in every table, for tests of privacy."""

import json

from sqlalchemy import select

from cc_bridge.records import (
    Answer,
    Call,
    CustomerNumber,
    Direction,
    EndedBy,
    NotRoutedCall,
    OptOut,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    SurveyAttempt,
    SurveyDecision,
    SurveyResult,
    Talk,
    Transfer,
    Trigger,
)
from cc_bridge.storage.schema.tables import metadata, row_of
from cc_bridge.storage.schema.upsert import upsert

T = 1_795_309_819.0


def records(n, number, keys, name="Maryam", at=T, folder="/nowhere", pbx="pbx"):
    """Return the stored records of one caller: a call, rated and commented on, and a callback.

    The call is also recorded as one that was not routed to the survey, so that every table has a row.
    """
    call, uniqueid = f"{n}.1", f"{n}.1"
    key = keys.key(number)
    return [
        Call(pbx, call, call, Direction.IN, at, at + 60, number, name, "02112345678", "fa", "sales", True, 1,
             1, 5.0, 50.0, False),
        Call(pbx, f"{n}.7", f"{n}.7", Direction.OUT, at, at + 60, "201", "Alice", number, "fa", "", True, 0,
             1, 0.0, 50.0, False),
        QueueVisit(pbx, call, uniqueid, "sales", at, at + 5, Outcome.ANSWERED, "Alice", "PJSIP/alice", 1,
                   number, name, "fa", False, "QueueCallerLeave"),
        Ring(pbx, call, uniqueid, f"{n}.2", "sales", "Alice", "PJSIP/alice", at, at + 5,
             RingOutcome.ANSWERED),
        Talk(pbx, call, uniqueid, f"{n}.2", "sales", "Alice", "PJSIP/alice", at + 5, at + 55, 0.0, 0,
             EndedBy.AGENT, Transfer.BLIND, f"Local/{number}@out"),
        SurveyDecision(pbx, call, uniqueid, "sales", "Alice", "PJSIP/alice", at + 55, "csat", Trigger.QUEUE,
                    "invited", key),
        NotRoutedCall(pbx, call, uniqueid, "sales", "Alice", "PJSIP/alice", at + 60, "csat", key),
        SurveyAttempt(pbx, f"{n}-a", call, uniqueid, "sales", "Alice", "PJSIP/alice", "csat", 1, "fa",
                      at + 55, at + 60, SurveyResult.COMPLETE, "", caller_key=key),
        Answer(pbx, f"{n}-a", "agent", "csat", 4, 1, at + 57, "sales", "Alice", "PJSIP/alice"),
        CustomerNumber(key, f"C-{name}", name, at),
        Answer(pbx, f"{n}-a", "why", "comment", 9, 1, at + 58, recording=f"{folder}/{n}-a-why.wav"),
    ]  # fmt: skip


def opt_out(number, keys, at=T):
    return OptOut(keys.key(number), at, opted_out=True, source="key")


def write(engine, *written):
    with engine.begin() as connection:
        for record in written:
            table, row = row_of(record)
            connection.execute(upsert(table, engine.dialect.name), [row])


def unfinished_call(number, name="Maryam"):
    """Return the open state of a call in progress, as JSON."""
    return json.dumps({"call_id": "9.1", "number": number, "name": name, "channels": ["9.1"]})


def everything(engine):
    """Return the rows of all tables as text, by table name."""
    with engine.connect() as connection:
        return {
            table.name: [str(tuple(row)) for row in connection.execute(select(table))]
            for table in metadata.sorted_tables
        }
