"""Calls from the first channel to the last, with a queue and without one, from scripted events."""

import random
from collections import Counter

import pytest

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import AnyEvent, MessageCounts
from cc_bridge.calls.ami_events import WANTED, WANTED_FOR_DIRECT_CALLS, read
from cc_bridge.calls.direct_calls import Contexts
from cc_bridge.calls.events import (
    AttendedTransferred,
    BlindTransferred,
    BridgeEntered,
    BridgeLeft,
    Called,
    ChannelEnded,
    ChannelStarted,
    Connected,
    DialEnded,
    DialStarted,
    GaveUp,
    HangupRequested,
    Held,
    Joined,
    Left,
    LocalJoined,
    MemberSeen,
    PickedUp,
    StatusSet,
    Unheld,
)
from cc_bridge.calls.pbx_snapshot import PbxSnapshot, SeenTalk
from cc_bridge.calls.tracker import Tracker
from cc_bridge.records import AgentInterval, Call, Direction, EndedBy, QueueVisit, Talk, Transfer
from support.recordings import all_recordings, recording

CONTEXTS = Contexts(("from-trunk*",), ("*dialout*",), ("from-internal*",))
# Channels of the customer, a phone and a second phone. A Linkedid is the first channel's Uniqueid.
CUSTOMER, PHONE, SECOND = "1.1", "1.2", "1.3"
NUMBER = "09121234567"


def started(at, uniqueid, context="from-trunk", exten="100", linkedid=CUSTOMER, number=NUMBER, channel=""):
    return ChannelStarted(at, uniqueid, linkedid, context, exten, number, "سارا", "fa", channel)


def dials(at, caller, dialed, to="PJSIP/100", *, channel="PJSIP/trunk", context="from-trunk"):
    """Return the event of a channel that dials. Channel names end as Asterisk writes them."""
    half = ";1" if to.startswith("Local/") else ""
    return DialStarted(
        at, caller, CUSTOMER, f"{channel}-00000001", context, "100", dialed, f"{to}-00000002{half}",
        NUMBER, "سارا", "fa",
    )  # fmt: skip


def answers(at, dialed):
    return DialEnded(at, dialed, "ANSWER")


def meet(at, *channels, bridge="b-1"):
    return [BridgeEntered(at, bridge, channel, "", holding=False) for channel in channels]


def hangs_up(at, uniqueid, bridge="b-1"):
    return [
        HangupRequested(at, uniqueid, by_pbx=False),
        BridgeLeft(at, bridge, uniqueid),
        ended(at, uniqueid),
    ]


def ended(at, uniqueid, linkedid=CUSTOMER):
    return ChannelEnded(at, uniqueid, 16, linkedid)


def member(interface="PJSIP/100", name="زهرا"):
    return MemberSeen(0, "sales", interface, name, 1, False, "", 0)


class Pbx:
    """A tracker with all records that it has returned."""

    def __init__(self, *, direct=True):
        self.tracker = Tracker("pbx", contexts=CONTEXTS, direct=direct)
        self.records = []

    def hear(self, *told):
        for each in told:
            for event in each if isinstance(each, list) else [each]:
                self.records += self.tracker.apply(event)
        return self

    def of(self, kind):
        return [record for record in self.records if isinstance(record, kind)]

    def calls(self):
        return [(call.direction, call.answered, call.talks, call.talk_seconds) for call in self.of(Call)]

    def talks(self):
        return [
            (talk.agent, talk.uniqueid, talk.agent_uniqueid, talk.answered_at, talk.ended_at, talk.ended_by)
            for talk in self.of(Talk)
        ]


@pytest.fixture
def pbx():
    return Pbx()


def test_a_call_that_comes_in_and_is_answered(pbx):
    pbx.hear(started(0, CUSTOMER), started(1, PHONE, "from-internal"), dials(1, CUSTOMER, PHONE))
    pbx.hear(answers(6, PHONE), meet(6, PHONE, CUSTOMER), hangs_up(66, PHONE), ended(70, CUSTOMER))
    assert pbx.of(Call) == [
        Call(
            pbx="pbx", call_id=CUSTOMER, uniqueid=CUSTOMER, direction=Direction.IN, started_at=0, ended_at=70,
            caller_number=NUMBER, caller_name="سارا", dialed="100", language="fa", queue="", answered=True,
            queues=0, talks=1, wait_seconds=0, talk_seconds=60, partial=False,
        )
    ]  # fmt: skip
    assert pbx.talks() == [("PJSIP/100", CUSTOMER, PHONE, 6, 66, EndedBy.AGENT)]
    assert pbx.of(Talk)[0].queue == ""


def test_the_agent_is_who_the_queues_say_sits_at_the_phone(pbx):
    pbx.hear(member(), started(0, CUSTOMER), dials(1, CUSTOMER, PHONE), answers(2, PHONE))
    pbx.hear(meet(2, PHONE, CUSTOMER), hangs_up(9, CUSTOMER))
    assert pbx.talks() == [("زهرا", CUSTOMER, PHONE, 2, 9, EndedBy.CALLER)]


def test_the_next_look_at_the_queues_may_bring_another_name(pbx):
    pbx.hear(member(name="مریم"))
    pbx.tracker.resync(PbxSnapshot(0, frozenset(), (member(),), (), (), {}))
    pbx.hear(started(0, CUSTOMER), dials(1, CUSTOMER, PHONE), answers(2, PHONE))
    pbx.hear(meet(2, PHONE, CUSTOMER), hangs_up(9, CUSTOMER))
    assert [talk.agent for talk in pbx.of(Talk)] == ["زهرا"]


def test_queues_may_reach_that_phone_by_a_local_channel(pbx):
    pbx.hear(member("Local/101@from-queue/n", "علی"), member("Local/100@from-queue/n"))
    pbx.hear(started(0, CUSTOMER), dials(1, CUSTOMER, PHONE), answers(2, PHONE))
    pbx.hear(meet(2, PHONE, CUSTOMER), hangs_up(9, CUSTOMER))
    assert [(talk.agent, talk.interface) for talk in pbx.of(Talk)] == [("زهرا", "PJSIP/100")]


def test_a_call_that_goes_out_belongs_to_the_phone_that_made_it(pbx):
    trunk, phone = PHONE, CUSTOMER  # here the phone's channel is the first one
    out = dials(1, phone, trunk, "PJSIP/trunk", channel="PJSIP/100", context="macro-dialout-trunk")
    pbx.hear(member(), started(0, phone, "from-internal", NUMBER, number="100"), out)
    pbx.hear(answers(6, trunk), meet(6, trunk, phone), Held(10, phone), Unheld(13, phone))
    pbx.hear(hangs_up(20, trunk), ended(20, phone))
    (call,) = pbx.of(Call)
    assert (call.direction, call.caller_number, call.dialed) == (Direction.OUT, "100", NUMBER)
    assert pbx.talks() == [("زهرا", trunk, phone, 6, 20, EndedBy.CALLER)]
    assert (pbx.of(Talk)[0].holds, pbx.of(Talk)[0].hold_seconds) == (1, 3)


def test_a_call_between_two_phones_is_internal(pbx):
    pbx.hear(started(0, CUSTOMER, "from-internal", number="101"))
    pbx.hear(dials(1, CUSTOMER, PHONE, channel="PJSIP/101", context="macro-dial-one"), answers(2, PHONE))
    pbx.hear(meet(2, PHONE, CUSTOMER), hangs_up(9, PHONE), ended(9, CUSTOMER))
    assert pbx.calls() == [(Direction.INTERNAL, True, 1, 7)]
    assert pbx.talks() == [("PJSIP/100", CUSTOMER, PHONE, 2, 9, EndedBy.AGENT)]


def test_a_call_that_came_in_and_is_forwarded_to_a_mobile_still_came_in(pbx):
    pbx.hear(started(0, CUSTOMER), dials(1, CUSTOMER, PHONE, "PJSIP/trunk", context="macro-dialout-trunk"))
    pbx.hear(answers(2, PHONE), meet(2, PHONE, CUSTOMER), hangs_up(9, CUSTOMER), ended(9, PHONE))
    assert pbx.calls() == [(Direction.IN, True, 1, 7)]
    assert pbx.talks() == [("PJSIP/trunk", CUSTOMER, PHONE, 2, 9, EndedBy.CALLER)]


def test_nobody_answers(pbx):
    pbx.hear(started(0, CUSTOMER), started(1, PHONE, "from-internal"), dials(1, CUSTOMER, PHONE))
    pbx.hear(DialEnded(20, PHONE, "NOANSWER"), ended(20, PHONE), ended(21, CUSTOMER))
    assert pbx.calls() == [(Direction.IN, False, 0, 0)]


def test_two_phones_ring_and_one_answers(pbx):
    pbx.hear(started(0, CUSTOMER), dials(1, CUSTOMER, PHONE), dials(1, CUSTOMER, SECOND, "PJSIP/101"))
    pbx.hear(DialEnded(5, PHONE, "CANCEL"), answers(5, SECOND), DialEnded(5, PHONE, "CANCEL"))
    pbx.hear(ended(5, PHONE), meet(5, SECOND, CUSTOMER), hangs_up(9, SECOND), ended(9, CUSTOMER))
    assert [talk[0] for talk in pbx.talks()] == ["PJSIP/101"]


def test_nothing_of_it_is_recorded_unless_it_is_asked_for():
    pbx = Pbx(direct=False)
    pbx.hear(started(0, CUSTOMER), answers(6, PHONE), meet(6, PHONE, CUSTOMER), hangs_up(66, PHONE))
    pbx.hear(ended(70, CUSTOMER))
    assert pbx.records == []
    assert WANTED_FOR_DIRECT_CALLS.keys() - WANTED.keys() == {"DialBegin"}


def test_contexts_that_nobody_named_are_left_alone(pbx):
    pbx.hear(started(0, CUSTOMER, "door-phones"), dials(1, CUSTOMER, PHONE, context="door-phones"))
    pbx.hear(answers(2, PHONE), meet(2, PHONE, CUSTOMER), hangs_up(9, PHONE), ended(9, CUSTOMER))
    assert pbx.records == []


def test_a_phone_that_is_reached_by_a_local_channel_is_the_agents(pbx):
    near, far = "1.4", "1.5"
    pbx.hear(started(0, CUSTOMER), started(1, near, "from-internal"), started(1, far, "from-internal"))
    pbx.hear(LocalJoined(1, near, far), dials(1, CUSTOMER, near, "Local/100@from-internal"))
    pbx.hear(started(1, PHONE, "from-internal"), dials(1, far, PHONE, channel="Local/100@from-internal"))
    pbx.hear(answers(6, PHONE), answers(6, near))
    pbx.hear(meet(6, PHONE, far, bridge="b-2"), meet(6.1, near, CUSTOMER))
    pbx.hear(hangs_up(20, PHONE, "b-2"), hangs_up(20, near), ended(20, far), ended(21, CUSTOMER))
    assert pbx.talks() == [("PJSIP/100", CUSTOMER, PHONE, 6.1, 20, EndedBy.AGENT)]
    assert pbx.calls() == [(Direction.IN, True, 1, pytest.approx(13.9))]


def test_the_dial_behind_a_local_channel_may_be_told_before_the_dial_of_the_local_channel(pbx):
    """Dial() and Queue() send DialBegin after the Local channel has started. Its far half is another thread.

    The colleague's calls are forwarded to a mobile phone. That does not make the call outgoing.
    """
    near, far, local = "1.4", "1.5", "Local/100@from-internal"
    pbx.hear(*(started(0, each, "from-internal", linkedid=CUSTOMER) for each in (CUSTOMER, near, far)))
    pbx.hear(LocalJoined(1, near, far), started(1, PHONE, "from-internal", linkedid=CUSTOMER))
    pbx.hear(dials(1, far, PHONE, "PJSIP/trunk", channel=local, context="macro-dialout-trunk"))
    pbx.hear(dials(1, CUSTOMER, near, local, channel="PJSIP/101"), answers(6, PHONE), answers(6, near))
    pbx.hear(meet(6, PHONE, far, bridge="b-2"), meet(6.1, near, CUSTOMER), hangs_up(20, PHONE, "b-2"))
    pbx.hear(hangs_up(20, near), ended(20, far), ended(21, CUSTOMER))
    assert pbx.talks() == [("PJSIP/trunk", CUSTOMER, PHONE, 6.1, 20, EndedBy.AGENT)]
    assert pbx.calls() == [(Direction.INTERNAL, True, 1, pytest.approx(13.9))]


def test_another_phone_picks_the_call_up(pbx):
    """The phone that picks up dials a short call for this, which is no call in the records."""
    pbx.hear(started(0, CUSTOMER), started(1, PHONE, "from-internal"), dials(1, CUSTOMER, PHONE))
    pbx.hear(started(3, SECOND, "from-internal", "*8", linkedid=SECOND, number="101"))
    pbx.hear(PickedUp(4, SECOND, "PJSIP/101-00000003", PHONE), ended(4, PHONE), meet(4, SECOND, CUSTOMER))
    pbx.hear(hangs_up(9, CUSTOMER), ended(9, SECOND))
    assert pbx.talks() == [("PJSIP/101", CUSTOMER, SECOND, 4, 9, EndedBy.CALLER)]
    assert pbx.of(Talk)[0].picked_up
    assert pbx.calls() == [(Direction.IN, True, 1, 5)]


def test_click_to_call_rings_the_phone_first(pbx):
    """An Originate dials `Local/100@...`. One half calls the phone, then the other half the customer."""
    near, far, phone, customer = CUSTOMER, "1.2", "1.3", "1.4"
    local = "Local/100@from-internal"
    pbx.hear(started(0, near, "from-internal", "100"), started(0, far, "from-internal", "100"))
    pbx.hear(LocalJoined(0, near, far), dials(0, far, phone, channel=local, context="from-internal"))
    pbx.hear(answers(3, phone), meet(3, phone, far, bridge="b-2"))
    pbx.hear(dials(4, near, customer, "PJSIP/trunk", channel=local, context="macro-dialout-trunk"))
    pbx.hear(answers(10, customer), meet(10, customer, near), hangs_up(30, phone, "b-2"), ended(30, far))
    pbx.hear(ended(30, near), ended(30, customer))
    assert pbx.talks() == [("PJSIP/100", customer, phone, 10, 30, EndedBy.AGENT)]
    assert [talk.answered_at for talk in pbx.tracker.talks.memory.of_call(near)] == [10]
    assert pbx.calls() == [(Direction.OUT, True, 1, 20)]


def test_a_call_that_the_pbx_makes_to_a_phone_has_the_extension_that_follows(pbx):
    """The number of an originated call is unknown until the phone's channel dials it."""
    pbx.hear(started(0, CUSTOMER, "from-internal", "s", number=""))
    out = dials(3, CUSTOMER, PHONE, "PJSIP/trunk", channel="PJSIP/101", context="macro-dialout-trunk")
    pbx.hear(out._replace(exten="88776655", number="101"), ended(9, PHONE), ended(9, CUSTOMER))
    (call,) = pbx.of(Call)
    assert (call.direction, call.dialed, call.caller_number) == (Direction.OUT, "88776655", "101")


def test_a_blind_transfer_ends_the_first_talk_and_a_dial_begins_the_next(pbx):
    pbx.hear(started(0, CUSTOMER), dials(1, CUSTOMER, PHONE), answers(2, PHONE), meet(2, PHONE, CUSTOMER))
    pbx.hear(BlindTransferred(9, PHONE, "101"), BridgeLeft(9, "b-1", CUSTOMER), ended(9, PHONE))
    pbx.hear(dials(9, CUSTOMER, SECOND, "PJSIP/101"), answers(12, SECOND))
    pbx.hear(meet(12, SECOND, CUSTOMER, bridge="b-2"), hangs_up(20, SECOND, "b-2"), ended(20, CUSTOMER))
    assert [(talk.agent, talk.transfer, talk.talk_seconds) for talk in pbx.of(Talk)] == [
        ("PJSIP/100", Transfer.BLIND, 7),
        ("PJSIP/101", None, 8),
    ]
    assert pbx.calls() == [(Direction.IN, True, 2, 15)]


def test_a_survey_after_the_dial_knows_whom_to_rate(pbx):
    pbx.hear(started(0, CUSTOMER), dials(1, CUSTOMER, PHONE), answers(2, PHONE), meet(2, PHONE, CUSTOMER))
    pbx.hear(hangs_up(9, PHONE), BridgeLeft(9, "b-1", CUSTOMER))
    rated = pbx.tracker.talks.memory.last(CUSTOMER)
    assert (rated.queue, rated.member, rated.call_id) == ("", "PJSIP/100", CUSTOMER)


def test_no_queue_spares_the_agent_after_a_direct_call(pbx):
    pbx.tracker.agents._wrap_up_of = lambda _queue: 30.0
    pbx.hear(member(), started(0, CUSTOMER), dials(1, CUSTOMER, PHONE), answers(2, PHONE))
    pbx.hear(meet(2, PHONE, CUSTOMER), hangs_up(9, PHONE), ended(9, CUSTOMER))
    pbx.records += pbx.tracker.observation_lost(20)
    assert [interval.state for interval in pbx.of(AgentInterval)] == ["available"]


# -- calls with a queue


def joined(at, queue, uniqueid=CUSTOMER, linkedid=CUSTOMER):
    return Joined(at, uniqueid, linkedid, queue, 1, "0912", "سارا ک", "fa")


def connected(at, agent=PHONE, queue="sales", uniqueid=CUSTOMER, channel="PJSIP/100-00000002"):
    return Connected(
        at, uniqueid, CUSTOMER, queue, "PJSIP/100", "زهرا", agent, channel, 0, "0912", "سارا ک", "fa"
    )


def times_out(at, queue):
    return [
        GaveUp(at, CUSTOMER, CUSTOMER, queue, 5, 1, "0912", "سارا ک", "fa"),
        Left(at, CUSTOMER, queue),
        StatusSet(at, CUSTOMER, "", "TIMEOUT", "VarSet QUEUESTATUS"),
    ]


@pytest.mark.parametrize("direct", [False, True])
def test_a_call_waits_in_all_its_queues_until_the_first_answer(direct):
    pbx = Pbx(direct=direct).hear(started(0, CUSTOMER, exten="200"), joined(1, "sales"))
    pbx.hear(times_out(21, "sales"), joined(21, "support"), Left(25, CUSTOMER, "support"))
    pbx.hear(connected(25, queue="support"), meet(25, PHONE, CUSTOMER), hangs_up(35, PHONE))
    pbx.hear(joined(36, "sales"), HangupRequested(40, CUSTOMER, by_pbx=False), times_out(40, "sales")[:2])
    pbx.hear(ended(40, CUSTOMER))
    assert pbx.of(Call) == [
        Call(
            pbx="pbx", call_id=CUSTOMER, uniqueid=CUSTOMER, direction=Direction.IN, started_at=0, ended_at=40,
            caller_number="0912", caller_name="سارا ک", dialed="200", language="fa", queue="sales",
            answered=True, queues=3, talks=1, wait_seconds=24, talk_seconds=10, partial=False,
        )
    ]  # fmt: skip
    assert {record.call_id for record in pbx.records} == {CUSTOMER}


def test_a_call_that_nobody_answered_waited_in_all_its_queues(pbx):
    pbx.hear(started(0, CUSTOMER), joined(1, "sales"), times_out(21, "sales"), ended(22, CUSTOMER))
    (call,) = pbx.of(Call)
    assert (call.answered, call.wait_seconds, call.talks) == (False, 20, 0)


@pytest.mark.parametrize(
    ("context", "direction"),
    [("from-trunk-sip", "in"), ("from-internal", "internal"), ("somewhere", "in")],
)
def test_a_queues_call_comes_in_unless_a_context_says_otherwise(context, direction):
    pbx = Pbx(direct=False)
    pbx.hear(started(0, CUSTOMER, context), joined(1, "sales"), times_out(9, "sales"), ended(9, CUSTOMER))
    assert [call.direction for call in pbx.of(Call)] == [direction]


@pytest.mark.parametrize("order", ["called first", "dialled first"])
def test_what_a_queue_dials_is_not_a_direct_talk(pbx, order):
    called = Called(1, CUSTOMER, CUSTOMER, "sales", "PJSIP/100", "زهرا", PHONE)
    both = [called, dials(1, CUSTOMER, PHONE)]
    pbx.hear(started(0, CUSTOMER), joined(1, "sales"), both if order == "called first" else both[::-1])
    pbx.hear(answers(6, PHONE), Left(6, CUSTOMER, "sales"), connected(6))
    pbx.hear(meet(6, PHONE, CUSTOMER), hangs_up(9, PHONE), ended(9, CUSTOMER))
    assert [talk.queue for talk in pbx.of(Talk)] == ["sales"]
    assert pbx.calls() == [(Direction.IN, True, 1, 3)]


def test_a_dial_that_leads_into_a_queue_leaves_it_to_the_queue_who_talks(pbx):
    near, far = "1.4", "1.5"
    pbx.hear(started(0, CUSTOMER), started(0, near), started(0, far), LocalJoined(0, near, far))
    pbx.hear(dials(0, CUSTOMER, near, "Local/200@queues"), answers(1, near), meet(1, near, CUSTOMER))
    pbx.hear(joined(1, "sales", far), Left(6, far, "sales"), connected(6, uniqueid=far))
    pbx.hear(meet(6, PHONE, far, bridge="b-2"), hangs_up(9, PHONE, "b-2"), ended(9, far))
    pbx.hear(ended(9, near), ended(9, CUSTOMER))
    assert [(talk.queue, talk.talk_seconds) for talk in pbx.of(Talk)] == [("sales", 3)]


def test_a_transfer_to_a_phone_is_a_direct_talk_in_a_queues_call():
    pbx = Pbx().hear(started(0, CUSTOMER, "somewhere"), joined(1, "sales"), Left(6, CUSTOMER, "sales"))
    pbx.hear(connected(6), meet(6, PHONE, CUSTOMER), BlindTransferred(9, PHONE, "101"))
    pbx.hear(BridgeLeft(9, "b-1", CUSTOMER), ended(9, PHONE), dials(9, CUSTOMER, SECOND, "PJSIP/101"))
    pbx.hear(answers(12, SECOND), meet(12, SECOND, CUSTOMER), hangs_up(20, SECOND), ended(20, CUSTOMER))
    assert [(talk.queue, talk.agent) for talk in pbx.of(Talk)] == [("sales", "زهرا"), ("", "PJSIP/101")]
    assert pbx.calls() == [(Direction.IN, True, 2, 11)]


# -- unobserved parts


def snapshot(at, *channels):
    return PbxSnapshot(at, frozenset(), (), (), (), dict.fromkeys(channels, ""))


def test_a_call_whose_end_was_not_seen_is_closed_by_the_next_look_and_says_so(pbx):
    pbx.hear(started(0, CUSTOMER), dials(1, CUSTOMER, PHONE), answers(2, PHONE), meet(2, PHONE, CUSTOMER))
    pbx.records += pbx.tracker.resync(snapshot(60))
    (call,) = pbx.of(Call)
    assert (call.ended_at, call.talks, call.talk_seconds, call.partial) == (60, 1, 0, True)
    assert len(pbx.tracker.calls) == len(pbx.tracker.state.direct_calls) == 0


def test_a_call_that_asterisk_still_knows_goes_on(pbx):
    pbx.hear(started(0, CUSTOMER), started(0, PHONE))
    pbx.records += pbx.tracker.resync(snapshot(60, CUSTOMER))
    assert pbx.records == []
    pbx.hear(ended(70, CUSTOMER))
    assert [(call.ended_at, call.partial) for call in pbx.of(Call)] == [(70, True)]


def test_a_call_that_we_came_into_has_a_row_too():
    """A call in progress at the daemon's start: its visits and talks need a row of the call."""
    pbx = Pbx(direct=False)
    talk = SeenTalk(CUSTOMER, CUSTOMER, "sales", PHONE, "PJSIP/100-00000002")
    here = PbxSnapshot(60, frozenset(), (), (), (talk,), {CUSTOMER: "b-1", PHONE: "b-1"})
    pbx.records += pbx.tracker.resync(here)
    pbx.hear(hangs_up(70, PHONE), ended(71, CUSTOMER))
    (call,) = pbx.of(Call)
    assert (call.queue, call.started_at, call.ended_at) == ("sales", 60, 71)
    assert (call.talks, call.talk_seconds, call.partial) == (1, 0, True)


def test_what_is_open_when_observation_ends_is_partial(pbx):
    pbx.hear(started(0, CUSTOMER), joined(1, "sales"))
    pbx.records += pbx.tracker.finish(9)
    assert [(call.queue, call.wait_seconds, call.partial) for call in pbx.of(Call)] == [("sales", 8, True)]


def test_a_consultation_on_a_second_line_is_no_call_and_the_colleague_talks_after_the_transfer(pbx):
    consult, colleague = "2.1", "2.2"
    pbx.hear(started(0, CUSTOMER, channel="PJSIP/trunk-00000001"))
    pbx.hear(started(1, PHONE, "from-internal", channel="PJSIP/100-00000002"))
    pbx.hear(dials(1, CUSTOMER, PHONE), answers(2, PHONE), meet(2, PHONE, CUSTOMER))
    pbx.hear(started(5, consult, "from-internal", "101", consult, "100", "PJSIP/100-00000003"))
    pbx.hear(started(5, colleague, "from-internal", "s", consult, "101", "PJSIP/101-00000004"))
    asks = dials(5, consult, colleague, "PJSIP/101", channel="PJSIP/100", context="from-internal")
    pbx.hear(
        asks._replace(linkedid=consult), answers(6, colleague), meet(6, colleague, consult, bridge="b-2")
    )
    pbx.hear(BridgeLeft(10, "b-2", colleague), BridgeLeft(10, "b-1", PHONE))
    pbx.hear(BridgeEntered(10, "b-1", colleague, PHONE, holding=False))
    pbx.hear(AttendedTransferred(10, (PHONE, consult), "101", CUSTOMER, colleague))
    pbx.hear(hangs_up(10, PHONE), hangs_up(10, consult, "b-2"), ended(10, PHONE), ended(10, consult))
    pbx.hear(hangs_up(30, CUSTOMER), ended(30, CUSTOMER), ended(30, colleague, CUSTOMER))
    assert [(talk.agent, talk.talk_seconds, talk.transfer) for talk in pbx.of(Talk)] == [
        ("PJSIP/100", 8, Transfer.ATTENDED),
        ("PJSIP/101", 20, None),
    ]
    assert [(call.call_id, call.talks, call.talk_seconds) for call in pbx.of(Call)] == [(CUSTOMER, 2, 28)]


def test_a_call_without_a_queue_is_of_no_interest_unless_it_is_asked_for():
    tracker = Tracker("pbx", contexts=CONTEXTS)
    events = [started(0, CUSTOMER), dials(1, CUSTOMER, PHONE), answers(2, PHONE), *meet(2, PHONE, CUSTOMER)]
    records = [record for event in [*events, *hangs_up(9, CUSTOMER)] for record in tracker.apply(event)]
    assert [record for record in records if isinstance(record, Call)] == []


def test_an_answer_that_is_told_after_the_two_have_met_began_then(pbx):
    pbx.hear(started(0, CUSTOMER), dials(1, CUSTOMER, PHONE), meet(5, PHONE, CUSTOMER), answers(6, PHONE))
    pbx.hear(hangs_up(9, PHONE), ended(9, CUSTOMER))
    assert pbx.talks() == [("PJSIP/100", CUSTOMER, PHONE, 6, 9, EndedBy.AGENT)]


def test_a_direct_talk_and_its_dial_are_of_the_pbx_and_its_dial_is_known_while_it_lives(pbx):
    pbx.hear(started(0, CUSTOMER), dials(1, CUSTOMER, PHONE), answers(2, PHONE))
    dial = pbx.tracker.state.direct_calls.of(PHONE)
    assert (dial.caller, dial.caller_phone, dial.dialed, dial.phone) == (
        CUSTOMER, "PJSIP/trunk", PHONE, "PJSIP/100",
    )  # fmt: skip
    assert (dial.caller_local, dial.local, dial.within) == (False, False, None)
    assert PHONE in pbx.tracker.state.channels
    talk = pbx.tracker.talks.by_leg.of(CUSTOMER)
    assert (talk.pbx, talk.dialed, talk.agent, talk.picked_up) == ("pbx", PHONE, PHONE, False)
    pbx.hear(ended(9, PHONE))
    assert pbx.tracker.state.direct_calls.of(PHONE) is None


def test_the_name_of_a_phone_may_have_hyphens(pbx):
    pbx.hear(started(0, CUSTOMER), dials(1, CUSTOMER, PHONE, "PJSIP/front-desk"), answers(2, PHONE))
    assert pbx.tracker.talks.by_leg.of(CUSTOMER).interface == "PJSIP/front-desk"


def test_the_dialled_phone_is_the_agent_and_nobody_else_in_the_bridge(pbx):
    pbx.hear(started(0, CUSTOMER), dials(1, CUSTOMER, PHONE), answers(2, PHONE))
    pbx.hear(meet(2, "9.9", CUSTOMER, PHONE), ended(3, "9.9"), hangs_up(9, PHONE))
    assert [(talk.agent_uniqueid, talk.ended_at) for talk in pbx.of(Talk)] == [(PHONE, 9)]


@pytest.mark.parametrize("order", ["picked up first", "met first"])
def test_the_phone_that_picks_up_is_known_at_once(pbx, order):
    picked_up, met = PickedUp(5, SECOND, "PJSIP/101-00000009", PHONE), meet(5, SECOND, CUSTOMER)
    ring = dials(1, CUSTOMER, PHONE, "Local/100@from-internal")
    pbx.hear(started(0, CUSTOMER), ring, *([picked_up] if order == "picked up first" else [met, picked_up]))
    talk = pbx.tracker.talks.by_leg.of(CUSTOMER)
    assert (talk.agent, talk.interface, talk.picked_up) == (SECOND, "PJSIP/101", True)
    assert talk.answered_at == (0 if order == "picked up first" else 5)


def test_a_dial_whose_call_was_not_seen_begins_the_call(pbx):
    pbx.hear(dials(3, CUSTOMER, PHONE, channel="PJSIP/100", context="dialout")._replace(linkedid="0.5"))
    call = pbx.tracker.calls.by_id("0.5")
    assert (call.started_at, call.uniqueid, call.direction) == (3, CUSTOMER, Direction.OUT)


def test_the_next_answer_of_a_caller_or_an_agent_ends_the_talk_before_it(pbx):
    """The event of the first talk's end was lost. No channel is in two talks."""
    pbx.hear(started(0, CUSTOMER), dials(1, CUSTOMER, PHONE), answers(2, PHONE), meet(2, PHONE, CUSTOMER))
    pbx.hear(dials(8, CUSTOMER, SECOND, "PJSIP/101"), answers(9, SECOND))
    assert [(talk.agent, talk.ended_at, talk.partial) for talk in pbx.of(Talk)] == [("PJSIP/100", 9, True)]
    assert pbx.tracker.talks.by_leg.of(CUSTOMER).agent == SECOND
    assert pbx.tracker.talks.by_leg.of(PHONE) is None


@pytest.mark.parametrize("met", [False, True])
def test_a_local_channel_that_joins_a_queue_leaves_a_talk_that_goes_on_alone(pbx, met):
    near, far = "1.4", "1.5"
    pbx.hear(started(0, CUSTOMER), started(0, near), started(0, far), LocalJoined(0, near, far))
    pbx.hear(dials(0, CUSTOMER, near, "Local/200@queues"), answers(1, near), meet(1, near, CUSTOMER))
    if met:
        pbx.hear(meet(2, PHONE, far, bridge="b-2"))
    pbx.hear(joined(5, "sales", far))
    assert len(pbx.tracker.talks.by_leg.all()) == met


def test_a_member_that_leads_into_another_queue_leaves_the_talk_to_the_first_one(pbx):
    near, far = "1.4", "1.5"
    pbx.hear(started(0, CUSTOMER), joined(1, "sales"), LocalJoined(2, near, far), Left(3, CUSTOMER, "sales"))
    pbx.hear(connected(3, near, channel="Local/200@queues-00000001;1"), joined(4, "support", far))
    assert [talk.queue for talk in pbx.tracker.talks.by_leg.all()] == ["sales"]


# -- recordings

RECORDED = Contexts(("from-trunk*",), (), ("from-agents*", "default*"))


def heard(name, *, direct):
    wanted = WANTED_FOR_DIRECT_CALLS if direct else WANTED
    counts = MessageCounts()
    messages = Codec(wanted, counts).feed(recording(name))
    events = [read(message, float) for message in messages if isinstance(message, AnyEvent)]
    assert counts.dropped == 0
    return [event for event in events if event is not None]


def told(tracker, events):
    records = [record for event in events for record in tracker.apply(event)]
    return records + tracker.finish(events[-1].at if events else 0.0)


NAMES = [f"{path.parent.name}/{path.name.partition('.')[0]}" for path in all_recordings()]


@pytest.mark.parametrize("version", ["16", "22"])
def test_the_story_of_a_recorded_dial(version):
    records = told(
        Tracker("pbx", contexts=RECORDED, direct=True),
        heard(f"{version}/direct_dial_no_queue", direct=True),
    )
    (talk,) = [record for record in records if isinstance(record, Talk)]
    (call,) = [record for record in records if isinstance(record, Call)]
    assert (talk.agent, talk.ended_by, round(talk.talk_seconds, 1)) == ("PJSIP/a101", EndedBy.AGENT, 5.5)
    assert (call.direction, call.dialed, call.caller_number) == (Direction.IN, "direct", NUMBER)
    assert call.talk_seconds == talk.talk_seconds
    assert not call.partial


@pytest.mark.parametrize("name", NAMES)
def test_queues_are_told_the_same_with_direct_calls_on(name):
    def of_queues(*, direct):
        tracker = Tracker("pbx", contexts=RECORDED, direct=direct)
        records = told(tracker, heard(name, direct=direct))
        # A Dial may end a visit or talk that otherwise waits for two more seconds, so the order may differ.
        return Counter(record for record in records if not isinstance(record, Call) and record.queue)

    assert of_queues(direct=True) == of_queues(direct=False)


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_each_visit_and_talk_has_the_one_row_of_its_call(name, direct):
    tracker = Tracker("pbx", contexts=RECORDED, direct=direct)
    records = told(tracker, heard(name, direct=direct))
    calls = {record.call_id: record for record in records if isinstance(record, Call)}
    assert len(calls) == sum(isinstance(record, Call) for record in records)
    visits = Counter(record.call_id for record in records if isinstance(record, QueueVisit))
    talks = Counter(record.call_id for record in records if isinstance(record, Talk))
    assert {call_id: call.queues for call_id, call in calls.items() if call.queues} == visits
    assert {call_id: call.talks for call_id, call in calls.items() if call.talks} == talks
    assert len(tracker.calls) == 0


@pytest.mark.parametrize("name", NAMES)
def test_nothing_stays_behind_when_messages_are_lost(name):
    rng = random.Random(name)
    events = heard(name, direct=True)
    for _ in range(10):
        tracker = Tracker("pbx", contexts=RECORDED, direct=True)
        records = []
        for event in events:
            if rng.random() > 0.1:
                records += tracker.apply(event)
        for at in (events[-1].at + 1, events[-1].at + 60):  # a departure within the last second is not final
            records += tracker.resync(PbxSnapshot(at, frozenset(), (), (), (), {})) + tracker.tick(at + 3)
        assert len(tracker.calls) == len(tracker.state.direct_calls) == 0
        rows = Counter(record.call_id for record in records if isinstance(record, Call))
        assert set(rows.values()) <= {1}
        assert {record.call_id for record in records if isinstance(record, QueueVisit)} <= rows.keys()
