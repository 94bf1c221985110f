"""Calls without a queue on a real Asterisk: rows of `calls` and `talks`, against Asterisk's own events."""

import pytest

from pbx.daemon import Daemon
from pbx.driver import event
from pbx.test_one_call import ended, question_is_asked, seconds

NEAR = 0.1  # seconds between a talk and its bridges


@pytest.fixture
def daemon(rig, tmp_path):
    running = Daemon(rig, tmp_path)
    running.configure("direct_calls", enabled=True, in_contexts=["incoming"], internal_contexts=["agents"])
    running.start()
    rig.survey_at(running.agi_port)
    yield running
    running.close()


def story(daemon, calls=1):
    """Wait for `calls` rows of calls; return those and the talks, in their order."""
    rows = sorted(daemon.wait_for_rows("calls", calls), key=lambda row: row["started_at"])
    talks = sorted(daemon.rows("talks"), key=lambda row: row["answered_at"])
    assert sum(row["talks"] for row in rows) == len(talks)
    assert {row["call_id"] for row in talks} <= {row["call_id"] for row in rows}
    return (
        [(row["direction"], bool(row["answered"]), row["queue"]) for row in rows],
        [(row["agent"], row["queue"], row["ended_by"], row["transfer"]) for row in talks],
    )


def talking(rig, phone, *others):
    """Wait until the phone and the others are in bridges; return the phone's channel at the PBX."""
    for each in (*others, phone):
        entered = rig.driver.wait_for(
            lambda e, each=each: e.name == "BridgeEnter" and e["Channel"].startswith(f"PJSIP/{each}-"),
            timeout=60,
        )
    return entered


def talk_is_as_long_as_its_bridge(rig, daemon):
    """Compare the one talk with the bridge events of its two channels."""
    (talk,) = daemon.rows("talks")
    both = (talk["uniqueid"], talk["agent_uniqueid"])
    rig.driver.action("Ping")
    entered = [rig.driver.wait_for(event("BridgeEnter", Uniqueid=each)) for each in both]
    left = [rig.driver.wait_for(event("BridgeLeave", Uniqueid=each)) for each in both]
    began, ended_at = max(float(e["Timestamp"]) for e in entered), min(float(e["Timestamp"]) for e in left)
    assert seconds(talk["answered_at"]) == pytest.approx(began, abs=NEAR)
    assert seconds(talk["ended_at"]) == pytest.approx(ended_at, abs=NEAR)


def phone_calls(rig, channel, context, exten):
    """Let the PBX ring a phone, or what a Local channel leads to, and dial on once it has answered."""
    rig.driver.action("Originate", Channel=channel, Context=context, Exten=exten, Priority="1", Async="true")


def test_a_call_that_comes_in_talks_and_rates(rig, daemon):
    caller = rig.call("direct", number="09121234567")
    talking(rig, "alice", "trunk")
    rig.agent_hangs_up("alice")
    rig.driver.wait_for(event("AGIExecStart", Uniqueid=caller.uniqueid))
    question_is_asked(rig, caller)
    caller.press("4")
    ended(rig, caller)
    calls, talks = story(daemon)
    assert calls == [("in", True, "")]
    assert talks == [("Alice", "", "agent", None)]
    talk_is_as_long_as_its_bridge(rig, daemon)
    (call,) = daemon.rows("calls")
    assert (call["call_id"], call["uniqueid"], call["dialed"]) == (caller.uniqueid, caller.uniqueid, "direct")
    assert (call["caller_number"], call["queues"], call["partial"]) == ("09121234567", 0, 0)
    (attempt,) = daemon.wait_for_rows("survey_attempts")
    assert (attempt["agent"], attempt["queue"], attempt["call_id"]) == ("Alice", "", caller.uniqueid)
    assert daemon.metric("cc_bridge_calls_total", direction="in", answered="yes") == 1
    assert daemon.metric("cc_bridge_talk_seconds_count") == 0


def test_nobody_answers(rig, daemon):
    rig.agent("alice", does="never")
    caller = rig.call("direct")
    rig.driver.wait_for(event("DialBegin", Uniqueid=caller.uniqueid))
    caller.hang_up()
    assert story(daemon) == ([("in", False, "")], [])


def test_a_phone_calls_a_colleague(rig, daemon):
    phone_calls(rig, "PJSIP/alice", "agents", "700")
    talking(rig, "erin", "alice")
    rig.agent_hangs_up("alice")
    assert story(daemon) == ([("internal", True, "")], [("PJSIP/erin", "", "caller", None)])
    talk_is_as_long_as_its_bridge(rig, daemon)


def test_a_phone_calls_out(rig, daemon):
    phone_calls(rig, "PJSIP/alice", "to-dialout", "88776655")
    talking(rig, "erin", "alice")
    rig.agent_hangs_up("erin")
    assert story(daemon) == ([("out", True, "")], [("Alice", "", "caller", None)])
    assert daemon.rows("calls")[0]["dialed"] == "88776655"
    talk_is_as_long_as_its_bridge(rig, daemon)


@pytest.mark.parametrize("option", ["/n", ""])
def test_click_to_call(rig, daemon, option):
    """As customer relationship programs do: the agent's extension rings, then the customer is called."""
    rig.agent("erin", rings=1)
    phone_calls(rig, f"Local/carol@agents{option}", "to-dialout", "88776655")
    customer = talking(rig, "erin", "carol")
    rig.agent_hangs_up("carol")
    calls, talks = story(daemon)
    assert calls == [("out", True, "")]
    assert talks == [("Carol", "", "agent", None)]
    (talk,) = daemon.rows("talks")
    assert talk["uniqueid"] == customer["Uniqueid"]
    assert seconds(talk["answered_at"]) == pytest.approx(float(customer["Timestamp"]), abs=NEAR)


def test_a_phone_that_is_reached_by_a_local_channel(rig, daemon):
    caller = rig.call("followme")
    phone = talking(rig, "carol", "trunk")
    caller.hang_up()
    calls, talks = story(daemon)
    assert (calls, talks) == ([("in", True, "")], [("Carol", "", "caller", None)])
    assert daemon.rows("talks")[0]["agent_uniqueid"] == phone["Uniqueid"]


def test_a_dial_that_leads_into_a_queue(rig, daemon):
    caller = rig.call("throughlocal")
    talking(rig, "alice", "trunk")
    caller.hang_up()
    calls, talks = story(daemon)
    assert calls == [("in", True, "sales")]
    assert [talk[:2] for talk in talks] == [("Alice", "sales")]


def test_another_phone_picks_the_call_up(rig, daemon):
    rig.agent("alice", does="never")
    caller = rig.call("direct")
    ringing = rig.driver.wait_for(event("DialBegin", Uniqueid=caller.uniqueid))
    rig.driver.action(
        "Originate", Channel="PJSIP/bob", Application="PickupChan", Data=ringing["DestChannel"], Async="true"
    )
    talking(rig, "bob", "trunk")
    caller.hang_up()
    calls, talks = story(daemon)
    assert (calls, talks) == ([("in", True, "")], [("بهار", "", "caller", None)])
    assert daemon.rows("talks")[0]["picked_up"]


def test_a_blind_transfer_to_a_colleague(rig, daemon):
    caller = rig.call("direct")
    talking(rig, "alice", "trunk")
    rig.agent_transfers("alice", "700")
    talking(rig, "erin")
    caller.hang_up()
    calls, talks = story(daemon)
    assert calls == [("in", True, "")]
    assert talks == [("Alice", "", "transfer", "blind"), ("PJSIP/erin", "", "caller", None)]


def test_a_queues_call_has_its_row_with_direct_calls_off(rig, daemon):
    daemon.stop()
    daemon.configure("direct_calls", enabled=False)
    daemon.start()
    direct = rig.call("direct")
    talking(rig, "alice", "trunk")
    direct.hang_up()
    ended(rig, direct)
    rig.driver.until(lambda: not rig.driver.channels())
    caller = rig.call("overflow")
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid), timeout=60)
    caller.hang_up()
    calls, talks = story(daemon)
    assert calls == [("in", True, "nobody")]
    assert [talk[1] for talk in talks] == ["sales"]
    (call,) = daemon.rows("calls")
    waits = sum(visit["wait_seconds"] for visit in daemon.rows("queue_visits"))
    assert (call["queues"], call["wait_seconds"]) == (2, pytest.approx(waits))
    assert daemon.metric("cc_bridge_calls_total") == 1
