"""Agents who hold, transfer by feature code and by their phones, or hang up by a code, on a real Asterisk.

Feature codes are those of etc/pbx/features.conf: `#1` transfers blind, `*2` attended, `*0` hangs up, and
`*1` ends a consultation. 700 is the back office, which is in no queue. Asterisk 16 and 22 behave alike
unless a test says otherwise.
"""

import pytest

from pbx.driver import event
from pbx.test_one_call import ended, seconds
from pbx.test_scenarios import NEAR, in_talk, story, talks_are_as_long_as_their_bridges

BY_CODE, BY_PHONE = (
    pytest.mark.parametrize(
        ("exten", "agent", "name"), [(exten, "alice", "Alice"), ("local", "carol", "Carol")]
    )
    for exten in ("codes", "sales")
)


@pytest.fixture
def daemon(measuring):
    return measuring


def stamps(rig, name, **headers):
    """Return when the PBX sent such events, seconds since the epoch."""
    rig.driver.action("Ping")  # it may keep events back until something else is to be sent
    return [float(each["Timestamp"]) for each in rig.driver.events(event(name, **headers))]


def channel_of(rig, phone):
    """Return the newest channel towards a phone."""
    started = rig.driver.events(event("Newchannel"))
    return next(e["Uniqueid"] for e in reversed(started) if e["Channel"].startswith(f"PJSIP/{phone}-"))


def consulting(rig, agent, keys="*2700"):
    """Let an agent call the back office about the caller, and wait until they talk."""
    rig.agent_presses(agent, keys)
    rig.driver.wait_for(lambda e: e.name == "BridgeEnter" and e["Channel"].startswith("PJSIP/erin-"))


def entered(rig, uniqueid, n):
    """Wait until a channel has entered a bridge for the n-th time, and return when."""
    rig.driver.until(lambda: len(stamps(rig, "BridgeEnter", Uniqueid=uniqueid)) >= n)
    return stamps(rig, "BridgeEnter", Uniqueid=uniqueid)[n - 1]


# Hold


@pytest.mark.parametrize(("exten", "agent"), [("sales", "alice"), ("local", "carol")])
def test_hold_is_measured_and_the_talk_goes_on(rig, daemon, exten, agent):
    caller = rig.call(exten)
    in_talk(rig, caller, f"PJSIP/{agent}")
    phone = channel_of(rig, agent)
    rig.agent_holds(agent)
    rig.driver.wait_for(event("Hold", Uniqueid=phone))
    daemon.until(lambda: daemon.metric("cc_bridge_talks_in_progress", queue=exten) == 1)
    rig.agent_resumes(agent)
    rig.driver.wait_for(event("Unhold", Uniqueid=phone))
    assert daemon.rows("talks") == []
    rig.agent_hangs_up(agent)
    _, talks = story(daemon, 1, 1)
    assert [talk[1:] for talk in talks] == [("agent", None)]
    (talk,) = daemon.rows("talks")
    (began,), (done,) = stamps(rig, "Hold", Uniqueid=phone), stamps(rig, "Unhold", Uniqueid=phone)
    assert talk["holds"] == 1
    assert talk["hold_seconds"] == pytest.approx(done - began, abs=NEAR)
    assert talk["hold_seconds"] < talk["talk_seconds"]
    talks_are_as_long_as_their_bridges(rig, daemon)


def test_two_holds_and_an_end_while_on_hold(rig, daemon):
    caller = rig.call("sales")
    in_talk(rig, caller)
    phone = channel_of(rig, "alice")
    for n in (1, 2):
        rig.agent_holds("alice")
        rig.driver.until(lambda n=n: len(stamps(rig, "Hold", Uniqueid=phone)) == n)
        if n == 1:
            rig.agent_resumes("alice")
            rig.driver.wait_for(event("Unhold", Uniqueid=phone))
    caller.hang_up()
    story(daemon, 1, 1)
    (talk,) = daemon.rows("talks")
    first, second = stamps(rig, "Hold", Uniqueid=phone)
    assert (talk["holds"], talk["ended_by"]) == (2, "caller")
    held = stamps(rig, "Unhold", Uniqueid=phone)[0] - first + seconds(talk["ended_at"]) - second
    assert talk["hold_seconds"] == pytest.approx(held, abs=NEAR)


# Attended transfer


@BY_CODE
def test_an_attended_transfer_to_the_back_office(rig, daemon, exten, agent, name):
    caller = rig.call(exten)
    in_talk(rig, caller, f"PJSIP/{agent}")
    phone = channel_of(rig, agent)
    consulting(rig, agent)
    rig.agent_hangs_up(agent)
    visits, talks = story(daemon, 1, 1)
    assert visits == [("sales" if exten == "codes" else exten, "answered", name)]
    assert talks == [(name, "transfer", "attended")]
    (talk,) = daemon.rows("talks")
    assert talk["transfer_target"] == "700"
    (done,) = stamps(rig, "AttendedTransfer")
    left = stamps(rig, "BridgeLeave", Uniqueid=phone)[-1]
    assert seconds(talk["ended_at"]) == pytest.approx(left, abs=NEAR)
    assert left == pytest.approx(done, abs=NEAR)
    # From the dialling on the caller hears music while the agent still cares for the call.
    assert talk["holds"] == 1
    (held,) = stamps(rig, "Hold", Uniqueid=phone)
    assert talk["hold_seconds"] == pytest.approx(left - held, abs=NEAR)
    assert rig.driver.channels(Uniqueid=caller.uniqueid)  # the caller speaks with the back office now
    rig.agent_hangs_up("erin")
    ended(rig, caller)
    assert len(daemon.rows("talks")) == 1
    assert daemon.metric("cc_bridge_talks_in_progress") == 0


@BY_CODE
def test_an_agent_who_consults_and_comes_back(rig, daemon, exten, agent, name):
    caller = rig.call(exten)
    in_talk(rig, caller, f"PJSIP/{agent}")
    phone = channel_of(rig, agent)
    consulting(rig, agent)
    rig.agent_presses(agent, "*1")
    back_at = entered(rig, phone, 3)
    rig.agent_hangs_up(agent)
    visits, talks = story(daemon, 1, 1)
    assert [visit[1:] for visit in visits] == [("answered", name)]
    assert talks == [(name, "agent", None)]
    (talk,) = daemon.rows("talks")
    assert talk["holds"] == 1
    (held,) = stamps(rig, "Hold", Uniqueid=phone)
    assert talk["hold_seconds"] == pytest.approx(back_at - held, abs=NEAR)
    assert not talk["partial"]
    talks_are_as_long_as_their_bridges(rig, daemon)


def test_an_agent_whose_consultation_nobody_answers(rig, daemon):
    rig.agent("erin", does="busy")
    caller = rig.call("codes")
    in_talk(rig, caller)
    phone = channel_of(rig, "alice")
    rig.agent_presses("alice", "*2700")
    back_at = entered(rig, phone, 2)
    rig.driver.until(lambda: len(rig.driver.channels(BridgeId=bridge_of(rig, caller))) == 2)
    caller.hang_up()
    _, talks = story(daemon, 1, 1)
    assert talks == [("Alice", "caller", None)]
    (talk,) = daemon.rows("talks")
    assert seconds(talk["ended_at"]) > back_at
    talks_are_as_long_as_their_bridges(rig, daemon)


def bridge_of(rig, caller):
    return rig.driver.channels(Uniqueid=caller.uniqueid)[0]["BridgeId"]


# Feature codes


@BY_CODE
def test_hanging_up_by_feature_code(rig, daemon, exten, agent, name):
    caller = rig.call(exten)
    in_talk(rig, caller, f"PJSIP/{agent}")
    rig.agent_presses(agent, "*0")
    _, talks = story(daemon, 1, 1)
    assert talks == [(name, "agent", None)]
    talks_are_as_long_as_their_bridges(rig, daemon)


@BY_CODE
def test_a_blind_transfer_by_feature_code_to_the_back_office(rig, daemon, exten, agent, name):
    caller = rig.call(exten)
    in_talk(rig, caller, f"PJSIP/{agent}")
    phone = channel_of(rig, agent)
    rig.agent_presses(agent, "#1700")
    rig.driver.wait_for(lambda e: e.name == "BridgeEnter" and e["Channel"].startswith("PJSIP/erin-"))
    _, talks = story(daemon, 1, 1)
    assert talks == [(name, "transfer", "blind")]
    (talk,) = daemon.rows("talks")
    assert talk["transfer_target"] == "700"
    left = stamps(rig, "BridgeLeave", Uniqueid=phone)[-1]
    assert seconds(talk["ended_at"]) == pytest.approx(left, abs=NEAR)
    rig.agent_hangs_up("erin")
    ended(rig, caller)
    assert len(daemon.rows("talks")) == 1


@BY_PHONE
def test_a_blind_transfer_by_the_phone_to_the_back_office(rig, daemon, exten, agent, name):
    caller = rig.call(exten)
    in_talk(rig, caller, f"PJSIP/{agent}")
    rig.agent_transfers(agent, "700")
    _, talks = story(daemon, 1, 1)
    assert talks == [(name, "transfer", "blind")]
    assert daemon.rows("talks")[0]["transfer_target"] == "700"
    rig.driver.wait_for(lambda e: e.name == "BridgeEnter" and e["Channel"].startswith("PJSIP/erin-"))
    rig.agent_hangs_up("erin")
    ended(rig, caller)
    assert len(daemon.rows("talks")) == 1
