"""The whole bridge sends its records to webhook receivers, with each kind of storage, and after a crash."""

import json
import re
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection

import pytest
from standardwebhooks import WebhookVerificationError
from twisted.internet import reactor
from twisted.logger import capturedLogs, formatEvent

from cc_bridge.config import Config
from cc_bridge.daemon.bridge import Bridge
from cc_bridge.errors import ConfigError
from cc_bridge.follow_ups.follow_up import Action
from cc_bridge.storage.migrate import database
from cc_bridge.storage.pipeline.outbox import OutboxFile, local_file
from cc_bridge.storage.queries.follow_ups import moved
from cc_bridge.webhooks.signing import headers, keys_of
from support.paths import ROOT
from support.reactor_loop import result_of, until
from support.webhook_receiver import SECRET, Receiver
from unit.webhooks.test_events import ANSWER, CALL, ENDED, STARTED

PAGE = (ROOT / "config" / "docs" / "webhooks.md").read_text()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()
    assert receiver.faults == []


@pytest.fixture(params=["database", "dead server"])
def config(request, tmp_path, receiver):
    with socket.socket() as closed:  # a port that stays closed: no PBX, no server
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        server = request.param == "dead server"
        url = f"postgresql://b@127.0.0.1:{port}/c" if server else f"sqlite:///{tmp_path}/calls.sqlite"

        def config(**webhook):
            return Config(
                ami={"port": port, "secret": "s"},
                agi={"port": 0},
                http={"port": 0},
                run={"shutdown_timeout_seconds": 0},
                storage={"url": url, "journal_file": tmp_path / "journal.sqlite"},
                webhooks=[{"name": "crm", "url": receiver.url, "secret": SECRET, **webhook}],
            )

        yield config


@pytest.fixture
def start():
    bridges = []

    def start(config):
        bridge = Bridge(config, reactor)
        until(lambda: True)  # starts the reactor
        bridge.startService()
        bridges.append(bridge)
        return bridge

    yield start
    for bridge in bridges:
        if bridge.pipeline.writer.alive:
            stop(bridge)


def stop(bridge):
    result_of(bridge.stopService(), 30)


def test_what_is_recorded_is_told_in_order(config, start, receiver):
    bridge = start(config())
    for record in (STARTED, ANSWER, ENDED):
        result_of(bridge.pipeline.commit(record))
    bridge.pipeline.record([CALL])
    until(lambda: len(receiver.taken) == 4)
    types = ["rating_given", "low_rating", "survey_completed", "call_ended"]
    assert [event["type"] for event in receiver.events] == types
    assert receiver.events[3]["data"]["wait_seconds"] == 7.5
    until(lambda: bridge.pipeline.webhooks.deliveries.pending("crm") == 0)
    page = bridge.metrics.page("")[0].decode()
    assert re.search(r'cc_bridge_webhook_deliveries_total\{.*endpoint="crm",result="delivered"\} 4\n', page)


def test_a_receiver_that_is_away_bothers_nobody_and_gets_it_from_the_next_daemon(config, start, receiver):
    receiver.behave = lambda _: 500
    first = start(config())
    ready = first.health.ready()
    first.pipeline.record([CALL])
    until(lambda: receiver.events)
    assert first.health.ready().keys() == ready.keys()
    stop(first)
    receiver.behave = lambda _: 204
    storage = config().storage
    outbox = OutboxFile(local_file(storage.url, storage.journal_file))
    outbox.retry(None, time.time())
    start(config())
    until(lambda: receiver.taken)
    assert receiver.events[-1]["data"]["call_id"] == "c1"


def test_a_follow_up_is_opened_by_what_was_recorded_and_told(config, start, receiver):
    if config().storage.on_server:
        pytest.skip("which is away, and follow-ups wait for it")
    settings = config(events=["follow_up_opened", "follow_up_closed"])
    wanted = {"follow_ups": {"enabled": True}, "queue_defaults": {"owner": "sara"}, "pbx": {"name": "main"}}
    bridge = start(Config(**(settings.model_dump() | wanted)))
    now = bridge.link.pbx_now()
    started = replace(STARTED, started_at=now - 20, caller_key="982112345678")
    for record in (started, replace(ANSWER, answered_at=now)):
        result_of(bridge.pipeline.commit(record))
    until(lambda: receiver.taken, 60)
    (event,) = receiver.events
    assert (event["type"], event["data"]["reason"]) == ("follow_up_opened", "low_rating")
    with database(settings.storage.url) as engine, engine.begin() as connection:
        moved(connection, event["data"]["follow_up_id"], Action.DONE, "ali", "a new card", now + 1)
    until(lambda: len(receiver.taken) == 2, 60)
    assert receiver.events[1]["data"]["outcome"] == "a new card"
    page = bridge.metrics.page("")[0].decode()
    assert re.search(r'cc_bridge_follow_ups_opened_total\{.*reason="low_rating"\} 1\n', page)
    until(lambda: re.search(r'cc_bridge_follow_up_close_seconds_count\{.*state="done"\} 1\n',
                            bridge.metrics.page("")[0].decode()))  # fmt: skip
    assert re.search(r'cc_bridge_follow_ups_open\{.*owner="sara"\} 0\n', bridge.metrics.page("")[0].decode())


def test_a_number_is_told_as_it_is_stored(config, start, receiver):
    hidden = config().model_copy(
        update={
            "callers": Config(
                callers={"number_storage": "hashed", "hash_secret": "a secret of the centre"}
            ).callers
        }
    )
    bridge = start(hidden)
    bridge.pipeline.record([CALL])
    until(lambda: receiver.taken)
    assert "98211" not in json.dumps(receiver.events)


def test_an_event_that_cannot_be_made_takes_no_record_with_it(config, start, receiver):
    with capturedLogs() as logs:
        bridge = start(config())
        bridge.pipeline.record([replace(CALL, talk_seconds=float("inf"), call_id="c0"), CALL])
        until(lambda: receiver.taken)
    assert [event["data"]["call_id"] for event in receiver.events] == ["c1"]
    assert [entry for entry in logs if "cannot build a webhook event from a Call" in formatEvent(entry)]


@pytest.mark.parametrize("wrong", [{"secret": "hush"}, {"secret": ""}, {"tls_ca_file": "/no/such/file"}])
def test_a_webhook_that_cannot_work_ends_the_start(config, wrong):
    with pytest.raises(ConfigError, match=r"^webhooks\.crm\."):
        Bridge(config(**wrong), reactor)


def test_without_webhooks_no_event_waits(config, start):
    bridge = start(config().model_copy(update={"webhooks": []}))
    assert bridge.pipeline.webhooks is None
    storage = config().storage
    bridge.pipeline.record([CALL])
    stop(bridge)
    with closing(sqlite3.connect(local_file(storage.url, storage.journal_file))) as file:
        tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        waiting = file.execute("SELECT count(*) FROM outbox").fetchone() if "outbox" in tables else (0,)
    assert tables
    assert waiting == (0,)


# The sample receivers of the page webhooks.md


@pytest.fixture
def verify():
    """Return the check function of the page webhooks.md. It returns the event; a forged one raises."""
    (source,) = re.findall(r"<!-- receiver -->\n```python\n(.+?)```", PAGE, re.DOTALL)

    def verify(headers, body, secret):
        known = {"headers": headers, "body": body, "secret": secret}
        exec(source, known)
        return known["event"]

    return verify


def test_the_check_of_the_page_accepts_genuine_events_alone(verify):
    now = int(time.time())
    body = '{"id": "evt_1", "name": "سارا"}'.encode()
    sent = headers(keys_of(SECRET), "evt_1", now, body)
    assert verify(sent, body, SECRET) == {"id": "evt_1", "name": "سارا"}
    both = headers(keys_of(f"whsec_{'A' * 32} {SECRET}"), "evt_1", now, body)
    assert verify(both, body, SECRET)  # both are valid while the secret is replaced
    wrong = [
        (sent, body + b" ", SECRET),
        (sent, body, "whsec_" + "A" * 32),
        ({**sent, "webhook-id": "evt_2"}, body, SECRET),
        (headers(keys_of(SECRET), "evt_1", now - 301, body), body, SECRET),
        ({}, body, SECRET),
    ]
    wrong += [({**sent, "webhook-timestamp": each}, body, SECRET) for each in ("", "soon", str(now + 1))]
    wrong += [({**sent, "webhook-signature": each}, body, SECRET) for each in ("", "v1,", "v1,é", "v2,x")]
    for each in wrong:
        with pytest.raises((WebhookVerificationError, ValueError)):
            verify(*each)


def test_the_receiver_program_of_the_page_runs(tmp_path, free_port):
    (source,) = re.findall(r"<!-- receiver program -->\n```python\n(.+?)```", PAGE, re.DOTALL)
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    source = source.replace("/etc/crm/webhook-secret", str(tmp_path / "secret")).replace(
        "8080", str(free_port)
    )
    body = b'{"id": "evt_1", "type": "call_ended", "data": {}}'
    sent = headers(keys_of(SECRET), "evt_1", int(time.time()), body)
    with subprocess.Popen([sys.executable, "-c", source], stderr=subprocess.DEVNULL) as program:
        try:
            assert _post(free_port, body, sent) == 204
            assert _post(free_port, body + b" ", sent) == 400
        finally:
            program.terminate()


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _post(port, body, sent):
    """Return the status of a POST. Retry for up to 10 seconds until the program listens; then it is None."""
    for _ in range(100):
        with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            try:
                connection.request("POST", "/", body, sent)
            except ConnectionRefusedError:
                time.sleep(0.1)
                continue
            return connection.getresponse().status
    return None
