"""The whole bridge on a database server: it starts without one, says so, loses nothing, and ends in time."""

import socket
import time
import urllib.error
import urllib.request

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from cc_bridge import app, daemon
from cc_bridge.app import Bridge
from cc_bridge.config import Config
from cc_bridge.errors import StorageError
from cc_bridge.records import Observed
from reactor_loop import result_of, until
from storing import T, answer, visit


@pytest.fixture
def config(tmp_path):
    with socket.socket() as nobody:  # a port that stays closed: no PBX, no server
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]

        def config(url=f"postgresql://bridge@127.0.0.1:{port}/calls"):
            return Config(
                ami={"port": port, "secret": "s"},
                agi={"port": 0},
                http={"port": 0},
                run={"stop_seconds": 0},
                storage={"url": url, "journal": tmp_path / "journal.sqlite", "journal_max_mb": 1},
            )

        yield config


@pytest.fixture
def start():
    """Start bridges that are stopped at the end."""
    bridges = []

    def start(config, observed_until=None):
        bridge = Bridge(config, reactor, observed_until)
        until(lambda: True)  # the reactor runs
        bridge.start()
        bridges.append(bridge)
        return bridge

    yield start
    for bridge in bridges:
        if bridge.writer.alive:
            stop(bridge)


def stop(bridge):
    return result_of(Deferred.fromCoroutine(bridge.stop()), 30)


def get(bridge, path):
    def ask():
        try:
            with urllib.request.urlopen(f"http://{bridge.http_address}{path}", timeout=20) as page:
                return page.status, page.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    return result_of(deferToThread(ask), 30)


def query(url, sql):
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def test_without_its_server_it_starts_and_records_wait_in_the_journal(config, start, monkeypatch):
    monkeypatch.setattr(app, "_LATE_SECONDS", 0.0)
    assert daemon._observed_until(config()) is None
    bridge = start(config())
    bridge._recorded([visit(1), Observed("pbx", T)])
    result_of(bridge._stored(answer("a")))  # a caller is not kept waiting
    status, text = get(bridge, "/readyz")
    assert status == 503
    assert "records wait for the database" in text
    assert get(bridge, "/healthz")[0] == 200
    page = get(bridge, "/metrics")[1]
    assert 'cc_bridge_journal_pending_records{pbx="pbx"} 3\n' in page
    began = time.monotonic()
    stop(bridge)
    assert time.monotonic() - began < app._FORWARD_SECONDS + 3
    assert daemon._observed_until(config()) == T


def test_what_waited_is_forwarded_by_the_next_one(config, start, server_url):
    first = start(config())
    first._recorded([visit(1)])
    result_of(first._stored(answer("a")))
    stop(first)
    second = start(config(server_url))
    second._recorded([visit(2)])
    until(lambda: second.forwarder.forwarded == 3, 60)
    assert sorted(query(server_url, "SELECT uniqueid FROM queue_visits")) == [("1",), ("2",)]
    assert query(server_url, "SELECT attempt_id FROM answers") == [("a",)]
    second._recorded([visit(3)])
    stop(second)
    assert len(query(server_url, "SELECT uniqueid FROM queue_visits")) == 3


def test_a_full_journal_is_told_and_ratings_go_on(config, start):
    bridge = start(config())
    number = 0
    while not bridge.forwarder.journal.full:
        bridge._recorded([visit(number + n) for n in range(500)])
        number += 500
        until(lambda: bridge.writer.backlog == 0)
    bridge._recorded([visit(number)])
    result_of(bridge._stored(answer("a")))
    assert "only ratings are kept" in get(bridge, "/readyz")[1]
    assert 'cc_bridge_storage_dropped_total{pbx="pbx"} 1\n' in get(bridge, "/metrics")[1]


def test_two_daemons_with_one_journal_are_told_at_the_start(config, start):
    bridge = start(config())
    bridge._recorded([visit(1)])
    until(lambda: bridge.writer.backlog == 0)
    with pytest.raises(StorageError, match="is another cc-bridge running with it"):
        daemon._observed_until(config())


def test_a_url_that_can_never_work_ends_the_start(config):
    with pytest.raises(StorageError, match="not supported"):
        daemon._observed_until(config("oracle://bridge@host/calls"))


def test_an_sqlite_database_needs_no_journal(config, start, tmp_path):
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    bridge = start(config(url))
    bridge._recorded([visit(1)])
    assert "journal" not in get(bridge, "/readyz")[1] + get(bridge, "/metrics")[1].replace("full journal", "")
    stop(bridge)
    assert query(url, "SELECT uniqueid FROM queue_visits") == [("1",)]
    assert not (tmp_path / "journal.sqlite").exists()
