"""Every event arrives, in the order of its call, whatever its receiver does meanwhile."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import capturedLogs, formatEvent

from cc_bridge.ami.tls import trust_root
from cc_bridge.storage.pipeline.outbox import (
    INSERT,
    OutboxFile,
    OutboxState,
    open_with_outbox,
    row,
    statements,
)
from cc_bridge.storage.pipeline.sql_sink import SqlSink
from cc_bridge.webhooks.client import HttpClient
from cc_bridge.webhooks.delivery import Endpoint, WebhookDeliveries
from cc_bridge.webhooks.retry_policy import AT_ONCE, RetryPolicy
from cc_bridge.webhooks.signing import keys_of
from support.paths import ROOT, SUPPORT
from support.reactor_loop import result_of, until
from support.webhook_receiver import SECRET, Receiver, certificate

KILLS = int(os.environ.get("CC_BRIDGE_KILLS", "12"))
QUICK = RetryPolicy(first_pause=0.02, longest_pause=0.1, max_attempts=1_000)


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "journal.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for statement in statements():
            connection.execute(statement)
    connection.close()
    return file


@pytest.fixture
def put(file):
    """Return a function that adds events (call, number) to the outbox, written at the instant `at`."""

    def put(*events, receiver="crm", at=None):
        connection = sqlite3.connect(file, timeout=20)
        with connection:
            for call, number in events:
                name = f"evt_{call}-{number}"
                body = f'{{"id":"{name}","call":"{call}","number":{number}}}'
                _, values = row(receiver, name, "call_ended", call, body, time.time() if at is None else at)
                connection.execute(INSERT, values)
        connection.close()

    return put


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()
    assert receiver.faults == []


@pytest.fixture
def deliver(file):
    """Yield a function that starts deliveries to receivers by name. They end with the test."""
    started = []

    def deliver(urls, rules=QUICK, seconds=5, ca_file=None, most=10_000):
        receivers = [
            Endpoint(
                name,
                keys_of(SECRET),
                HttpClient(url, seconds, trust_root(ca_file, "ca"), reactor, time.time),
                rules,
                most,
            )
            for name, url in urls.items()
        ]
        in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
        deliveries = WebhookDeliveries(
            OutboxFile(file), receivers, in_thread, reactor, time.time, random.Random(7).random, 0.02
        )
        until(lambda: True)  # starts the reactor
        deliveries.start()
        started.append(deliveries)
        return deliveries

    yield deliver
    for deliveries in started:
        if deliveries._loop.running:
            result_of(Deferred.fromCoroutine(deliveries.stop()))


def waiting(file):
    return [letter for letter in OutboxFile(file).undelivered() if letter.state == OutboxState.PENDING]


def dead(file):
    return {
        letter.event_id: letter.reason
        for letter in OutboxFile(file).undelivered()
        if letter.state == OutboxState.DEAD
    }


def delivered(file):
    until(lambda: not OutboxFile(file).counts(), 60)


def in_order(receiver, calls, events):
    """Assert that each event was accepted, and those of a call in order, repeats aside."""
    first = list(dict.fromkeys(receiver.taken))
    assert sorted(first) == sorted(f"evt_{call}-{n}" for call in calls for n in range(events))
    for call in calls:
        assert [name for name in first if name.startswith(f"evt_{call}-")] == [
            f"evt_{call}-{n}" for n in range(events)
        ]


def test_events_are_delivered_and_their_text_is_gone(file, put, deliver, receiver):
    deliveries = deliver({"crm": receiver.url})
    calls = [f"c{n}" for n in range(20)]
    put(*((call, n) for n in range(3) for call in calls))
    delivered(file)
    in_order(receiver, calls, 3)
    assert len(receiver.taken) == 60  # each event once
    assert len(receiver.connections) < 60  # connections are reused
    until(lambda: deliveries.pending("crm") == 0)
    assert deliveries.results == {("crm", "delivered"): 60}
    assert (deliveries.oldest_seconds("crm"), deliveries.dead("crm")) == (0, 0)
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT DISTINCT state, body, attempts FROM outbox").fetchall() == [
            ("delivered", "", 1)
        ]
    connection.close()


def test_an_http_1_0_receiver_closes_and_no_event_meets_the_closing_connection(file, put, deliver):
    receiver = Receiver(protocol="HTTP/1.0")
    deliveries = deliver({"crm": receiver.url})
    put(*((f"c{n % 20}", n) for n in range(200)))
    delivered(file)
    until(lambda: deliveries.pending("crm") == 0)
    receiver.close()
    assert deliveries.results == {("crm", "delivered"): 200}  # without a failed attempt


def test_a_receiver_that_fails_in_every_way_gets_all_in_order(file, put, deliver, receiver):
    chance = random.Random(3)
    receiver.behave = lambda _: chance.choice(
        [204, 200] * 5 + [500, 503, 404, 302, "cut", "slam", (429, "0")]
    )
    calls = [f"c{n}" for n in range(12)]
    put(*((call, n) for n in range(4) for call in calls))
    deliveries = deliver({"crm": receiver.url})
    delivered(file)
    in_order(receiver, calls, 4)
    assert deliveries.results["crm", "failed"] > 10
    assert len(receiver.events) > 58


def test_one_event_that_is_never_taken_holds_up_its_call_alone(file, put, deliver, receiver):
    receiver.behave = lambda event: 500 if event["call"] == "bad" else 204
    put(("bad", 0), ("bad", 1), *((f"c{n}", 0) for n in range(30)))
    deliver({"crm": receiver.url})
    until(lambda: len(waiting(file)) == 2)
    assert {letter.call_id for letter in waiting(file)} == {"bad"}
    assert "evt_bad-1" not in receiver.ids
    until(lambda: receiver.ids.count("evt_bad-0") > 2)
    receiver.behave = lambda _: 204
    delivered(file)
    assert receiver.taken[-2:] == ["evt_bad-0", "evt_bad-1"]


def test_one_that_hangs_holds_up_its_call_alone(file, put, deliver, receiver):
    receiver.behave = lambda event: "hang" if event["call"] == "slow" else 204
    put(("slow", 0), *((f"c{n}", n) for n in range(30)))
    deliver({"crm": receiver.url}, seconds=1.0)
    until(lambda: len(waiting(file)) == 1)
    until(lambda: waiting(file)[0].attempts > 0)
    assert waiting(file)[0].reason == "no answer within 1 s"


def test_a_receiver_that_is_away_is_not_stormed_and_gets_all_when_it_is_back(file, put, deliver):
    first = Receiver(lambda _: 503)
    port = first.port
    calls = [f"c{n}" for n in range(40)]
    put(*((call, n) for n in range(2) for call in calls))
    slow = RetryPolicy(first_pause=0.2, longest_pause=0.2)
    with capturedLogs() as logs:
        deliveries = deliver({"crm": first.url}, slow)
        until(lambda: len(first.events) >= 8)
        first.close()
        until(lambda: "connection refused" in {letter.reason for letter in waiting(file)})
        assert deliveries.pending("crm") == 80
        assert deliveries.oldest_seconds("crm") > 0
        tried = sum(letter.attempts > 0 for letter in waiting(file))
        assert tried < 40  # one probe at a time
        back = Receiver(port=port)
        delivered(file)
    in_order(back, calls, 2)
    back.close()
    told = [formatEvent(entry) for entry in logs if entry["log_namespace"].endswith("delivery")]
    assert [text.split(":")[0] for text in told] == [
        "webhook endpoint crm is unreachable",
        "webhook endpoint crm recovered",
    ]


def test_another_receiver_is_not_held_up(put, deliver, receiver):
    stuck = Receiver(lambda _: "hang")
    put(*((f"c{n}", 0) for n in range(20)), receiver="stuck")
    put(*((f"c{n}", 0) for n in range(20)), receiver="crm")
    deliver({"stuck": stuck.url, "crm": receiver.url})
    until(lambda: len(receiver.taken) == 20)
    assert len(stuck.events) <= AT_ONCE
    stuck.close()
    assert stuck.faults == []


def test_a_rest_that_is_asked_for_is_given(file, put, deliver, receiver):
    receiver.behave = lambda _: (429, "1")
    put(("c1", 0))
    deliver({"crm": receiver.url})
    until(lambda: receiver.events)
    asked_at = time.monotonic()
    receiver.behave = lambda _: 204
    delivered(file)
    assert time.monotonic() - asked_at > 0.8
    assert len(receiver.events) == 2


def test_a_redirect_is_not_followed(file, put, deliver, receiver):
    elsewhere = Receiver()
    receiver.behave = lambda _: elsewhere.url
    put(("c1", 0))
    deliver({"crm": receiver.url})
    until(lambda: len(receiver.events) > 1)
    assert waiting(file)[0].reason == "answered 307, redirects are not followed"
    assert elsewhere.events == []
    elsewhere.close()


def test_an_answer_without_end_is_cut_off_and_counts(file, put, deliver, receiver):
    receiver.behave = lambda _: "long"
    put(("c1", 0))
    deliver({"crm": receiver.url})
    delivered(file)
    assert len(receiver.events) == 1


def test_who_is_gone_gets_it_once_and_later_events_still(file, put, deliver, receiver):
    receiver.behave = lambda event: 410 if event["number"] == 0 else 204
    put(("c1", 0), ("c1", 1))
    deliveries = deliver({"crm": receiver.url})
    until(lambda: receiver.taken == ["evt_c1-1"])
    until(lambda: deliveries.dead("crm") == 1)
    assert dead(file) == {"evt_c1-0": "answered 410"}
    assert receiver.ids == ["evt_c1-0", "evt_c1-1"]
    assert deliveries.results["crm", "dead"] == 1


@pytest.mark.parametrize(
    ("rules", "age"),
    [
        (RetryPolicy(0.02, 0.02, max_attempts=3), 0),
        (RetryPolicy(0.02, 0.02, max_age_seconds=3_600), 3_700),
    ],
)
def test_what_is_given_up_is_dead_and_can_be_sent_again(file, put, deliver, receiver, rules, age):
    receiver.behave = lambda _: 500
    put(("c1", 0), at=time.time() - age)
    deliver({"crm": receiver.url}, rules)
    until(lambda: dead(file) == {"evt_c1-0": "answered 500"})
    assert len(receiver.events) == (1 if age else 3)
    receiver.behave = lambda _: 204
    assert OutboxFile(file).retry("evt_c1-0", time.time()) == 1
    delivered(file)
    assert receiver.taken == ["evt_c1-0"]


def test_more_than_may_wait_are_given_up_and_then_dropped_oldest_first(file, put, deliver):
    put(*((f"c{n}", 0) for n in range(250)))
    nobody = Receiver(lambda _: 500)
    with capturedLogs():
        deliveries = deliver({"crm": nobody.url}, RetryPolicy(first_pause=50, longest_pause=50), most=100)
        until(lambda: deliveries.results["crm", "dropped"] == 50)
    until(lambda: (deliveries.pending("crm"), deliveries.dead("crm")) == (100, 100))
    assert [letter.call_id for letter in OutboxFile(file).undelivered()] == [f"c{n}" for n in range(50, 250)]
    assert set(dead(file).values()) == {"too many events waited"}
    nobody.close()


def test_events_of_a_receiver_that_is_configured_no_more_are_dead(file, put, deliver, receiver):
    put(("c1", 0), receiver="old")
    deliver({"crm": receiver.url})
    until(lambda: dead(file) == {"evt_c1-0": "no such endpoint in the configuration"})


def test_tls_is_verified(file, put, deliver, tmp_path):
    context, ca_file = certificate(tmp_path)
    receiver = Receiver(context=context)
    put(("c1", 0))
    wary = deliver({"crm": receiver.url})
    until(lambda: wary.results["crm", "failed"] > 1)
    assert waiting(file)[0].reason.startswith("TLS: ")
    assert "certificate" in waiting(file)[0].reason
    assert receiver.events == []
    result_of(Deferred.fromCoroutine(wary.stop()))
    deliver({"crm": receiver.url}, ca_file=ca_file)
    delivered(file)
    assert receiver.taken == ["evt_c1-0"]
    receiver.close()


def test_a_certificate_for_another_name_is_refused(put, deliver, tmp_path):
    context, ca_file = certificate(tmp_path, "crm.example.com")
    receiver = Receiver(context=context)
    put(("c1", 0))
    deliveries = deliver({"crm": receiver.url}, ca_file=ca_file)
    until(lambda: deliveries.results["crm", "failed"] > 1)
    assert receiver.events == []
    receiver.close()


def test_an_outbox_that_is_locked_is_waited_for_and_nothing_goes_twice(
    file, put, deliver, receiver, monkeypatch
):
    monkeypatch.setattr("cc_bridge.webhooks.delivery._STORE_RETRY_SECONDS", 0.05)
    receiver.behave = lambda _: "hang"
    put(("c1", 0), ("c2", 0))
    with capturedLogs() as logs, monkeypatch.context() as impatient:
        impatient.setattr("cc_bridge.storage.pipeline.outbox._BUSY_SECONDS", 0.01)
        deliver({"crm": receiver.url})
        until(lambda: len(receiver.events) == 2)
        holder = sqlite3.connect(file, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        receiver.behave = lambda _: 204
        receiver.release.set()  # the connections close, and the failed attempts cannot be recorded
        until(lambda: [entry for entry in logs if "cannot write to the webhook outbox" in formatEvent(entry)])
        assert len(receiver.events) == 2
        holder.execute("COMMIT")
        holder.close()
        impatient.undo()  # reads of the test wait for the daemon's writes
        delivered(file)
    assert len(receiver.events) == 4


def test_without_a_file_there_is_nothing_to_deliver_and_none_is_made(tmp_path):
    outbox = OutboxFile(tmp_path / "none.sqlite")
    assert (outbox.due("crm", 0, 9), outbox.counts(), outbox.undelivered()) == ([], {}, [])
    assert outbox.retry(None, 0) == 0
    outbox.delivered("crm", "e", 0)
    assert list(outbox.tidy({"crm": 100}, 0)) == []
    assert not (tmp_path / "none.sqlite").exists()


def test_stopping_breaks_off_what_runs_and_it_goes_again(file, put, deliver, receiver):
    receiver.behave = lambda _: "hang"
    put(("c1", 0))
    first = deliver({"crm": receiver.url})
    until(lambda: receiver.events)
    began = time.monotonic()
    result_of(Deferred.fromCoroutine(first.stop()))
    assert time.monotonic() - began < 3
    assert [letter.attempts for letter in waiting(file)] == [0]
    receiver.behave = lambda _: 204
    deliver({"crm": receiver.url})
    delivered(file)
    assert receiver.ids == ["evt_c1-0", "evt_c1-0"]


def test_the_same_event_written_again_is_not_delivered_again(file, put, deliver, receiver):
    deliver({"crm": receiver.url})
    put(("c1", 0))
    delivered(file)
    put(("c1", 0), ("c2", 0))
    until(lambda: len(receiver.taken) == 2)
    delivered(file)
    assert receiver.taken == ["evt_c1-0", "evt_c2-0"]


def test_both_sinks_keep_an_event_that_is_there(tmp_path):
    url = f"sqlite:///{tmp_path}/calls.sqlite"
    database, outbox = SqlSink(partial(open_with_outbox, url)), OutboxFile(tmp_path / "calls.sqlite")
    event = row("crm", "evt_1", "call_ended", "c1", "{}", 5.0)
    database.write([event])
    outbox.failed("crm", "evt_1", 3, 0.0, "answered 500")
    database.write([event, row("other", "evt_1", "call_ended", "c1", "{}", 5.0)])
    database.close()
    assert [(letter.endpoint, letter.attempts) for letter in outbox.undelivered()] == [
        ("crm", 3),
        ("other", 0),
    ]


@contextmanager
def daemon(file, receiver):
    """Run a process that delivers events, and end it with SIGKILL."""
    program = [
        sys.executable,
        str(SUPPORT / "webhook_sender.py"),
        str(file),
        receiver.url,
        SECRET,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(program, env=environment) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGKILL)


def test_nothing_is_lost_when_the_daemon_is_killed_again_and_again(file, put, receiver):
    """The kill comes at any moment of reading, sending or recording an event."""
    chance = random.Random(5)
    receiver.behave = lambda _: chance.choice([204] * 10 + [500, "cut"])
    calls = [f"c{n}" for n in range(KILLS * 5)]
    for number in range(KILLS):
        mine = calls[number * 5 : number * 5 + 5]
        put(*((call, n) for n in range(8) for call in mine))
        enough = len(receiver.events) + chance.randrange(1, 40)
        with daemon(file, receiver):
            until(lambda enough=enough: len(receiver.events) >= enough, 60)
            moment = time.monotonic() + chance.random() * 0.02
            until(lambda moment=moment: time.monotonic() > moment)
    with daemon(file, receiver):
        delivered(file)
    in_order(receiver, calls, 8)
    assert len(receiver.taken) - len(set(receiver.taken)) <= KILLS * AT_ONCE
