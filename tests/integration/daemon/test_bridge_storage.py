"""The whole bridge on a database server: it starts without one, reports it, loses nothing, ends in time."""

import re
import socket
import time
import urllib.error
import urllib.request
from dataclasses import replace

import pytest
from click.testing import CliRunner
from pydantic import ValidationError
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.logger import formatEvent, globalLogPublisher

from cc_bridge import resource_path
from cc_bridge.cli import main
from cc_bridge.config import CallersConfig, Config, RetentionConfig
from cc_bridge.daemon import main as daemon
from cc_bridge.daemon.bridge import Bridge
from cc_bridge.daemon.services import health, record_pipeline
from cc_bridge.errors import StorageError
from cc_bridge.records import ObservationWatermark, OptOut
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.survey_history import definitions
from cc_bridge.surveys.versions import definition_of
from support.reactor_loop import result_of, until
from support.records import NUMBER, T, answer, visit


@pytest.fixture
def config(tmp_path):
    with socket.socket() as closed:  # a port that stays closed: no PBX, no server
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

        def config(url=f"postgresql://bridge@127.0.0.1:{port}/calls"):
            return Config(
                ami={"port": port, "secret": "s"},
                agi={"port": 0},
                http={"port": 0},
                run={"shutdown_timeout_seconds": 0},
                storage={"url": url, "journal_file": tmp_path / "journal.sqlite", "journal_max_mb": 1},
            )

        yield config


@pytest.fixture
def start():
    """Yield a function that starts a bridge. All bridges stop at the end of the test."""
    bridges = []

    def start(config, observed_until=None):
        bridge = Bridge(config, reactor, observed_until)
        until(lambda: True)  # starts the reactor
        bridge.startService()
        bridges.append(bridge)
        return bridge

    yield start
    for bridge in bridges:
        if bridge.pipeline.writer.alive:
            stop(bridge)


def stop(bridge):
    return result_of(bridge.stopService(), 30)


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


def test_a_tick_that_fails_stops_no_other_tick(config, start, tmp_path, monkeypatch, logged):
    bridge = start(config(f"sqlite:///{tmp_path}/calls.sqlite"))
    monkeypatch.setattr(bridge.link, "up", True)  # else the listener has no tick
    monkeypatch.setattr(bridge.tracker, "tick", lambda _now: 1 / 0)
    beats = []
    monkeypatch.setattr(bridge.wallboard.stream, "tick", beats.append)
    until(lambda: len(beats) >= 4, 20)
    assert get(bridge, "/healthz")[0] == 200
    assert any("log_failure" in event and event.get("name") == "call tracker" for event in logged)


def test_without_its_server_it_starts_and_records_wait_in_the_journal(config, start, monkeypatch):
    monkeypatch.setattr(health, "_LATE_SECONDS", 0.0)
    assert daemon._state_of_earlier_daemon(config()) == (None, [])
    bridge = start(config())
    bridge.pipeline.record([visit(1), ObservationWatermark("pbx", T)])
    result_of(bridge.pipeline.commit(answer("a")))  # succeeds without the server, so no caller waits
    status, text = get(bridge, "/readyz")
    assert status == 503
    assert "records have been waiting for the database" in text
    assert get(bridge, "/healthz")[0] == 200
    page = get(bridge, "/metrics")[1]
    pending = int(re.search(r"^cc_bridge_journal_pending_records\{.*} (\d+)$", page, re.MULTILINE)[1])
    assert pending == 3 + len(bridge.surveys.surveys)
    began = time.monotonic()
    stop(bridge)
    assert time.monotonic() - began < record_pipeline._FORWARD_SECONDS + 3
    assert daemon._state_of_earlier_daemon(config()) == (T, [])


def test_what_waited_is_forwarded_by_the_next_one(config, start, server_url):
    first = start(config())
    first.pipeline.record([visit(1)])
    result_of(first.pipeline.commit(answer("a")))
    stop(first)
    second = start(config(server_url))
    second.pipeline.record([visit(2)])
    # Each start stores a record for each loaded survey.
    until(lambda: second.pipeline.forwarder.forwarded == 3 + 2 * len(second.surveys.surveys), 60)
    assert sorted(query(server_url, "SELECT uniqueid FROM queue_visits")) == [("1",), ("2",)]
    assert query(server_url, "SELECT attempt_id FROM answers") == [("a",)]
    second.pipeline.record([visit(3)])
    stop(second)
    assert len(query(server_url, "SELECT uniqueid FROM queue_visits")) == 3


def test_who_opted_out_is_known_after_a_restart_while_the_server_is_away(config, start):
    first = start(config())
    result_of(first.pipeline.commit(OptOut("989121234567", T, opted_out=True, source="key")))
    stop(first)
    second = start(config())
    until(lambda: second.invitations.history.opted_out("989121234567"), 60)


def test_a_full_journal_is_told_and_ratings_go_on(config, start):
    bridge = start(config())
    number = 0
    while not bridge.pipeline.forwarder.journal.full:
        bridge.pipeline.record([visit(number + n) for n in range(200)])
        number += 200
        until(lambda: bridge.pipeline.writer.backlog == 0)
    bridge.pipeline.record([visit(number)])
    result_of(bridge.pipeline.commit(answer("a")))
    assert "only ratings are kept" in get(bridge, "/readyz")[1]
    assert 'cc_bridge_storage_dropped_records_total{pbx="pbx"} 1\n' in get(bridge, "/metrics")[1]


def test_two_daemons_with_one_journal_are_told_at_the_start(config, start):
    bridge = start(config())
    bridge.pipeline.record([visit(1)])
    until(lambda: bridge.pipeline.writer.backlog == 0)
    with pytest.raises(StorageError, match="is another cc-bridge running with it"):
        daemon._state_of_earlier_daemon(config())


def test_a_url_that_can_never_work_ends_the_start(config):
    with pytest.raises(ValidationError, match="must be sqlite:////full/path"):
        config("oracle://bridge@host/calls")
    with pytest.raises(StorageError, match="does not exist"):
        daemon._state_of_earlier_daemon(config("sqlite:////does/not/exist/calls.sqlite"))


@pytest.mark.parametrize("numbers", ["plain", "masked", "hashed"])
def test_numbers_are_written_and_sent_as_the_configuration_says(config, start, server_url, tmp_path, numbers):
    """The journal and the server get the number only in the form of `callers.number_storage`."""
    callers = CallersConfig(number_storage=numbers, hash_secret="a secret of the centre", country_code="98")
    bridge = start(config(server_url).model_copy(update={"callers": callers}))
    bridge.pipeline.record([visit(1)])
    until(lambda: bridge.pipeline.forwarder.forwarded > 0, 60)
    until(lambda: query(server_url, "SELECT uniqueid FROM queue_visits") == [("1",)], 60)
    expected = {"plain": (NUMBER, "مریم"), "masked": ("98211234xxxx", ""),
                "hashed": (callers.caller_keys().key(NUMBER), "")}  # fmt: skip
    stored = query(server_url, "SELECT caller_number, caller_name FROM queue_visits")
    assert stored == [expected[numbers]]
    stop(bridge)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert (NUMBER.encode() in kept) is (numbers == "plain")


def test_a_caller_is_erased_beside_a_daemon_that_runs(config, start, database_url, tmp_path, monkeypatch):
    open_database(database_url).dispose()
    bridge = start(config(database_url))
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", database_url)
    monkeypatch.setenv("CC_BRIDGE_STORAGE__JOURNAL_FILE", str(tmp_path / "journal.sqlite"))
    bridge.pipeline.record([visit(n) for n in range(100)])
    until(lambda: query(database_url, "SELECT count(*) FROM queue_visits") == [(100,)], 60)
    erasing = deferToThread(CliRunner().invoke, main, ["caller", "erase", NUMBER, "--yes"])
    erased = result_of(erasing, 60)
    assert erased.exit_code == 0, erased.output
    bridge.pipeline.record([visit("later")])
    until(lambda: query(database_url, "SELECT count(*) FROM queue_visits") == [(101,)], 60)
    with_number = query(database_url, "SELECT uniqueid FROM queue_visits WHERE caller_number <> ''")
    assert with_number == [("later",)]
    again = result_of(deferToThread(CliRunner().invoke, main, ["caller", "erase", NUMBER, "--yes"]), 60)
    assert again.exit_code == 0
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert NUMBER.encode() not in files
    assert bridge.pipeline.writer.failures == 0


def test_what_is_too_old_is_deleted_at_night_beside_a_daemon_that_runs(config, start, tmp_path):
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    bridge = start(config(url).model_copy(update={"retention": RetentionConfig(calls_days=30)}))
    now = bridge.link.pbx_now()
    old, fresh = replace(visit(1), pbx="pbx", entered_at=now - 31 * 86_400), replace(visit(2), entered_at=now)
    bridge.pipeline.record([old, fresh])
    until(lambda: bridge.pipeline.writer.written["queue_visits"] == 2, 60)
    nightly = bridge.jobs.getServiceNamed("retention purge")
    nightly._polled_at = 0.0  # as if the hour had passed
    result_of(nightly.poll(), 60)
    assert query(url, "SELECT uniqueid FROM queue_visits") == [("2",)]
    assert nightly.prepare() is None


def test_an_sqlite_database_needs_no_journal(config, start, tmp_path):
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    bridge = start(config(url))
    bridge.pipeline.record([visit(1)])
    assert "journal" not in get(bridge, "/readyz")[1] + get(bridge, "/metrics")[1].replace("full journal", "")
    stop(bridge)
    assert query(url, "SELECT uniqueid FROM queue_visits") == [("1",)]
    assert not (tmp_path / "journal.sqlite").exists()


def test_what_each_version_of_a_survey_asks_is_kept_as_it_was_first(config, start, tmp_path):
    one = resource_path("config/surveys/csat.toml").read_text() + "\n"
    two = one.replace("version = 1", "version = 2").replace(
        "[[questions]]", '[[questions]]\nrates = "company"'
    )
    settings = config(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    folder = tmp_path / "surveys"
    folder.mkdir()
    settings = settings.model_copy(
        update={"survey": settings.survey.model_copy(update={"directory": folder})}
    )
    logs = []

    def written(survey):
        (folder / "csat.toml").write_text(survey)
        return settings

    def warnings():
        return [told for told in map(formatEvent, logs) if "increment `version`" in told]

    globalLogPublisher.addObserver(logs.append)
    try:
        first = start(written(one))
        kept = [definition_of("pbx", first.surveys.surveys["csat"], 0.0)]
        first.reconfigure(settings)  # nothing has changed
        first.reconfigure(written(two))
        kept.append(definition_of("pbx", first.surveys.surveys["csat"], 0.0))
        assert warnings() == []
        first.reconfigure(written(one.replace('"fa"]', '"fa"] # in two languages')))  # only a comment
        assert warnings() == []
        first.reconfigure(written(two.replace("version = 2", "version = 1")))
        assert len(warnings()) == 1
        stop(first)
        logs.clear()
        second = start(written(one.replace("version = 1", "version = 2")))
        until(warnings, 30)  # it reads the earlier versions from the database
        assert "survey csat of PBX pbx: version 2" in warnings()[0]
        stop(second)
    finally:
        globalLogPublisher.removeObserver(logs.append)
    engine = open_database(settings.storage.url)
    with engine.connect() as connection:
        stored = sorted(definitions(connection), key=lambda each: each.version)
    engine.dispose()
    assert [replace(each, first_seen=0.0) for each in stored] == kept
