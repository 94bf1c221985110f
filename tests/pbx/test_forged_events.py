"""Callers whose number forges AMI events: nothing is measured of the forged ones, and other calls are.

Asterisk takes 79 bytes of a number, and decodes `%0D%0A` in the number of an INVITE, but not in the name.
"""

import pytest

from pbx.daemon import Daemon
from pbx.stranger import invite
from pbx.test_one_call import ended

END = "\r\n\r\n"
JOIN = f"{END}Event: QueueCallerJoin\r\nPrivilege: %s\r\nQueue: %s\r\nPosition: 1\r\nCallerIDNum: "
NUMBERS = {
    "unknown queue": JOIN % ("", "it"),
    "known queue": JOIN % ("", "600"),
    "privilege": JOIN % ("a", "q"),
    "event before": f"{END}Event: x{JOIN % ('', 'q')}"[:79],
    "false end": f"9\r\nUniqueid: 1\r\nLinkedid: 1{END}Event: Hold\r\nPrivilege: a\r\nTimestamp: 1",
    "other channel": "9\r\nUniqueid: %s\r\nLinkedid: 1\r\nCause: 16" + END,
    "timestamp": f"{END}Event: QueueMemberAdded\r\nPrivilege: a\r\nTimestamp: 1795000000.1",
    "one header": "9\r\nUniqueid: 1",
}


@pytest.fixture(params=["cc_bridge", "unfiltered"])
def daemon(rig, tmp_path, request):
    running = Daemon(rig, tmp_path, user=request.param)
    running.configure("survey", enabled=False)
    running.start()
    rig.survey_at(running.agi_port)
    yield running
    running.close()


def malformed(daemon):
    return daemon.metric("cc_bridge_ami_messages_total", kind="malformed")


def test_no_number_forges_an_event(rig, daemon):
    caller = rig.call("sales")
    daemon.until(lambda: daemon.metric("cc_bridge_talks_in_progress", queue="sales") == 1)
    rig.driver.hear_only("off")  # pyst2 takes forged events for real ones
    for form in NUMBERS.values():
        before = malformed(daemon)
        number = form.replace("%s", caller.uniqueid)
        assert len(number) <= 79
        invite(rig.sip_port, "stranger", number)
        daemon.until(lambda before=before: malformed(daemon) > before)
    invite(rig.sip_port, "stranger", "0912", JOIN % ("", "it"))
    rig.driver.hear_only("on")
    assert daemon.metric("cc_bridge_talks_in_progress", queue="sales") == 1
    rig.agent_hangs_up("alice")
    ended(rig, caller)

    (visit,) = daemon.wait_for_rows("queue_visits")
    (talk,) = daemon.wait_for_rows("talks")
    page = daemon.get("/metrics")[1]
    assert 'queue="it"' not in page
    assert 'queue="q"' not in page
    assert (visit["uniqueid"], visit["queue"], visit["outcome"]) == (caller.uniqueid, "sales", "answered")
    assert (talk["agent"], talk["partial"], talk["ended_by"]) == ("Alice", 0, "agent")
    daemon.stop()
    assert len(daemon.rows("queue_visits")) == len(daemon.rows("talks")) == 1
    assert {row["reason"] for row in daemon.rows("gaps")} == {"message_dropped"}
