"""One real call from end to end, on both versions and through both kinds of manager user.

A caller waits, talks, the agent hangs up, the caller rates: the rows in the database, the metrics and
Asterisk's own events must say the same.
"""

from datetime import UTC, datetime

import pytest

from pbx.daemon import Daemon
from pbx.driver import event

NEAR = 0.15  # seconds between our times and those of Asterisk's events


@pytest.fixture(params=["cc_bridge", "unfiltered"])
def user(request):
    return request.param


@pytest.fixture
def daemon(rig, tmp_path, user):
    running = Daemon(rig, tmp_path, user).start()
    rig.survey_at(running.agi_port)
    yield running
    running.close()


def stamp(rig, name, **headers):
    """Return when the PBX sent the first such event, seconds since the epoch."""
    return float(rig.driver.wait_for(event(name, **headers))["Timestamp"])


def seconds(text):
    """Return the epoch seconds of an instant as SQLite keeps it."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def question_is_asked(rig, caller, times=1):
    """Wait until the caller hears the question for the n-th time: every command of ours is an event."""
    asked = event("AGIExecStart", Uniqueid=caller.uniqueid)
    rig.driver.until(
        lambda: (
            sum("GET" in e["Command"] or "STREAM" in e["Command"] for e in rig.driver.events(asked)) >= times
        )
    )


def through_a_talk(rig, caller):
    """Let Alice answer and hang up, so that the survey begins."""
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
    # Both: an agent who hangs up before coming into the bridge ends the call in another way.
    rig.driver.wait_for(lambda e: e.name == "BridgeEnter" and e["Channel"].startswith("PJSIP/alice-"))
    rig.agent_hangs_up("alice")
    rig.driver.wait_for(event("AGIExecStart", Uniqueid=caller.uniqueid))


def ended(rig, caller):
    return rig.driver.wait_for(event("Hangup", Uniqueid=caller.uniqueid), timeout=60)


def test_waits_talks_and_rates(rig, daemon):
    caller = rig.call("sales", number="09121234567", name="سارا")
    daemon.until(lambda: daemon.metric("cc_bridge_talks_in_progress", queue="sales") == 1)
    through_a_talk(rig, caller)
    question_is_asked(rig, caller)
    caller.press("4")
    ended(rig, caller)

    (visit,) = daemon.wait_for_rows("queue_visits")
    assert (visit["pbx"], visit["queue"], visit["outcome"]) == ("test", "sales", "answered")
    assert (visit["agent"], visit["interface"]) == ("Alice", "PJSIP/alice")
    assert (visit["uniqueid"], visit["call_id"], visit["position"]) == (caller.uniqueid, caller.uniqueid, 1)
    assert (visit["caller_number"], visit["caller_name"]) == ("09121234567", "سارا")
    joined, connected = stamp(rig, "QueueCallerJoin"), stamp(rig, "AgentConnect")
    assert visit["wait_seconds"] == pytest.approx(connected - joined, abs=NEAR)
    assert seconds(visit["entered_at"]) == pytest.approx(joined, abs=NEAR)

    (talk,) = daemon.wait_for_rows("talks")
    assert (talk["agent"], talk["queue"], talk["ended_by"], talk["transfer"]) == (
        "Alice",
        "sales",
        "agent",
        None,
    )
    entered, left = stamp(rig, "BridgeEnter", Uniqueid=caller.uniqueid), stamp(rig, "BridgeLeave")
    assert talk["talk_seconds"] == pytest.approx(left - entered, abs=NEAR)
    assert seconds(talk["answered_at"]) == pytest.approx(entered, abs=NEAR)

    (ring,) = daemon.wait_for_rows("rings")
    assert (ring["agent"], ring["outcome"]) == ("Alice", "answered")

    (answer,) = daemon.wait_for_rows("answers")
    assert (answer["value"], answer["kind"], answer["tries"]) == (4, "csat", 1)
    attempt = daemon.until(
        lambda: next((row for row in daemon.rows("survey_attempts") if row["ended_at"]), None)
    )
    assert (attempt["agent"], attempt["queue"], attempt["result"]) == ("Alice", "sales", "complete")
    assert attempt["attempt_id"] == answer["attempt_id"]
    assert attempt["call_id"] == visit["call_id"]

    assert daemon.metric("cc_bridge_visits_total", queue="sales") == 1
    assert daemon.metric("cc_bridge_visits_total", queue="sales", outcome="answered") == 1
    assert daemon.metric("cc_bridge_queue_wait_seconds_sum", queue="sales") == pytest.approx(
        visit["wait_seconds"], abs=1e-3
    )
    assert (
        daemon.metric("cc_bridge_queue_wait_seconds_bucket", queue="sales", outcome="answered", le="15.0")
        == 1
    )
    assert daemon.metric("cc_bridge_talk_seconds_sum", queue="sales") == pytest.approx(
        talk["talk_seconds"], abs=1e-3
    )
    assert daemon.metric("cc_bridge_ratings_total", queue="sales", value="4") == 1
    assert daemon.metric("cc_bridge_ratings_total", queue="sales") == 1
    assert daemon.metric("cc_bridge_survey_stages_total", queue="sales", stage="complete") == 1
    assert daemon.metric("cc_bridge_callers_waiting") == 0
    assert daemon.metric("cc_bridge_ami_up") == 1
    assert daemon.readiness()["ok"] is True
    assert daemon.stop() == 0


def test_a_wrong_key_then_a_right_one(rig, daemon):
    caller = rig.call("sales")
    through_a_talk(rig, caller)
    question_is_asked(rig, caller)
    caller.press("9")
    rig.driver.until(lambda: daemon.metric("cc_bridge_survey_stages_total", stage="invalid") == 1)
    caller.press("5")
    (answer,) = daemon.wait_for_rows("answers")
    assert (answer["value"], answer["tries"]) == (5, 2)
    ended(rig, caller)


@pytest.mark.parametrize("user", ["cc_bridge"], indirect=True)  # it takes its time
def test_no_key_at_all(rig, daemon):
    caller = rig.call("sales")
    through_a_talk(rig, caller)
    ended(rig, caller)
    attempt = daemon.until(
        lambda: next((row for row in daemon.rows("survey_attempts") if row["ended_at"]), None)
    )
    assert (attempt["result"], attempt["reason"]) == ("declined", "no_input")
    assert daemon.rows("answers") == []
    assert daemon.metric("cc_bridge_survey_stages_total", stage="no_input") == 2


def test_hanging_up_in_the_survey(rig, daemon):
    caller = rig.call("sales")
    through_a_talk(rig, caller)
    question_is_asked(rig, caller)
    caller.hang_up()
    ended(rig, caller)
    attempt = daemon.until(
        lambda: next((row for row in daemon.rows("survey_attempts") if row["ended_at"]), None)
    )
    assert (attempt["result"], attempt["reason"]) == ("declined", "hung_up")
    assert daemon.metric("cc_bridge_agi_sessions_in_progress") == 0


def test_a_timeout_is_not_an_abandon(rig, daemon):
    caller = rig.call("nobody")
    ended(rig, caller)
    (visit,) = daemon.wait_for_rows("queue_visits")
    assert (visit["outcome"], visit["agent"]) == ("timed_out", None)
    assert daemon.rows("survey_attempts") == []
    assert daemon.metric("cc_bridge_visits_total", queue="nobody", outcome="abandoned") == 0


def test_a_caller_who_hangs_up_while_waiting_has_abandoned(rig, daemon):
    rig.agent("alice", does="never")
    rig.agent("bob", does="never")
    caller = rig.call("sales")
    rig.driver.wait_for(event("AgentCalled"))
    daemon.until(lambda: daemon.metric("cc_bridge_callers_waiting", queue="sales") == 1)
    caller.hang_up()
    (visit,) = daemon.wait_for_rows("queue_visits")
    assert (visit["outcome"], visit["decided_by"], bool(visit["ringing"])) == (
        "abandoned",
        "HangupRequest",
        True,
    )


def test_leaving_by_key(rig, daemon):
    caller = rig.call("keyexit")
    rig.driver.wait_for(event("QueueCallerJoin"))
    caller.press("9")
    (visit,) = daemon.wait_for_rows("queue_visits")
    assert visit["outcome"] == "left_by_key"


def test_the_caller_hears_nothing_strange_when_the_daemon_is_down(rig, daemon):
    daemon.kill()
    caller = rig.call("sales")
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
    rig.agent_hangs_up("alice")
    gone = ended(rig, caller)
    left = stamp(rig, "BridgeLeave", Uniqueid=caller.uniqueid)
    # The dialplan continued immediately and came to its end: no sound was played, and nothing was waited for.
    assert float(gone["Timestamp"]) - left < 1.0
    assert not rig.driver.events(event("Newexten", Application="Playback"))
    assert rig.driver.events(event("UserEvent", UserEvent="CCQueueExit", QueueStatus="CONTINUE"))


def test_a_daemon_restarted_while_a_caller_waits(rig, daemon):
    rig.agent("alice", does="never")
    rig.agent("bob", does="never")
    caller = rig.call("sales")
    joined = stamp(rig, "QueueCallerJoin")
    daemon.until(lambda: daemon.metric("cc_bridge_callers_waiting", queue="sales") == 1)
    daemon.wait_for_rows("observation_watermarks")
    daemon.kill()
    daemon.start()
    assert daemon.metric("cc_bridge_callers_waiting", queue="sales") == 1
    rig.agent("bob", does="answer")
    rig.agent("alice", does="answer")
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid), timeout=90)
    (visit,) = daemon.wait_for_rows("queue_visits")
    assert visit["outcome"] == "answered"
    assert seconds(visit["entered_at"]) == pytest.approx(joined, abs=0.1)
    caller.hang_up()
    (talk,) = daemon.wait_for_rows("talks")
    assert (talk["ended_by"], talk["agent"], talk["partial"]) == ("caller", visit["agent"], 0)
    (call,) = daemon.wait_for_rows("calls")
    began = float(rig.driver.events(event("Newchannel", Uniqueid=caller.uniqueid))[0]["Timestamp"])
    assert seconds(call["started_at"]) == pytest.approx(began, abs=0.1)
    assert (call["partial"], call["queues"], call["talks"]) == (0, 1, 1)
    one_gap_and_nothing_left(daemon)
    assert daemon.metric("cc_bridge_visits_total") == daemon.metric("cc_bridge_talk_seconds_count") == 1
    assert daemon.metric("cc_bridge_calls_total") == 1


def one_gap_and_nothing_left(daemon):
    (gap,) = daemon.rows("gaps")
    assert gap["reason"] == "daemon_down"
    assert gap["started_at"] < gap["ended_at"]
    daemon.until(lambda: not [row for row in daemon.rows("open_state") if row["kind"] == "call"])


def test_a_daemon_killed_while_a_caller_talks_still_asks_about_the_agent(rig, daemon):
    caller = rig.call("sales")
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
    daemon.until(lambda: daemon.metric("cc_bridge_talks_in_progress", queue="sales") == 1)
    keeps(daemon, caller, "talking")
    daemon.kill()
    daemon.start()
    rig.agent_hangs_up("alice")
    question_is_asked(rig, caller)
    caller.press("3")
    (answer,) = daemon.wait_for_rows("answers")
    assert answer["value"] == 3
    (attempt,) = daemon.rows("survey_attempts")
    assert (attempt["agent"], attempt["queue"]) == ("Alice", "sales")
    (talk,) = daemon.wait_for_rows("talks")
    assert (talk["ended_by"], talk["partial"]) == ("agent", 0)
    entered, left = stamp(rig, "BridgeEnter", Uniqueid=caller.uniqueid), stamp(rig, "BridgeLeave")
    assert seconds(talk["answered_at"]) == pytest.approx(entered, abs=0.1)
    assert seconds(talk["ended_at"]) == pytest.approx(left, abs=0.1)
    assert daemon.metric("cc_bridge_talk_seconds_count") == 1
    ended(rig, caller)
    (call,) = daemon.wait_for_rows("calls")
    assert (call["partial"], call["talks"]) == (0, 1)
    assert len(daemon.rows("queue_visits")) == len(daemon.rows("rings")) == 1
    one_gap_and_nothing_left(daemon)


def keeps(daemon, caller, phase):
    """Wait until what the daemon keeps of a call says how its talk stands."""
    daemon.until(
        lambda: any(
            row["name"] == caller.uniqueid and f'"phase":"{phase}"' in row["state"]
            for row in daemon.rows("open_state")
        )
    )


def test_a_daemon_killed_while_a_caller_is_on_hold_and_another_agent_in_a_pause(rig, daemon):
    rig.driver.action("QueuePause", Interface="PJSIP/dave", Paused="true", Reason="lunch")
    paused = stamp(rig, "QueueMemberPause", Interface="PJSIP/dave", Paused="1")
    caller = rig.call("sales")
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
    rig.driver.wait_for(lambda e: e.name == "BridgeEnter" and e["Channel"].startswith("PJSIP/alice-"))
    rig.agent_holds("alice")
    held = float(rig.driver.wait_for(lambda e: e.name == "Hold")["Timestamp"])
    daemon.until(lambda: any('"holds":1' in row["state"] for row in daemon.rows("open_state")))
    daemon.until(lambda: any('"reason":"lunch"' in row["state"] for row in daemon.rows("open_state")))
    daemon.kill()
    daemon.start()
    rig.agent_resumes("alice")
    rig.driver.wait_for(lambda e: e.name == "Unhold")
    caller.hang_up()
    (talk,) = daemon.wait_for_rows("talks")
    daemon.wait_for_rows("calls")
    entered = stamp(rig, "BridgeEnter", Uniqueid=caller.uniqueid)
    assert seconds(talk["answered_at"]) == pytest.approx(entered, abs=0.1)
    assert (talk["agent"], talk["ended_by"], talk["partial"], talk["holds"]) == ("Alice", "caller", 0, 1)
    (gap,) = daemon.rows("gaps")
    # On hold as far as it was seen: until the gap began.
    assert talk["hold_seconds"] == pytest.approx(seconds(gap["started_at"]) - held, abs=0.1)
    (lunch,) = (row for row in daemon.rows("agent_intervals") if row["reason"] == "lunch")
    assert seconds(lunch["started_at"]) == pytest.approx(paused, abs=0.1)
    assert lunch["ended_at"] == gap["started_at"]
    one_gap_and_nothing_left(daemon)


def test_a_caller_who_hung_up_while_the_daemon_was_dead_is_not_observed(rig, daemon):
    rig.agent("alice", does="never")
    rig.agent("bob", does="never")
    caller = rig.call("sales")
    joined = stamp(rig, "QueueCallerJoin")
    daemon.until(lambda: any("waiting" in row["state"] for row in daemon.rows("open_state")))
    daemon.kill()
    caller.hang_up()
    ended(rig, caller)
    daemon.start()
    (visit,) = daemon.wait_for_rows("queue_visits")
    (call,) = daemon.wait_for_rows("calls")
    (gap,) = daemon.rows("gaps")
    assert seconds(visit["entered_at"]) == pytest.approx(joined, abs=0.1)
    assert (visit["outcome"], visit["left_at"], call["partial"]) == ("unobserved", gap["started_at"], 1)
    assert call["ended_at"] == gap["started_at"]
    one_gap_and_nothing_left(daemon)
