"""Ways of callers to the survey: the shipped dialplans on a real Asterisk, with real keys.

Where a test is about the dialplan alone it plays the daemon itself (`desk`); the others run the daemon.
Asterisk 16 and 22 behave alike in all of it.
"""

import re
import socket
import time
from contextlib import suppress

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint

from cc_bridge.ami.originate import OriginateSettings, Originator
from cc_bridge.errors import AmiLinkLost, AmiRefused
from cc_bridge.surveys.callback import CallResult
from pbx.daemon import Daemon
from pbx.driver import event
from pbx.rig import REPOSITORY
from pbx.test_one_call import ended, question_is_asked, through_a_talk
from support.reactor_loop import result_of

DIALPLANS = REPOSITORY / "dialplans"
SHIPPED = [
    DIALPLANS / "extensions_cc_bridge.conf",
    DIALPLANS / "freepbx" / "extensions_cc_bridge_freepbx.conf",
]
both_languages = pytest.mark.parametrize("language", ["en", "fa"])
CALLER_SECONDS = 15.0  # until a caller comes to the survey; usually one


class Asked:
    """A caller that the dialplan has sent to the survey; the test is the daemon."""

    def __init__(self, connection):
        self._connection = connection
        self._lines = connection.makefile("rw", encoding="utf-8")
        self.head = dict(line.rstrip("\n").split(": ", 1) for line in iter(self._lines.readline, "\n"))
        self.uniqueid = self.head["agi_uniqueid"]
        self.said = (
            [self.head[f"agi_arg_{n}"].strip() for n in (1, 2, 3, 4)] if "agi_arg_1" in self.head else []
        )

    def does(self, command):
        self.begins(command)
        return self._lines.readline().rstrip("\n")

    def begins(self, command):
        self._lines.write(command + "\n")
        self._lines.flush()

    def answer(self):
        return self._lines.readline().rstrip("\n")

    def leaves(self):
        self._lines.close()
        self._connection.close()


class Desk:
    """Listens where the daemon would."""

    def __init__(self, listening):
        self._listening = listening
        self._asked = []

    def asked(self):
        """Wait for the next caller."""
        self._asked.append(Asked(self._listening.accept()[0]))
        return self._asked[-1]

    def nobody_came(self):
        self._listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            self._listening.accept()
        self._listening.settimeout(CALLER_SECONDS)

    def close(self):
        for asked in self._asked:
            with suppress(OSError):
                asked.leaves()


@pytest.fixture
def desk(rig):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(CALLER_SECONDS)
        rig.survey_at(listening.getsockname()[1])
        desk = Desk(listening)
        yield desk
        desk.close()


@pytest.fixture
def house(rig, tmp_path):
    """Return a daemon that is configured, and started by the test."""
    daemon = Daemon(rig, tmp_path)
    daemon.configure("queue_defaults", min_talk_seconds=0)
    rig.survey_at(daemon.agi_port)
    yield daemon
    daemon.close()


def talking(rig, caller, agent="alice"):
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
    rig.driver.wait_for(lambda e: e.name == "BridgeEnter" and e["Channel"].startswith(f"PJSIP/{agent}-"))


def played(rig):
    return [step["AppData"] for step in rig.driver.events(event("Newexten", Application="Playback"))]


def reached(rig, context, application):
    return rig.driver.wait_for(event("Newexten", Context=context, Application=application))


def nobody_is_left(rig):
    rig.driver.until(lambda: not rig.driver.channels(), timeout=60)


# The dialplans as Asterisk has loaded them


def test_every_step_of_the_shipped_dialplans_is_loaded(rig):
    for shipped in SHIPPED:
        text = shipped.read_text()
        for context, steps in re.findall(r"^\[(.+)\]\n((?:(?!\[).*\n)*)", text, re.MULTILINE):
            priorities = len(re.findall(r"^(?:exten| same) =>", steps, re.MULTILINE))
            shown = "\n".join(rig.driver.action("Command", Command=f"dialplan show {context}").response)
            assert f"({priorities} priorities)" in shown.replace("(1 priority)", "(1 priorities)"), context


def test_every_application_of_the_shipped_dialplans_is_there(rig):
    text = "".join(shipped.read_text() for shipped in SHIPPED)
    steps = re.findall(r"^(?:exten =>.*?,1|\s*same => n(?:\(.+?\))?),(\w+)\(", text, re.MULTILINE)
    inside = re.findall(r"\?(\w+)\((?!cc-)", text)
    assert {"Queue", "Dial", "AGI", "Return", "Set", "Playback"} <= {*steps, *inside}
    for application in {*steps, *inside}:
        shown = rig.driver.action("Command", Command=f"core show application {application}").response
        assert not any("(are) not registered" in line for line in shown), application


def test_nothing_in_them_made_asterisk_complain(rig):
    complaints = [
        line for line in rig.log().splitlines() if re.search(r"(WARNING|ERROR)\[.*pbx(_config)?\.c", line)
    ]
    assert complaints == []


# After a queue


def test_the_survey_is_told_what_brought_the_caller(rig, desk):
    caller = rig.call("sales")
    talking(rig, caller)
    rig.agent_hangs_up("alice")
    asked = desk.asked()
    assert (asked.uniqueid, asked.said) == (caller.uniqueid, ["queue", "sales", "PJSIP/alice", ""])
    asked.leaves()
    ended(rig, caller)
    assert played(rig) == []


def test_a_survey_that_is_cut_off_still_says_goodbye(rig, desk):
    caller = rig.call("sales")
    talking(rig, caller)
    rig.agent_hangs_up("alice")
    asked = desk.asked()
    assert asked.does('SET VARIABLE CCB_SURVEY "started"') == "200 result=1"
    asked.leaves()
    ended(rig, caller)
    assert played(rig)[0] == "cc_bridge/goodbye"
    nobody_is_left(rig)


def test_the_second_survey_knows_nothing_of_the_first(rig, desk):
    """A caller who is transferred within his gosubs comes to the survey again."""
    caller = rig.call("sales")
    talking(rig, caller)
    rig.agent_transfers("alice", "local")
    rig.driver.wait_for(event("AgentConnect", Queue="local"))
    rig.driver.wait_for(lambda e: e.name == "BridgeEnter" and e["Channel"].startswith("PJSIP/carol-"))
    rig.agent_hangs_up("carol")
    asked = desk.asked()
    assert asked.said[:3] == ["queue", "local", "Local/carol@agents/n"]
    assert asked.does("GET VARIABLE CCB_SURVEY") in {"200 result=0", "200 result=1 ()"}


def test_a_withheld_number_is_nobodys(rig):
    rig.call("withheld", number="09121111111")
    assert rig.driver.wait_for(event("QueueCallerJoin"))["CallerIDNum"] == "<unknown>"


# After Dial


def test_after_dial_the_caller_is_asked_about_the_phone_that_answered(rig, desk):
    caller = rig.call("dialled")
    talking(rig, caller)
    rig.agent_hangs_up("alice")
    asked = desk.asked()
    trigger, queue, interface, about = asked.said
    assert (asked.uniqueid, trigger, queue, about) == (caller.uniqueid, "dial", "", "")
    assert interface.startswith("PJSIP/alice-")
    assert asked.does('SET VARIABLE CCB_SURVEY "complete"') == "200 result=1"
    asked.leaves()
    over = rig.driver.wait_for(event("UserEvent", UserEvent="Dialled"))
    assert (over["DialStatus"], over["Survey"]) == ("ANSWER", "complete")
    ended(rig, caller)


def test_after_dial_nobody_is_asked_who_reached_nobody(rig, desk):
    rig.agent("alice", does="busy")
    rig.call("dialled")
    over = rig.driver.wait_for(event("UserEvent", UserEvent="Dialled"))
    assert (over["DialStatus"], over["Survey"]) == ("BUSY", "")
    desk.nobody_came()


def test_after_dial_nobody_is_asked_who_hung_up(rig, desk):
    caller = rig.call("dialled")
    talking(rig, caller)
    caller.hang_up()
    ended(rig, caller)
    nobody_is_left(rig)
    desk.nobody_came()
    assert not rig.driver.events(event("UserEvent", UserEvent="Dialled"))


@both_languages
def test_after_dial_a_real_key_is_stored(rig, house, language):
    house.configure("direct_calls", enabled=True, in_contexts=["incoming"])
    house.start()
    caller = rig.call("dialled", language=language)
    through_a_talk(rig, caller)
    question_is_asked(rig, caller)
    caller.press("4")
    (answer,) = house.wait_for_rows("answers")
    attempt = house.rows("survey_attempts")[0]
    assert (answer["value"], attempt["trigger"], attempt["interface"]) == (4, "dial", "PJSIP/alice")
    assert attempt["language"] == language
    ended(rig, caller)


# An extension to transfer to


def test_a_blind_transfer_brings_the_caller_at_once(rig, desk):
    caller = rig.call("sales")
    talking(rig, caller)
    rig.agent_transfers("alice", "8099")
    asked = desk.asked()
    assert (asked.uniqueid, asked.said[:2]) == (caller.uniqueid, ["extension", ""])
    assert asked.said[2].startswith("PJSIP/alice-")
    assert not rig.driver.events(event("Newexten", Application="PlayTones"))
    asked.leaves()
    ended(rig, caller)
    assert played(rig)[0] == "cc_bridge/goodbye"
    nobody_is_left(rig)


@pytest.mark.parametrize(("exten", "agent"), [("codes", "alice"), ("local", "carol")])
def test_by_feature_code_the_survey_waits_until_the_agent_has_gone(rig, desk, exten, agent):
    caller = rig.call(exten)
    talking(rig, caller, agent)
    rig.agent_presses(agent, "*28099")
    reached(rig, "cc-bridge-transfer", "PlayTones")
    desk.nobody_came()
    rig.agent_hangs_up(agent)
    asked = desk.asked()
    assert asked.said[:2] == ["extension", ""]
    assert asked.said[2].startswith(f"PJSIP/{agent}-")
    # A Local channel hears us; the caller's keys come through it, and Linkedid names the call.
    assert asked.does("GET FULL VARIABLE ${CHANNEL(linkedid)}") == f"200 result=1 ({caller.uniqueid})"
    asked.begins("GET DATA vm-goodbye 5000 1")
    rig.driver.wait_for(event("AGIExecStart", Command="GET DATA vm-goodbye 5000 1"))
    rig.phones_driver.action("PlayDTMF", Channel=caller.phone, Digit="5")
    assert asked.answer() == "200 result=5"
    caller.hang_up()
    nobody_is_left(rig)


def test_from_a_second_line_the_survey_waits_until_the_agent_has_joined_the_two(rig, desk):
    caller = rig.call("sales")
    talking(rig, caller)
    rig.agent_consults_on_second_line("desk")
    reached(rig, "cc-bridge-transfer", "PlayTones")
    desk.nobody_came()
    rig.agent_joins_lines("alice")
    asked = desk.asked()
    assert (asked.uniqueid, asked.said[0]) == (caller.uniqueid, "extension")
    asked.leaves()
    ended(rig, caller)
    nobody_is_left(rig)


def test_an_agent_who_thinks_better_of_it_leaves_nothing_behind(rig, desk):
    caller = rig.call("codes")
    talking(rig, caller)
    rig.agent_presses("alice", "*28099")
    reached(rig, "cc-bridge-transfer", "PlayTones")
    rig.agent_presses("alice", "*1")
    rig.driver.until(lambda: len(rig.driver.channels()) == 2)
    desk.nobody_came()
    rig.agent_hangs_up("alice")
    assert desk.asked().said[0] == "queue"


def test_a_transferred_caller_hears_a_goodbye_when_the_daemon_is_down(rig):
    caller = rig.call("sales")
    talking(rig, caller)
    rig.agent_transfers("alice", "8099")
    ended(rig, caller)
    assert played(rig)[0] == "cc_bridge/goodbye"
    nobody_is_left(rig)


@pytest.mark.parametrize(
    ("how", "language"), [("blind", "en"), ("blind", "fa"), ("code", "fa"), ("second line", "fa")]
)
def test_a_transferred_caller_rates_the_agent_who_transferred(rig, house, how, language):
    house.start()
    caller = rig.call("codes", language=language)
    talking(rig, caller)
    if how == "blind":
        rig.agent_transfers("alice", "8099")
    elif how == "code":
        rig.agent_presses("alice", "*28099")
        reached(rig, "cc-bridge-transfer", "PlayTones")
        rig.agent_hangs_up("alice")
    else:
        rig.agent_consults_on_second_line("desk")
        reached(rig, "cc-bridge-transfer", "PlayTones")
        rig.agent_joins_lines("alice")
    is_asked = rig.driver.wait_for(lambda e: e.name == "AGIExecStart" and "GET DATA" in e["Command"])
    rig.phones_driver.action("PlayDTMF", Channel=caller.phone, Digit="5")
    (answer,) = house.wait_for_rows("answers")
    (attempt,) = house.rows("survey_attempts")
    assert (answer["value"], attempt["trigger"], attempt["agent"]) == (5, "extension", "Alice")
    assert (attempt["uniqueid"], attempt["call_id"]) == (is_asked["Uniqueid"], caller.uniqueid)
    assert attempt["language"] == language
    ended(rig, caller)
    nobody_is_left(rig)
    # The caller came back from the queue after a transfer by code, and was not asked a second time.
    assert len(house.rows("survey_attempts")) == 1


# Before the queue


def consent(rig, caller, keys):
    rig.driver.wait_for(lambda e: e.name == "AGIExecStart" and "consent_before" in e["Command"])
    caller.press(keys)
    return rig.driver.wait_for(
        lambda e: e.name == "VarSet" and e["Variable"] == "CCB_CONSENT" and e["Value"] != ""
    )["Value"]


@both_languages
@pytest.mark.parametrize(("key", "given", "survey"), [("1", "yes", "started"), ("2", "no", "no_consent")])
def test_who_is_asked_before_the_queue_decides(rig, house, key, given, survey, language):
    house.configure("queues.sales", consent="required")
    house.start()
    caller = rig.call("asked", number="09127654321", name="Sara", language=language)
    assert consent(rig, caller, key) == given
    talking(rig, caller)
    rig.agent_hangs_up("alice")
    told = rig.driver.wait_for(
        lambda e: e.name == "VarSet" and e["Variable"] == "CCB_SURVEY" and e["Value"] != ""
    )
    assert told["Value"] == survey
    if given == "yes":
        question_is_asked(rig, caller)
        caller.press("5")
        assert house.wait_for_rows("answers")[0]["value"] == 5
        assert house.rows("survey_attempts")[0]["language"] == language
    ended(rig, caller)


@pytest.mark.parametrize("key", ["1", "2"])
def test_the_agent_does_not_learn_what_the_caller_said(rig, house, key):
    house.start()
    caller = rig.call("asked", number="09127654321", name="Sara")
    consent(rig, caller, key)
    talking(rig, caller)
    ours = rig.driver.events(lambda e: e.name == "VarSet" and e["Variable"].upper().startswith(("CCB", "_")))
    assert {e["Uniqueid"] for e in ours} - {"none"} == {caller.uniqueid}  # globals belong to no channel
    (shown,) = rig.phones_driver.channels(Context="agents", Exten="alice")
    assert (shown["CallerIDNum"], shown["CallerIDName"]) == ("09127654321", "Sara")


def test_a_caller_who_hangs_up_on_the_question_leaves_nothing_behind(rig, house):
    house.start()
    caller = rig.call("asked")
    rig.driver.wait_for(lambda e: e.name == "AGIExecStart" and "consent_before" in e["Command"])
    caller.hang_up()
    ended(rig, caller)
    nobody_is_left(rig)
    assert not rig.driver.events(event("QueueCallerJoin"))
    house.until(lambda: house.metric("cc_bridge_agi_sessions_in_progress") == 0)


def test_without_the_daemon_the_caller_goes_straight_to_the_queue(rig):
    caller = rig.call("asked")
    talking(rig, caller)
    values = rig.driver.events(event("VarSet", Uniqueid=caller.uniqueid, Variable="CCB_CONSENT"))
    assert [each["Value"] for each in values] == [""]
    assert played(rig) == []


def test_a_daemon_that_hangs_keeps_nobody_from_the_queue(rig, desk):
    rig.call("asked")
    asked = desk.asked()
    assert asked.head["agi_network_script"] == "consent"
    step = reached(rig, "cc-bridge-consent", "AGI")
    assert rig.driver.wait_for(event("QueueCallerJoin"), timeout=90)["Uniqueid"] == step["Uniqueid"]


# FreePBX


def test_on_freepbx_a_queues_callers_are_asked(rig, desk):
    caller = rig.call("freepbx600")
    talking(rig, caller, "carol")
    assert rig.driver.events(event("Newexten", Application="Queue"))[0]["AppData"] == "600,tcC,,,2"
    rig.agent_hangs_up("carol")
    asked = desk.asked()
    assert asked.said == ["queue", "600", "Local/carol@agents/n", ""]
    asked.leaves()
    ended(rig, caller)
    assert not rig.driver.events(event("Newexten", Context="app-failover"))


def test_on_freepbx_who_is_not_served_goes_where_the_queue_says(rig):
    caller = rig.call("freepbx601")
    reached(rig, "app-failover", "Playback")
    assert rig.driver.events(event("UserEvent", UserEvent="CCQueueExit", Queue="601", QueueStatus="TIMEOUT"))
    ended(rig, caller)
    assert not rig.driver.events(event("Newexten", Context="cc-bridge-survey"))


# Calling back


def call_back(rig, channel, number="09121234567", user="cc_bridge_callback", port=0):
    endpoint = HostnameEndpoint(reactor, "127.0.0.1", port or rig.pbx.ami_port)
    originator = Originator(
        endpoint, (user, rig.secret), OriginateSettings(channel, "House <021>", 2), reactor
    )
    return result_of(Deferred.fromCoroutine(originator.call(number, "pbx-17.5")), seconds=30)


@pytest.mark.parametrize(
    "channel", ["PJSIP/erin", "Local/{number}@to-customers/n", "Local/{number}@to-customers"]
)
@pytest.mark.parametrize(
    ("does", "result"),
    [("answer", CallResult.ANSWERED), ("busy", CallResult.BUSY), ("never", CallResult.NO_ANSWER)],
)
def test_what_comes_of_a_call(rig, desk, channel, does, result):
    rig.agent("erin", does=does)
    assert call_back(rig, channel) is result
    if result is CallResult.ANSWERED:
        asked = desk.asked()
        assert asked.said == ["callback", "", "", "pbx-17.5"]
        asked.leaves()
    nobody_is_left(rig)
    assert bool(played(rig)) == (result is CallResult.ANSWERED)  # no caller was asked: a goodbye


@pytest.mark.parametrize("channel", ["PJSIP/nobody", "Local/{number}@nowhere/n", "Nothing/{number}"])
def test_a_call_that_cannot_be_made(rig, channel):
    assert call_back(rig, channel) is CallResult.FAILED
    nobody_is_left(rig)


def test_who_may_call_and_what_else(rig):
    with pytest.raises(AmiRefused, match="Permission denied"):
        call_back(rig, "PJSIP/erin", user="cc_bridge")
    with pytest.raises(AmiLinkLost):
        call_back(rig, "PJSIP/erin", port=rig.closed_port)
    driver = rig.login("cc_bridge_callback")
    try:
        for action in ("Command", "Hangup", "Setvar", "CoreShowChannels", "Redirect", "QueuePause"):
            with pytest.raises(Exception, match="Permission denied"):
                driver.action(action, Command="core show version", Channel="x", Variable="x")
        caller = rig.call("sales")
        talking(rig, caller)
        caller.hang_up()
        ended(rig, caller)
        driver.action("Ping")
        assert driver.seen == []  # of the calls of others it hears nothing
    finally:
        driver.close()


@both_languages
def test_a_caller_who_hung_up_first_is_called_back_and_asked(rig, house, language):
    house.configure("callback", enabled=True, secret=rig.secret, channel="Local/{number}@to-customers/n")
    house.configure("callback", delay_seconds=0, call_from="00:00", call_until="24:00")
    house.start()
    caller = rig.call("asked", number="09127654321", language=language)
    assert consent(rig, caller, "1") == "yes"
    talking(rig, caller)
    caller.hang_up()
    ended(rig, caller)
    asked = rig.driver.wait_for(
        lambda e: e.name == "AGIExecStart" and "GET DATA" in e["Command"] and "consent" not in e["Command"],
        timeout=60,
    )
    assert asked["Uniqueid"].startswith("ccb-")
    rig.agent_presses("erin", "4")
    (answer,) = house.wait_for_rows("answers")
    (attempt,) = house.rows("survey_attempts")
    assert (answer["value"], attempt["trigger"], attempt["agent"]) == (4, "callback", "Alice")
    assert (attempt["call_id"], attempt["language"]) == (caller.uniqueid, language)
    nobody_is_left(rig)
    said = rig.driver.events(event("AGIExecStart", Uniqueid=asked["Uniqueid"]))
    assert any("callback_greeting" in each["Command"] for each in said)


def test_without_consent_nobody_is_called_back(rig, house):
    house.configure("callback", enabled=True, secret=rig.secret, channel="Local/{number}@to-customers/n")
    house.configure("callback", delay_seconds=0, call_from="00:00", call_until="24:00")
    house.start()
    first = rig.call("asked", number="09127654321")
    assert consent(rig, first, "2") == "no"
    talking(rig, first)
    first.hang_up()
    ended(rig, first)
    house.wait_for_rows("talks")
    rig.driver.forget()
    # The caller who came later and said yes is called: the first one would have been before.
    second = rig.call("asked", number="09127654322")
    assert consent(rig, second, "1") == "yes"
    talking(rig, second)
    second.hang_up()
    dialled = rig.driver.wait_for(event("Newexten", Context="to-customers"), timeout=60)
    assert dialled["Extension"] == "09127654322"


def test_outside_the_hours_nobody_is_called_back(rig, house):
    later = time.localtime(time.time() + 7_200)
    until = time.localtime(time.time() + 10_800)
    house.configure("callback", enabled=True, secret=rig.secret, channel="Local/{number}@to-customers/n")
    house.configure("callback", delay_seconds=0, call_from=time.strftime("%H:00", later))
    house.configure("callback", call_until=time.strftime("%H:00", until))
    house.start()
    caller = rig.call("asked", number="09127654321")
    assert consent(rig, caller, "1") == "yes"
    talking(rig, caller)
    caller.hang_up()
    given_up = {"queue": "sales", "stage": "callback_outside_hours"}
    house.until(lambda: house.metric("cc_bridge_survey_stages_total", **given_up) == 1)
    assert not rig.driver.events(event("Newexten", Context="to-customers"))
    decided = house.until(lambda: house.rows("survey_decisions"))
    assert [row["stage"] for row in decided] == ["caller_left_first"]  # and not called_back
