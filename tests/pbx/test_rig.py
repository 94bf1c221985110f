"""The rig works, and so does what we ship for the PBX: the manager user, the queue settings, the dialplan.

Everything that is checked here is what a real Asterisk 22 and 16 did; cc_bridge itself has no part in it.
"""

import socket
from pathlib import Path

import pytest
from asterisk.manager import ManagerAuthException, ManagerException

from pbx.driver import Driver, Event, event
from pbx.rig import AGENTS, SOUNDS, Rig
from pbx.rootfs import Unavailable, root_of


def queue_exit(status: str):
    return event("UserEvent", UserEvent="CCQueueExit", QueueStatus=status)


def reached(caller, context: str, application: str):
    return event("Newexten", Uniqueid=caller.uniqueid, Context=context, Application=application)


@pytest.fixture
def shipped_user(rig: Rig):
    driver = rig.login("cc_bridge")
    yield driver
    driver.close()


@pytest.fixture
def agi(rig: Rig):
    """Listen where the survey would; a test plays the daemon."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        rig.survey_at(listening.getsockname()[1])
        yield listening


def talk(rig: Rig, exten: str = "sales", **caller: str):
    """Bring a caller and an agent together."""
    on_line = rig.call(exten, **caller)
    rig.driver.wait_for(event("AgentConnect", Uniqueid=on_line.uniqueid))
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=on_line.uniqueid))
    return on_line


def ended(rig: Rig, caller) -> Event:
    return rig.driver.wait_for(event("Hangup", Uniqueid=caller.uniqueid))


# Shipped: the manager user


def test_the_shipped_user_is_let_in_and_hears_of_the_boot(shipped_user: Driver):
    assert shipped_user.wait_for(event("FullyBooted"))["Status"] == "Fully Booted"


def test_the_shipped_user_gets_whole_lists(rig: Rig, shipped_user: Driver):
    caller = talk(rig)
    queues = shipped_user.ask("QueueStatus", "QueueStatusComplete")
    members = [item for item in queues if item.name == "QueueMember" and item["Queue"] == "ringall"]
    assert {member["Name"] for member in members} == {AGENTS["alice"], AGENTS["bob"]}
    channels = shipped_user.ask("CoreShowChannels", "CoreShowChannelsComplete")
    assert {channel["Application"] for channel in channels} == {"Queue", "AppQueue"}
    assert caller.uniqueid in {channel["Uniqueid"] for channel in channels}


def test_the_shipped_user_is_told_of_a_call_and_of_little_else(rig: Rig, shipped_user: Driver):
    with_everything = rig.login("unfiltered")
    caller = talk(rig)
    rig.agent_hangs_up("alice")
    ended(rig, caller)
    for session in (shipped_user, with_everything):
        session.wait_for(event("Hangup", Uniqueid=caller.uniqueid))
    with_everything.close()
    story = [heard.name for heard in shipped_user.seen if heard.name != "QueueMemberStatus"]
    for name in ("QueueCallerJoin", "AgentCalled", "QueueCallerLeave", "AgentConnect"):
        assert story.count(name) == 1
    assert "AgentComplete" not in story  # the end of a talk is taken from the bridges
    assert story.count("BridgeEnter") == story.count("BridgeLeave") == 2
    assert story.count("Newchannel") == story.count("Hangup") == 2
    assert {heard["Variable"] for heard in shipped_user.events(event("VarSet"))} == {"QUEUESTATUS"}
    assert [heard["Application"] for heard in shipped_user.events(event("Newexten"))] == ["Queue"]
    assert len(shipped_user.seen) * 3 < len(with_everything.seen)


@pytest.mark.parametrize(
    ("action", "headers"),
    [
        (
            "Originate",
            {"Channel": "Local/sales@incoming", "Application": "Wait", "Data": "1", "Async": "true"},
        ),
        ("Redirect", {"Channel": "PJSIP/trunk-1", "Context": "incoming", "Exten": "sales", "Priority": "1"}),
        ("Setvar", {"Variable": "CCB_AGI", "Value": "127.0.0.1:1"}),
        ("Command", {"Command": "core show version"}),
        ("Hangup", {"Channel": "/.*/"}),
        ("QueuePause", {"Interface": "PJSIP/dave", "Paused": "true"}),
        ("UserEvent", {"UserEvent": "CCQueueExit"}),
    ],
)
def test_the_shipped_user_can_touch_nothing(shipped_user: Driver, action: str, headers: dict[str, str]):
    with pytest.raises(ManagerException, match="Permission denied"):
        shipped_user.action(action, **headers)


def test_the_placeholder_is_no_secret(rig: Rig):
    with pytest.raises(ManagerAuthException):
        Driver(rig.pbx.ami_port, "cc_bridge", "CHANGE-ME")


# Shipped: the dialplan and the queue settings


def test_an_answered_call_goes_on_after_the_agent_hangs_up(rig: Rig):
    caller = talk(rig)
    rig.agent_hangs_up("alice")
    left = rig.driver.wait_for(queue_exit("CONTINUE"))
    assert (left["Queue"], left["Uniqueid"], left["Linkedid"]) == ("sales", caller.uniqueid, caller.uniqueid)
    rig.driver.wait_for(event("VarSet", Variable="AGISTATUS", Value="FAILURE"))
    rig.driver.wait_for(reached(caller, "incoming", "Hangup"))
    assert ended(rig, caller)["Cause"] == "16"


def test_nobody_is_asked_who_hung_up_himself(rig: Rig):
    caller = talk(rig)
    caller.hang_up()
    ended(rig, caller)
    assert not rig.driver.events(queue_exit("CONTINUE"))
    assert not rig.driver.events(event("VarSet", Variable="AGISTATUS"))


def test_a_queue_that_gives_up_lets_the_call_go_on(rig: Rig):
    caller = rig.call("nobody")
    rig.driver.wait_for(queue_exit("TIMEOUT"))
    rig.driver.wait_for(reached(caller, "incoming", "Hangup"))
    ended(rig, caller)
    assert not rig.driver.events(event("VarSet", Variable="AGISTATUS"))


def test_the_second_queue_shows_nothing_of_the_first(rig: Rig):
    caller = rig.call("overflow")
    rig.driver.wait_for(queue_exit("TIMEOUT"))
    rig.driver.wait_for(event("AgentConnect", Queue="sales"))
    cleared = rig.driver.events(event("VarSet", Uniqueid=caller.uniqueid, Variable="QUEUESTATUS"))
    assert [each["Value"] for each in cleared] == ["", "TIMEOUT", ""]


def test_the_key_takes_a_caller_out_of_the_queue(rig: Rig):
    caller = rig.call("keyexit")
    rig.driver.wait_for(event("AgentCalled", Queue="keyexit"))
    caller.press("9")
    rig.driver.wait_for(reached(caller, "keyexit", "Wait"))
    ended(rig, caller)
    assert rig.driver.events(event("QueueCallerLeave", Queue="keyexit"))
    assert not rig.driver.events(event("UserEvent"))


def test_a_queue_without_agents_lets_nobody_in(rig: Rig):
    rig.driver.action("QueuePause", Interface="PJSIP/dave", Paused="true")
    rig.call("closed")
    rig.driver.wait_for(queue_exit("JOINEMPTY"))
    assert not rig.driver.events(event("QueueCallerJoin"))


def test_a_queue_that_loses_its_agents_lets_everyone_go(rig: Rig):
    rig.call("closed")
    rig.driver.wait_for(event("AgentCalled", Queue="closed"))
    rig.driver.action("QueuePause", Interface="PJSIP/dave", Paused="true")
    rig.driver.wait_for(queue_exit("LEAVEEMPTY"))


def test_a_full_queue_lets_no_more_in(rig: Rig):
    rig.call("full")
    rig.driver.wait_for(event("QueueCallerJoin", Queue="full"))
    second = rig.call("full")
    assert rig.driver.wait_for(queue_exit("FULL"))["Uniqueid"] == second.uniqueid


@pytest.mark.parametrize("number", ["0912abc'34", "12${SHELL(id)}5", "1,2|3;4", "98,${CCB_AGI}#"])
def test_a_number_keeps_only_what_a_keypad_has(rig: Rig, number: str):
    came = rig.call("sales", number=number).number
    joined = rig.driver.wait_for(event("QueueCallerJoin"))["CallerIDNum"]
    assert joined == "".join(sign for sign in came if sign in "0123456789+*#") != came


# Shipped: the survey's step


def test_the_survey_is_told_the_queue_the_phone_and_the_language(rig: Rig, agi: socket.socket):
    caller = talk(rig, language="fa")
    rig.agent_hangs_up("alice")
    daemon, _ = agi.accept()
    with daemon, daemon.makefile("r", encoding="utf-8") as lines:
        head = dict(line.rstrip("\n").split(": ", 1) for line in iter(lines.readline, "\n"))
    assert head["agi_network_script"] == "survey"
    assert head["agi_uniqueid"] == caller.uniqueid
    assert head["agi_language"] == "fa"
    assert [head[f"agi_arg_{n}"] for n in (1, 2, 3)] == ["queue", "sales", "PJSIP/alice"]
    rig.driver.wait_for(reached(caller, "incoming", "Hangup"))


@pytest.mark.parametrize("language", ["en", "fa"])
def test_our_prompts_are_played_in_the_callers_language(rig: Rig, agi: socket.socket, language: str):
    prompt = next((SOUNDS / language / "cc_bridge").iterdir()).stem
    caller = talk(rig, language=language)
    rig.agent_hangs_up("alice")
    daemon, _ = agi.accept()
    with daemon, daemon.makefile("rw", encoding="utf-8") as lines:
        while lines.readline() != "\n":
            pass
        lines.write(f'STREAM FILE cc_bridge/{prompt} "5"\n')
        lines.flush()
        rig.driver.wait_for(event("AGIExecStart"))
        caller.press("5")
        result, samples = lines.readline().split(" endpos=")
    assert result == f"200 result={ord('5')}"
    assert int(samples) > 0  # 0 if there is no such file


def test_a_caller_who_hangs_up_ends_the_survey(rig: Rig, agi: socket.socket):
    caller = talk(rig)
    rig.agent_hangs_up("alice")
    daemon, _ = agi.accept()
    with daemon:
        daemon.settimeout(10)
        rig.driver.wait_for(event("VarSet", Variable="AGIEXITONHANGUP", Value="yes"))
        caller.hang_up()
        ended(rig, caller)
        while daemon.recv(4096):  # ends when Asterisk closes the link
            pass


def test_a_survey_that_hangs_ends_and_the_call_goes_on(rig: Rig, agi: socket.socket):
    rig.driver.set_global("CCB_SECONDS", 1)
    caller = talk(rig)
    rig.agent_hangs_up("alice")
    daemon, _ = agi.accept()
    with daemon:
        rig.driver.wait_for(reached(caller, "incoming", "Hangup"))
    assert ended(rig, caller)["Cause"] == "16"


@pytest.mark.parametrize(("exten", "least", "most"), [("sales", 0, 0), ("limited", 50, 60)])
def test_the_call_gets_its_own_time_limit_back(rig: Rig, exten: str, least: float, most: float):
    caller = talk(rig, exten)
    rig.agent_hangs_up("alice")
    ended(rig, caller)
    steps = rig.driver.events(event("Newexten", Uniqueid=caller.uniqueid, Context="cc-bridge-survey"))
    limits = [step["AppData"] for step in steps if step["AppData"].startswith("TIMEOUT(absolute)=")]
    assert limits[0] == "TIMEOUT(absolute)=300"
    assert least <= float(limits[1].partition("=")[2]) <= most


# The rig: phones, agents, sounds


def test_it_is_the_version_it_says(rig: Rig):
    assert rig.driver.action("CoreSettings")["AsteriskVersion"].startswith(f"{rig.version}.")


def test_keys_arrive_in_their_order(rig: Rig):
    caller = talk(rig)
    caller.press("1550#")
    received = event("DTMFEnd", Uniqueid=caller.uniqueid, Direction="Received")
    rig.driver.wait_for(lambda seen: received(seen) and seen["Digit"] == "#")
    assert "".join(seen["Digit"] for seen in rig.driver.events(received)) == "1550#"


def test_agents_are_rung_one_after_the_other(rig: Rig):
    rig.agent("alice", does="busy")
    talk(rig)
    assert rig.driver.wait_for(event("AgentRingNoAnswer"))["MemberName"] == AGENTS["alice"]
    assert rig.driver.wait_for(event("AgentConnect"))["MemberName"] == AGENTS["bob"]


def test_all_agents_are_rung_at_once(rig: Rig):
    rig.agent("alice", does="never")
    talk(rig, "ringall")
    assert rig.driver.events(event("AgentConnect", MemberName=AGENTS["bob"]))
    assert len(rig.driver.events(event("AgentCalled"))) == 2


def test_an_agent_behind_a_local_channel(rig: Rig):
    rig.agent("carol", talks=0.3)
    caller = talk(rig, "local")
    assert rig.driver.events(event("LocalBridge"))
    rig.driver.wait_for(queue_exit("CONTINUE"))
    ended(rig, caller)


def test_an_agent_transfers_a_caller(rig: Rig):
    caller = talk(rig)
    rig.agent_transfers("alice", "local")
    assert rig.driver.wait_for(event("BlindTransfer"))["Extension"] == "local"
    again = rig.driver.wait_for(event("AgentConnect", Queue="local"))
    assert again["Uniqueid"] == caller.uniqueid


def test_a_caller_loses_patience(rig: Rig):
    caller = rig.call("keyexit", patience=1.0)
    ended(rig, caller)
    assert rig.driver.events(event("QueueCallerAbandon"))


# The root file systems


def test_a_machine_that_cannot_build_one_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CC_BRIDGE_TEST_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unavailable, match=r"mmdebstrap|root"):
        root_of("22")
    assert not [entry for entry in tmp_path.iterdir() if entry.is_dir()]
