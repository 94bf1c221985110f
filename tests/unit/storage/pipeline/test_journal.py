"""The journal keeps all its rows in order, through kills, and within its limit."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import deque
from dataclasses import replace

import pytest
from twisted.logger import capturedLogs, formatEvent

from cc_bridge.errors import StorageError
from cc_bridge.records import ObservationWatermark, OpenStateRecord
from cc_bridge.storage.files.unreadable_file import set_aside_files
from cc_bridge.storage.migrate import newest
from cc_bridge.storage.pipeline import journal_sqlite_file as module
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.pipeline.sql_sink import RecordRejected
from cc_bridge.storage.pipeline.writer import Writer
from cc_bridge.storage.schema.tables import queue_visits, row_of
from support.paths import ROOT, SUPPORT, TESTS
from support.records import FakeReactor, Fired, T, answer, visit

MEGABYTE = 1024**2
KILLS = int(os.environ.get("CC_BRIDGE_KILLS", "50"))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "journal.sqlite"


@pytest.fixture
def clock():
    return [1_000_000.0]


@pytest.fixture
def journal(file, clock):
    journal = Journal(file, limit=64 * MEGABYTE, now=lambda: clock[0])
    yield journal
    journal.close()


def rows(*numbers):
    return [row_of(visit(n)) for n in numbers]


def numbers(journal, limit=10**6):
    return [int(entry.row[1]["uniqueid"]) for entry in journal.head(limit)]


def sql(file, statement):
    connection = sqlite3.connect(file)
    try:
        with connection:
            return connection.execute(statement).fetchall()
    finally:
        connection.close()


def test_rows_come_back_in_order_as_they_went_in(journal):
    journal.write(rows(1, 2))
    journal.write([row_of(answer("a"))])
    journal.write(rows(3))
    assert [entry.row for entry in journal.head(10)] == [*rows(1, 2), row_of(answer("a")), *rows(3)]
    assert numbers(journal, limit=2) == [1, 2]


@pytest.mark.parametrize(
    "name", ["", "مریم 📞", "half \ud83d of a pair", "nothing \x00 and \r\n", "a" * 100_000]
)
def test_whatever_a_phone_sent_is_kept(journal, name):
    row = (
        queue_visits,
        {"caller_name": name, "left_at": T, "position": 2**70, "ringing": True, "agent": None},
    )
    journal.write([row])
    assert [entry.row for entry in journal.head(1)] == [row]


def test_what_is_forwarded_is_behind_us(journal, file):
    journal.write(rows(1, 2, 3))
    journal.ack(journal.head(2)[-1].id)
    assert (numbers(journal), journal.pending) == ([3], 1)
    journal.ack(journal.head(1)[-1].id)
    assert (numbers(journal), journal.pending, journal.oldest_seconds) == ([], 0, 0.0)
    journal.close()
    again = Journal(file, MEGABYTE)
    again.write(rows(4))
    assert [entry.id for entry in again.head(9)] == [4]
    again.close()


def test_what_was_forwarded_last_can_go_again_in_its_order(journal, file, clock):
    journal.write(rows(1, 2))
    clock[0] += 100
    journal.write(rows(3, 4))
    journal.ack(4)
    journal.write(rows(5))
    journal.rewind()
    assert numbers(journal) == [1, 2, 3, 4, 5]
    journal.ack(2)
    clock[0] += 50
    journal.ack(4)  # the first two rows are old by now
    journal.rewind()
    assert (numbers(journal), journal.pending) == ([3, 4, 5], 3)
    clock[0] += 1_000
    journal.ack(5)
    journal.rewind()
    assert (numbers(journal), journal.pending) == ([], 0)
    journal.close()
    assert sql(file, "SELECT count(*) FROM entries") == [(0,)]
    journal.write(rows(6))
    assert [entry.id for entry in journal.head(9)] == [6]  # an id is used only once


def test_what_is_not_forwarded_stays_however_old_it_is(journal, clock):
    journal.write(rows(1, 2, 3))
    clock[0] += 10 * 86_400
    journal.ack(1)
    journal.rewind()
    assert numbers(journal) == [2, 3]


def test_what_is_put_aside_does_not_go_again(journal, file):
    journal.write(rows(1, 2, 3))
    journal.ack(1)
    journal.reject(2, "DataError")
    assert (numbers(journal), journal.rejected) == ([3], 1)
    journal.rewind()
    assert numbers(journal) == [1, 3]
    journal.ack(3)
    assert journal.pending == 0
    journal.close()
    ((n, name, reason),) = sql(file, "SELECT id, table_name, reason FROM rejected_entries")
    assert (n, name, reason) == (2, "queue_visits", "DataError")


def test_the_age_is_that_of_the_first_entry(journal, clock):
    assert journal.oldest_seconds == 0
    journal.write(rows(1))
    clock[0] += 5
    journal.write(rows(2))
    clock[0] += 5
    assert journal.oldest_seconds == 10
    journal.close()
    journal.open()
    assert (journal.pending, journal.oldest_seconds) == (2, 10)  # a restart does not change the age
    journal.ack(1)
    assert journal.oldest_seconds == 5
    clock[0] -= 60  # the clock was put back
    assert journal.oldest_seconds == 0


def test_it_remembers_how_far_a_pbx_was_observed(journal, file):
    assert journal.observed_until("main") is None
    journal.write(
        [
            row_of(ObservationWatermark("main", T)),
            row_of(ObservationWatermark("other", T - 9)),
            row_of(ObservationWatermark("main", T + 5)),
        ]
    )
    journal.ack(3)
    journal.close()
    again = Journal(file, MEGABYTE)
    assert (again.observed_until("main"), again.observed_until("other")) == (T + 5, T - 9)
    again.close()


def test_it_keeps_what_goes_on_and_forwards_none_of_it(journal, file):
    names = ["1.1", "زهرا", "half \ud83d of a pair", "1.2"]
    going_on = [OpenStateRecord("main", "call", name, f"{n}") for n, name in enumerate(names)]
    other = OpenStateRecord("other", "call", "1.1", "there")
    journal.write([*rows(1), *map(row_of, [*going_on, other])])
    later = OpenStateRecord("main", "call", "1.1", "later")
    over = [OpenStateRecord("main", "call", name, "") for name in ("1.2", "never there")]
    journal.write([*map(row_of, [replace(later, state="then"), later, *over]), *rows(2)])
    assert (numbers(journal), journal.pending) == ([1, 2], 2)
    journal.ack(2)
    journal.close()
    again = Journal(file, MEGABYTE)
    assert sorted(again.open_records("main"), key=str) == sorted([later, *going_on[1:3]], key=str)
    assert again.open_records("other") == [other]
    again.close()


def test_a_row_is_kept_with_the_version_of_its_schema(journal, file):
    journal.write(rows(1))
    journal.close()
    ((version, name, row),) = sql(file, "SELECT schema_version, table_name, row FROM entries")
    assert (version, name) == (newest(), "queue_visits")
    assert json.loads(row) == row_of(visit(1))[1]


def test_a_row_of_a_table_that_is_not_known_waits_for_a_version_that_knows_it(journal, file):
    journal.write(rows(1, 2))
    journal.close()
    sql(file, "UPDATE entries SET table_name = 'dreams' WHERE id = 1")
    with pytest.raises(StorageError, match="newer cc_bridge, for the table 'dreams'"):
        journal.head(10)
    assert journal.pending == 2


def test_what_json_cannot_hold_is_refused_and_nothing_else_is_written(journal):
    with pytest.raises(RecordRejected, match="TypeError"):
        journal.write([*rows(1), (queue_visits, {"uniqueid": object()})])
    assert numbers(journal) == []


def test_every_commit_is_synced_and_the_file_shrinks(journal, file, clock):
    journal.open()
    asked = {"journal_mode": "wal", "synchronous": 2, "auto_vacuum": 2}
    for name, value in asked.items():
        assert journal._file._connection.execute(f"PRAGMA {name}").fetchone()[0] == value
    for start in range(0, 40_000, 1_000):
        journal.write(rows(*range(start, start + 1_000)))
    full_size = file.stat().st_size
    assert full_size > 15 * MEGABYTE
    while entries := journal.head(1_000):
        journal.ack(entries[-1].id)
    clock[0] += 1_000
    for n in range(10):
        journal.write(rows(n))
        journal.ack(journal.head(1)[-1].id)
    journal.close()
    assert file.stat().st_size < module._KEPT_FREE * 4096 + MEGABYTE


# Other files, other owners


def test_two_daemons_cannot_share_one(journal, file):
    journal.open()
    with pytest.raises(StorageError, match="is another cc-bridge running with it"):
        Journal(file, MEGABYTE).open()
    journal.close()
    other = Journal(file, MEGABYTE)
    other.open()
    other.close()


def test_a_directory_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StorageError, match="directory of the journal does not exist"):
        Journal(tmp_path / "nowhere" / "journal", MEGABYTE).open()


@pytest.mark.parametrize("what", ["a database", "a newer journal", "no database"])
def test_a_file_of_something_else_is_left_alone(file, what):
    if what == "no database":
        file.write_text("a text that is longer than the header of a database file\n" * 20)
    else:
        sql(file, "CREATE TABLE calls (n)" if what == "a database" else "PRAGMA user_version = 99")
    before = file.read_bytes()
    with pytest.raises(StorageError, match=r"not a journal|is not a database"):
        Journal(file, MEGABYTE).open()
    if what == "no database":
        assert file.read_bytes() == before
    else:
        assert sql(file, "SELECT count(*) FROM sqlite_master") == [(what == "a database",)]


@pytest.mark.parametrize("comes_back", ["as it was", "empty"])
def test_a_directory_that_vanishes_is_an_outage_and_no_more(journal, file, comes_back):
    journal.write(rows(1))
    away = file.parent.with_name("away")
    file.parent.rename(away)
    for _ in range(2):
        with pytest.raises(StorageError):
            journal.write(rows(2))
    if comes_back == "empty":
        file.parent.mkdir()
    else:
        away.rename(file.parent)
    journal.write(rows(2))
    assert numbers(journal) == ([2] if comes_back == "empty" else [1, 2])


def test_forwarded_entries_never_make_it_full(file):
    """Forwarded entries stay while there is room, and are deleted when there is none."""
    journal = Journal(file, limit=MEGABYTE)
    with capturedLogs() as logs:
        for start in range(0, 10_000, 200):
            journal.write(rows(*range(start, start + 200)))
            assert journal.size < MEGABYTE
            journal.ack(journal.head(1_000)[-1].id)
    assert logs == []
    journal.rewind()
    assert 100 < journal.pending < 5_000
    journal.close()


def test_threads_share_it(journal):
    """One thread writes and another deletes, as writer and forwarder do."""
    seen = []

    def forward():
        while len(seen) < 3_000:
            entries = journal.head(100)
            seen.extend(int(entry.row[1]["uniqueid"]) for entry in entries)
            if entries:
                journal.ack(entries[-1].id)

    thread = threading.Thread(target=forward)
    thread.start()
    for start in range(0, 3_000, 30):
        journal.write(rows(*range(start, start + 30)))
    thread.join(60)
    assert seen == list(range(3_000))
    assert journal.pending == 0


# The limit


def fill(journal):
    n = 0
    while not journal.full:
        journal.write(rows(*range(n, n + 200)))
        n += 200
    return n


def test_at_its_limit_it_says_so_and_again_when_there_is_room(file):
    journal = Journal(file, limit=MEGABYTE)
    with capturedLogs() as logs:
        n = fill(journal)
        assert MEGABYTE <= journal.size < 1.1 * MEGABYTE
        journal.write([row_of(answer("a"))])  # an answer is still accepted
        assert journal.pending == n + 1
        journal.close()
        journal.open()
        assert journal.full
        journal.ack(n // 2)  # forwarded entries are deleted first, even new ones
        assert not journal.full
        assert journal.pending == n + 1 - n // 2
        journal.rewind()
        assert journal.pending == n + 1 - n // 2
    journal.close()
    told = [formatEvent(log) for log in logs if log["log_namespace"].startswith("cc_bridge")]
    assert len(told) == 2
    assert "is full" in told[0]
    assert "room" in told[1]


def test_beyond_a_tenth_more_nothing_goes_in_but_forgetting_works(file, monkeypatch):
    monkeypatch.setattr(module, "_LEAST_RESERVE", 0)
    journal = Journal(file, limit=MEGABYTE)
    fill(journal)
    said = ([row_of(answer(f"{n}-{m}")) for m in range(100)] for n in range(100))
    with pytest.raises(sqlite3.OperationalError, match="full"):
        deque(map(journal.write, said))
    assert file.stat().st_size < 1.2 * MEGABYTE
    while entries := journal.head(500):
        journal.ack(entries[-1].id)
    journal.write(rows(1))
    assert numbers(journal) == [1]
    journal.close()


def test_a_writer_before_a_full_journal_takes_only_what_callers_said(file):
    journal, reactor = Journal(file, limit=MEGABYTE), FakeReactor()
    before = fill(journal)
    writer = Writer(journal, reactor.call_from_thread)
    writer.start()
    for n in range(10):
        writer.put(visit(n))
    done = Fired(writer.commit(answer("a")))
    reactor.run_until(lambda: done.done)
    assert done.result is None
    assert (writer.dropped, journal.pending) == (10, before + 1)
    journal.ack(before)
    writer.put(visit(11))
    stopped = Fired(writer.stop(20))
    reactor.run_until(lambda: stopped.done)
    assert [entry.row for entry in journal.head(9)] == [row_of(answer("a")), *rows(11)]
    writer._thread.join(20)
    journal.close()


def test_what_waited_when_a_small_journal_became_full_stops_no_answer(file):
    """The records are larger than the journal, which becomes full while they are written."""
    journal, reactor = Journal(file, limit=MEGABYTE), FakeReactor()
    writer = Writer(journal, reactor.call_from_thread)
    for n in range(8_000):
        writer.put(replace(visit(n), caller_name="ن" * 60))
    writer.put(OpenStateRecord("pbx", "call", "1.1", "x" * 5_000))
    done = Fired(writer.commit(answer("a")))
    writer.start()
    reactor.run_until(lambda: done.done or writer.failures > 3)
    assert (done.result, writer.failures) == (None, 0)
    assert journal.full
    assert journal.size < 5 * MEGABYTE
    written = writer.written["queue_visits"]
    assert (writer.lost, written > 500) == ({"QueueVisit": 8_000 - written}, True)
    stopped = Fired(writer.stop(20))
    reactor.run_until(lambda: stopped.done)
    assert stopped.result == 0
    writer._thread.join(20)
    journal.close()


# Kills


def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(file):
    """After each kill the journal opens and holds every acknowledged row, each once, in order."""
    chance = random.Random(7)
    program = subprocess.Popen(
        [sys.executable, SUPPORT / "journal_writer.py", file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{TESTS}"},
    )
    first, acknowledged_in_all = 1, 0
    with program:
        for _ in range(KILLS):
            program.stdin.write(b"%d\n" % first)
            program.stdin.flush()
            child = int(program.stdout.readline())
            # The kill comes after some batches, within the next one or within the opening.
            acknowledged = [0, *(int(program.stdout.readline()) for _ in range(chance.randrange(12)))]
            killer = threading.Timer(chance.random() * 0.01, os.kill, (child, signal.SIGKILL))
            killer.start()
            while (line := program.stdout.readline()) != b"killed\n":
                acknowledged.append(int(line))
            killer.join()
            journal = Journal(file, limit=1024 * MEGABYTE)
            kept = numbers(journal)
            assert kept == list(range(first, first + len(kept)))
            assert first + len(kept) > acknowledged[-1]
            acknowledged_in_all += len(acknowledged) - 1
            first += len(kept)
            if kept:
                journal.ack(journal.head(10**6)[-1].id)
            journal.close()
        program.stdin.close()
    assert acknowledged_in_all > KILLS


NOISE = random.Random(5).randbytes(64 * 1024)


@pytest.fixture
def daemons_journal(file, clock):
    journal = Journal(file, limit=64 * MEGABYTE, now=lambda: clock[0], sets_aside=True)
    yield journal
    journal.close()


def aside(file):
    return [path.name for path in set_aside_files(file)]


@pytest.mark.parametrize("content", [NOISE, b"not a database" * 100, b"SQLite format 3\0" + NOISE])
def test_a_file_of_noise_is_set_aside_and_a_new_one_is_used(daemons_journal, file, content, logged):
    file.write_bytes(content)
    daemons_journal.open()
    daemons_journal.write(rows(1, 2))
    assert numbers(daemons_journal) == [1, 2]
    (name,) = aside(file)
    assert name.startswith("journal.sqlite.unreadable-")
    assert (file.parent / name).read_bytes() == content
    (line,) = [formatEvent(event) for event in logged if event["log_level"].name == "error"]
    assert "cannot be read" in line
    assert name in line


def test_a_journal_that_becomes_noise_while_it_is_open_is_set_aside(daemons_journal, file):
    daemons_journal.write(rows(*range(20_000)))  # more than SQLite keeps in memory
    in_flight = daemons_journal.head(10)
    sql(file, "PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as damaged:
        damaged.seek(4096)
        damaged.write(random.Random(7).randbytes(file.stat().st_size - 4096))
    with pytest.raises(sqlite3.DatabaseError):
        numbers(daemons_journal)
    assert len(aside(file)) == 1
    daemons_journal.write(rows(20_001))
    daemons_journal.ack(in_flight[-1].id)  # the server has them: none of the new file may count as sent
    daemons_journal.write(rows(20_002))
    assert numbers(daemons_journal) == [20_001, 20_002]
    assert len(aside(file)) == 1


def test_a_journal_that_is_overwritten_while_it_is_open_is_set_aside_with_the_next_write(
    daemons_journal, file
):
    daemons_journal.write(rows(1))
    sql(file, "PRAGMA wal_checkpoint(TRUNCATE)")  # else SQLite repairs the file from its log
    with file.open("r+b") as overwritten:
        overwritten.write(NOISE)
    with pytest.raises(sqlite3.DatabaseError):
        daemons_journal.write(rows(2))
    daemons_journal.write(rows(2))
    assert numbers(daemons_journal) == [2]
    assert len(aside(file)) == 1


def test_a_command_never_renames_a_journal(journal, file):
    file.write_bytes(NOISE)
    with pytest.raises(StorageError):
        journal.open()
    assert file.read_bytes() == NOISE
    assert aside(file) == []


def test_what_is_no_damage_sets_nothing_aside(daemons_journal, file):
    daemons_journal.write(rows(1))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("PRAGMA user_version = 99")  # a newer cc_bridge
    other.close()
    daemons_journal.close()
    with pytest.raises(StorageError, match="newer"):
        daemons_journal.open()
    assert aside(file) == []
