"""cc_bridge on a PBX of FreePBX's shape: installed by its page, called in the ways that FreePBX offers.

The recordings of a real FreePBX (fixtures/ami/freepbx) say whether the rig behaves alike.
"""

import json
import re

import pytest

from pbx.daemon import Daemon
from pbx.driver import event
from pbx.freepbx_rig import STEPS


@pytest.fixture
def rig(freepbx):
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
    """Wait for a question of the survey, which is not the one before the queue."""
    return rig.driver.wait_for(
        lambda e: e.name == "AGIExecStart" and "GET DATA" in e["Command"] and "consent" not in e["Command"]
    )


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


def test_an_ivr_entry_leads_to_the_queue_and_the_survey(rig, daemon):
    only(rig, "bob")
    caller = rig.call("02191000001")
    rig.driver.wait_for(event("Newexten", Context="ivr-1", Application="WaitExten"))
    caller.press("1")
    talking(rig, "1002")
    rig.agent_hangs_up("bob")
    answer, attempt = through_the_survey(rig, caller, daemon, "5")
    assert (answer["value"], attempt["queue"], attempt["agent"]) == (5, "600", "Bob Bauer")


def test_consent_is_asked_before_the_queue(rig, daemon):
    daemon.stop()
    daemon.configure("queues.600", consent="required")
    daemon.start()
    only(rig, "alice")
    caller = rig.call("02191000003")
    rig.driver.wait_for(lambda e: e.name == "AGIExecStart" and "consent_before" in e["Command"])
    caller.press("1")
    talking(rig, "1001")
    rig.agent_hangs_up("alice")
    answer, attempt = through_the_survey(rig, caller, daemon)
    assert (answer["value"], attempt["queue"]) == (4, "600")


def test_a_queue_that_was_deleted_ends_with_a_goodbye(rig):
    caller = rig.call("02191000006")
    played = rig.driver.wait_for(event("Newexten", Application="Playback"))
    assert (played["Context"], played["AppData"]) == ("cc-bridge-goodbye", "cc_bridge/goodbye")
    ended(rig, caller)


# Fail-over


def toggles(rig, exten, queue, told):
    """Let an agent log in or out by the code, and wait for the event that says so."""
    rig.from_phone(exten, f"*45{queue}")
    rig.driver.wait_for(event(told, Queue=queue))
    rig.driver.until(lambda: not rig.driver.channels())


@pytest.fixture
def dave_in_602(rig):
    toggles(rig, "1004", "602", "QueueMemberAdded")
    yield
    rig.reset()
    toggles(rig, "1004", "602", "QueueMemberRemoved")


@pytest.mark.usefixtures("dave_in_602")
def test_a_chain_of_queues_ends_with_the_survey_of_the_queue_that_answered(rig, daemon):
    rig.agent("dave", rings=4.0)  # longer than 601 waits
    caller = rig.call("02191000601")
    talking(rig, "1004")
    rig.agent_hangs_up("dave")
    answer, attempt = through_the_survey(rig, caller, daemon)
    assert (answer["value"], attempt["queue"], attempt["agent"]) == (4, "602", "Dave")
    visits = [(row["queue"], row["outcome"]) for row in daemon.wait_for_rows("queue_visits", 2)]
    assert visits == [("601", "timed_out"), ("602", "answered")]


@pytest.mark.usefixtures("dave_in_602")
def test_who_is_not_served_by_the_chain_goes_where_its_last_queue_says(rig):
    rig.agent("dave", does="never")
    caller = rig.call("02191000601")
    rig.driver.wait_for(event("Newexten", Context="app-blackhole", Application="Playback"))
    ended(rig, caller)
    exits = [
        (each["Queue"], each["QueueStatus"])
        for each in rig.driver.events(event("UserEvent", UserEvent="CCQueueExit"))
    ]
    assert exits == [("601", "TIMEOUT"), ("602", "TIMEOUT")]
    assert not rig.driver.events(event("Newexten", Context="cc-bridge-survey"))


@pytest.fixture
def fails_over(rig):
    """Return a function that sets where callers of 601 and 607 go who are not served there."""
    before = rig.gui.fail_over.copy()

    def set_to(destination):
        rig.gui.fail_over |= {"601": destination, "607": destination}
        rig.gui.apply_config()

    yield set_to
    rig.gui.fail_over = before
    rig.gui.apply_config()


def overflows(rig, why):
    """Call a queue that cannot serve the caller, and return the caller once 600 has answered."""
    rig.agent("dave", does="never")
    only(rig, "alice")
    queue = {"TIMEOUT": "601", "FULL": "607"}[why]
    if why == "FULL":
        rig.call("02191000607")
        rig.driver.wait_for(event("QueueCallerJoin", Queue="607"))
    caller = rig.call(f"02191000{queue}")
    left = event("UserEvent", UserEvent="CCQueueExit", Queue=queue, QueueStatus=why, Uniqueid=caller.uniqueid)
    rig.driver.wait_for(left)
    rig.driver.wait_for(event("AgentConnect", Queue="600"))
    talking(rig, "1001")
    return caller


@pytest.mark.parametrize("why", ["TIMEOUT", "FULL"])
def test_an_overflow_into_a_custom_destination_keeps_the_survey(rig, daemon, fails_over, why):
    fails_over(rig.gui.inbound_routes["02191000600"])
    caller = overflows(rig, why)
    rig.agent_hangs_up("alice")
    is_asked(rig)
    rig.phones_driver.action("PlayDTMF", Channel=caller.phone, Digit="4")
    (answer,) = daemon.wait_for_rows("answers")
    (attempt,) = daemon.rows("survey_attempts")
    assert (answer["value"], attempt["queue"], attempt["agent"]) == (4, "600", "Alice Avci")
    rig.driver.wait_for(event("Hangup", Uniqueid=caller.uniqueid))
    daemon.until(lambda: [row for row in daemon.rows("calls") if row["call_id"] == caller.uniqueid])
    assert daemon.rows("not_routed_calls") == []


@pytest.mark.parametrize("why", ["TIMEOUT", "FULL"])
def test_an_overflow_into_the_queue_itself_forgets_the_survey_and_is_counted(rig, daemon, fails_over, why):
    fails_over("ext-queues,600,1")
    caller = overflows(rig, why)
    rig.agent_hangs_up("alice")
    rig.driver.wait_for(event("Hangup", Uniqueid=caller.uniqueid))
    (row,) = daemon.wait_for_rows("not_routed_calls")
    assert (row["uniqueid"], row["queue"], row["agent"]) == (caller.uniqueid, "600", "Alice Avci")
    assert daemon.metric("cc_bridge_not_routed_calls_total", queue="600") == 1
    assert daemon.rows("survey_attempts") == []
    told = daemon.command("doctor", "--json")
    (finding,) = (each for each in json.loads(told.stdout)["findings"] if each["name"] == "surveys.routing")
    assert finding["level"] != "ok"
    assert "600: 1 of the last 1 answered callers did not come" in finding["seen"]


def test_issabels_continue_destination_leads_to_the_survey(rig, daemon):
    """Its queues are reached directly: every way to the queue has the survey."""
    gui = rig.gui
    before = gui.inbound_routes.copy()
    gui.continue_to["600"] = gui.custom_destination("cc-bridge-freepbx,after,1")
    gui.inbound_routes["02191000600"] = "ext-queues,600,1"
    gui.apply_config()
    try:
        only(rig, "alice")
        caller = rig.call("02191000600")
        talking(rig, "1001")
        rig.agent_hangs_up("alice")
        answer, attempt = through_the_survey(rig, caller, daemon)
        assert (answer["value"], attempt["queue"], attempt["agent"]) == (4, "600", "Alice Avci")
    finally:
        gui.continue_to.clear()
        gui.inbound_routes = before
        gui.apply_config()


# The CDR


def cdr(rig):
    """Return destination context, destination and application of each row, once all calls have ended."""
    rig.driver.action("Ping")
    rows = rig.driver.events(event("Cdr"))
    return sorted((row["DestinationContext"], row["Destination"], row["LastApplication"]) for row in rows)


def test_the_survey_adds_no_row_to_the_cdr(rig, daemon):
    only(rig, "alice")
    caller = rig.call("02191000600")
    talking(rig, "1001")
    rig.agent_hangs_up("alice")
    through_the_survey(rig, caller, daemon)
    rig.driver.until(lambda: len(cdr(rig)) >= 4)
    queue, dial = ("ext-queues", "600", "Queue"), "from-internal"
    assert cdr(rig) == [queue, queue, (dial, "1001", "Dial"), (dial, "1002", "Dial")]


def test_a_fail_over_destination_still_has_its_row(rig):
    caller = rig.call("02191000602")  # no agent is logged in, and it gives up
    ended(rig, caller)
    rig.driver.until(lambda: bool(cdr(rig)))
    assert [row[:2] for row in cdr(rig)] == [("app-blackhole", "goodbye")]


# The page


def loaded(rig):
    """Return what Asterisk shows of our contexts and manager user."""
    commands = ("dialplan show cc-bridge-freepbx", "dialplan show from-internal-custom")
    return [rig.console(command) for command in (*commands, "manager show user cc_bridge")]


def test_the_page_says_what_its_commands_must_show(rig):
    printed = rig.follow(*STEPS)
    assert "username: cc_bridge" in printed
    assert re.search(r"Timestamp events: +Yes", printed)
    assert "'_X!' =>" in printed


def test_updating_doubles_nothing(rig):
    files = {path: path.read_text() for path in rig.etc.rglob("*.conf")}
    before = loaded(rig)
    rig.follow(*STEPS)
    assert loaded(rig) == before
    assert {path: path.read_text() for path in rig.etc.rglob("*.conf")} == files
    assert before[0].count("'after' =>") == 1


def test_undoing_leaves_nothing_but_the_time_stamps(rig):
    try:
        rig.follow("Undo")
        left = {path.name for path in rig.etc.rglob("*.conf") if "cc_bridge" in path.read_text()}
        assert left == set()
        assert not list(rig.etc.glob("*cc_bridge*"))
        assert not list(rig.pbx.sounds.glob("*/cc_bridge"))
        assert "no existence of" in rig.console("dialplan show cc-bridge-freepbx")
        assert "username: cc_bridge" not in rig.console("manager show user cc_bridge")
        assert "Carol Chen" in rig.console("queue show 606")
    finally:
        rig.follow(*STEPS)


def test_with_its_setting_a_queue_names_the_member_who_answered(rig):
    """The page names 600 and 601 in its third step."""
    only(rig, "alice")
    caller = rig.call("02191000600")
    talking(rig, "1001")
    agent = {"Variable": "MEMBERINTERFACE", "Value": "Local/1001@from-queue/n"}
    rig.driver.wait_for(event("VarSet", Uniqueid=caller.uniqueid, **agent))


# The FastAGI server of FreePBX


def test_each_server_gets_its_own_calls(rig, daemon):
    caller = rig.call("02191000606")  # Follow-Me asks core-fastagi for the phones
    talking(rig, "1003")
    rig.driver.wait_for(event("LocalOptimizationEnd"))
    rig.agent_hangs_up("carol")
    answer, attempt = through_the_survey(rig, caller, daemon)
    assert (answer["value"], attempt["agent"]) == (4, "Carol Chen")
    assert set(rig.core_agi.served) == {"dialparties.agi"}
    assert rig.core_agi.complaints == []
    assert daemon.metric("cc_bridge_agi_foreign_requests_total") == 0


def test_with_the_address_of_the_other_server_the_call_continues_without_a_survey(rig):
    rig.survey_at(rig.core_agi.port)
    only(rig, "alice")
    caller = rig.call("02191000600")
    talking(rig, "1001")
    rig.agent_hangs_up("alice")
    ended(rig, caller)
    assert rig.core_agi.complaints == ["survey"]
