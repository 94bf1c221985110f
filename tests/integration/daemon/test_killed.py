"""The daemon as a process that is killed repeatedly while a recorded PBX runs: its stored rows must be true.

The PBX is the demo's. A tracker of the test follows it without a gap. Each row of the daemons must equal the
tracker's record, or state that something was unobserved. The PBX's clock is stopped while a daemon starts, so
that calls outlive the start on a slow machine too.
"""

import os
import random
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from twisted.internet import reactor

from cc_bridge.ami.codec import Codec
from cc_bridge.calls.ami_events import WANTED, read
from cc_bridge.calls.tracker import Tracker
from cc_bridge.demo.pbx import RecordedPbx
from cc_bridge.demo.recording import AmiRecording
from cc_bridge.demo.run import RECORDING
from cc_bridge.offline.replay import read_stream
from cc_bridge.records import Call, QueueVisit, Ring, Talk
from support.forks import Fork
from support.reactor_loop import until

KILLS = int(os.environ.get("CC_BRIDGE_KILLS", "6"))
NEAR = 0.001  # seconds: the error of one Timestamp after two roundings
CONNECTED = 0.01  # seconds: AgentConnect, before the caller's BridgeEnter, which may fall into a gap
LATE = 0.5  # seconds: on a busy machine the recorded PBX answers a ping before it sends due events


class Clock:
    """The clock of the PBX, which can be stopped."""

    def __init__(self):
        self.behind, self.stopped_at = 0.0, None

    def seconds(self):
        return (self.stopped_at or reactor.seconds()) - self.behind

    def callLater(self, delay, function, *args):  # noqa: N802  # Twisted's name
        return reactor.callLater(max(delay, 0.01), function, *args)

    def stop(self):
        self.stopped_at = reactor.seconds()

    def resume(self):
        if self.stopped_at is not None:
            self.behind += reactor.seconds() - self.stopped_at
            self.stopped_at = None

    def passes(self, seconds):
        end = self.seconds() + seconds
        until(lambda: self.seconds() >= end, 60)


class Truth:
    """The reference: a tracker that follows the PBX without a gap. `records` are by kind and key."""

    def __init__(self, pbx):
        self.tracker = Tracker("pbx")
        self.records = {}
        self.codec = Codec(WANTED)
        pbx.listeners.append(self.hear)

    def hear(self, headers):
        text = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        for message in self.codec.feed(text.encode()):
            event = read(message, float)
            for record in self.tracker.apply(event) if event is not None else ():
                self.take(record)

    def take(self, record):
        match record:
            case QueueVisit():
                key = record.uniqueid, record.queue
            case Talk():
                key = record.uniqueid, record.agent_uniqueid
            case Ring():
                key = record.ring_uniqueid
            case Call():
                key = record.call_id
            case _:
                return
        self.records[type(record), key] = record

    def of(self, kind, *key):
        return self.records[kind, key if len(key) > 1 else key[0]]


class Pbx(RecordedPbx):
    """A recorded PBX whose clock resumes as soon as a daemon connects."""

    def buildProtocol(self, addr):
        self.clock.resume()
        return super().buildProtocol(addr)


@pytest.fixture
def pbx():
    playing = Pbx(AmiRecording(b"".join(read_stream(RECORDING))), ("bridge", "word"), Clock())
    until(lambda: True)
    port = reactor.listenTCP(0, playing, interface="127.0.0.1")
    playing.port = port.getHost().port
    playing.truth = Truth(playing)
    playing.start()
    yield playing
    playing.stop()
    port.stopListening()
    until(lambda: not playing.sessions)


class Daemon:
    def __init__(self, folder, ami_port):
        self.file, self.log = folder / "calls.sqlite", folder / "log"
        self._config = folder / "cc-bridge.toml"
        self._config.write_text(
            f"""
            ami = {{ port = {ami_port}, username = "bridge", secret = "word", reconnect_max_seconds = 1 }}
            agi = {{ port = 0 }}
            http = {{ port = 0 }}
            storage = {{ url = "sqlite:///{self.file}" }}
            """
        )
        self.process = None

    def start(self):
        self.process = Fork(["run", "--config", str(self._config)], self.log)

    def end(self, sign):
        self.process.send_signal(sign)
        until(lambda: self.process.poll() is not None, 30)

    def rows(self, table):
        with closing(sqlite3.connect(self.file)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]

    def gaps(self):
        return len(self.rows("gaps")) if self.file.exists() and self.has_tables() else 0

    def has_tables(self):
        with closing(sqlite3.connect(self.file)) as connection:
            return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'gaps'").fetchall())


@pytest.fixture
def daemon(pbx, tmp_path):
    daemon = Daemon(tmp_path, pbx.port)
    yield daemon
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.end(signal.SIGKILL)


def seconds(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def waits_and_talks(pbx, daemon):
    """Return whether the daemon's open state is saved while one caller waits and another talks."""
    truth = pbx.truth.tracker
    kept = len(daemon.rows("open_state")) if daemon.file.exists() and daemon.has_tables() else 0
    return kept >= 3 and truth.waiting() and truth.talks.in_progress()


def killed_again_and_again(pbx, daemon, rng):
    """Kill the daemon during calls, `KILLS` times, and start the next one each time.

    Return the instant from which the daemons observed the PBX, except for the gaps.
    """
    daemon.start()
    until(lambda: pbx.sessions and waits_and_talks(pbx, daemon), 60)
    clock = pbx.clock
    began = clock.seconds()
    for n in range(KILLS):
        until(lambda: waits_and_talks(pbx, daemon), 60)
        clock.passes(rng.uniform(0, 2))
        daemon.end(signal.SIGKILL)
        clock.passes(rng.uniform(0, 0.5))
        clock.stop()
        daemon.start()
        until(lambda n=n: daemon.gaps() == n + 1, 60)
    clock.passes(12)
    daemon.end(signal.SIGTERM)
    return began


def test_whatever_a_daemon_that_is_killed_leaves_is_true(pbx, daemon):
    began = killed_again_and_again(pbx, daemon, random.Random(3))
    truth = pbx.truth
    gaps = [(seconds(row["started_at"]), seconds(row["ended_at"])) for row in daemon.rows("gaps")]
    assert [row["reason"] for row in daemon.rows("gaps")] == ["daemon_down"] * KILLS
    assert all(one[1] <= next_one[0] for one, next_one in pairwise(gaps))

    def hidden(at):
        return any(start - LATE <= at <= end + LATE for start, end in gaps)

    talks_of(daemon, truth, gaps)
    for row in daemon.rows("queue_visits"):
        true = truth.of(QueueVisit, row["uniqueid"], row["queue"])
        if not hidden(true.entered_at) and true.entered_at > began:
            assert seconds(row["entered_at"]) == pytest.approx(true.entered_at, abs=NEAR)
        assert row["outcome"] in (true.outcome, "unobserved")
        assert row["outcome"] != "unobserved" or hidden(true.left_at)
    for row in daemon.rows("calls"):
        true = truth.of(Call, row["call_id"])
        if not row["partial"]:
            assert seconds(row["started_at"]) == pytest.approx(true.started_at, abs=NEAR)
            assert seconds(row["ended_at"]) == pytest.approx(true.ended_at, abs=NEAR)
            assert (row["queues"], row["talks"]) == (true.queues, true.talks)
    open_calls = {row["name"] for row in daemon.rows("open_state") if row["kind"] == "call"}
    assert not open_calls & {row["call_id"] for row in daemon.rows("calls")}
    assert "Traceback" not in daemon.log.read_text()


def talks_of(daemon, truth, gaps):
    """Compare the stored talks with the reference. Some of the talks must have outlived a daemon."""
    outlived = 0
    for row in daemon.rows("talks"):
        answered_at, ended_at = seconds(row["answered_at"]), seconds(row["ended_at"])
        if row["partial"]:
            assert any(answered_at <= end and start <= ended_at for start, end in gaps)
            continue
        true = truth.of(Talk, row["uniqueid"], row["agent_uniqueid"])
        unseen = any(start - LATE <= true.answered_at <= end + LATE for start, end in gaps)
        assert answered_at == pytest.approx(true.answered_at, abs=CONNECTED if unseen else NEAR)
        assert ended_at == pytest.approx(true.ended_at, abs=NEAR)
        assert (row["agent"], row["ended_by"]) == (true.agent, true.ended_by)
        outlived += any(true.answered_at < start and end < true.ended_at for start, end in gaps)
    assert outlived >= KILLS / 3
