"""The erasure of a data subject: it removes one person from everything that is stored.

The figures of calls stay. The person's numbers, names and caller keys are emptied; CRM entry, follow-ups and
recordings are deleted. Only an opt-out is kept, because without it the next survey would invite the person
again. It is kept under a hash of the number, made with `callers.hash_secret`, which hides the number.

An SQLite file would keep the old bytes in free pages and in its write-ahead log. Therefore the file is
rewritten (VACUUM) and its log emptied, which locks it for 30 s per gigabyte.

The erasure repeats until it finds nothing, because another process may restore a row. A call in progress is
not erased: it is stored later.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, Engine, Table, and_, delete, or_, select, update

from cc_bridge.errors import StorageError
from cc_bridge.privacy.data_subject import DataSubject
from cc_bridge.records import OptOut
from cc_bridge.storage.personal_data.recordings import Recordings
from cc_bridge.storage.personal_data.retention import in_batches
from cc_bridge.storage.personal_data.subject_data import (
    SubjectData,
    customer_keys,
    find,
    other_rows,
    someones,
    someones_attempts,
)
from cc_bridge.storage.schema.tables import (
    answers,
    calls,
    customers,
    follow_ups,
    not_routed_calls,
    opt_outs,
    queue_visits,
    row_of,
    survey_attempts,
    survey_decisions,
)
from cc_bridge.storage.schema.upsert import upsert

__all__ = ["CallerOptedOut", "ErasureResult", "erase", "leave_no_bytes"]

_OF_CALLER = ("caller_number", "caller_name", "caller_key")
_PASSES = 5  # at most; the second pass usually finds nothing
_READERS_SECONDS = 30.0  # longest wait for readers that keep the write-ahead log in use


class CallerOptedOut(StorageError):
    """Raised when a caller cannot be erased: an opt-out must be kept, but `callers.hash_secret` is not set.

    An opt-out is kept under a hash of the caller's number, and the hash needs this secret. Without it, the
    opt-out could only be kept under the number, which the erasure must remove.
    """


@dataclass(slots=True)
class ErasureResult:
    """The result of an erasure.

    `rows` has the number of changed or deleted rows of each table. `recordings` is the number of removed
    recordings. `not_here` has the paths of recordings that are not on this machine.
    """

    rows: dict[str, int] = field(default_factory=dict)
    recordings: int = 0
    not_here: list[str] = field(default_factory=list)
    opted_out: bool = False  # True: the person's opt-out is kept, under the hashed key

    def add(self, table: Table[Any], rows: int) -> None:
        if rows:
            self.rows[table.name] = self.rows.get(table.name, 0) + rows


def erase(
    database: Engine,
    journal: Engine | None,
    person: DataSubject,
    opt_out_key: str | None,
    recordings: Recordings,
    progress: Callable[[int], None] = lambda _rows: None,
) -> ErasureResult:
    """Erase a person from a database and from the records that wait in this machine's journal.

    `journal` is None if this machine has no journal. `opt_out_key` is the hashed key under which the person's
    opt-out is kept. Pass an empty text if there is no secret for the hash, and None to keep no opt-out.
    `recordings` is the folder of the spoken comments. `progress` gets the number of rows of each batch.

    Raises CallerOptedOut if an opt-out must be kept but `opt_out_key` is empty. Raises StorageError for a
    recording that this process may not remove. In both cases no row was changed.
    """
    erased = ErasureResult()
    with database.connect() as connection:
        said = [_said(connection, key) for key in someones(connection, person)]
        out = bool(said) and max(said, key=lambda one: one.updated_at).opted_out
        erased.opted_out = out and opt_out_key is not None
        if erased.opted_out and not opt_out_key:
            raise CallerOptedOut("the caller has opted out of surveys")
        _remove_recordings(connection, person, recordings, erased)
    for _ in range(_PASSES):
        before = dict(erased.rows)
        if journal is not None:
            _erase_journal(journal, person, opt_out_key, erased)
        _erase_rows(database, person, erased, progress)
        _erase_others(database, person, erased)
        _forget_customer(database, person, erased)
        _settle_opt_out(database, person, opt_out_key, erased)
        if erased.rows == before:
            break
    for engine in (database, journal):
        if engine is not None and engine.dialect.name == "sqlite":
            leave_no_bytes(engine)
    return erased


def leave_no_bytes(engine: Engine) -> None:
    """Rewrite an SQLite file and empty its write-ahead log, so that no byte of a deleted value remains.

    Raises StorageError if readers keep the log in use for 30 s.
    """
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("VACUUM")
        end = monotonic() + _READERS_SECONDS
        while cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if monotonic() > end:
                raise StorageError(
                    f"{engine.url.database}-wal still holds old rows, because another process keeps reading "
                    "the database: stop that process and erase again"
                )
            sleep(0.1)
    finally:
        raw.close()


def _said(connection: Connection, key: str) -> OptOut:
    c = opt_outs.c
    wanted = select(c.caller_key, c.updated_at, c.opted_out, c.source).where(c.caller_key == key)
    return OptOut(*connection.execute(wanted).one())


def _remove_recordings(
    connection: Connection, person: DataSubject, recordings: Recordings, erased: ErasureResult
) -> None:
    for theirs in someones_attempts(find(connection, person), connection):
        spoken = select(answers.c.recording).where(theirs, answers.c.recording != "")
        for recording in connection.scalars(spoken):
            if recordings.remove(recording):
                erased.recordings += 1
            else:
                erased.not_here.append(recording)


def _erase_rows(
    database: Engine, person: DataSubject, erased: ErasureResult, progress: Callable[[int], None]
) -> None:
    with database.connect() as connection:
        traces = find(connection, person)
        attempts = list(someones_attempts(traces, connection))
    for table, where, change in (*_deleted(traces), *_changes(traces, attempts)):
        for batch in in_batches(database, table, where, change):
            erased.add(table, len(batch))
            progress(len(batch))


def _deleted(traces: SubjectData) -> Iterator[tuple[Table[Any], list[Any], Any]]:
    """Yield (table, SQL conditions, DELETE statement) for the follow-ups about a person.

    `traces` has the places in the database where the person was found. The conditions select the rows to
    delete. A follow-up about another caller is not deleted, even if the text of its outcome mentions the
    person.
    """
    named = [column.in_(traces.values[column]) for column in (follow_ups.c.caller_key, follow_ups.c.number)]
    for theirs in (*traces.own(follow_ups), *named):
        yield follow_ups, [theirs], delete(follow_ups)


def _changes(traces: SubjectData, attempts: list[Any]) -> Iterator[tuple[Table[Any], list[Any], Any]]:
    for table in (calls, queue_visits):
        named = or_(*(table.c[name] != "" for name in _OF_CALLER))
        for own in traces.own(table):
            yield table, [own, named], update(table).values(dict.fromkeys(_OF_CALLER, ""))
    for own in attempts:
        yield answers, [own, answers.c.recording != ""], update(answers).values(recording="")
    for table in (survey_attempts, survey_decisions, not_routed_calls):
        for own in traces.own(table):
            yield table, [and_(own, table.c.caller_key != "")], update(table).values(caller_key="")
    for column, values in traces.values.items():
        if values:
            yield column.table, [column.in_(values)], update(column.table).values({column.name: ""})


def _erase_others(engine: Engine, person: DataSubject, erased: ErasureResult) -> None:
    with engine.begin() as connection:
        for table, row, left in list(other_rows(connection, person)):
            connection.execute(_one(update(table), table, row).values(left))
            erased.add(table, 1)


def _erase_journal(
    journal: Engine, person: DataSubject, opt_out_key: str | None, erased: ErasureResult
) -> None:
    """Erase a person from a journal, and add the numbers of changed and deleted rows to `erased`.

    An entry of a journal is a table row in JSON. All entries are searched: those that wait for the database
    server, those that were forwarded recently, and those that the database server rejected. Entries with the
    person's CRM data or opt-in are deleted. An opt-out is kept under the hashed key `opt_out_key`; it is
    deleted if `opt_out_key` is empty or None. All other rows stay, without the person.
    """
    with journal.begin() as connection:
        for table, entry, left in list(other_rows(connection, person)):
            if entry.get("table_name") == customers.name:
                connection.execute(_one(delete(table), table, entry))
                erased.add(table, 1)
                continue
            if entry.get("table_name") == opt_outs.name:
                said = json.loads(entry["row"])
                if said["opted_out"] and said["caller_key"] == opt_out_key:
                    continue
                if not (said["opted_out"] and opt_out_key):
                    connection.execute(_one(delete(table), table, entry))
                    erased.add(table, 1)
                    continue
                left["row"] = json.dumps({**said, "caller_key": opt_out_key})
            connection.execute(_one(update(table), table, entry).values(left))
            erased.add(table, 1)


def _forget_customer(database: Engine, person: DataSubject, erased: ErasureResult) -> None:
    with database.begin() as connection:
        for key in customer_keys(connection, person):
            connection.execute(delete(customers).where(customers.c.caller_key == key))
            erased.add(customers, 1)


def _settle_opt_out(
    database: Engine, person: DataSubject, opt_out_key: str | None, erased: ErasureResult
) -> None:
    with database.begin() as connection:
        said = [_said(connection, key) for key in someones(connection, person)]
        if not said:
            return
        last = max(said, key=lambda one: one.updated_at)
        if last.opted_out and {one.caller_key for one in said} == {opt_out_key}:
            return
        keys = [one.caller_key for one in said]
        connection.execute(delete(opt_outs).where(opt_outs.c.caller_key.in_(keys)))
        if last.opted_out and opt_out_key:
            table, row = row_of(OptOut(opt_out_key, last.updated_at, last.opted_out, last.source))
            connection.execute(upsert(table, database.dialect.name), [row])
        erased.add(opt_outs, len(keys))


def _one(statement: Any, table: Table[Any], row: dict[str, Any]) -> Any:
    return statement.where(*(key == row[key.name] for key in table.primary_key))
