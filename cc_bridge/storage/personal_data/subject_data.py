"""The search for one data subject (a person) in all tables of the database.

`export` returns all rows about the person for a subject access request. `erasure.py` uses the same search.

A number can be stored in several forms: SQL cannot see that 0912... and +98912... are the same number. So all
distinct values of each column are read and compared in Python. The index of the column makes this fast.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Connection, MetaData, String, Table, and_, inspect, select

from cc_bridge.privacy.data_subject import DataSubject
from cc_bridge.storage.queries.id_batches import id_batches
from cc_bridge.storage.schema.column_types import Instant
from cc_bridge.storage.schema.tables import (
    TABLES,
    answers,
    calls,
    customers,
    follow_ups,
    not_routed_calls,
    open_state,
    opt_outs,
    queue_visits,
    rings,
    survey_attempts,
    survey_decisions,
    talks,
)

__all__ = [
    "SubjectData",
    "customer_keys",
    "export",
    "export_other",
    "find",
    "other_rows",
    "someones",
    "someones_attempts",
]

# Columns that hold a number or a caller key. A match in the first group makes the call the person's own. A
# match in the second group, such as a transfer target, belongs to another person's call.
_OF_CALLER = (
    calls.c.caller_number, calls.c.caller_key, queue_visits.c.caller_number, queue_visits.c.caller_key,
    survey_attempts.c.caller_key, survey_decisions.c.caller_key, not_routed_calls.c.caller_key,
    follow_ups.c.caller_key, follow_ups.c.number,
)  # fmt: skip
_ELSEWHERE = (
    calls.c.dialed, calls.c.caller_name, queue_visits.c.caller_name, talks.c.transfer_target,
    follow_ups.c.outcome, follow_ups.c.taken_by, follow_ups.c.closed_by,
)  # fmt: skip


@dataclass(slots=True)
class SubjectData:
    """The places in the database where one person was found.

    `values` has, for each column, the stored forms of the person's number. `calls` has, for each PBX, the
    Linkedids of the person's own calls. A call of another person that only mentions the number, for example
    as a transfer target, is not included.
    """

    values: dict[Column[str], list[str]] = field(default_factory=dict)
    calls: dict[str, set[str]] = field(default_factory=dict)

    def own(self, table: Table[Any]) -> Iterator[ColumnElement[bool]]:
        """Yield SQL conditions for the rows of a table that belong to the person's own calls.

        Several conditions may be needed, because one holds only a limited number of call ids. A row matches
        one of them.
        """
        for pbx, ids in self.calls.items():
            for some in id_batches(sorted(ids)):
                yield and_(table.c.pbx == pbx, table.c.call_id.in_(some))


def find(connection: Connection, person: DataSubject) -> SubjectData:
    """Find the places where calls, visits, talks, surveys and follow-ups mention a person.

    The tables `opt_outs` and `customers` are not included; `someones` and `customer_keys` search them.
    """
    traces = SubjectData()
    for column in (*_OF_CALLER, *_ELSEWHERE):
        matches = person.is_in if column in _ELSEWHERE else person.has_number
        values = connection.scalars(select(column).where(column != "").distinct())
        traces.values[column] = [value for value in values if matches(value)]
    for column in _OF_CALLER:
        table = column.table
        found = select(table.c.pbx, table.c.call_id).where(column.in_(traces.values[column])).distinct()
        for pbx, call_id in connection.execute(found):
            traces.calls.setdefault(pbx, set()).add(call_id)
    return traces


def export(connection: Connection, person: DataSubject) -> dict[str, list[dict[str, Any]]]:
    """Return all rows about a person, by table, as dicts that can be written as JSON.

    Instants are ISO 8601 text in UTC.
    """
    traces = find(connection, person)
    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}

    def add(table: Table[Any], where: ColumnElement[bool]) -> None:
        rows = found.setdefault(table.name, {})
        for row in connection.execute(select(table).where(where)).mappings():
            rows[tuple(row[key.name] for key in table.primary_key)] = _shown(table, dict(row))

    for table in (
        calls,
        queue_visits,
        rings,
        talks,
        survey_attempts,
        survey_decisions,
        not_routed_calls,
        follow_ups,
    ):
        found[table.name] = {}
        for own in traces.own(table):
            add(table, own)
    for column, values in traces.values.items():
        if values:
            add(column.table, column.in_(values))
    found[answers.name] = {}
    for attempts in someones_attempts(traces, connection):
        add(answers, attempts)
    for key in someones(connection, person):
        add(opt_outs, opt_outs.c.caller_key == key)
    for key in customer_keys(connection, person):
        add(customers, customers.c.caller_key == key)
    return {name: list(rows.values()) for name, rows in found.items()} | export_other(connection, person)


def export_other(connection: Connection, person: DataSubject) -> dict[str, list[dict[str, Any]]]:
    """Return, by table, the rows that mention a person only within a text, such as a record in JSON.

    Such rows are events of the outbox, checkpoints of open calls, and entries of a journal.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for table, row, _ in other_rows(connection, person):
        found.setdefault(table.name, []).append(_shown(table, row))
    return found


def someones(connection: Connection, person: DataSubject) -> list[str]:
    """Return the caller keys under which opt-outs and opt-ins of a person are stored."""
    return [key for key in connection.scalars(select(opt_outs.c.caller_key)) if person.has_number(key)]


def customer_keys(connection: Connection, person: DataSubject) -> list[str]:
    """Return a person's caller keys in the table `customers`, which is imported from the CRM."""
    return [key for key in connection.scalars(select(customers.c.caller_key)) if person.has_number(key)]


def someones_attempts(traces: SubjectData, connection: Connection) -> Iterator[ColumnElement[bool]]:
    """Yield SQL conditions for the answers that a person gave in surveys.

    `traces` is the result of `find` for this person. Several conditions may be needed, because one condition
    holds only a limited number of attempt ids. An answer of the person matches at least one of them.
    """
    keyed = survey_attempts.c.caller_key.in_(traces.values[survey_attempts.c.caller_key])
    for where in (keyed, *traces.own(survey_attempts)):
        found = select(survey_attempts.c.pbx, survey_attempts.c.attempt_id).where(where)
        attempts: dict[str, list[str]] = {}
        for pbx, attempt_id in connection.execute(found):
            attempts.setdefault(pbx, []).append(attempt_id)
        for pbx, ids in attempts.items():
            for some in id_batches(ids):
                yield and_(answers.c.pbx == pbx, answers.c.attempt_id.in_(some))


def other_rows(
    connection: Connection, person: DataSubject
) -> Iterator[tuple[Table[Any], dict[str, Any], dict[str, Any]]]:
    """Yield the rows that mention a person only within a text, such as a record in JSON.

    Such rows are events of the outbox, checkpoints of open calls, and entries of a journal. Each item is
    (table, row, changes). `changes` maps each column that mentions the person to a new text, from which the
    person is removed.
    """
    ours = {table.name for table in TABLES.values() if table is not open_state} | {follow_ups.name}
    for name in inspect(connection).get_table_names():
        if name in ours:
            continue
        table = Table(name, MetaData(), autoload_with=connection)
        texts = [column.name for column in table.columns if _is_text(column) and not column.primary_key]
        for row in connection.execute(select(table)).mappings():
            left = {text: person.without(row[text]) for text in texts}
            changed = {text: value for text, value in left.items() if value is not row[text]}
            if changed:
                yield table, dict(row), changed


def _is_text(column: Column[Any]) -> bool:
    return isinstance(column.type, String | JSON)


def _shown(table: Table[Any], row: dict[str, Any]) -> dict[str, Any]:
    def shown(name: str, value: Any) -> Any:
        if isinstance(value, float) and isinstance(table.c[name].type, Instant):
            return (
                datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            )
        return str(value) if isinstance(value, datetime | bytes) else value

    return {name: shown(name, value) for name, value in row.items()}
