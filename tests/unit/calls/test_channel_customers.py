"""The customer on whose behalf a channel acts, and the call that a survey on the channel rates."""

import pytest

from cc_bridge.calls.channel_customers import call_rated_on, customer_behind, talk_of_device
from cc_bridge.calls.channels_and_bridges import Channels
from cc_bridge.calls.events import BridgeEntered, LocalJoined
from cc_bridge.calls.open_talk import OpenTalk
from cc_bridge.calls.talks import Talks

CALLER, AGENT, SECOND_LINE, NEAR, FAR = "1.1", "1.2", "2.1", "1.3", "1.4"


class Pbx:
    """A PBX with a caller on a trunk and an agent at a phone; no talk has started."""

    def __init__(self):
        self.channels = Channels()
        self.talks = Talks(self.channels, lambda *_: None)
        for channel, name in ((CALLER, "PJSIP/trunk-1"), (AGENT, "PJSIP/101-2")):
            self.channels.get(channel).name = name

    def meet(self, at, bridge, *channels):
        for channel in channels:
            self.talks.bridge_entered(BridgeEntered(at, bridge, channel, "", False))

    def talk(self):
        talk = OpenTalk("pbx", CALLER, CALLER, "sales", "زهرا", "PJSIP/101", AGENT, CALLER, AGENT)
        self.talks.begin(talk, 1)
        self.meet(1, "b-1", CALLER, AGENT)
        return talk


@pytest.fixture
def pbx():
    return Pbx()


def test_the_talk_of_a_device_is_that_of_its_agent(pbx):
    assert talk_of_device(pbx.channels, pbx.talks, "PJSIP/101") is None
    talk = pbx.talk()
    assert talk_of_device(pbx.channels, pbx.talks, "PJSIP/101") is talk
    assert talk_of_device(pbx.channels, pbx.talks, "PJSIP/trunk") is None
    assert talk_of_device(pbx.channels, pbx.talks, "") is None


def test_an_agents_second_line_acts_for_the_customer(pbx):
    pbx.talk()
    pbx.channels.get(SECOND_LINE).name = "PJSIP/101-3"
    assert customer_behind(pbx.channels, pbx.talks, SECOND_LINE, SECOND_LINE).channel == CALLER
    assert customer_behind(pbx.channels, pbx.talks, CALLER, CALLER) is None
    assert call_rated_on(pbx.channels, pbx.talks, SECOND_LINE, SECOND_LINE) is None
    assert call_rated_on(pbx.channels, pbx.talks, CALLER, CALLER) == CALLER


def test_a_consultation_rates_nobody_although_no_talk_is_known(pbx):
    """A Dial is not observed unless direct calls are recorded."""
    pbx.meet(1, "b-1", CALLER, AGENT)
    pbx.talks.local_joined(LocalJoined(2, NEAR, FAR))
    assert call_rated_on(pbx.channels, pbx.talks, FAR, CALLER) == CALLER  # no phone is there yet
    pbx.meet(2, "b-2", NEAR, AGENT)
    assert call_rated_on(pbx.channels, pbx.talks, FAR, CALLER) is None
    pbx.meet(3, "b-2", CALLER)
    assert call_rated_on(pbx.channels, pbx.talks, FAR, CALLER) == CALLER
