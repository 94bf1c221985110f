"""Lost calls as SQL selects them, compared with a search of all contacts in Python."""

import random
from dataclasses import replace
from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from cc_bridge.customers.lost_calls import LOST, LostCallStatus, lost_calls
from cc_bridge.records import Call, Direction, EndedBy, Outcome, QueueVisit, Talk
from cc_bridge.reports.calendar import Days
from cc_bridge.reports.call_filter import CallFilter, ListKind
from cc_bridge.reports.lost_call_callbacks import BY, callback_table
from cc_bridge.reports.query import QueueSettings, ReportQuery
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries import lost_calls as queries
from cc_bridge.storage.queries.call_list import read_calls
from cc_bridge.storage.queries.computed_report import compute_report
from cc_bridge.storage.queries.contacts_by_caller import contacts
from cc_bridge.storage.reports import reading
from support.survey_caller import write

T = 1_795_309_819.0
HOUR, DAY = 3600.0, 86_400.0
OUTCOMES = (*sorted(LOST), Outcome.ANSWERED, Outcome.ANSWERED, Outcome.ANSWERED, Outcome.TRANSFERRED_AWAY)


@pytest.fixture
def engine(database_url):
    engine = open_database(database_url)
    yield engine
    engine.dispose()


def crowd(chance, days, calls):
    """Yield random calls of some callers on two PBXs: incoming with up to two visits, and outgoing."""
    for n in range(calls):
        pbx, call = chance.choice(("main", "other")), f"{n // 2}.{n}"
        key = f"98912{chance.randrange(calls // 4)}" if chance.random() < 0.9 else ""
        at = T + chance.uniform(-2 * DAY, (days + 3) * DAY)
        way = Direction.OUT if chance.random() < 0.3 else Direction.IN
        visits = chance.choice((0, 1, 1, 2)) if way is Direction.IN else 0
        yield Call(
            pbx, call, call, way, at, at + 900, "", "", "", "fa", "", True, visits, 1, 0.0, 0.0, False, key
        )
        for number in range(visits):
            entered_at = at + number * chance.choice((30, 2 * HOUR))
            left_at = entered_at + chance.choice((5, 300, 5 * HOUR))
            outcome = chance.choice(OUTCOMES)
            agent = ("Sara", "PJSIP/201") if outcome is Outcome.ANSWERED else (None, None)
            yield QueueVisit(pbx, call, call, f"queue {number}", entered_at, left_at, outcome, *agent, 1, "",
                             "", "fa", False, "", caller_key=key)  # fmt: skip
        if not visits:
            yield Talk(pbx, call, call, f"{call}-a", "", "Ali", "PJSIP/202", at + 9, at + 90, 0.0, 0,
                       EndedBy.AGENT, None, None)  # fmt: skip


@pytest.mark.parametrize("part", [DAY, 2.5 * DAY, 28 * DAY])
def test_who_was_never_lost_need_not_be_read(engine, monkeypatch, part):
    """The query by parts of customers finds the same lost calls as a search of all contacts, at any time."""
    monkeypatch.setattr(queries, "_PART", part)
    days, chance = 9, random.Random(11)
    write(engine, *crowd(chance, days, 400))
    since, until = T, T + days * DAY
    shared = {"989123", "989127"}
    for now in (T - DAY, T + 3 * DAY, until, until + 9 * DAY):
        with engine.connect() as connection:
            found = list(queries.lost_between(connection, since, until, now, shared))
            expected = [
                call
                for theirs in contacts(connection, since, min(now, until + 2 * DAY), shared)
                for call in lost_calls(theirs, now)
                if since <= call.entered_at < until
            ]
        assert sorted(map(repr, found)) == sorted(map(repr, expected))
    assert {call.managed for call in found} == {*LostCallStatus} - {LostCallStatus.OPEN}
    assert len(found) > 40


def test_only_callers_who_were_lost_are_read(engine):
    write(engine, *crowd(random.Random(12), 9, 400))
    with engine.connect() as connection:
        everybody = list(contacts(connection, T, T + 9 * DAY))
        picked = list(contacts(connection, T, T + 9 * DAY, only_lost=True))
    lost = [
        theirs for theirs in everybody
        if any(each.outcome in LOST and T <= each.entered_at < T + 9 * DAY for each in theirs)
    ]  # fmt: skip
    assert sorted(map(repr, picked)) == sorted(map(repr, lost))
    assert 0 < len(picked) < len(everybody)


def asks():
    """Yield report queries of the crowd's days: several time zones, a PBX, queues and settings."""
    first = date(2026, 11, 22)
    whole = ReportQuery(first, first + timedelta(8), days=Days(UTC))
    yield from (replace(whole, by=by) for by in BY)
    yield replace(whole, days=Days(ZoneInfo("Asia/Kathmandu")), by=BY[2])
    yield replace(whole, pbx="other")
    yield replace(whole, queues=("QUEUE 1",))
    yield replace(whole, last=first, settings={"queue 1": QueueSettings(stage="late")}, by=BY[1])


def test_sql_counts_the_results_that_python_finds(engine):
    chance = random.Random(13)
    write(engine, *crowd(chance, 9, 600), *edges())
    shared = {"989123", "989127"}
    for now in (T + 3 * DAY, T + 30 * DAY):
        for ask in asks():
            with reading(engine) as connection:
                table = compute_report(connection, "lost", ask, now, shared).tables[-1]
                found = list(queries.lost_between(connection, ask.since, ask.until, now, shared))
            expected = callback_table(ask, found)
            assert [row.keys for row in table.rows] == [row.keys for row in expected.rows]
            for row, other in zip((*table.rows, table.total), (*expected.rows, expected.total), strict=True):
                for cell, wanted in zip(row.cells, other.cells, strict=True):
                    assert (cell and cell.value) == pytest.approx(wanted and wanted.value, abs=1e-6)
                    assert (cell and (cell.n, cell.enough)) == (wanted and (wanted.n, wanted.enough))
    assert expected.total.cells[0].value > 10


def test_each_lost_call_is_not_compared_with_each_contact(engine):
    """PostgreSQL expects one row in days without statistics, so it would choose nested loops."""
    write(engine, *crowd(random.Random(14), 9, 400))
    ask = next(asks())
    joins = []

    def explain(connection, _cursor, statement, parameters, *_):
        if "AS lost_visits" in statement and not statement.startswith("EXPLAIN"):
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            joins.extend(line for (line,) in plan if "Join" in line or "Nested Loop" in line)

    if engine.dialect.name == "postgresql":
        event.listen(engine, "before_cursor_execute", explain)
    with reading(engine) as connection:
        compute_report(connection, "lost", ask, T + 30 * DAY)
        read_calls(connection, ask, CallFilter(ask.first, ask.last, ListKind.LOST_CALLS), T + 30 * DAY)
        if engine.dialect.name == "postgresql":
            assert connection.exec_driver_sql("SHOW enable_nestloop").scalar() == "on"
            assert any("Hash Join" in line for line in joins)
    assert not any("Nested Loop" in line for line in joins)


def test_sqlite_computes_the_end_of_each_window_once(tmp_path):
    plans = []

    def explain(connection, _cursor, statement, parameters, *_):
        if "AS lost_visits" in statement and not statement.startswith("EXPLAIN"):
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append([row[3] for row in plan])

    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    event.listen(engine, "before_cursor_execute", explain)
    with reading(engine) as connection:
        compute_report(connection, "lost", ReportQuery(date(2026, 11, 1), date(2026, 11, 30)), T)
    engine.dispose()
    assert plans
    assert all("MATERIALIZE lost_visits" in plan for plan in plans)


def edges():
    """Yield calls at the limits: answered as the caller was lost, 24 hours later, and just after that."""
    for number, later in enumerate((0.0, 1e-6, DAY - 1e-6, DAY, DAY + 1e-6)):
        key, at = f"98930{number}", T + 4 * DAY + 0.123456
        stays = (
            ("lost", at - 9, at, Outcome.ABANDONED, None, None),
            ("answered", at + later - 9e-7, at + later, Outcome.ANSWERED, "Sara", "PJSIP/201"),
        )
        for call, *stay in stays:
            yield QueueVisit("main", f"{call}{number}", call, f"queue {number}", *stay, 1, "", "", "fa",
                             False, "", caller_key=key)  # fmt: skip
