"""The journal's rows reach the server: in order, once, whatever happens to the server meanwhile."""

import signal
import socket
import threading
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool
from twisted.logger import capturedLogs, formatEvent

from cc_bridge.records import NotRoutedCall, SurveyAttempt, SurveyResult
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline import forwarder as module
from cc_bridge.storage.pipeline.forwarder import Forwarder
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.pipeline.writer import Writer
from cc_bridge.storage.schema.tables import row_of
from support.records import NUMBER, POISON, FakeReactor, Fired, T, answer, visit

MEGABYTE = 1024**2
DEADLINE = 90  # seconds; a server's restart on a busy machine


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.2)


@pytest.fixture
def reactor():
    return FakeReactor()


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite", limit=64 * MEGABYTE)
    yield journal
    journal.close()


@pytest.fixture
def forward(reactor):
    """Yield a function that starts forwarders. All end with the test."""
    forwarders = []

    def forward(journal, url):
        forwarder = Forwarder(journal, lambda: open_database(url), reactor.call_from_thread)
        forwarder.start()
        forwarders.append(forwarder)
        return forwarder

    yield forward
    for forwarder in forwarders:
        forwarder.stop(0)
        forwarder._thread.join(DEADLINE)
        assert not forwarder._thread.is_alive()
        forwarder.journal.close()  # the forwarder's thread may have opened it again


def query(url, sql):
    """Run a query over a new connection."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def visits(url, pbx="main"):
    found = query(url, f"SELECT uniqueid FROM queue_visits WHERE pbx = '{pbx}'")
    return sorted(int(number) for (number,) in found)


def rows(*numbers):
    return [row_of(visit(n)) for n in numbers]


def attempt(ended_at=None, result=SurveyResult.STARTED):
    return SurveyAttempt(
        pbx="main", attempt_id="a1", call_id="c", uniqueid="c", queue="sales", agent="زهرا", interface="S/1",
        survey="csat", version=1, language="fa", started_at=T, ended_at=ended_at, result=result, reason="",
    )  # fmt: skip


def messages(logs):
    return [formatEvent(log) for log in logs if log["log_namespace"].startswith("cc_bridge")]


class Stream:
    """An endless stream of records through a writer, while the test disturbs the server."""

    def __init__(self, journal, reactor):
        self.sent = 0
        self._writer = Writer(journal, reactor.call_from_thread)
        self._writer.start()
        self._reactor = reactor
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self):
        while not self._enough.wait(0.002):
            self._writer.put(visit(self.sent))
            self.sent += 1

    def end(self):
        """Stop the stream and return the number of records that reached the journal."""
        self._enough.set()
        self._thread.join(DEADLINE)
        stopped = Fired(self._writer.stop(DEADLINE))
        self._reactor.run_until(lambda: stopped.done, DEADLINE)
        assert (stopped.result, self._writer.dropped) == (0, 0)
        return self.sent


@pytest.fixture
def stream(journal, reactor):
    stream = Stream(journal, reactor)
    yield stream
    if not stream._enough.is_set():
        stream.end()


def test_what_is_in_the_journal_is_copied_and_forgotten(journal, forward, reactor, server_url):
    journal.write([*rows(*range(2_500)), row_of(answer("a"))])
    forwarder = forward(journal, server_url)
    reactor.run_until(lambda: (journal.pending, forwarder.forwarded) == (0, 2_501))  # counted a little later
    assert visits(server_url) == list(range(2_500))
    assert query(server_url, "SELECT attempt_id, value FROM answers") == [("a", 5)]
    assert forwarder.failures == 0
    journal.write(rows(2_500))  # the forwarder was waiting for rows
    reactor.run_until(lambda: (journal.pending, forwarder.forwarded) == (0, 2_502))


def test_a_call_that_was_not_routed_reaches_the_server_once(journal, forward, reactor, server_url):
    case = row_of(NotRoutedCall("main", "1.1", "1.1", "sales", "زهرا", "PJSIP/1", T, "csat", "0912"))
    journal.write([case, case])
    forwarder = forward(journal, server_url)
    reactor.run_until(lambda: (journal.pending, forwarder.forwarded) == (0, 2))
    found = query(server_url, "SELECT call_id, queue, agent, caller_key FROM not_routed_calls")
    assert found == [("1.1", "sales", "زهرا", "0912")]


def test_a_server_that_is_away_at_the_start_is_waited_for_and_told_once(
    journal, forward, reactor, server, server_url
):
    server.stop()
    with capturedLogs() as logs:
        try:
            forwarder = forward(journal, server_url)
            journal.write(rows(1, 2, 3))
            reactor.run_until(lambda: forwarder.failures >= 2)
            assert journal.pending == 3
        finally:
            server.start()
        reactor.run_until(lambda: journal.pending == 0 and len(messages(logs)) >= 2, DEADLINE)
    assert visits(server_url) == [1, 2, 3]
    first, last = messages(logs)
    assert "the database server failed" in first
    assert "the database server is back" in last


@pytest.mark.parametrize("how", [None, signal.SIGKILL], ids=["stops", "crashes"])
def test_a_server_that_goes_in_mid_stream_and_comes_back_has_everything(
    journal, forward, reactor, server, server_url, stream, how
):
    forwarder = forward(journal, server_url)
    reactor.run_until(lambda: forwarder.forwarded > 100, DEADLINE)
    server.stop(how)
    try:
        before = stream.sent
        reactor.run_until(lambda: forwarder.failures and stream.sent > before + 200, DEADLINE)
    finally:
        server.start()
    sent = stream.end()
    reactor.run_until(lambda: journal.pending == 0, DEADLINE)
    assert visits(server_url) == list(range(sent))


def test_connections_that_are_cut_again_and_again_lose_and_double_nothing(
    journal, forward, reactor, server, server_url, stream
):
    forwarder = forward(journal, server_url)
    reactor.run_until(lambda: forwarder.forwarded, DEADLINE)
    for _ in range(8):
        before = forwarder.forwarded
        with suppress(Exception):  # a listed connection may have ended already
            server.cut_connections()
        reactor.run_until(lambda before=before: forwarder.forwarded > before, DEADLINE)
    sent = stream.end()
    reactor.run_until(lambda: journal.pending == 0, DEADLINE)
    assert visits(server_url) == list(range(sent))


def test_a_server_that_turns_read_only_is_waited_for(journal, forward, reactor, server, server_url):
    journal.write(rows(1))
    forwarder = forward(journal, server_url)
    reactor.run_until(lambda: journal.pending == 0, DEADLINE)
    server.read_only(True)
    try:
        journal.write(rows(2, 3))
        reactor.run_until(lambda: forwarder.failures >= 3, DEADLINE)
        assert (journal.pending, journal.rejected) == (2, 0)
    finally:
        server.read_only(False)
    reactor.run_until(lambda: journal.pending == 0, DEADLINE)
    assert visits(server_url) == [1, 2, 3]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_crash_before_the_journal_knows_doubles_nothing(
    tmp_path, forward, reactor, server_url, monkeypatch
):
    """The server has committed, and the daemon dies before it deletes the rows. The next one resends all."""
    first = Journal(tmp_path / "crash.sqlite", limit=MEGABYTE)
    first.write([*rows(*range(1_500)), row_of(attempt()), row_of(attempt(T + 20, SurveyResult.COMPLETE))])
    died = threading.Event()

    def die(_last):
        died.set()
        raise SystemExit

    monkeypatch.setattr(first, "ack", die)
    forward(first, server_url)
    reactor.run_until(died.is_set, DEADLINE)
    assert visits(server_url) == list(range(1_000))
    first.close()
    second = Journal(tmp_path / "crash.sqlite", limit=MEGABYTE)
    second.open()
    assert second.pending == 1_502
    forwarder = forward(second, server_url)
    reactor.run_until(lambda: (second.pending, forwarder.forwarded) == (0, 1_502), DEADLINE)
    assert visits(server_url) == list(range(1_500))
    assert query(server_url, "SELECT result FROM survey_attempts") == [("complete",)]
    second.close()


def test_a_journal_that_cannot_take_note_is_tried_again(journal, forward, reactor, server_url, monkeypatch):
    fails = iter([True, True, False])
    forwarded = journal.ack

    def maybe(last):
        if next(fails, False):
            raise OSError("disk")
        forwarded(last)

    monkeypatch.setattr(journal, "ack", maybe)
    journal.write(rows(1, 2))
    forwarder = forward(journal, server_url)
    reactor.run_until(lambda: forwarder.forwarded == 4, DEADLINE)  # two rows, sent again after the outage
    assert visits(server_url) == [1, 2]
    assert forwarder.failures == 2


def test_what_a_server_confirmed_and_lost_in_its_crash_comes_again(
    journal, forward, reactor, server, server_url
):
    """As with synchronous_commit=off, innodb_flush_log_at_trx_commit=0, or a standby that lagged behind."""
    journal.write(rows(*range(10)))
    forwarder = forward(journal, server_url)
    reactor.run_until(lambda: journal.pending == 0, DEADLINE)
    engine = create_engine(server_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM queue_visits WHERE uniqueid > '4'")
    server.cut_connections()
    journal.write(rows(10))
    reactor.run_until(lambda: forwarder.forwarded >= 10 + 1 + 11, DEADLINE)
    assert visits(server_url) == list(range(11))


def test_what_the_server_refuses_is_kept_aside_and_named_by_its_key(journal, forward, reactor, server_url):
    poison = [row_of(replace(record, uniqueid=f"bad{n}")) for n, record in enumerate(POISON.values())
              if record.left_at != "soon"]  # fmt: skip
    journal.write([*rows(*range(5)), *poison, *rows(*range(5, 10))])
    with capturedLogs() as logs:
        forwarder = forward(journal, server_url)
        reactor.run_until(lambda: journal.pending == 0 and forwarder.forwarded >= 10, DEADLINE)
    assert visits(server_url) == list(range(10))
    assert (journal.rejected, forwarder.forwarded, forwarder.failures) == (len(poison), 10, 0)
    lines = messages(logs)
    assert len(lines) == len(poison)
    assert all("queue_visits" in line and "bad" in line for line in lines)
    assert not any(NUMBER in line or "مریم" in line for line in lines)
    forwarder.stop(0)
    forwarder._thread.join(DEADLINE)
    journal.close()
    journal.open()
    assert journal.rejected == len(poison)


def test_daemons_of_two_pbxs_share_a_server_from_its_first_moment(tmp_path, forward, reactor, server_url):
    """Both daemons find the database empty and create the tables. No daemon disturbs the other one."""
    journals = {pbx: Journal(tmp_path / pbx, limit=MEGABYTE) for pbx in ("main", "other")}
    for pbx, journal in journals.items():
        journal.write([row_of(replace(visit(n), pbx=pbx)) for n in range(1_200)])
    forwarders = [forward(journal, server_url) for journal in journals.values()]
    reactor.run_until(lambda: all(journal.pending == 0 for journal in journals.values()), DEADLINE)
    for pbx, journal in journals.items():
        assert visits(server_url, pbx) == list(range(1_200))
        journal.close()
    assert [forwarder.failures for forwarder in forwarders] == [0, 0]


def test_a_full_journal_empties_and_takes_records_again(tmp_path, forward, reactor, server, server_url):
    journal = Journal(tmp_path / "small", limit=MEGABYTE)
    server.stop()
    try:
        forwarder = forward(journal, server_url)
        writer = Writer(journal, reactor.call_from_thread)
        writer.start()
        n = 0
        while not journal.full:
            for _ in range(200):  # fewer than fit into the tenth that a full journal keeps for answers
                writer.put(visit(n))
                n += 1
            reactor.run_until(lambda: writer.backlog == 0)
        writer.put(visit(n))
        done = Fired(writer.commit(answer("a")))
        reactor.run_until(lambda: done.done)
        assert (done.result, writer.dropped, forwarder.forwarded) == (None, 1, 0)
    finally:
        server.start()
    reactor.run_until(lambda: journal.pending == 0, DEADLINE)
    writer.put(visit(n + 1))
    stopped = Fired(writer.stop(DEADLINE))
    reactor.run_until(lambda: stopped.done and journal.pending == 0, DEADLINE)
    assert visits(server_url) == [*range(n), n + 1]
    assert query(server_url, "SELECT attempt_id FROM answers") == [("a",)]
    journal.close()


def test_stop_forwards_what_is_left(journal, forward, reactor, server_url):
    forwarder = forward(journal, server_url)
    journal.write(rows(*range(1_500)))
    stopped = Fired(forwarder.stop(DEADLINE))
    reactor.run_until(lambda: stopped.done, DEADLINE)
    assert visits(server_url) == list(range(1_500))
    assert not forwarder.alive


@pytest.mark.parametrize("driver", ["postgresql", "mysql+pymysql"])
@pytest.mark.parametrize("trouble", ["refuses", "is silent"])
def test_stop_keeps_its_deadline_and_the_journal_what_is_left(journal, forward, reactor, driver, trouble):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if trouble == "is silent":
            listener.listen()
        forwarder = forward(journal, f"{driver}://u@127.0.0.1:{listener.getsockname()[1]}/d")
        journal.write(rows(1))
        if trouble == "refuses":
            reactor.run_until(lambda: forwarder.failures)
        stopped = Fired(forwarder.stop(0.2))
        reactor.run_until(lambda: stopped.done, seconds=5)
    assert journal.pending == 1


def test_one_that_never_started_stops_at_once(journal, reactor):
    forwarder = Forwarder(journal, lambda: None, reactor.call_from_thread)
    stopped = Fired(forwarder.stop(DEADLINE))
    reactor.run_until(lambda: stopped.done)
    assert not forwarder.alive


def test_a_reactor_that_is_gone_does_not_end_the_thread(journal, server_url):
    def gone(*_):
        raise RuntimeError("no reactor")

    journal.write(rows(1))
    forwarder = Forwarder(journal, lambda: open_database(server_url), gone)
    with capturedLogs() as logs:
        forwarder.start()
        forwarder.stop(DEADLINE)
        forwarder._thread.join(DEADLINE)
    assert visits(server_url) == [1]
    assert any("no reactor" in line for line in messages(logs))


def test_the_pauses_grow_to_a_bound(journal, reactor, monkeypatch):
    monkeypatch.setattr(module, "LONGEST_PAUSE", 15.0)

    def no_server():
        raise OSError("away")

    forwarder, pauses = Forwarder(journal, no_server, reactor.call_from_thread), []

    def wait(seconds):
        pauses.append(seconds)
        if len(pauses) == 9:
            forwarder._stopping.set()

    forwarder._stopping.wait = wait
    journal.write(rows(1))
    forwarder.start()
    forwarder._thread.join(20)
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 15.0, 15.0, 15.0]
