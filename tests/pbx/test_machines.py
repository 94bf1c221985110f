"""A queue whose member is an extension of the dialplan: voicemail, an IVR, an announcement."""

import pytest

from pbx.driver import event
from pbx.test_one_call import seconds, stamp

NEAR = 0.15  # seconds between our times and those of Asterisk's events


@pytest.mark.parametrize("by", ["agent", "caller"])
def test_a_call_that_the_dialplan_answers_is_a_talk(rig, measuring, by):
    caller = rig.call("machine")
    began = stamp(rig, "BridgeEnter", Uniqueid=caller.uniqueid)
    assert measuring.until(
        lambda: measuring.metric("cc_bridge_queue_members", queue="machine", state="talking") == 1
    )
    if by == "caller":
        caller.hang_up()
    ended_at = stamp(rig, "BridgeLeave", Uniqueid=caller.uniqueid)
    (talk,) = measuring.wait_for_rows("talks")
    assert (talk["queue"], talk["agent"], talk["interface"]) == (
        "machine",
        "Machine",
        "Local/machine@agents/n",
    )
    assert (talk["ended_by"], bool(talk["partial"]), talk["transfer"]) == (by, False, None)
    assert seconds(talk["answered_at"]) == pytest.approx(began, abs=NEAR)
    assert seconds(talk["ended_at"]) == pytest.approx(ended_at, abs=NEAR)
    (visit,) = measuring.wait_for_rows("queue_visits")
    assert (visit["outcome"], visit["agent"]) == ("answered", "Machine")
    (call,) = measuring.wait_for_rows("calls")
    assert (call["talks"], bool(call["partial"])) == (1, False)
    connected = rig.driver.wait_for(event("AgentConnect", Uniqueid=caller.uniqueid))
    assert talk["agent_uniqueid"] == connected["DestUniqueid"]
