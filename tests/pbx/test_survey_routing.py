"""Ways past the survey on a real Asterisk: each gives one call that was not routed, the shipped ways none.

Asterisk 16 and 22 behave alike.
"""

import json

import pytest

from pbx.daemon import Daemon
from pbx.driver import event
from pbx.rig import SOUNDS
from pbx.test_one_call import ended, question_is_asked
from pbx.test_scenarios import in_talk


@pytest.fixture(scope="module")
def _running(asterisk, tmp_path_factory):
    daemon = Daemon(asterisk, tmp_path_factory.mktemp("routing"))
    daemon.configure("queues.nobody", survey="")
    try:
        yield daemon.start()
    finally:
        daemon.close()


@pytest.fixture
def daemon(rig, _running):
    rig.survey_at(_running.agi_port)
    _running.until_idle(rig)
    _running.forget()
    return _running


def cases(daemon):
    """Wait for a call that was not routed; return queue and agent of all of them."""
    daemon.wait_for_rows("not_routed_calls")
    return [(row["queue"], row["agent"]) for row in daemon.rows("not_routed_calls")]


def is_no_case(rig, daemon, calls=1):
    """Wait until the calls are stored, make a call that is a case, and see that it is the only one.

    The daemon decides on a call a second after its end, so the later case comes after all earlier ones.
    """
    daemon.wait_for_rows("calls", calls)
    rig.driver.forget()
    later = rig.call("past")
    in_talk(rig, later)
    rig.agent_hangs_up("alice")
    ended(rig, later)
    daemon.wait_for_rows("not_routed_calls")
    return [row["call_id"] for row in daemon.rows("not_routed_calls")] == [later.uniqueid]


def counted(daemon, queue):
    return daemon.metric("cc_bridge_not_routed_calls_total", queue=queue)


def asked_and_answers(rig, caller):
    question_is_asked(rig, caller)
    caller.press("5")
    ended(rig, caller)


@pytest.mark.parametrize(
    ("exten", "phone", "case"),
    [
        ("past", "alice", ("sales", "Alice")),  # Queue() hangs the caller up
        ("past_c", "alice", ("sales", "Alice")),
        ("past_local", "carol", ("local", "Carol")),
        ("past_overflow", "carol", ("local", "Carol")),
    ],
)
def test_a_dialplan_without_the_survey(rig, daemon, exten, phone, case):
    before, eligible = counted(daemon, case[0]), daemon.metric("cc_bridge_survey_eligible_total")
    caller = rig.call(exten)
    in_talk(rig, caller, f"PJSIP/{phone}")
    rig.agent_hangs_up(phone)
    ended(rig, caller)
    assert cases(daemon) == [case]
    (row,) = daemon.rows("not_routed_calls")
    (call,) = daemon.rows("calls")
    assert (row["call_id"], row["uniqueid"], row["survey"]) == (caller.uniqueid, caller.uniqueid, "csat")
    assert (row["caller_key"], row["ended_at"]) == (call["caller_key"], call["ended_at"])
    assert counted(daemon, case[0]) == before + 1
    assert daemon.metric("cc_bridge_survey_eligible_total") == eligible
    assert daemon.rows("survey_decisions") == []


@pytest.mark.parametrize(("first", "exten"), [("sales", "past_local"), ("codes", "past_local")])
def test_a_transfer_to_a_queue_without_the_survey(rig, daemon, first, exten):
    caller = rig.call(first)
    in_talk(rig, caller)
    if first == "codes":
        rig.agent_presses("alice", "#1")
        rig.agent_presses("alice", "701")
    else:
        rig.agent_transfers("alice", exten)
    rig.driver.wait_for(event("AgentConnect", Queue="local"))
    rig.driver.wait_for(lambda e: e.name == "BridgeEnter" and e["Channel"].startswith("PJSIP/carol-"))
    rig.agent_hangs_up("carol")
    ended(rig, caller)
    assert cases(daemon) == [("local", "Carol")]


def test_a_transfer_to_a_colleague_whose_extension_has_no_survey(rig, daemon):
    caller = rig.call("sales")
    in_talk(rig, caller)
    rig.agent_transfers("alice", "700")
    rig.driver.wait_for(lambda e: e.name == "BridgeEnter" and e["Channel"].startswith("PJSIP/erin-"))
    rig.agent_hangs_up("erin")
    ended(rig, caller)
    assert cases(daemon) == [("sales", "PJSIP/erin")]


def test_an_extension_that_runs_the_queue(rig, daemon):
    """Erin's own phone is in the queue, without a trunk."""
    rig.driver.action(
        "Originate", Channel="PJSIP/erin", Context="incoming", Exten="past", Priority="1", Async="true"
    )
    rig.driver.wait_for(event("AgentConnect", Queue="sales"))
    rig.driver.wait_for(lambda e: e.name == "BridgeEnter" and e["Channel"].startswith("PJSIP/alice-"))
    rig.agent_hangs_up("alice")
    assert cases(daemon) == [("sales", "Alice")]


def test_two_queues_of_one_call_count_once_for_the_last_one(rig, daemon):
    caller = rig.call("past_twice")
    in_talk(rig, caller)
    rig.agent_hangs_up("alice")
    rig.driver.wait_for(event("AgentConnect", Queue="local"))
    rig.driver.wait_for(lambda e: e.name == "BridgeEnter" and e["Channel"].startswith("PJSIP/carol-"))
    rig.agent_hangs_up("carol")
    ended(rig, caller)
    assert cases(daemon) == [("local", "Carol")]


@pytest.mark.parametrize(
    ("exten", "phone"),
    [("sales", "alice"), ("local", "carol"), ("overflow", "alice"), ("freepbx600", "carol")],
)
def test_the_shipped_ways_are_no_case(rig, daemon, exten, phone):
    caller = rig.call(exten)
    in_talk(rig, caller, f"PJSIP/{phone}")
    rig.agent_hangs_up(phone)
    asked_and_answers(rig, caller)
    assert is_no_case(rig, daemon)


@pytest.mark.parametrize(("exten", "phone"), [("past", "alice"), ("past_c", "alice"), ("sales", "alice")])
def test_who_hangs_up_first_is_no_case(rig, daemon, exten, phone):
    caller = rig.call(exten)
    in_talk(rig, caller, f"PJSIP/{phone}")
    caller.hang_up()
    ended(rig, caller)
    assert is_no_case(rig, daemon)


def test_who_leaves_the_survey_at_once_is_no_case(rig, daemon):
    caller = rig.call("sales")
    in_talk(rig, caller)
    rig.agent_hangs_up("alice")
    question_is_asked(rig, caller)
    caller.hang_up()
    ended(rig, caller)
    assert is_no_case(rig, daemon)


def test_who_is_transferred_to_the_survey_is_no_case(rig, daemon):
    caller = rig.call("sales")
    in_talk(rig, caller)
    rig.agent_transfers("alice", "8099")
    asked_and_answers(rig, caller)
    assert is_no_case(rig, daemon)


def test_who_is_transferred_to_a_queue_with_the_survey_is_no_case(rig, daemon):
    caller = rig.call("past")
    in_talk(rig, caller)
    rig.agent_transfers("alice", "local")
    rig.driver.wait_for(event("AgentConnect", Queue="local"))
    rig.driver.wait_for(lambda e: e.name == "BridgeEnter" and e["Channel"].startswith("PJSIP/carol-"))
    rig.agent_hangs_up("carol")
    asked_and_answers(rig, caller)
    assert is_no_case(rig, daemon)


def test_the_doctor_says_how_many_did_not_come(rig, tmp_path):
    daemon = Daemon(rig, tmp_path)
    try:
        daemon.start()
        rig.survey_at(daemon.agi_port)
        for n in range(3):
            caller = rig.call("past")
            in_talk(rig, caller)
            rig.agent_hangs_up("alice")
            ended(rig, caller)
            rig.driver.forget()
            daemon.wait_for_rows("not_routed_calls", n + 1)
        told = daemon.command("doctor", "--json", "--sounds", str(SOUNDS))
        (finding,) = (
            each for each in json.loads(told.stdout)["findings"] if each["name"] == "surveys.routing"
        )
        assert finding["level"] == "FAIL"
        assert finding["seen"].startswith(
            "sales: 3 of the last 3 answered callers did not come through cc-bridge-queue"
        )
        told = daemon.command("report", "voice", "--format", "json")
        assert told.returncode == 0
        assert '"not_routed"' in told.stdout
    finally:
        daemon.close()
