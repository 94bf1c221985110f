"""The writer loses no accepted record: not by a kill, a lock, a lost directory or an invalid record."""

import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from unittest.mock import patch

import pytest
from hypothesis import given, settings, strategies as st
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from twisted.internet.defer import CancelledError
from twisted.logger import capturedLogs, formatEvent

from cc_bridge.errors import StorageError
from cc_bridge.records import Answer, Gap, QueueVisit
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline import record_queue, writer as writer_module
from cc_bridge.storage.pipeline.sql_sink import SqlSink
from cc_bridge.storage.pipeline.writer import Writer
from support.paths import ROOT
from support.records import NUMBER, POISON, FakeReactor, Fired, T, answer, visit


@pytest.fixture
def reactor():
    return FakeReactor()


@pytest.fixture
def file(tmp_path):
    (tmp_path / "var").mkdir()
    return tmp_path / "var" / "calls.sqlite3"


@pytest.fixture
def opener(file):
    return lambda: open_database(f"sqlite:///{file}?timeout=0.05")


@pytest.fixture
def start(reactor, opener):
    """Yield a function that starts writers. All end with the test."""
    writers = []

    def start(open_engine=opener, **options):
        writer = Writer(SqlSink(open_engine), reactor.call_from_thread, **options)
        writer.start()
        writers.append(writer)
        return writer

    yield start
    for writer in writers:
        writer.stop(0)
        writer._thread.join(20)
        assert not writer._thread.is_alive()


@pytest.fixture
def never_in_groups(monkeypatch):
    """Let the writer write urgent records only, by a group interval of an hour."""
    monkeypatch.setattr(record_queue, "GROUP_SECONDS", 3600)


@pytest.fixture
def quick_retries(monkeypatch):
    monkeypatch.setattr(writer_module, "LONGEST_PAUSE", 0.05)


def rows(file, sql):
    """Run a query over a new read-only connection."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def visits(file):
    return [n for (n,) in rows(file, "SELECT CAST(uniqueid AS INTEGER) FROM queue_visits ORDER BY rowid")]


@contextmanager
def locked(file):
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


def all_written(writer):
    return lambda: writer.backlog == 0


def test_records_are_written_in_order_and_in_one_batch(start, reactor, file):
    writer = start()
    for n in range(300):
        writer.put(visit(n))
    reactor.run_until(all_written(writer))
    assert visits(file) == list(range(300))
    assert (writer.written["queue_visits"], writer.batches) == (300, 1)


def test_a_large_backlog_goes_in_bounded_batches(reactor, opener, start, file):
    release = threading.Event()
    writer = start(lambda: release.wait(20) and opener())
    for n in range(2 * record_queue.BATCH + 1):
        writer.put(visit(n))
    release.set()
    reactor.run_until(all_written(writer))
    assert writer.batches == 3
    assert visits(file) == list(range(2 * record_queue.BATCH + 1))


def test_put_waits_for_company_no_longer_than_promised(start, reactor, file):
    writer = start()
    writer.put(visit(1))
    reactor.run_until(all_written(writer))  # the database is open now
    began = monotonic()
    writer.put(visit(2))
    reactor.run_until(all_written(writer))
    assert record_queue.GROUP_SECONDS <= monotonic() - began < 5 * record_queue.GROUP_SECONDS
    assert visits(file) == [1, 2]


@pytest.mark.usefixtures("never_in_groups")
def test_a_commit_goes_at_once_and_takes_all_earlier_records_along(start, reactor, file):
    writer = start()
    for n in range(5):
        writer.put(visit(n))
    seen = Fired(
        writer.commit(answer(1)), then=lambda: (visits(file), len(rows(file, "SELECT * FROM answers")))
    )
    reactor.run_until(lambda: seen.done)
    assert seen.result is None
    assert seen.saw == ([0, 1, 2, 3, 4], 1)


@pytest.mark.usefixtures("never_in_groups")
def test_a_commit_is_urgent_behind_a_full_batch_too(start, reactor, opener, file):
    release = threading.Event()
    writer = start(lambda: release.wait(20) and opener())
    for n in range(record_queue.BATCH + 10):
        writer.put(visit(n))
    done = Fired(writer.commit(answer(1)))
    release.set()
    reactor.run_until(lambda: done.done)
    assert len(visits(file)) == record_queue.BATCH + 10


def test_a_commit_fires_in_the_reactor_thread(start, reactor):
    done = Fired(start().commit(answer(1)), then=threading.get_ident)
    reactor.run_until(lambda: done.done)
    assert done.saw == threading.get_ident()


def test_a_repeated_record_replaces_its_row(start, reactor, file):
    writer = start()
    for value in (1, 2, 3):
        writer.put(answer(7, value))
    done = Fired(writer.commit(answer(7, 4)))
    reactor.run_until(lambda: done.done)
    assert rows(file, "SELECT attempt_id, value FROM answers") == [("7", 4)]


def test_a_committed_answer_survives_a_kill(file):
    program = f"""
from twisted.internet import reactor
from cc_bridge.records import Answer
from cc_bridge.storage.pipeline.sql_sink import SqlSink
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.writer import Writer
writer = Writer(SqlSink(lambda: open_database("sqlite:///{file}")), reactor.callFromThread)
def rate():
    writer.start()
    done = writer.commit(Answer("main", "a1", "agent", "csat", 5, 1, {T}))
    done.addCallback(lambda _: print("stored", flush=True))
reactor.callWhenRunning(rate)
reactor.run()
"""
    root = ROOT
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root)
    with child:
        assert child.stdout.readline() == b"stored\n"
        child.send_signal(signal.SIGKILL)
        assert child.wait(20) == -signal.SIGKILL
    assert rows(file, "SELECT attempt_id, value FROM answers") == [("a1", 5)]


def messages(logs):
    return [formatEvent(log) for log in logs if log["log_namespace"].startswith("cc_bridge")]


@pytest.mark.usefixtures("quick_retries")
def test_a_locked_database_is_waited_for_and_told_once(start, reactor, file, opener):
    opener().dispose()
    writer = start()
    with capturedLogs() as logs:
        with locked(file):
            writer.put(visit(1))
            done = Fired(writer.commit(answer(1)))
            reactor.run_until(lambda: writer.failures >= 3)
            assert not done.done
            assert writer.backlog == 2
            assert writer.oldest_seconds > 0
        reactor.run_until(lambda: done.done and len(messages(logs)) >= 2)  # the log line follows the commit
    assert done.result is None
    assert visits(file) == [1]
    assert (writer.backlog, writer.oldest_seconds, writer.dropped) == (0, 0.0, 0)
    first, last = messages(logs)
    assert "database is locked" in first
    assert "back" in last


def test_the_pauses_between_attempts_grow_to_a_bound(reactor):
    def no_database():
        raise StorageError("away")

    writer, pauses = Writer(SqlSink(no_database), reactor.call_from_thread), []

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 8:
            writer._backlog.close()

    writer._backlog.pause = pause
    writer.put(visit(1))
    writer.start()
    writer._thread.join(20)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


@pytest.mark.usefixtures("quick_retries")
def test_a_database_that_turned_read_only_is_waited_for(start, reactor, file, opener):
    refused = threading.Event()

    def open_read_only():
        engine = opener()
        if not refused.is_set():
            # Root may write to a read-only file. For this case SQLite gives the same error.
            event.listen(engine, "begin", lambda c: c.exec_driver_sql("PRAGMA query_only = ON"))
        return engine

    with capturedLogs() as logs:
        writer = start(open_read_only)
        done = Fired(writer.commit(answer(1)))
        reactor.run_until(lambda: writer.failures >= 2)
        refused.set()
        reactor.run_until(lambda: done.done)
    assert any("attempt to write a readonly database" in formatEvent(log) for log in logs)
    assert len(rows(file, "SELECT * FROM answers")) == 1


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("comes_back", ["as it was", "empty"])
def test_a_directory_that_vanishes_is_waited_for(start, reactor, file, comes_back):
    writer = start()
    writer.put(visit(1))
    reactor.run_until(all_written(writer))
    away = file.parent.with_name("away")
    file.parent.rename(away)
    done = Fired(writer.commit(visit(2)))
    reactor.run_until(lambda: writer.failures >= 2)
    if comes_back == "empty":
        file.parent.mkdir()
    else:
        away.rename(file.parent)
    reactor.run_until(lambda: done.done)
    assert visits(file) == ([2] if comes_back == "empty" else [1, 2])


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_record_that_is_refused_does_not_block_the_rest(start, reactor, file, poison):
    writer = start()
    with capturedLogs() as logs:
        for n in range(5):
            writer.put(visit(n))
        poisoned = Fired(writer.commit(poison))
        for n in range(5, 10):
            writer.put(visit(n))
        good = Fired(writer.commit(answer(1)))
        reactor.run_until(lambda: poisoned.done and good.done)
    assert isinstance(poisoned.result, StorageError)
    assert good.result is None
    assert visits(file) == list(range(10))
    assert (writer.rejected, writer.failures, writer.backlog) == (1, 0, 0)
    assert writer.written["queue_visits"] == 10
    (line,) = messages(logs)
    assert "'uniqueid': '13'" in line
    assert NUMBER not in line
    assert "مریم" not in line


def test_what_is_not_a_record_is_the_callers_fault(start):
    writer = start()
    for take in (writer.put, writer.commit):
        with pytest.raises(TypeError):
            take("a text")
    assert writer.backlog == 0


def test_stop_writes_what_is_left_and_ends_the_thread(start, reactor, file):
    writer = start()
    for n in range(50):
        writer.put(visit(n))
    stopped = Fired(writer.stop(20), then=lambda: visits(file))
    reactor.run_until(lambda: stopped.done)
    assert (stopped.result, stopped.saw) == (0, list(range(50)))
    assert not writer.alive
    reactor.run_until(lambda: not writer._thread.is_alive() and not writer._deadline.is_alive())


def test_after_the_stop_nothing_is_taken(start, reactor):
    writer = start()
    stopped = Fired(writer.stop(20))
    writer.put(visit(1))
    refused = Fired(writer.commit(answer(1)))
    assert isinstance(refused.result, StorageError)
    reactor.run_until(lambda: stopped.done)
    assert (writer.dropped, writer.backlog) == (2, 0)


@pytest.mark.usefixtures("quick_retries")
def test_stop_waits_for_the_database_to_come_back(start, reactor, file, opener):
    opener().dispose()
    writer = start()
    with locked(file):
        writer.put(visit(1))
        stopped = Fired(writer.stop(20))
        reactor.run_until(lambda: writer.failures >= 2)
    reactor.run_until(lambda: stopped.done)
    assert stopped.result == 0
    assert visits(file) == [1]


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
def test_stop_keeps_its_deadline_whatever_the_database_does(start, reactor, trouble):
    release = threading.Event()

    def no_database():
        if trouble == "hangs":
            release.wait(20)
        raise StorageError("no database")

    writer = start(no_database)
    writer.put(visit(1))
    failed = Fired(writer.commit(answer(1)))
    stopped = Fired(writer.stop(0.1))
    reactor.run_until(lambda: stopped.done, seconds=5)
    assert stopped.result == 2
    assert isinstance(failed.result, StorageError)
    assert (writer.alive, writer.backlog, writer.dropped) == (False, 0, 2)
    release.set()


def test_what_a_hanging_database_wrote_after_the_deadline_is_not_told_twice(start, reactor, opener, file):
    release = threading.Event()
    writer = start(lambda: release.wait(20) and opener())
    failed = Fired(writer.commit(answer(1)))
    stopped = Fired(writer.stop(0.05))
    reactor.run_until(lambda: stopped.done)
    release.set()
    writer._thread.join(20)
    assert reactor.calls.empty()
    assert isinstance(failed.result, StorageError)
    assert writer.written["answers"] == 0
    assert len(rows(file, "SELECT * FROM answers")) == 1


def test_a_writer_that_never_started_stops_at_once(opener, reactor):
    writer = Writer(SqlSink(opener), reactor.call_from_thread)
    writer.put(visit(1))
    assert not writer.alive
    stopped = Fired(writer.stop(20))
    reactor.run_until(lambda: stopped.done)
    assert stopped.result == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_leaves_nobody_waiting(start, reactor):
    def die():
        raise SystemExit

    writer = start(die)
    assert writer.alive
    failed = Fired(writer.commit(answer(1)))
    reactor.run_until(lambda: failed.done)
    assert isinstance(failed.result, StorageError)
    assert not writer.alive
    assert isinstance(Fired(writer.commit(answer(1))).result, StorageError)
    assert Fired(writer.stop(20)).result == 0


@pytest.mark.usefixtures("never_in_groups")
def test_a_callback_that_raises_or_a_caller_who_left_does_not_harm_the_others(start, reactor, opener, file):
    release = threading.Event()
    writer = start(lambda: release.wait(20) and opener())
    left, raising, last = (writer.commit(answer(n)) for n in range(3))
    raised = []
    raising.addCallback(lambda _: 1 / 0).addErrback(lambda failure: raised.append(failure.type))
    left_early = Fired(left)
    left.cancel()
    assert isinstance(left_early.result, CancelledError)
    done = Fired(last)
    release.set()
    reactor.run_until(lambda: done.done)
    assert raised == [ZeroDivisionError]
    assert len(rows(file, "SELECT * FROM answers")) == 3
    assert writer.alive


def test_a_reactor_that_is_gone_does_not_end_the_thread(opener, file):
    def gone(*_):
        raise RuntimeError("no reactor")

    writer = Writer(SqlSink(opener), gone)
    writer.start()
    with capturedLogs() as logs:
        writer.commit(answer(1))
        FakeReactor().run_until(all_written(writer))
        writer.commit(answer(2))
        FakeReactor().run_until(all_written(writer))
        writer.stop(20)
        writer._thread.join(20)
    assert len(rows(file, "SELECT * FROM answers")) == 2
    assert sum("no reactor" in formatEvent(log) for log in logs) == 3


@pytest.mark.usefixtures("quick_retries")
def test_a_full_backlog_drops_all_but_answers_and_counts(start, reactor, opener, file):
    closed = threading.Event()

    def maybe():
        if not closed.is_set():
            raise StorageError("away")
        return opener()

    writer = start(maybe, bound=10)
    for n in range(15):
        writer.put(visit(n))
    writer.put(answer(1))
    done = Fired(writer.commit(visit(99)))
    assert (writer.backlog, writer.dropped) == (12, 5)
    closed.set()
    reactor.run_until(lambda: done.done)
    assert visits(file) == [*range(10), 99]
    assert len(rows(file, "SELECT * FROM answers")) == 1


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "commit"]),
        st.one_of(
            st.builds(answer, st.integers(0, 3), st.integers(1, 5)),
            st.builds(visit, st.integers(0, 3), st.sampled_from(["sales", "پشتیبانی"])),
            st.builds(
                Gap, st.just("main"), st.integers(0, 3).map(float), st.floats(4, 9), st.just(""), st.just(1)
            ),
            st.just(POISON["not a number"]),
        ),
        st.booleans(),  # whether to wait for the commit before the next record
    ),
    max_size=40,
)


@settings(max_examples=40)
@given(operations=OPERATIONS, faults=st.lists(st.booleans(), max_size=12))
def test_any_order_of_puts_commits_and_faults_ends_in_the_last_state_of_each_key(operations, faults):
    reactor, faults, poison = FakeReactor(), iter(faults), POISON["not a number"]
    with TemporaryDirectory() as directory, patch.object(writer_module, "FIRST_PAUSE", 0.001):
        file = Path(directory, "calls.sqlite3")

        def open_flaky():
            engine = open_database(f"sqlite:///{file}")

            @event.listens_for(engine, "before_cursor_execute")
            def fail(*_):
                if next(faults, False):
                    raise OperationalError("INSERT", {}, sqlite3.OperationalError("disk I/O error"))

            return engine

        writer = Writer(SqlSink(open_flaky), reactor.call_from_thread)
        writer.start()
        commits, fired, model, asked = [], [], {}, Counter()
        with capturedLogs():
            for number, (how, record, wait) in enumerate(operations):
                asked[record == poison] += 1
                if record != poison:
                    model[key(record)] = value(record)
                if how == "put":
                    writer.put(record)
                    continue
                done = writer.commit(record)
                done.addBoth(lambda _, number=number: fired.append(number))
                commits.append((record, number, Fired(done)))
                if wait:
                    reactor.run_until(lambda done=commits[-1][2]: done.done)
                    assert stored(file) == model  # all earlier records are stored too
            stopped = Fired(writer.stop(20))
            reactor.run_until(lambda: stopped.done)
            writer._thread.join(20)
        assert stopped.result == 0
        assert stored(file) == model
        assert fired == [number for _, number, _ in commits]
        assert (sum(writer.written.values()), writer.rejected) == (asked[False], asked[True])


def key(record):
    match record:
        case Answer():
            return ("answers", record.attempt_id)
        case QueueVisit():
            return ("queue_visits", record.uniqueid, record.queue)
        case Gap():
            return ("gaps", f"1970-01-01 00:00:0{record.started_at:.6f}")


def value(record):
    match record:
        case Answer():
            return record.value
        case QueueVisit():
            return record.outcome
        case Gap():
            return f"1970-01-01 00:00:0{record.ended_at:.6f}"


def stored(file):
    if not file.exists():
        return {}
    try:
        return {
            **{("answers", a): v for a, v in rows(file, "SELECT attempt_id, value FROM answers")},
            **{
                ("queue_visits", u, q): o
                for u, q, o in rows(file, "SELECT uniqueid, queue, outcome FROM queue_visits")
            },
            **{("gaps", s): e for s, e in rows(file, "SELECT started_at, ended_at FROM gaps")},
        }
    except sqlite3.OperationalError:  # no tables yet: nothing was written
        return {}


def test_the_log_says_what_the_reactor_does_not_hear_of(opener):
    def stopped(*_):
        raise RuntimeError("the reactor has stopped")

    writer = Writer(SqlSink(opener), stopped)
    writer.start()
    with capturedLogs() as logs:
        writer.commit(visit(1))
        writer.stop(20)
        writer._thread.join(20)
    told = [line for line in map(formatEvent, logs) if "cannot report" in line]
    assert ["records are on disk" in line for line in told] == [True, False]
    assert ["it has ended" in line for line in told] == [False, True]
