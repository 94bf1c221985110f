"""The caller lookup on a real Asterisk: a caller who is known, and a database that delays no call."""

import signal
import socket
import time

import pytest

from cc_bridge.records import Answer, Outcome, QueueVisit, SurveyAttempt, SurveyResult
from cc_bridge.storage.migrate import open_database
from pbx.asterisk import free_port
from pbx.daemon import Daemon
from pbx.driver import event
from support.survey_caller import write

NUMBER = "09121234567"
KEY = "989121234567"
THROUGH_SECONDS = 0.3
EMPTY = {"Rating": "", "FollowUp": "", "Calls": "", "Language": "", "Priority": ""}


@pytest.fixture
def house(rig, tmp_path):
    """Return a daemon that is configured, and started by the test."""
    daemon = Daemon(rig, tmp_path)
    daemon.configure("survey", enabled=False)
    daemon.configure("storage", journal_file=f"{tmp_path}/journal.sqlite")
    daemon.configure("callers", country_code="98")
    daemon.configure("customers", priority_after_low_rating=10, priority_after_lost_call=5)
    rig.survey_at(daemon.agi_port)
    yield daemon
    daemon.close()


def history(url):
    """Let a caller have called twice, and rated once."""
    engine, now = open_database(url), time.time()
    who = ("sales", "Alice", "PJSIP/alice")
    write(
        engine,
        QueueVisit("test", "1", "1", "sales", now - 9000, now - 8990, Outcome.ANSWERED, *who[1:], 1, NUMBER,
                   "", "en", False, "", caller_key=KEY),
        QueueVisit("test", "2", "2", "sales", now - 900, now - 890, Outcome.ABANDONED, None, None, 1, NUMBER,
                   "", "en", False, "", caller_key=KEY),
        SurveyAttempt("test", "1-s", "1", "1", *who, "csat", 1, "fa", now - 800, now - 780,
                      SurveyResult.COMPLETE, "", caller_key=KEY),
        Answer("test", "1-s", "agent", "csat", 2, 1, now - 790, *who),
    )  # fmt: skip
    engine.dispose()


def looked_up(rig, number=NUMBER):
    """Call, and return what the dialplan then knows, and after how many seconds by the PBX's clock."""
    start = len(rig.driver.seen)
    rig.call("looked_up", number=number)
    before = rig.driver.wait_for(event("UserEvent", UserEvent="Greeting"), start=start)
    after = rig.driver.wait_for(event("UserEvent", UserEvent="Greeted"), start=start)
    known = {name: after.get_header(name, "") for name in EMPTY}
    return known, float(after["Timestamp"]) - float(before["Timestamp"])


def test_a_caller_who_has_called_and_rated_before_is_known(rig, house):
    history(house.url)
    house.start()
    known, seconds = looked_up(rig)
    assert known == {"Rating": "2", "FollowUp": "", "Calls": "2", "Language": "fa", "Priority": "10"}
    assert seconds < THROUGH_SECONDS
    assert looked_up(rig, "09127654321")[0] == EMPTY | {"Calls": "0", "Priority": "0"}
    assert house.metric("cc_bridge_caller_lookups_total", result="found") == 2


def test_the_priority_that_the_dialplan_takes_over_is_the_queues(rig, house):
    history(house.url)
    house.start()
    for agent in ("alice", "bob"):
        rig.agent(agent, does="never")
    start = len(rig.driver.seen)
    rig.call("vip", number="09127654321")
    rig.driver.wait_for(event("QueueCallerJoin"), start=start)
    rig.call("vip", number=NUMBER)
    rig.driver.wait_for(
        event("QueueCallerJoin", Position="1", Count="2", CallerIDNum=NUMBER), start=start + 1
    )


def test_without_a_daemon_nobody_is_held_up(rig):
    known, seconds = looked_up(rig)
    assert known == EMPTY
    assert seconds < THROUGH_SECONDS


def test_a_database_that_is_gone_holds_nobody_up(rig, house):
    house.configure("storage", url=f"postgresql://x@127.0.0.1:{free_port(socket.SOCK_STREAM)}/x")
    known_in_time(rig, house, "failed")


def test_a_database_that_hangs_holds_nobody_up(rig, house):
    with socket.create_server(("127.0.0.1", 0)) as hanging:  # takes connections, and never says a word
        house.configure("storage", url=f"postgresql://x@127.0.0.1:{hanging.getsockname()[1]}/x")
        known_in_time(rig, house, "timeout")


def known_in_time(rig, house, how):
    """Call more often than lookups may run at the same time; the last ones wait a while."""
    house.launch()
    house.until(lambda: house.metric("cc_bridge_ami_up") == 1)
    for _ in range(6):
        known, seconds = looked_up(rig)
        assert known == EMPTY
        assert seconds < THROUGH_SECONDS
    assert house.metric("cc_bridge_caller_lookups_total", result=how) >= 1
    assert house.metric("cc_bridge_caller_lookups_total", result="found") == 0


def test_a_daemon_that_is_stopped_in_its_tracks_holds_a_caller_up_for_a_second(rig, house):
    house.start()
    house.signal(signal.SIGSTOP)
    try:
        known, seconds = looked_up(rig)
    finally:
        house.signal(signal.SIGCONT)
    assert known == EMPTY
    assert 0.9 < seconds < 2
