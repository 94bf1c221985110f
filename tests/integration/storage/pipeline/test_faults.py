"""The daemon as a process, with callers in surveys, while its storage is killed, cut off, full or shared.

In each case, a rating whose next prompt the caller heard is finally in the database, no row is there twice,
and callers are served. CC_BRIDGE_KILLS (number of kills) and CC_BRIDGE_FAULT_SECONDS (outage of a server)
make the tests longer. With `-rP` pytest prints the wait times of callers.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool
from twisted.internet import reactor

from cc_bridge.agi.survey_store import STORE_SECONDS
from cc_bridge.demo.pbx import RecordedPbx
from cc_bridge.demo.recording import AmiRecording
from cc_bridge.demo.run import RECORDING
from cc_bridge.offline.replay import read_stream
from cc_bridge.records import OptOut
from cc_bridge.storage.schema.tables import TABLES, row_of
from support.databases import PostgreSql
from support.parts import missing
from support.reactor_loop import until
from support.survey_callers import DEADLINE, Crowd, Daemon, percentile, query

KILLS = int(os.environ.get("CC_BRIDGE_KILLS", "10"))
FAULT_SECONDS = float(os.environ.get("CC_BRIDGE_FAULT_SECONDS", "3"))
MEGABYTE = 1024**2
NO_SERVER = "postgresql://bridge@127.0.0.1:1/calls"


@pytest.fixture
def ami_port():
    """Play two minutes of a recorded contact centre repeatedly. Yield the AMI port."""
    pbx = RecordedPbx(AmiRecording(b"".join(read_stream(RECORDING))), ("bridge", "word"), reactor)
    until(lambda: True)  # starts the reactor
    port = reactor.listenTCP(0, pbx, interface="127.0.0.1")
    pbx.start()
    yield port.getHost().port
    pbx.stop()
    port.stopListening()
    until(lambda: not pbx.sessions, DEADLINE)


@pytest.fixture
def daemon(tmp_path):
    """Yield a function that makes daemons. All are killed at the end of the test."""
    daemons = []

    def daemon(*args, **settings):
        daemons.append(Daemon(tmp_path / f"daemon-{len(daemons)}", *args, **settings))
        return daemons[-1]

    until(lambda: True)
    yield daemon
    for each in daemons:
        each.close()


@pytest.fixture
def crowd():
    """Yield a function that starts crowds of callers. All end with the test."""
    crowds = []

    def crowd(*args, **settings):
        crowds.append(Crowd(*args, **settings))
        return crowds[-1]

    yield crowd
    for each in crowds:
        each.is_calling = False


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'calls.sqlite'}"
        return
    server = request.getfixturevalue("postgres")
    made = server.fresh()
    yield made.render_as_string(hide_password=False)
    server.drop(made)


def wait(seconds):
    """Let the callers continue for some seconds."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() >= end, seconds + DEADLINE)


def more(crowd, ratings=20):
    """Wait until `ratings` more ratings are promised."""
    wanted = len(crowd.promised) + ratings
    until(lambda: len(crowd.promised) >= wanted, DEADLINE)


def duplicates(url):
    """Return the keys that occur in more than one row. Crowd and PBX give each key only once."""
    found = []
    for table, key in {
        "talks": "uniqueid, agent_uniqueid",
        "rings": "ring_uniqueid",
        "calls": "call_id",
        "survey_decisions": "uniqueid, stage",
        "not_routed_calls": "call_id",
        "survey_attempts": "uniqueid",
    }.items():
        rows = query(url, f"SELECT pbx, {key} FROM {table}")
        found += [(table, row) for row, n in Counter(rows).items() if n > 1]
    # A caller may enter a queue again, but not before leaving it.
    columns = "pbx, uniqueid, queue, entered_at, left_at"
    visits = query(url, f"SELECT {columns} FROM queue_visits ORDER BY entered_at")
    left = {}
    for *who, entered_at, left_at in visits:
        if entered_at < left.get(tuple(who), entered_at):
            found.append(("queue_visits", who))
        left[tuple(who)] = left_at
    return found


def wait_until_stored(daemon, crowd, pbx="pbx"):
    """Wait until the database has all ratings that are promised now."""
    promised = {(*key, value) for key, value in crowd.promised.items()}
    until(lambda: not promised & crowd.missing(daemon.url, pbx), DEADLINE)


def is_intact(url):
    """Return whether SQLite finds its file intact. A server's database counts as intact."""
    return not url.startswith("sqlite") or query(url, "PRAGMA integrity_check") == [("ok",)]


# -- the daemon is killed


def test_a_daemon_that_is_killed_at_any_moment_loses_no_rating_and_writes_nothing_twice(
    url, ami_port, daemon, crowd
):
    chance = random.Random(7)
    bridge = daemon(url, ami_port=ami_port)
    callers = crowd(bridge.agi_port, 20)
    for n in range(KILLS):
        bridge.start()
        if n % 4:  # every fourth time it may be killed while it starts
            more(callers, ratings=1)
        wait(chance.uniform(0, 1.0))
        assert bridge.end(signal.SIGKILL) == -signal.SIGKILL
        assert n % 10 or is_intact(url)
    bridge.start()
    more(callers)
    callers.leave()
    wait_until_stored(bridge, callers)
    assert bridge.end() == 0
    assert duplicates(url) == []
    assert is_intact(url)
    assert len(query(url, "SELECT * FROM queue_visits")) > 0
    assert "Traceback" not in bridge.log.read_text()
    print(f"{KILLS} kills, {len(callers.promised)} ratings promised, none missing")  # noqa: T201 - for people


# -- the server is unavailable


class Trouble:
    """A fault of a database server, which can begin and end."""

    def __init__(self, server):
        self.server = server

    def begin(self):
        raise NotImplementedError

    def end(self):
        raise NotImplementedError


class Stopped(Trouble):
    def begin(self):
        self.server.stop()

    def end(self):
        self.server.start()


class Crashed(Stopped):
    def begin(self):
        self.server.stop(signal.SIGKILL)


class ReadOnly(Trouble):
    def begin(self):
        self.server.read_only(True)

    def end(self):
        self.server.read_only(False)


class Cut(Trouble):
    """A fault: the server's connections are cut repeatedly."""

    def begin(self):
        self.cutting = reactor.callLater(0, self.cut)

    def cut(self):
        self.server.cut_connections()
        self.cutting = reactor.callLater(0.3, self.cut)

    def end(self):
        self.cutting.cancel()


class Hung(Trouble):
    """A fault: the server accepts connections and questions, and answers none."""

    def begin(self):
        self.server.freeze(True)

    def end(self):
        self.server.freeze(False)


class Full(Trouble):
    """A fault: the server's disk is full. Without room for its transaction log the server exits."""

    def begin(self):
        fill(self.server.folder)

    def end(self):
        (self.server.folder / "ballast").unlink()
        self.server.stop()  # in case it still runs
        self.server.start()


def fill(folder, but=0):
    """Fill a disk except for `but` bytes."""
    status = os.statvfs(folder)
    room = max(0, status.f_bavail * status.f_frsize - but)
    with (folder / "ballast").open("wb") as ballast:
        while room > 0:
            try:
                room -= ballast.write(b"x" * min(room, MEGABYTE))
                ballast.flush()
            except OSError:
                return


@pytest.fixture
def small_disk():
    """Yield a function that mounts a disk of some megabytes. It needs root."""
    mounted = []

    def small_disk(megabytes):
        folder = Path(tempfile.mkdtemp(prefix="cc-bridge-disk-"))
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", folder],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            missing("mounts", made.stderr.strip())
        mounted.append(folder)
        return folder

    yield small_disk
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


@pytest.fixture
def server_of_its_own(request, small_disk, monkeypatch, postgres):  # noqa: ARG001 - skips without PostgreSQL
    """Yield a fault with a new server for this test. For `Full` the server's data is on a small disk."""
    with monkeypatch.context() as patch:
        if request.param is Full:
            patch.setattr(tempfile, "tempdir", str(small_disk(160)))
        server = PostgreSql()
    server.make()
    server.start()
    yield request.param(server)
    server.close()


@pytest.mark.postgres
@pytest.mark.parametrize(
    "server_of_its_own",
    [Stopped, Crashed, Cut, ReadOnly, Hung, pytest.param(Full, marks=pytest.mark.mounts)],
    indirect=True,
)
def test_whatever_happens_to_the_server_surveys_go_on_and_no_rating_is_lost(
    server_of_its_own, ami_port, daemon, crowd
):
    trouble, server = server_of_its_own, server_of_its_own.server
    url = server.fresh().render_as_string(hide_password=False)
    bridge = daemon(url, ami_port=ami_port)
    bridge.start()
    callers = crowd(bridge.agi_port, 20)
    more(callers)
    wait_until_stored(bridge, callers)
    quiet = waits(callers, min(FAULT_SECONDS, 30.0))
    trouble.begin()
    troubled = waits(callers, FAULT_SECONDS)
    more(callers)
    asked = len(callers.asked)
    until(lambda: len(callers.asked) > asked, DEADLINE)  # new callers are still asked
    assert bridge.metric("cc_bridge_storage_dropped_records_total") == 0
    trouble.end()
    callers.leave()
    wait_until_stored(bridge, callers)
    until(lambda: bridge.metric("cc_bridge_journal_pending_records") < 100, DEADLINE)
    assert bridge.end() == 0
    assert duplicates(url) == []
    said = f"{len(callers.promised)} ratings promised, none missing"
    print(f"{type(trouble).__name__}: {said}; before {quiet}; meanwhile {troubled}")  # noqa: T201 - for people


def waits(callers, seconds):
    """Return a text with the times that callers wait for the next command."""
    callers.latencies.clear()
    wait(seconds)
    p50, p99 = (1000 * percentile(callers.latencies, share) for share in (0.5, 0.99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms of {len(callers.latencies)}"


# -- the disk is full


@pytest.mark.mounts
def test_the_last_of_the_journals_disk_is_for_ratings(small_disk, ami_port, daemon, crowd):
    """On a full disk other records are dropped and this is reported. The last room is kept for ratings."""
    disk = small_disk(24)
    bridge = daemon(NO_SERVER, ami_port=ami_port, journal=disk / "journal.sqlite")
    bridge.start()
    callers = crowd(bridge.agi_port, 20)
    more(callers)
    fill(disk, but=7 * MEGABYTE)
    until(lambda: "only ratings are kept" in bridge.get("/readyz"), DEADLINE)
    until(lambda: bridge.metric("cc_bridge_storage_dropped_records_total") > 0, DEADLINE)
    more(callers, ratings=60)
    (disk / "ballast").unlink()
    until(lambda: "only ratings are kept" not in bridge.get("/readyz"), DEADLINE)
    dropped = bridge.metric("cc_bridge_storage_dropped_records_total")
    more(callers)
    assert bridge.metric("cc_bridge_storage_dropped_records_total") == dropped
    callers.leave()
    assert bridge.end() == 0
    assert "is full" in bridge.log.read_text()
    assert not missing_in_journal(disk / "journal.sqlite", callers)


def entries(journal, table):
    """Return the rows of a table that wait in a journal, in the order of writing."""
    found = query(f"sqlite:///{journal}", "SELECT table_name, row FROM entries ORDER BY id")
    return [json.loads(row) for name, row in found if name == table]


def missing_in_journal(journal, crowd):
    """Return the promised answers that are not in a journal."""
    attempts, answers = (entries(journal, table) for table in ("survey_attempts", "answers"))
    who = {row["attempt_id"]: row["uniqueid"] for row in attempts}
    stored = {(who[row["attempt_id"]], row["question"], row["value"]) for row in answers}
    return {(*key, value) for key, value in crowd.promised.items()} - stored


@pytest.mark.mounts
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_on_a_disk_without_any_room_the_daemon_goes_on_and_writes_what_waited(
    small_disk, ami_port, daemon, crowd, kind
):
    """Callers hear the goodbye, since a rating cannot be stored. Their answers are written later.

    No caller hears nothing for longer than the store of an answer may take. The surveys that ended for this
    reason have a reason of their own, and none counts as declined.
    """
    disk = small_disk(24)
    url = f"sqlite:///{disk / 'calls.sqlite'}" if kind == "sqlite" else NO_SERVER
    bridge = daemon(url, ami_port=ami_port, journal=disk / "journal.sqlite")
    bridge.start()
    callers = crowd(bridge.agi_port, 20)
    more(callers)
    fill(disk)
    until(lambda: bridge.metric("cc_bridge_storage_failures_total") > 0, DEADLINE)
    waits(callers, STORE_SECONDS)  # those who were already asked
    served = callers.over_by_goodbye
    until(lambda: callers.over_by_goodbye >= served + 20, DEADLINE)
    assert max(callers.latencies) < STORE_SECONDS + 1
    assert bridge.runs
    (disk / "ballast").unlink()
    until(lambda: bridge.metric("cc_bridge_storage_queue_records") < 100, DEADLINE)
    more(callers)
    callers.leave()
    if kind == "sqlite":
        wait_until_stored(bridge, callers)
        assert is_intact(url)
    assert bridge.end() == 0
    if kind == "journal":
        assert not missing_in_journal(disk / "journal.sqlite", callers)
        attempts = entries(disk / "journal.sqlite", "survey_attempts")
        ends = [(row["result"], row["reason"], row["attempt_id"]) for row in attempts]
        answered = {row["attempt_id"] for row in entries(disk / "journal.sqlite", "answers")}
    else:
        ends = query(url, "SELECT result, reason, attempt_id FROM survey_attempts")
        answered = {attempt for (attempt,) in query(url, "SELECT attempt_id FROM answers")}
    not_stored = [(result, attempt) for result, reason, attempt in ends if reason == "not_stored"]
    assert len(not_stored) >= 20
    assert {result for result, _ in not_stored} == {"partial"}
    assert {attempt for _, attempt in not_stored} <= answered
    assert "declined" not in {result for result, _, _ in ends}
    assert "storage is back" in bridge.log.read_text()


# -- another program locks the database


def test_while_the_database_is_locked_callers_hear_no_long_silence(tmp_path, ami_port, daemon, crowd):
    """A caller hears one question and the goodbye. The answer is stored once the database is free."""
    file = tmp_path / "calls.sqlite"
    bridge = daemon(f"sqlite:///{file}", ami_port=ami_port)
    bridge.start()
    callers = crowd(bridge.agi_port, 10)
    more(callers)
    with closing(sqlite3.connect(file, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        waits(callers, STORE_SECONDS)  # those who were already asked
        served = callers.over_by_goodbye
        until(lambda: callers.over_by_goodbye >= served + 20, DEADLINE)
        assert max(callers.latencies) < STORE_SECONDS + 1
        until(lambda: bridge.metric("cc_bridge_storage_failures_total") > 0, DEADLINE)
    more(callers)
    callers.leave()
    assert bridge.end() == 0
    answers = "(SELECT count(*) FROM answers WHERE answers.attempt_id = survey_attempts.attempt_id)"
    locked = query(
        bridge.url, f"SELECT result, reason, {answers} FROM survey_attempts WHERE reason = 'not_stored'"
    )
    assert len(locked) >= 20
    assert {(result, reason) for result, reason, _ in locked} == {("partial", "not_stored")}
    assert all(stored for _, _, stored in locked)
    assert not query(bridge.url, "SELECT * FROM survey_attempts WHERE result IN ('declined', 'started')")


# -- a shared database


def opt_out(url, numbers):
    """Store opt-outs of these numbers, as an administrator's command does."""
    rows = [row_of(OptOut(number, time.time(), True, "command"))[1] for number in numbers]
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(TABLES[OptOut].insert(), rows)


@pytest.mark.postgres
def test_two_pbxs_on_one_server_keep_apart_what_is_theirs_and_share_who_was_asked(postgres, daemon, crowd):
    """Each PBX has a hundred callers at a time, with equal channel names on both PBXs."""
    url = postgres.fresh().render_as_string(hide_password=False)
    rules = "queue_defaults = { min_days_between_surveys = 30 }"
    bridges = {pbx: daemon(url, pbx=pbx, more=rules) for pbx in ("a", "b")}
    crowds = {}
    for pbx, bridge in bridges.items():
        bridge.start()
        crowds[pbx] = crowd(bridge.agi_port, 100, first=1 if pbx == "a" else 10_001)
    for pbx, callers in crowds.items():
        more(callers, ratings=600)
        callers.leave()
        wait_until_stored(bridges[pbx], callers, pbx)
    assert duplicates(url) == []
    again = crowd(bridges["b"].agi_port, 5)  # callers that PBX a has asked
    opt_out(url, (f"0912{n:07}" for n in range(30_001, 32_001)))
    never = crowd(bridges["b"].agi_port, 2, name="never-", first=30_001)
    until(lambda: again.turned_away >= 50, DEADLINE)
    again.leave()
    not_asked = "SELECT count(*) FROM survey_decisions WHERE pbx = 'b' AND stage = "
    until(lambda: query(url, not_asked + "'asked_recently'") >= [(50,)], DEADLINE)
    until(lambda: never.turned_away >= 20, DEADLINE)
    never.leave()
    until(lambda: query(url, not_asked + "'opted_out'") >= [(20,)], DEADLINE)
    assert [bridge.end() for bridge in bridges.values()] == [0, 0]
    postgres.drop(make_url(url))


def test_two_daemons_for_one_pbx_by_mistake_lose_no_rating_and_break_nothing(url, ami_port, daemon, crowd):
    """Calls of which one daemon saw the start may be stored twice, with different figures."""
    bridges = [daemon(url, ami_port=ami_port) for _ in range(2)]
    crowds = []
    for n, bridge in enumerate(bridges):
        bridge.start()
        crowds.append(crowd(bridge.agi_port, 10, name=f"{n}-"))
        more(crowds[-1])
    for bridge, callers in zip(bridges, crowds, strict=True):
        more(callers, ratings=60)
        callers.leave()
        wait_until_stored(bridge, callers)
    assert [bridge.end() for bridge in bridges] == [0, 0]
    assert is_intact(url)
