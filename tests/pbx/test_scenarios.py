"""Every way a queue call can go, made on a real Asterisk, and what the daemon says of it.

Each test makes one call and reads its story from the database; talks must be as long as the bridges that
Asterisk's own events show, within 0.1 s.
"""

import pytest

from pbx.driver import event
from pbx.rig import AGENTS
from pbx.test_one_call import ended, seconds

NEAR = 0.1  # seconds between a talk and its bridges


@pytest.fixture
def daemon(measuring):
    return measuring


def story(daemon, visits=0, talks=0):
    """Wait for rows; return (queue, outcome, agent) of visits and (agent, ended_by, transfer) of talks."""
    daemon.until(lambda: len(daemon.rows("queue_visits")) >= visits and len(daemon.rows("talks")) >= talks)
    by_time = sorted(daemon.rows("queue_visits"), key=lambda row: row["entered_at"])
    spoken = sorted(daemon.rows("talks"), key=lambda row: row["answered_at"])
    return (
        [(row["queue"], row["outcome"], row["agent"]) for row in by_time],
        [(row["agent"], row["ended_by"], row["transfer"]) for row in spoken],
    )


def talks_are_as_long_as_their_bridges(rig, daemon):
    """Compare each talk with the agent's own bridge events."""
    for talk in daemon.rows("talks"):
        # Events lie unsent until Asterisk hears something (22.10); the daemon pings, the driver does not.
        rig.driver.action("Ping")
        rig.driver.wait_for(event("BridgeLeave", Uniqueid=talk["agent_uniqueid"]))
        inside = [e for e in rig.driver.events(event("BridgeEnter")) if e["Uniqueid"] == talk["uniqueid"]]
        entered = [float(e["Timestamp"]) for e in inside]
        left = [
            float(e["Timestamp"])
            for e in rig.driver.events(event("BridgeLeave"))
            if e["Uniqueid"] in (talk["uniqueid"], talk["agent_uniqueid"])
        ]
        assert min(abs(seconds(talk["answered_at"]) - at) for at in entered) < NEAR
        assert min(abs(seconds(talk["ended_at"]) - at) for at in left) < NEAR


def in_talk(rig, caller, agents_channel="PJSIP/"):
    """Wait until the caller is in a bridge with another person."""
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
    rig.driver.until(
        lambda: any(agents_channel in e["Channel"] for e in rig.driver.events(event("BridgeEnter")))
    )


def test_overflow_to_a_second_queue(rig, daemon):
    caller = rig.call("overflow")
    in_talk(rig, caller)
    caller.hang_up()
    visits, talks = story(daemon, 2, 1)
    assert visits == [("nobody", "timed_out", None), ("sales", "answered", "Alice")]
    assert talks == [("Alice", "caller", None)]
    assert len({row["call_id"] for row in daemon.rows("queue_visits")}) == 1
    talks_are_as_long_as_their_bridges(rig, daemon)


def test_an_agent_behind_a_local_channel_as_in_freepbx(rig, daemon):
    caller = rig.call("local")
    in_talk(rig, caller, "PJSIP/carol")
    rig.agent_hangs_up("carol")
    visits, talks = story(daemon, 1, 1)
    assert visits == [("local", "answered", "Carol")]
    assert talks == [("Carol", "agent", None)]
    assert daemon.rows("talks")[0]["agent_uniqueid"] in {
        e["Uniqueid"]
        for e in rig.driver.events(event("Newchannel"))
        if e["Channel"].startswith("PJSIP/carol")
    }
    talks_are_as_long_as_their_bridges(rig, daemon)


def test_a_blind_transfer_to_a_second_queue(rig, daemon):
    caller = rig.call("sales")
    in_talk(rig, caller)
    rig.agent("alice", does="never")
    rig.agent_transfers("alice", "local")
    in_talk(rig, caller, "PJSIP/carol")
    rig.agent_hangs_up("carol")
    visits, talks = story(daemon, 2, 2)
    assert visits == [("sales", "answered", "Alice"), ("local", "answered", "Carol")]
    assert talks == [("Alice", "transfer", "blind"), ("Carol", "agent", None)]
    assert len({row["call_id"] for row in daemon.rows("talks")}) == 1
    talks_are_as_long_as_their_bridges(rig, daemon)


def test_a_blind_transfer_from_behind_a_local_channel(rig, daemon):
    caller = rig.call("local")
    in_talk(rig, caller, "PJSIP/carol")
    rig.agent_transfers("carol", "sales")
    rig.driver.until(lambda: any("alice" in e["Channel"] for e in rig.driver.events(event("BridgeEnter"))))
    rig.agent_hangs_up("alice")
    visits, talks = story(daemon, 2, 2)
    assert visits == [("local", "answered", "Carol"), ("sales", "answered", "Alice")]
    assert talks == [("Carol", "transfer", "blind"), ("Alice", "agent", None)]
    assert {row["call_id"] for row in daemon.rows("queue_visits")} == {caller.uniqueid}


def test_ringing_two_agents_at_once(rig, daemon):
    rig.agent("bob", does="never")
    caller = rig.call("ringall")
    in_talk(rig, caller)
    caller.hang_up()
    visits, _ = story(daemon, 1, 1)
    assert visits == [("ringall", "answered", "Alice")]
    rings = daemon.until(lambda: rows if len(rows := daemon.rows("rings")) == 2 else None)
    assert {(row["agent"], row["outcome"]) for row in rings} == {
        ("Alice", "answered"),
        ("بهار", "answered_elsewhere"),
    }


@pytest.mark.parametrize(
    ("exten", "lost", "outcome"),
    [("marked", "abandoned", "caller_gone"), ("markedbrief", "timed_out", "no_answer")],
)
def test_no_ring_of_a_lost_call_was_answered_elsewhere(rig, daemon, exten, lost, outcome):
    """Although the PBX hangs the phones up with the cause 26, "answered elsewhere"."""
    for agent in ("alice", "bob"):
        rig.agent(agent, does="never")
    caller = rig.call(exten)
    rig.driver.until(lambda: len(rig.driver.events(event("AgentCalled"))) == 2)
    if lost == "abandoned":
        caller.hang_up()
    visits, _ = story(daemon, 1)
    assert visits == [("ringall", lost, None)]
    rings = daemon.until(lambda: rows if len(rows := daemon.rows("rings")) == 2 else None)
    assert [row["outcome"] for row in rings] == [outcome, outcome]
    ended = [rig.driver.wait_for(event("Hangup", Uniqueid=row["ring_uniqueid"])) for row in rings]
    assert [each["Cause"] for each in ended] == ["26", "26"]


def test_a_busy_agent_and_the_next_one(rig, daemon):
    rig.agent("alice", does="busy")
    caller = rig.call("sales")
    in_talk(rig, caller)
    caller.hang_up()
    visits, _ = story(daemon, 1, 1)
    assert visits == [("sales", "answered", "بهار")]
    assert {(row["agent"], row["outcome"]) for row in daemon.rows("rings")} == {
        ("Alice", "busy"),
        ("بهار", "answered"),
    }


@pytest.mark.parametrize(
    ("queue", "rung", "to", "phone", "who"),
    [
        ("sales", "alice", "carol", "PJSIP/carol", "Carol"),
        ("local", "carol", "700", "PJSIP/erin", "PJSIP/erin"),
    ],
)
def test_a_phone_that_forwards_the_ring(rig, daemon, queue, rung, to, phone, who):
    """By SIP 302, also behind a Local channel; AgentConnect then names the agent whose phone forwarded."""
    rig.forwards(rung, to=to)
    caller = rig.call(queue)
    in_talk(rig, caller, phone)
    rig.agent_hangs_up(phone.removeprefix("PJSIP/"))
    visits, talks = story(daemon, 1, 1)
    assert visits == [(queue, "answered", who)]
    assert talks == [(who, "agent", None)]
    assert [(row["agent"], row["outcome"]) for row in daemon.rows("rings")] == [(AGENTS[rung], "forwarded")]
    talks_are_as_long_as_their_bridges(rig, daemon)


def test_another_phone_picks_the_ringing_call_up(rig, daemon):
    rig.agent("alice", does="never")
    caller = rig.call("sales")
    ringing = rig.driver.wait_for(event("AgentCalled"))
    rig.driver.action(
        "Originate", Channel="PJSIP/bob", Application="PickupChan", Data=ringing["DestChannel"], Async="true"
    )
    in_talk(rig, caller, "PJSIP/bob")
    caller.hang_up()
    story(daemon, 1, 1)
    assert daemon.rows("queue_visits")[0]["outcome"] == "answered"
    assert [(row["agent"], row["outcome"]) for row in daemon.rows("rings")][-1:] == [
        ("Alice", "answered_elsewhere")
    ], daemon.rows("rings")
    talks_are_as_long_as_their_bridges(rig, daemon)


def test_a_queue_without_agents_lets_nobody_in(rig, daemon):
    rig.driver.action("QueuePause", Interface="PJSIP/dave", Paused="true")
    caller = rig.call("closed")
    ended(rig, caller)
    visits, talks = story(daemon, 1)
    assert visits == [("closed", "join_empty", None)]
    assert talks == []


def test_a_queue_that_empties_lets_the_caller_go(rig, daemon):
    caller = rig.call("closed")
    rig.driver.wait_for(event("AgentCalled"))
    rig.driver.action("QueuePause", Interface="PJSIP/dave", Paused="true")
    ended(rig, caller)
    visits, _ = story(daemon, 1)
    assert visits == [("closed", "leave_empty", None)]


def test_a_full_queue_lets_nobody_in(rig, daemon):
    first = rig.call("full")
    rig.driver.wait_for(event("QueueCallerJoin", Uniqueid=first.uniqueid))
    second = rig.call("full")
    ended(rig, second)
    visits, _ = story(daemon, 1)
    assert visits == [("full", "queue_full", None)]
    first.hang_up()
    daemon.until(lambda: len(daemon.rows("queue_visits")) == 2)
    assert {row["outcome"] for row in daemon.rows("queue_visits")} == {"queue_full", "abandoned"}


def test_a_caller_who_is_redirected_while_talking(rig, daemon):
    caller = rig.call("sales")
    in_talk(rig, caller)
    rig.driver.action("Redirect", Channel=caller.channel, Context="keyexit", Exten="9", Priority="1")
    ended(rig, caller)
    _, talks = story(daemon, 1, 1)
    assert talks == [("Alice", "system", None)]
    talks_are_as_long_as_their_bridges(rig, daemon)


def test_a_caller_who_is_redirected_while_waiting(rig, daemon):
    caller = rig.call("keyexit")
    rig.driver.wait_for(event("AgentCalled"))
    rig.driver.action("Redirect", Channel=caller.channel, Context="caller-waits", Exten="s", Priority="1")
    visits, _ = story(daemon, 1)
    assert visits == [("keyexit", "transferred_away", None)]
    caller.hang_up()


def states(daemon, agent):
    """Return the finished states of an agent, with the reason of a pause."""
    rows = sorted(daemon.rows("agent_intervals"), key=lambda row: row["started_at"])
    return [(row["state"], row["reason"]) for row in rows if row["agent"] == agent]


def test_a_pause_with_its_reason(rig, daemon):
    rig.driver.action("QueuePause", Interface="PJSIP/alice", Paused="true", Reason="lunch")
    rig.driver.wait_for(event("QueueMemberPause", Interface="PJSIP/alice", Paused="1"))
    daemon.until(lambda: daemon.metric("cc_bridge_queue_members", queue="sales", state="paused") == 1)
    rig.driver.action("QueuePause", Interface="PJSIP/alice", Paused="false")
    daemon.until(lambda: ("paused", "lunch") in states(daemon, "Alice"))
    assert daemon.metric("cc_bridge_queue_members", queue="sales", state="paused") == 0


def test_what_an_agent_does_during_a_call(rig, daemon):
    caller = rig.call("sales")
    in_talk(rig, caller)
    daemon.until(lambda: daemon.metric("cc_bridge_queue_members", queue="sales", state="talking") == 1)
    rig.agent_hangs_up("alice")
    daemon.until(lambda: ("talking", "") in states(daemon, "Alice"))
    assert [state for state, _ in states(daemon, "Alice")] == ["available", "ringing", "talking"]
    (talk,) = daemon.rows("talks")
    (interval,) = [row for row in daemon.rows("agent_intervals") if row["state"] == "talking"]
    assert interval["seconds"] == pytest.approx(talk["talk_seconds"], abs=NEAR)
