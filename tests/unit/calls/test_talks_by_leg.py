"""The index of the open talks by the channels of caller and agent."""

from cc_bridge.calls.open_talk import OpenTalk
from cc_bridge.calls.talks_by_leg import TalksByLeg

CALLER, AGENT, COLLEAGUE, MOVED = "1.1", "1.2", "1.3", "1.4"


def talk_with(agent, queue="sales"):
    return OpenTalk("pbx", CALLER, CALLER, queue, "زهرا", "PJSIP/101", agent, CALLER, agent)


def test_a_talk_is_found_by_each_leg_until_it_is_removed():
    talks, first, second = TalksByLeg(), talk_with(AGENT), talk_with(COLLEAGUE, "")
    talks.add(first)
    talks.add(second)
    talks.add(first)  # again: nothing changes
    assert list(talks.all()) == [first, second]
    assert (talks.of(CALLER), talks.of(AGENT), talks.of(COLLEAGUE)) == (second, first, second)
    assert list(talks.with_leg(CALLER)) == [first, second]
    assert talks.of_visit(CALLER, "sales") is first
    assert talks.of_visit(CALLER, "support") is None
    talks.remove(first)
    talks.remove(first)
    assert (list(talks.with_leg(CALLER)), talks.of(AGENT)) == ([second], None)
    talks.remove(second)
    assert not talks.legs
    assert list(talks.all()) == []


def test_a_replaced_leg_finds_the_talk_no_longer_unless_it_was_the_first():
    talks, talk = TalksByLeg(), talk_with(AGENT)
    talks.add(talk)
    talk.caller = MOVED
    talks.replace_leg(talk, CALLER)
    assert talks.legs == {CALLER, MOVED, AGENT}
    talk.caller = COLLEAGUE
    talks.replace_leg(talk, MOVED)
    assert talks.legs == {CALLER, COLLEAGUE, AGENT}
