"""Import of queue_log history by the real command: a second import adds nothing, and observed calls stay."""

import gzip
import re
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from cc_bridge.ami.messages import MessageCounts
from cc_bridge.calls.tracker import Tracker
from cc_bridge.cli import main
from cc_bridge.offline.queue_log import import_log
from cc_bridge.offline.replay import replay
from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.privacy.record_pseudonymizer import RecordPseudonymizer
from cc_bridge.records import QueueVisit, Talk
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.schema.tables import queue_visits, row_of, talks
from cc_bridge.storage.schema.upsert import upsert
from support.recordings import RECORDINGS, all_recordings, queue_log, recording

MIX = RECORDINGS / "22" / "mix.queue_log"
PLAIN = RecordPseudonymizer(CallerKeys())


@pytest.fixture
def database(tmp_path, monkeypatch):
    """Return a function that runs a query on the configured database."""
    path = tmp_path / "calls.sqlite"
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", f"sqlite:///{path}")

    def rows(sql):
        connection = sqlite3.connect(path)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    rows.url = f"sqlite:///{path}"
    return rows


def run(*words):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert not result.exception or isinstance(result.exception, SystemExit), result.exception
    return result


def everything(database):
    tables = ("queue_visits", "talks")
    return [database(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4, 5, 6") for table in tables]


def store(url, records):
    engine = open_database(url)
    with engine.begin() as connection:
        for record in records:
            table, row = row_of(record)
            connection.execute(upsert(table, "sqlite"), [row])
    engine.dispose()


def test_a_server_gets_the_same_rows_and_again_no_more(server_url, tmp_path):
    """A server and an SQLite file get equal rows from the same log. A second import changes nothing."""

    def rows(url):
        engine = open_database(url)
        with engine.connect() as connection:
            found = [
                sorted(repr(tuple(row)) for row in connection.execute(select(table)))
                for table in (queue_visits, talks)
            ]
        engine.dispose()
        return found

    file = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    import_log([MIX], file, "pbx", lambda _: None, PLAIN)
    for _ in range(2):
        import_log([MIX], server_url, "pbx", lambda _: None, PLAIN)
        assert rows(server_url) == rows(file)


def test_visits_and_talks_come_in_marked(database):
    result = run("import-queue-log", MIX)
    assert result.exit_code == 0
    assert result.stdout.startswith("149 visits and 132 talks from ")
    assert database("SELECT outcome, source, count(*) FROM queue_visits GROUP BY 1, 2 ORDER BY 1") == [
        ("abandoned", "queue_log", 8), ("answered", "queue_log", 132), ("left_by_key", "queue_log", 1),
        ("timed_out", "queue_log", 8),
    ]  # fmt: skip
    assert database("SELECT transfer, ended_by, count(*) FROM talks GROUP BY 1, 2 ORDER BY 1, 2") == [
        (None, "agent", 89), (None, "caller", 29), ("blind", "transfer", 14),
    ]  # fmt: skip
    assert database("SELECT * FROM talks WHERE uniqueid = 'pbx-1795308203.10'") == [
        ("pbx", "pbx-1795308203.10", "pbx-1795308203.10", "pbx-1795308204.12", "tech", "Agent 309", "",
         "2026-11-22 00:43:25.000000", "2026-11-22 00:43:26.000000", 1.0, 0.0, 0, "transfer", "blind", "b318",
         "queue_log", 0, 0),
    ]  # fmt: skip


def test_again_adds_nothing(database):
    run("import-queue-log", MIX)
    before = everything(database)
    result = run("import-queue-log", MIX)
    assert result.stdout.startswith("149 visits")
    assert everything(database) == before


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("path", all_recordings(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_was_imported_has_nothing_unexplained(path):
    log = path.with_name(path.name.removesuffix(".ami.gz") + ".queue_log")
    assert run("import-queue-log", log).exit_code == 0
    result = run("reconcile", "--database", "--queue-log", log)
    assert result.exit_code == 0, result.output
    assert re.search(r"unexplained +0\n", result.output)


def test_what_we_saw_ourselves_stays_as_it_is(database):
    records = list(replay(iter([recording("22/mix")]), Tracker("pbx"), MessageCounts()))
    ours = [record for record in records if isinstance(record, QueueVisit | Talk)]
    store(database.url, ours)
    before = everything(database)
    result = run("import-queue-log", MIX)
    assert result.stdout.startswith("0 visits and 0 talks")
    assert "149 visits were observed live" in result.stderr
    assert everything(database) == before


def test_only_what_we_did_not_see_comes_in(database):
    records = list(replay(iter([recording("22/mix")]), Tracker("pbx"), MessageCounts()))
    ours = [record for record in records if isinstance(record, QueueVisit | Talk)]
    late = [r for r in ours if (r.entered_at if isinstance(r, QueueVisit) else r.answered_at) > 1795308250]
    store(database.url, late)
    run("import-queue-log", MIX)
    counted = dict(
        database("SELECT source, count(*) FROM queue_visits WHERE outcome <> 'join_empty' GROUP BY 1")
    )
    assert sum(counted.values()) == 149
    assert counted["observed"] == sum(
        isinstance(record, QueueVisit) and record.outcome != "join_empty" for record in late
    )
    differing = run("reconcile", "--database", "--queue-log", MIX).output
    assert "missing" not in differing
    assert "extra" not in differing


def test_a_row_of_ours_with_the_same_key_replaces_an_imported_one(database):
    run("import-queue-log", RECORDINGS / "22" / "abandoned.queue_log")
    (ours,) = [r for r in replay(iter([recording("22/abandoned")]), Tracker("pbx"), MessageCounts())
               if isinstance(r, QueueVisit)]  # fmt: skip
    assert database("SELECT entered_at FROM queue_visits") == [("2026-11-21 23:57:41.000000",)]
    store(database.url, [replace(ours, entered_at=1_795_305_461.0)])
    assert database("SELECT source, decided_by FROM queue_visits") == [("observed", "HangupRequest")]


def halves(tmp_path, at):
    """Write a log as two files, split before line `at`, as after a rotation. Return the older file first."""
    lines = MIX.read_bytes().splitlines(keepends=True)
    older, newer = tmp_path / "queue_log.2.gz", tmp_path / "queue_log.1"
    older.write_bytes(gzip.compress(b"".join(lines[:at])))
    newer.write_bytes(b"".join(lines[at:]))
    return older, newer


@pytest.mark.usefixtures("database")
def test_rotated_files_together_are_one_log(tmp_path):
    result = run("import-queue-log", *halves(tmp_path, 300))
    assert result.stdout.startswith("149 visits and 132 talks")
    assert "no end" not in result.stderr


def test_rotated_files_one_by_one_give_no_visit_twice(database, tmp_path):
    older, newer = halves(tmp_path, 300)
    for files in ((older,), (newer,), (older, newer)):
        run("import-queue-log", *files)
    visits = database("SELECT count(*), count(DISTINCT uniqueid || queue || left_at) FROM queue_visits")
    assert visits == [(149, 149)]
    assert database("SELECT count(*) FROM talks") == [(132,)]


def test_the_name_of_the_pbx_can_be_given(database):
    log = RECORDINGS / "22" / "abandoned.queue_log"
    run("import-queue-log", log, "--pbx", "branch")
    assert database("SELECT pbx FROM queue_visits") == [("branch",)]
    # Rows of this PBX do not belong to the configured one.
    assert run("reconcile", "--database", "--queue-log", log).exit_code == 1


def test_a_fault_planted_in_the_database_is_found(database):
    run("import-queue-log", MIX)
    connection = sqlite3.connect(Path(database.url.removeprefix("sqlite:///")))
    with connection:
        connection.execute(
            "UPDATE queue_visits SET outcome = 'timed_out' WHERE uniqueid = 'pbx-1795308236.159'"
        )
        connection.execute("DELETE FROM queue_visits WHERE uniqueid = 'pbx-1795308233.149'")
    connection.close()
    result = run("reconcile", "--database", "--queue-log", MIX)
    assert result.exit_code == 1
    assert "outcome  queue_log: abandoned; ours: timed_out" in result.output
    assert "missing  queue_log: answered; ours: nothing" in result.output


def test_junk_is_counted_and_hostile_names_are_stored(database, tmp_path):
    log = tmp_path / "queue_log"
    log.write_bytes(
        b"1795300000|c|q|NONE|ENTERQUEUE||'; DROP TABLE talks; --|1|\xff\x00\xd8\n"
        b"\x00\x00garbage\n"
        b"1795300003|c|q|" + "زهرا".encode() + b"|CONNECT|3|a|3\n"
        b"1795300003|c|q|" + "زهرا".encode() + b"|COMPLETEAGENT|3|999999999999|1\n"
    )
    result = run("import-queue-log", log)
    assert result.stdout.startswith("1 visits and 1 talks from 4 lines")
    assert "1 lines could not be parsed" in result.stderr
    assert database("SELECT agent, talk_seconds FROM talks") == [("زهرا", 0.0)]


@pytest.mark.usefixtures("database")
def test_a_file_that_breaks_off_is_told(tmp_path):
    log = tmp_path / "queue_log.gz"
    log.write_bytes(gzip.compress(MIX.read_bytes())[:-2000])
    result = run("import-queue-log", log)
    assert result.exit_code == 1
    assert "Error: " in result.stderr


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_progress_adds_up_to_the_size_of_the_files(database, tmp_path, suffix):
    log = tmp_path / f"queue_log{suffix}"
    log.write_bytes(gzip.compress(MIX.read_bytes()) if suffix else MIX.read_bytes())
    seen = []
    _, counts = import_log([log], database.url, "pbx", seen.append, PLAIN)
    assert sum(seen) == log.stat().st_size
    assert counts.lines == len(queue_log("22/mix"))


def test_numbers_are_imported_as_the_configuration_wants_them_stored(database, monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_CALLERS__NUMBER_STORAGE", "masked")
    monkeypatch.setenv("CC_BRIDGE_CALLERS__HASH_SECRET", "a secret of the centre")
    assert run("import-queue-log", MIX).exit_code == 0
    stored = {number for (number,) in database("SELECT caller_number FROM queue_visits")} - {""}
    assert stored
    assert all(re.fullmatch(r"[0-9]*x{1,4}", number) for number in stored)
