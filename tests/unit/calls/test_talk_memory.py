"""The memory of talks: the time for which the talks of a call are remembered."""

from cc_bridge.calls.open_talk import OpenTalk
from cc_bridge.calls.talk_memory import TalkMemory

CALL, CUSTOMER, SECOND_LINE = "1.1", "1.1", "1.9"


def talk(caller=CUSTOMER, uniqueid=CUSTOMER):
    return OpenTalk(
        pbx="pbx",
        call_id=CALL,
        uniqueid=uniqueid,
        queue="sales",
        member="Alice",
        interface="PJSIP/alice",
        dialed="1.2",
        caller=caller,
        agent="1.2",
        answered_at=5.0,
    )


def test_the_talks_of_a_call_outlive_an_agents_second_line_that_ends_first():
    memory = TalkMemory()
    first, second = talk(), talk(uniqueid=SECOND_LINE)
    memory.add(first)
    memory.add(second)
    memory.channel_ended(SECOND_LINE, 10.0)
    memory.sweep(30.0)
    assert memory.heard(CALL) == [first, second]
    assert memory.last(CUSTOMER) is second
    memory.channel_ended(CUSTOMER, 40.0)
    memory.sweep(49.9)
    assert memory.heard(CALL) == [first, second]
    memory.sweep(50.0)
    assert (memory.heard(CALL), memory.last(CUSTOMER)) == ([], None)


def test_the_instant_at_which_the_caller_hung_up_is_known_as_long_as_the_talk():
    memory = TalkMemory()
    memory.add(talk())
    assert memory.hung_up_at(CUSTOMER) is None
    memory.channel_ended(CUSTOMER, 10.0, 9.5)
    memory.channel_ended("1.2", 10.0, 8.0)  # an agent's channel
    assert (memory.hung_up_at(CUSTOMER), memory.hung_up_at("1.2")) == (9.5, None)
    memory.clock_set(100.0)
    assert memory.hung_up_at(CUSTOMER) == 109.5
    memory.sweep(120.0)
    assert memory.hung_up_at(CUSTOMER) is None


def test_nothing_stays_of_a_call_whose_first_channel_ended_before_the_last_talk():
    memory = TalkMemory()
    local = talk(caller="1.5", uniqueid="1.5")
    memory.add(local)
    local.caller = "1.6"
    memory.follow(local)
    memory.channel_ended("1.5", 10.0)
    memory.sweep(20.0)
    memory.add(talk(caller="1.6", uniqueid="1.5"))
    memory.channel_ended("1.6", 30.0)
    memory.sweep(40.0)
    assert [memory.last(channel) for channel in ("1.5", "1.6")] == [None, None]
    assert memory.of_call(CALL) == []
