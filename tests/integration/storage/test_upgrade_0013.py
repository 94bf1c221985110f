"""Databases and journals of schema 0012 are upgraded to the current schema with all data and privileges.

Version 0012 of cc_bridge wrote the fixtures: an SQLite database of four days with its reports as JSON, and a
journal with rows that have not reached a server.
"""

import gzip
import json
import sqlite3
from datetime import UTC, datetime

import pytest
from alembic import command
from click.testing import CliRunner
from sqlalchemy import MetaData, Table, inspect, select
from sqlalchemy.exc import DBAPIError

from cc_bridge.cli import main
from cc_bridge.errors import StorageError
from cc_bridge.records import OpenStateRecord, OptOut
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import VERSION_TABLE, configuration, current, newest, open_database
from cc_bridge.storage.pipeline.forwarder import Forwarder
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.pipeline.journal_import import JournalImport, import_journal
from cc_bridge.storage.pipeline.outbox import OutboxFile
from cc_bridge.storage.pipeline.sql_sink import SqlSink
from cc_bridge.storage.queries.survey_history import opt_outs
from cc_bridge.storage.rollups.refresh import refresh
from support.paths import FIXTURES
from support.records import FakeReactor, Fired

OLD = FIXTURES / "storage"
T = 1_795_309_819.25  # the instant of the fixtures
LIMIT = 64 * 1024**2
RENAMED = {
    "funnel": ("survey_decisions", {"at": "decided_at"}),
    "unfinished": ("open_state", {}),
    "observed": ("observation_watermarks", {"until": "observed_until"}),
    "publications": (
        "digest_deliveries",
        {"every": "frequency", "wanted_at": "enqueued_at", "next_at": "next_attempt_at", "why": "reason"},
    ),
    "opt_outs": ("opt_outs", {"at": "updated_at", "told_by": "source"}),
    "follow_ups": ("follow_ups", {"told": "notified_state"}),
    "outbox": (
        "outbox",
        {"n": "id", "receiver": "endpoint", "at": "created_at", "next_at": "next_attempt_at"},
    ),
}
GAP = 200.0
RENAMED_COLUMNS = {"agents_there": "agents_present"}  # columns of reports


def unpacked(name):
    return gzip.decompress((OLD / name).read_bytes()).decode()


def old_file(file, name):
    with sqlite3.connect(file) as connection:
        connection.executescript(unpacked(name))
    connection.close()


def rows(engine):
    """Return all rows as plain values by table name, without the tables of rollups."""
    found = MetaData()
    found.reflect(engine, only=lambda name, _: name != VERSION_TABLE)
    with engine.connect() as connection:
        return {
            table.name: [dict(row._mapping) for row in connection.execute(select(table))]
            for table in found.sorted_tables
        }


def in_any_order(rows_of_tables):
    return {name: sorted(map(repr, map(sorted_row, each))) for name, each in rows_of_tables.items()}


def sorted_row(row):
    return dict(sorted(row.items()))


def renamed(before):
    """Return rows of schema 0012 with the names of schema 0013."""
    after = {}
    for name, found in before.items():
        table, columns = RENAMED.get(name, (name, {}))
        after[table] = [{columns.get(key, key): value for key, value in row.items()} for row in found]
    for row in after["follow_ups"]:
        row["state"] = {"dropped": "dismissed"}.get(row["state"], row["state"])
    return after


@pytest.fixture
def old(database_url, tmp_path):
    """Yield the engine of a database of schema 0012 with the rows of the fixture."""
    engine = make_engine(database_url)
    if engine.dialect.name == "sqlite":
        old_file(engine.url.database, "database_0012.sql.gz")
    else:
        file = tmp_path / "from.sqlite"
        old_file(file, "database_0012.sql.gz")
        with engine.begin() as connection:
            command.upgrade(configuration(connection), "0012")
        copy(sqlite3.connect(file), engine)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(database_url):
    """Yield the engine of an empty database of the current schema."""
    engine = open_database(database_url)
    yield engine
    engine.dispose()


def copy(source, engine):
    source.row_factory = sqlite3.Row
    there = set(inspect(engine).get_table_names()) - {VERSION_TABLE}
    with engine.begin() as connection:
        for (name,) in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if name in there:
                table = Table(name, MetaData(), autoload_with=connection)
                of_table = [
                    {key: value_of(table.c[key], row[key]) for key in row.keys()}  # noqa: SIM118 - a Row is no dict
                    for row in source.execute(f'SELECT * FROM "{name}"')
                ]
                connection.execute(table.insert(), of_table) if of_table else None
    source.close()


def value_of(column, value):
    if value is not None and column.type.python_type is datetime:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return bool(value) if column.type.python_type is bool else value


def stored_reports():
    """Return the reports of version 0012 by name, with the current column names."""
    text = unpacked("reports_0012.json.gz")
    for former, name in RENAMED_COLUMNS.items():
        text = text.replace(f'"{former}"', f'"{name}"')
    found = json.loads(text)
    # Version 0012 counted the gap of GAP seconds in the first hour of the day as observed time, on four days.
    first = found["hours"]["hours"][0]
    hours = first["open_hours"]["value"]
    first["open_hours"]["value"] = round(hours - GAP / 3600, 2)
    first["agents_present"]["value"] *= hours / (hours - GAP / 3600)
    return found


def reports(url, tmp_path):
    config = tmp_path / "cc-bridge.toml"
    rendered = url.render_as_string(hide_password=False)
    config.write_text(f'[ami]\nusername = "u"\nsecret = "s"\n[storage]\nurl = "{rendered}"\n')
    span = ["--from", "2026-11-09", "--to", "2026-11-12", "--timezone", "Europe/Berlin", "--format", "json"]
    found = {}
    for name in stored_reports():
        more = ["--at", "2026-11-11"] if name == "change" else []
        result = CliRunner().invoke(main, ["report", name, "--config", str(config), *span, *more])
        assert result.exit_code == 0, result.output
        found[name] = {table["name"]: table["rows"] for table in json.loads(result.stdout)["tables"]}
    return found


def cut(value, shape):
    """Return `value` with only those keys of its dictionaries that `shape` also has.

    Later versions add tables and columns. Lists of different lengths are compared whole.
    """
    if isinstance(shape, dict):
        return {key: cut(value[key], part) for key, part in shape.items()}
    if isinstance(shape, list) and len(shape) == len(value):
        return [cut(each, part) for each, part in zip(value, shape, strict=True)]
    return value


def flat(value, path=""):
    """Return a nested value as one dictionary by path."""
    if not isinstance(value, dict | list):
        return {path: value}
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    return {key: each for name, part in inside for key, each in flat(part, f"{path}/{name}").items()}


def test_every_row_and_every_figure_stays(old, tmp_path):
    before = rows(old)
    assert sum(map(len, before.values())) > 3_000
    states = {row["state"] for row in before["follow_ups"]}
    assert {"open", "taken", "done", "dropped"} == states
    open_database(old.url).dispose()
    assert current(old.url) == newest()
    settled = before.pop("settled", None)
    after = rows(old)
    if settled:
        assert after.pop("rollup_watermark") == [{"refreshed_until": row["until"]} for row in settled]
    expected = renamed(before)
    assert in_any_order(cut(after, expected)) == in_any_order(expected)
    printed = stored_reports()
    figures = pytest.approx(flat(printed), abs=1e-3)
    assert flat(cut(reports(old.url, tmp_path), printed)) == figures
    if refresh(old):  # then compare figures from the rollups
        assert flat(cut(reports(old.url, tmp_path), printed)) == figures
    with old.begin() as connection:
        command.downgrade(configuration(connection), "0012")
    back = rows(old)
    back.pop("settled", None)
    rollups = ("agent_facts", "agent_presence", "queue_talks", "rated_calls")
    for each in (back, before):
        for name in rollups:
            each.pop(name, None)
    assert in_any_order(back) == in_any_order(before)


def test_who_may_read_may_still_read(postgres):
    url = postgres.fresh()
    engine = make_engine(url)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0008")
    granted = "v_agent_day, v_ratings, v_calls_by_hour, funnel"
    postgres.run(
        "CREATE ROLE upgraded_reader LOGIN", f"GRANT SELECT ON {granted} TO upgraded_reader", url=url
    )
    open_database(url).dispose()
    reader = url.set(username="upgraded_reader")
    for name in ("v_agent_day", "v_ratings", "v_calls_by_hour", "survey_decisions"):
        assert postgres.run(f"SELECT count(*) FROM {name}", url=reader) == [(0,)]
    with pytest.raises(DBAPIError, match="permission denied"):
        postgres.run("SELECT count(*) FROM calls", url=reader)
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "0008")
    assert postgres.run("SELECT count(*) FROM v_agent_day", url=reader) == [(0,)]
    engine.dispose()
    postgres.drop(url)
    postgres.run("DROP ROLE upgraded_reader")


# -- the journal


@pytest.fixture
def journal(tmp_path):
    file = tmp_path / "journal"
    old_file(file, "journal_0012.sql.gz")
    journal = Journal(file, LIMIT)
    yield journal
    journal.close()


def test_an_old_journal_tells_a_start_what_it_needs(journal):
    assert (journal.observed_until("main"), journal.observed_until("other")) == (T + 7, T)
    assert journal.open_records("main") == [
        OpenStateRecord("main", "call", "77.1", '{"seen":1}'),
        OpenStateRecord("main", "agent", "Agent 1", '{"state":"paused"}'),
    ]
    assert (journal.pending, journal.rejected) == (57, 1)
    said = [row for table, row in journal.recorded_decisions() if table.name == "opt_outs"]
    assert [OptOut(**row) for row in said] == [
        OptOut("0912", T, opted_out=True, source="key"),
        OptOut("98913", T + 5, opted_out=False, source="command"),
    ]
    assert "half \ud83d" in [entry.row[1].get("agent") for entry in journal.head(99)]


def test_events_of_an_old_journal_are_still_delivered(journal, tmp_path):
    outbox = OutboxFile(tmp_path / "journal")
    assert outbox.due("crm", T, 9) == []  # not before the upgrade
    journal.open()
    (event,) = outbox.due("crm", T, 9)
    assert (event.endpoint, event.event_id, event.created_at) == ("crm", "evt_1", T)


def test_what_waits_in_an_old_journal_is_forwarded(journal, engine):
    expected = {
        (row["pbx"], row["uniqueid"]) for table, row in (each.row for each in journal.head(99))
        if table.name == "survey_decisions"
    }  # fmt: skip
    assert len(expected) > 9
    if engine.dialect.name == "sqlite":
        path = journal._path
        journal.close()
        sink = SqlSink(lambda: open_database(engine.url))
        assert import_journal(path, sink, lambda _: None) == JournalImport(57, 0)
        sink.close()
    else:
        reactor = FakeReactor()
        forwarder = Forwarder(journal, lambda: open_database(engine.url), reactor.call_from_thread)
        forwarder.start()
        reactor.run_until(lambda: journal.pending == 0)
        stopped = Fired(forwarder.stop(20))
        reactor.run_until(lambda: stopped.done)
        assert (forwarder.forwarded, journal.rejected) == (57, 1)
    stored = rows(engine)
    assert {(row["pbx"], row["uniqueid"]) for row in stored["survey_decisions"]} == expected
    with engine.connect() as connection:
        assert [said.caller_key for said in opt_outs(connection)] == ["0912", "98913"]
    assert {row["pbx"] for row in stored["observation_watermarks"]} == {"main", "other"}
    assert stored["open_state"] == []


def test_an_upgrade_that_fails_leaves_the_journal_as_it_was(journal, tmp_path):
    with sqlite3.connect(tmp_path / "journal") as connection:
        connection.execute("UPDATE entries SET row = 'no JSON' WHERE name = 'funnel'")
        before = list(connection.iterdump())
    for _ in range(2):
        with pytest.raises(StorageError, match="cannot be upgraded"):
            journal.open()
    assert list(connection.iterdump()) == before
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()


def test_a_journal_without_the_tables_that_came_later_is_upgraded(journal, tmp_path):
    with sqlite3.connect(tmp_path / "journal") as connection:
        connection.executescript("DROP TABLE outbox; DROP TABLE unfinished")
    connection.close()
    assert journal.open_records("main") == []
    assert journal.pending == 57
    assert OutboxFile(tmp_path / "journal").undelivered() == []
