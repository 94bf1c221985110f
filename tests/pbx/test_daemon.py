"""The daemon's own life beside a real Asterisk: signals, limits, a link that is cut."""

import contextlib
import signal
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pbx.daemon import Daemon
from pbx.driver import event
from pbx.proxy import Proxy
from pbx.test_one_call import ended, question_is_asked, through_a_talk


@pytest.fixture
def daemon(rig, tmp_path):
    running = Daemon(rig, tmp_path).start()
    rig.survey_at(running.agi_port)
    yield running
    running.close()


def test_sigterm_lets_a_running_survey_finish_and_takes_no_new_one(rig, daemon):
    caller = rig.call("sales")
    through_a_talk(rig, caller)
    question_is_asked(rig, caller)
    daemon.signal(signal.SIGTERM)
    daemon.until(
        lambda: "surveys" in str(daemon.readiness()) and daemon.readiness()["checks"]["surveys"] != "ok"
    )
    caller.press("5")
    assert daemon.ended() == 0
    assert [row["value"] for row in daemon.rows("answers")] == [5]
    assert [row["result"] for row in daemon.rows("survey_attempts")] == ["complete"]
    ended(rig, caller)


def test_sigterm_cuts_a_survey_at_the_deadline_and_stores_how_far_it_came(rig, daemon):
    daemon.configure("run", shutdown_timeout_seconds=0.5)
    daemon.stop()
    daemon.start()
    caller = rig.call("sales")
    through_a_talk(rig, caller)
    question_is_asked(rig, caller)
    assert daemon.stop() == 0
    (attempt,) = daemon.rows("survey_attempts")
    assert (attempt["result"], attempt["reason"]) == ("declined", "shutdown")
    ended(rig, caller)


def test_sighup_takes_over_a_good_configuration_and_refuses_a_bad_one(rig, daemon):
    daemon.configure("agi", max_callers="none")
    daemon.signal(signal.SIGHUP)
    daemon.until(lambda: "configuration reload failed" in daemon.log())
    daemon.configure("agi", max_callers=100)
    daemon.configure("queues.sales", survey="")
    daemon.signal(signal.SIGHUP)
    daemon.until(lambda: "configuration reloaded" in daemon.log())
    caller = rig.call("sales")
    through_a_talk(rig, caller)
    ended(rig, caller)
    assert daemon.wait_for_rows("talks")
    assert daemon.rows("survey_attempts") == []
    assert rig.driver.events(event("VarSet", Variable="CCB_SURVEY", Value="disabled"))


def test_over_the_limit_of_callers_the_call_goes_on_without_a_survey(rig, daemon):
    daemon.configure("agi", max_callers=1)
    daemon.signal(signal.SIGHUP)
    daemon.until(lambda: "configuration reloaded" in daemon.log())
    first, second = rig.call("sales"), rig.call("sales")
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=first.uniqueid))
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=second.uniqueid))
    rig.agent_hangs_up("alice")
    daemon.until(lambda: daemon.metric("cc_bridge_agi_sessions_in_progress") == 1)
    rig.agent_hangs_up("bob")
    daemon.until(lambda: daemon.metric("cc_bridge_agi_refused_total", reason="busy") == 1)
    rig.driver.until(lambda: len(rig.driver.channels()) == 1)


def test_the_dialplan_sends_the_secret(rig, tmp_path):
    secret = "0123456789abcdef.~_-"
    with contextlib.closing(Daemon(rig, tmp_path)) as daemon:
        daemon.configure("agi", secret=secret)
        daemon.start()
        rig.survey_at(daemon.agi_port)
        caller = rig.call("sales")
        rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
        rig.driver.wait_for(lambda e: e.name == "BridgeEnter" and e["Channel"].startswith("PJSIP/alice-"))
        rig.agent_hangs_up("alice")
        daemon.until(lambda: daemon.metric("cc_bridge_agi_refused_total", reason="wrong_secret") == 1)
        ended(rig, caller)
        rig.driver.forget()
        rig.driver.set_global("CCB_AGI_SECRET", secret)
        caller = rig.call("sales")
        through_a_talk(rig, caller)
        (attempt,) = daemon.wait_for_rows("survey_attempts")
        assert (attempt["uniqueid"], attempt["attributed_by"]) == (caller.uniqueid, "events")
        assert daemon.metric("cc_bridge_agi_refused_total", reason="wrong_secret") == 1
        assert secret not in daemon.log()


def test_a_cut_link_is_a_gap_and_the_daemon_comes_back(rig, tmp_path):
    with (
        Proxy(rig.pbx.ami_port) as link,
        contextlib.closing(Daemon(rig, tmp_path, ami_port=link.port)) as daemon,
    ):
        daemon.start()
        _cut_in_mid_call(rig, daemon, link)


def _cut_in_mid_call(rig, daemon, link):
    caller = rig.call("sales")
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
    daemon.until(lambda: daemon.metric("cc_bridge_talks_in_progress", queue="sales") == 1)
    link.cut()
    daemon.until(
        lambda: daemon.metric("cc_bridge_ami_reconnects_total") == 1 and daemon.get("/readyz")[0] == 200
    )
    (gap,) = daemon.wait_for_rows("gaps")
    assert gap["calls_affected"] == 1
    rig.agent_hangs_up("alice")
    (talk,) = daemon.wait_for_rows("talks")
    assert (talk["agent"], talk["ended_by"]) == ("Alice", "agent")


def test_it_says_why_it_is_not_ready(daemon):
    daemon.configure("ami", username="nobody")
    daemon.stop()
    daemon.launch()
    daemon.until(lambda: "Authentication failed" in str(daemon.get("/readyz")[1]))
    assert daemon.get("/readyz")[0] == 503
    assert daemon.get("/healthz")[0] == 200
    assert daemon.metric("cc_bridge_ami_up") == 0


def test_asterisk_killed_in_mid_call_leaves_a_gap_and_no_call(rig, daemon):
    caller = rig.call("sales")
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
    daemon.until(lambda: daemon.metric("cc_bridge_talks_in_progress", queue="sales") == 1)
    rig.restart()
    (gap,) = daemon.wait_for_rows("gaps")
    assert (gap["reason"], gap["calls_affected"]) == ("pbx_restarted", 1)
    (talk,) = daemon.wait_for_rows("talks")
    assert (talk["agent"], talk["ended_by"], bool(talk["partial"])) == ("Alice", "unobserved", True)
    daemon.until(lambda: daemon.get("/readyz")[0] == 200)
    assert daemon.metric("cc_bridge_talks_in_progress") == 0
    assert daemon.metric("cc_bridge_observation_gap_seconds_total", reason="pbx_restarted") > 0
    assert daemon.metric("cc_bridge_talk_seconds_count") == 0


def test_a_pbx_that_shuts_down_gracefully_is_observed_until_the_last_call_ends(rig, daemon):
    caller = rig.call("sales")
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
    daemon.until(lambda: daemon.metric("cc_bridge_talks_in_progress", queue="sales") == 1)
    answers = daemon.metric("cc_bridge_ami_messages_total", kind="parsed")
    rig.pbx.shut_down_gracefully()
    # Pings are refused now, one every 1.5 s.
    daemon.until(lambda: daemon.metric("cc_bridge_ami_messages_total", kind="parsed") > answers + 4)
    assert daemon.metric("cc_bridge_ami_up") == 1
    rig.agent_hangs_up("alice")
    (talk,) = daemon.wait_for_rows("talks")
    assert (talk["agent"], talk["ended_by"], bool(talk["partial"])) == ("Alice", "agent", False)
    daemon.until(lambda: daemon.metric("cc_bridge_ami_up") == 0)
    rig.restart()
    (gap,) = daemon.wait_for_rows("gaps")
    assert (gap["reason"], gap["calls_affected"]) == ("pbx_restarted", 0)


@pytest.mark.parametrize("step", [-3600, 3600, -1])
def test_the_clock_of_the_pbx_is_set_in_mid_calls(rig, tmp_path, step):
    with (
        Proxy(rig.pbx.ami_port) as link,
        contextlib.closing(Daemon(rig, tmp_path, ami_port=link.port)) as daemon,
    ):
        daemon.configure("survey", enabled=False)
        daemon.start()
        began = time.monotonic()
        talking = rig.call("sales")
        rig.driver.wait_for(event("BridgeEnter", Uniqueid=talking.uniqueid))
        daemon.until(lambda: daemon.metric("cc_bridge_talks_in_progress", queue="sales") == 1)
        rig.agent("bob", "never")
        waiting = rig.call("sales")
        daemon.until(lambda: daemon.metric("cc_bridge_callers_waiting", queue="sales") == 1)
        before = counters(daemon)
        link.ahead = step
        daemon.until(lambda: [gap["reason"] for gap in daemon.rows("gaps")] == ["clock_step"])
        assert daemon.metric("cc_bridge_longest_current_wait_seconds", queue="sales") < 60
        assert daemon.metric("cc_bridge_talks_in_progress", queue="sales") == 1
        rig.agent_hangs_up("alice")
        waiting.hang_up()
        (talk,) = daemon.wait_for_rows("talks")
        visits = daemon.wait_for_rows("queue_visits", 2)
        daemon.wait_for_rows("calls", 2)
        lasted = time.monotonic() - began
        assert (talk["agent"], talk["ended_by"], bool(talk["partial"])) == ("Alice", "agent", True)
        assert 0 < talk["talk_seconds"] < lasted
        assert {visit["outcome"] for visit in visits} == {"answered", "abandoned"}
        assert all(0 < visit["wait_seconds"] < lasted for visit in visits)
        assert all(0 <= ring["ring_seconds"] < lasted for ring in daemon.rows("rings"))
        assert all(0 <= call["wait_seconds"] < lasted for call in daemon.rows("calls"))
        after = counters(daemon)
        assert [key for key, value in before.items() if after[key] < value] == []
        # The next call is observed as if nothing had been.
        rig.agent("bob", "answer")
        caller = rig.call("sales")
        rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
        daemon.until(lambda: daemon.metric("cc_bridge_talks_in_progress", queue="sales") == 1)
        caller.hang_up()
        talk = daemon.wait_for_rows("talks", 2)[1]
        assert not talk["partial"]
        assert len(daemon.rows("gaps")) == 1
        assert daemon.stop() == 0
        intervals = daemon.rows("agent_intervals")
        assert all(row["started_at"] < row["ended_at"] for row in intervals)
        assert all(row["seconds"] < time.monotonic() - began + 60 for row in intervals)


def counters(daemon):
    """Return the samples of the daemon's counters and histograms."""
    families = text_string_to_metric_families(daemon.get("/metrics")[1])
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        if family.type in ("counter", "histogram") and family.name.startswith("cc_bridge")
        for sample in family.samples
    }
