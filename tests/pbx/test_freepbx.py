"""cc_bridge on a PBX of FreePBX's shape: installed by its page, called in the ways that FreePBX offers.

The recordings of a real FreePBX (fixtures/ami/freepbx) say whether the rig behaves alike.
"""

import pytest

from pbx.daemon import Daemon
from pbx.driver import event
from pbx.freepbx_rig import FreePbxRig
from pbx.rootfs import VERSIONS, Unavailable
from support.parts import missing

STEPS = ("2. Manager user", "3. Setting of the queues", "4. Dialplan", "5. Prompts")
QUIET = "app-blackhole,goodbye,1"  # where a fail-over destination leads that is no queue
LIMIT = 80  # events of one call through the shipped filter


@pytest.fixture(scope="module", params=[pytest.param(each, marks=pytest.mark.asterisk) for each in VERSIONS])
def freepbx(request):
    try:
        running = FreePbxRig(request.param)
    except Unavailable as reason:
        missing("asterisk", reason)
    try:
        running.start()
        running.follow(*STEPS)
        to_survey = {
            queue: running.gui.custom_destination(f"cc-bridge-freepbx-queue,{queue},1")
            for queue in running.gui.queues
        }
        running.gui.inbound_routes = {f"02191000{queue}": to_survey[queue] for queue in to_survey}
        running.gui.inbound_routes |= {
            "02191000001": "ivr-1,s,1",
            "02191000002": "timeconditions,1,1",
            "02191000003": running.gui.custom_destination("cc-bridge-freepbx-consent,600,1"),
            "02191000004": running.gui.custom_destination("cc-bridge-freepbx-caller-lookup,600,1"),
            "02191000005": running.gui.custom_destination("cc-bridge-freepbx,survey,1", "ext-queues,600,1"),
            "02191000006": running.gui.custom_destination("cc-bridge-freepbx-queue,699,1"),
        }
        running.gui.ivr_entries = {"1": to_survey["600"], "t": to_survey["603"]}
        running.gui.time_conditions = {"1": to_survey["600"]}
        running.gui.fail_over = {"601": to_survey["602"], "602": QUIET}
        running.gui.apply_config()
        yield running
    finally:
        running.stop()


@pytest.fixture
def rig(freepbx, request):
    request.node.asterisk_log = (freepbx, len(freepbx.log()))
    freepbx.reset()
    return freepbx


@pytest.fixture
def daemon(rig, tmp_path):
    running = Daemon(rig, tmp_path).start()
    rig.survey_at(running.agi_port)
    yield running
    running.close()


def talking(rig, exten):
    """Wait until the phone of an extension talks, and return its channel's event."""
    return rig.driver.wait_for(
        lambda e: e.name == "BridgeEnter" and e["Channel"].startswith(f"PJSIP/{exten}-")
    )


def ended(rig, caller):
    rig.driver.wait_for(event("Hangup", Uniqueid=caller.uniqueid), timeout=60)
    rig.driver.until(lambda: not rig.driver.channels(), timeout=60)


def is_asked(rig):
    return rig.driver.wait_for(lambda e: e.name == "AGIExecStart" and "GET DATA" in e["Command"])


def through_the_survey(rig, caller, daemon, key="4"):
    """Answer the question, and return the row of the answer and that of the attempt."""
    is_asked(rig)
    rig.phones_driver.action("PlayDTMF", Channel=caller.phone, Digit=key)
    (answer,) = daemon.wait_for_rows("answers")
    ended(rig, caller)
    return answer, daemon.rows("survey_attempts")[0]


def only(rig, phone):
    """Let one of Alice and Bob answer, and the other one's phone ring."""
    other = {"alice": "bob", "bob": "alice"}[phone]
    rig.agent(other, does="never")


# Ways to the queue


@pytest.mark.parametrize(
    ("did", "queue", "exten", "phone"),
    [
        ("02191000600", "600", "1001", "alice"),  # a Custom Destination on an inbound route
        ("02191000002", "600", "1001", "alice"),  # a time condition
        ("02191000001", "603", "1003", "carol"),  # the time-out of an IVR
        ("02191000005", "600", "1001", "alice"),  # a Custom Destination that returns
        ("02191000004", "600", "1001", "alice"),  # caller lookup before the queue
    ],
)
def test_callers_of_a_queue_are_asked_about_the_agent(rig, daemon, did, queue, exten, phone):
    only(rig, "alice")
    caller = rig.call(did)
    talking(rig, exten)
    rig.agent_hangs_up(phone)
    answer, attempt = through_the_survey(rig, caller, daemon)
    assert (answer["value"], attempt["queue"], attempt["trigger"]) == (4, queue, "queue")
    assert attempt["agent"] == {"1001": "Alice Avci", "1003": "Carol Chen"}[exten]
    assert attempt["interface"] == f"Local/{exten}@from-queue/n"
