"""All talks of one PBX: their participants, their phases, and the side that ends them."""

import pytest

from cc_bridge.calls.channels_and_bridges import Channels
from cc_bridge.calls.events import (
    AttendedTransferred,
    BlindTransferred,
    BridgeEntered,
    BridgeLeft,
    Held,
    LocalJoined,
    Unheld,
)
from cc_bridge.calls.open_talk import OpenTalk, TalkPhase
from cc_bridge.calls.talks import Talks
from cc_bridge.records import Direction, EndedBy, Transfer

CALLER, AGENT, OTHER, BRIDGE = "1.1", "1.2", "1.9", "b-1"
NEAR, FAR, PHONE = "1.3", "1.4", "1.5"  # an agent behind a Local channel


def talk_of(caller=CALLER, dialed=AGENT, agent=AGENT, call_id=CALLER, member="زهرا"):
    return OpenTalk("pbx", call_id, caller, "sales", member, "PJSIP/101", dialed, caller, agent)


def enters(at, uniqueid, bridge=BRIDGE, swapped="", *, holding=False):
    return BridgeEntered(at, bridge, uniqueid, swapped, holding)


class Pbx:
    """All talks of a PBX, with the ends that they reported."""

    def __init__(self):
        self.ends = []
        self.channels = Channels()
        self.talks = Talks(self.channels, lambda *end: self.ends.append(end))

    @property
    def by_leg(self):
        return self.talks.by_leg

    def hear(self, *events):
        for event in events:
            handlers = {
                BridgeEntered: self.talks.bridge_entered,
                BridgeLeft: self.talks.bridge_left,
                Held: self.talks.held,
                Unheld: self.talks.unheld,
                BlindTransferred: self.talks.blind_transferred,
                AttendedTransferred: self.talks.attended_transferred,
                LocalJoined: self.talks.local_joined,
            }
            handlers[type(event)](event)
        return self

    def talking(self, at=2.0):
        """Start a talk with a phone that the queue dials directly."""
        self.talks.begin(talk_of(), at)
        return self.hear(enters(at, AGENT), enters(at, CALLER))

    def talking_through_local(self, at=2.0):
        """Start a talk with a phone behind a Local channel."""
        self.hear(LocalJoined(at, NEAR, FAR))
        self.talks.begin(talk_of(dialed=NEAR, agent=None), at)
        self.hear(enters(at, FAR, "b-2"), enters(at, PHONE, "b-2"), enters(at, NEAR), enters(at, CALLER))
        return self

    def hangs_up(self, at, uniqueid):
        self.channels.get(uniqueid).hung_up_at = at

    def is_killed(self, at, uniqueid):
        self.channels.get(uniqueid).killed_at = at

    def summary(self):
        """Return answer, end and ending side of each ended talk, or None for a talk without a record."""
        records = [record for _, record, _ in self.ends]
        return [record and (record.answered_at, record.ended_at, record.ended_by) for record in records]

    def record(self):
        ((_, record, _),) = self.ends
        return record


@pytest.fixture
def pbx():
    return Pbx()


def test_a_talk_begins_when_both_are_in_one_bridge(pbx):
    talk = talk_of()
    pbx.talks.begin(talk, 2)
    assert (pbx.by_leg.of(CALLER), pbx.by_leg.of(AGENT), pbx.by_leg.of(OTHER)) == (
        talk,
        talk,
        None,
    )
    assert (list(pbx.by_leg.all()), pbx.talks.in_progress()) == ([talk], [])
    pbx.hear(enters(3, AGENT))
    assert talk.phase is TalkPhase.CONNECTING
    pbx.hear(enters(4, CALLER))
    assert (talk.phase, talk.answered_at) == (TalkPhase.TALKING, 4)
    assert pbx.talks.in_progress() == [talk]
    assert pbx.talks.bridges_of(talk) == [BRIDGE, BRIDGE]


def test_a_talk_of_two_who_were_in_one_bridge_before_it_was_told_begins_at_once(pbx):
    pbx.hear(enters(1, AGENT), enters(1, CALLER))
    pbx.talks.begin(talk_of(), 2)
    assert pbx.by_leg.of(CALLER).answered_at == 2


def test_the_phone_behind_a_local_channel_is_found_by_its_sound(pbx):
    pbx.talking_through_local(2)
    talk = pbx.by_leg.of(PHONE)
    assert (talk.agent, talk.dialed, talk.answered_at) == (PHONE, NEAR, 2)
    assert pbx.talks.bridges_of(talk) == [BRIDGE, "b-2"]


def test_the_phone_may_come_last(pbx):
    pbx.hear(LocalJoined(1, NEAR, FAR))
    pbx.talks.begin(talk_of(dialed=NEAR, agent=None), 2)
    pbx.hear(enters(2, NEAR), enters(2, CALLER), enters(3, FAR, "b-2"), enters(4, PHONE, "b-2"))
    assert (pbx.by_leg.of(PHONE).agent, pbx.by_leg.of(PHONE).answered_at) == (PHONE, 4)


def test_two_talks_of_one_pbx_are_two(pbx):
    pbx.talking()
    pbx.talks.begin(talk_of("2.1", "2.2", "2.2", "2.1"), 5)
    assert [talk.caller for talk in pbx.by_leg.all()] == [CALLER, "2.1"]


# The end


@pytest.mark.parametrize("first", [CALLER, AGENT])
def test_who_hangs_up_has_ended_it(pbx, first):
    pbx.talking()
    pbx.hangs_up(9, first)
    pbx.hear(BridgeLeft(9.1, BRIDGE, first))
    pbx.talks.channel_ended(first, 9.2)
    assert pbx.summary() == [(2, 9.1, EndedBy.CALLER if first == CALLER else EndedBy.AGENT)]
    assert not pbx.record().partial
    assert (pbx.by_leg.of(CALLER), pbx.by_leg.of(AGENT), list(pbx.by_leg.all())) == (
        None,
        None,
        [],
    )
    assert pbx.ends[0][2] == 9.2


def test_the_first_of_two_hang_ups_counts(pbx):
    pbx.talking()
    pbx.hangs_up(9, AGENT)
    pbx.hangs_up(8, CALLER)
    pbx.talks.channel_ended(AGENT, 9.1)
    assert pbx.summary() == [(2, 9.1, EndedBy.CALLER)]


@pytest.mark.parametrize("killed", [CALLER, AGENT])
def test_an_administrators_hang_up_is_of_the_system(pbx, killed):
    pbx.talking()
    pbx.is_killed(9, killed)
    pbx.talks.channel_ended(killed, 9.1)
    assert pbx.summary() == [(2, 9.1, EndedBy.SYSTEM)]


@pytest.mark.parametrize(("first", "ended_by"), [(AGENT, EndedBy.AGENT), (CALLER, EndedBy.SYSTEM)])
@pytest.mark.parametrize("by", ["bridge", "channel"])
def test_without_a_hang_up_it_was_the_agents_feature_code_or_a_redirect_of_the_caller(
    pbx, first, ended_by, by
):
    pbx.talking()
    if by == "bridge":
        pbx.hear(BridgeLeft(9, BRIDGE, first))
    pbx.talks.channel_ended(first, 9)
    assert pbx.summary() == [(2, 9, ended_by)]


def test_the_hang_up_of_the_phone_behind_a_local_channel_is_the_agents(pbx):
    pbx.talking_through_local()
    pbx.hangs_up(9, PHONE)
    pbx.hear(BridgeLeft(9, "b-2", PHONE))
    pbx.talks.channel_ended(PHONE, 9)
    assert pbx.summary() == [(2, 9, EndedBy.AGENT)]
    assert pbx.record().agent_uniqueid == PHONE


def test_that_hang_up_counts_though_the_caller_leaves_the_bridge_first(pbx):
    pbx.talking_through_local()
    pbx.hangs_up(9, PHONE)
    pbx.hear(BridgeLeft(9.01, BRIDGE, CALLER))
    pbx.talks.channel_ended(PHONE, 9.02)
    assert pbx.summary() == [(2, 9.01, EndedBy.AGENT)]


def test_the_end_of_a_local_half_is_not_that_of_the_talk(pbx):
    """A Local channel that is optimised away ends just after the answer."""
    pbx.talking_through_local()
    pbx.talks.channel_ended(NEAR, 3)
    assert pbx.ends == []


def test_a_ring_that_came_to_no_talk_has_an_end_and_no_record(pbx):
    talk = talk_of()
    pbx.talks.begin(talk, 2)
    pbx.talks.channel_ended(AGENT, 3)
    assert pbx.ends == [(talk, None, 3)]
    assert pbx.talks.memory.of_call(CALLER) == []


def test_a_talk_that_is_closed_without_a_parting_is_partial(pbx):
    pbx.talking()
    pbx.talks.close(pbx.by_leg.of(CALLER), 7)
    pbx.talks.sweep(60)
    assert pbx.summary() == [(2, 7, EndedBy.UNOBSERVED)]
    assert pbx.record().partial


def test_closing_it_again_tells_nothing_twice(pbx):
    pbx.talking()
    talk = pbx.by_leg.of(CALLER)
    pbx.talks.close(talk, 7)
    pbx.talks.close(talk, 8)
    assert len(pbx.ends) == 1


def test_the_end_of_an_earlier_talk_leaves_the_next_one_of_the_caller_alone(pbx):
    pbx.talking()
    first, second = pbx.by_leg.of(CALLER), talk_of(dialed="2.2", agent="2.2")
    pbx.talks.begin(second, 5)
    pbx.talks.close(first, 5)
    assert (pbx.by_leg.of(CALLER), pbx.by_leg.of("2.2"), pbx.by_leg.of(AGENT)) == (
        second,
        second,
        None,
    )


@pytest.mark.parametrize(
    ("events", "ended_by"),
    [
        ([], EndedBy.AGENT),  # the caller's dialplan continues, without any other event
        ([BridgeLeft(9, BRIDGE, CALLER)], EndedBy.SYSTEM),
        ([BridgeLeft(9, BRIDGE, CALLER), BlindTransferred(9, AGENT, "700")], EndedBy.TRANSFER),
    ],
)
def test_who_ended_it_is_known_before_it_is_settled(pbx, events, ended_by):
    assert pbx.talking().hear(*events).by_leg.of(CALLER).ending() is ended_by


# Talks whose two sides leave the bridge, and meet again


def test_a_parting_that_nothing_undoes_is_the_end_after_two_seconds(pbx):
    pbx.talking()
    pbx.hangs_up(9, CALLER)
    pbx.hear(BridgeLeft(9, BRIDGE, CALLER))
    pbx.talks.sweep(10.9)
    assert pbx.ends == []
    pbx.talks.sweep(11)
    assert pbx.summary() == [(2, 9, EndedBy.CALLER)]
    assert pbx.ends[0][2] == 11
    pbx.talks.sweep(60)
    assert len(pbx.ends) == 1


def test_two_who_meet_again_have_not_parted(pbx):
    pbx.talking().hear(BridgeLeft(9, BRIDGE, AGENT))
    assert pbx.talks.in_progress() == []
    pbx.hear(enters(9.01, AGENT))
    pbx.talks.sweep(60)
    assert pbx.ends == []
    assert len(pbx.talks.in_progress()) == 1


def test_who_leaves_is_in_no_bridge(pbx):
    pbx.talking().hear(BridgeLeft(9, BRIDGE, AGENT))
    assert pbx.talks.bridges_of(pbx.by_leg.of(CALLER)) == [BRIDGE, None]


def test_an_agent_who_joins_another_bridge_consults_while_the_caller_holds(pbx):
    pbx.talking().hear(BridgeLeft(9, BRIDGE, AGENT), enters(9.5, AGENT, "b-2"))
    talk = pbx.by_leg.of(CALLER)
    pbx.talks.sweep(60)
    assert (pbx.ends, talk.phase, talk.held_at, talk.holds) == ([], TalkPhase.CONSULTING, 9.5, 1)
    assert pbx.talks.in_progress() == [talk]
    pbx.hear(BridgeLeft(70, "b-2", AGENT), enters(70, AGENT))
    assert (talk.phase, talk.hold_seconds) == (TalkPhase.TALKING, 60.5)


def test_a_caller_who_joins_another_bridge_consults_nobody(pbx):
    """After a redirect into a conference, the agent must join the caller there, or the talk has ended."""
    pbx.talking().hear(BridgeLeft(9, BRIDGE, CALLER), enters(9.5, CALLER, "b-2"))
    assert pbx.by_leg.of(CALLER).phase is TalkPhase.PARTED
    pbx.talks.sweep(11)
    assert pbx.summary() == [(2, 9, EndedBy.SYSTEM)]


def test_who_comes_into_the_bridge_beside_them_changes_nothing(pbx):
    pbx.talking().hear(enters(5, OTHER), BridgeLeft(6, BRIDGE, OTHER))
    assert (pbx.ends, pbx.by_leg.of(OTHER)) == ([], None)
    assert pbx.by_leg.of(CALLER).phase is TalkPhase.TALKING


def test_an_agent_who_returns_to_the_waiting_room_has_ended_it(pbx):
    """With app_agent_pool, an agent's channel lasts through the whole shift."""
    pbx.talking().hear(BridgeLeft(9, BRIDGE, AGENT), enters(9.01, AGENT, "b-pool", holding=True))
    assert pbx.summary() == [(2, 9, EndedBy.AGENT)]
    assert pbx.ends[0][2] == 9.01


def test_a_caller_in_a_waiting_room_has_not_ended_it(pbx):
    pbx.talking().hear(BridgeLeft(9, BRIDGE, CALLER), enters(9.01, CALLER, "b-music", holding=True))
    assert pbx.ends == []
    assert pbx.by_leg.of(CALLER).phase is TalkPhase.PARTED


# Hold


def test_the_agents_hold_counts(pbx):
    pbx.talking().hear(Held(4, AGENT), Held(5, AGENT), Unheld(7, AGENT), Unheld(8, AGENT))
    pbx.talks.channel_ended(AGENT, 9)
    assert (pbx.record().holds, pbx.record().hold_seconds) == (1, 3)


def test_only_the_agent_holds(pbx):
    pbx.talking().hear(Held(4, CALLER), Held(4, OTHER), Unheld(5, OTHER))
    assert pbx.by_leg.of(CALLER).held_at is None
    pbx.hear(Held(6, AGENT), Unheld(7, CALLER))
    assert pbx.by_leg.of(CALLER).held_at == 6


# Transfers


@pytest.mark.parametrize("transferer", [AGENT, OTHER, CALLER])
def test_a_blind_transfer_is_of_the_agent(pbx, transferer):
    pbx.talking().hear(BlindTransferred(9, transferer, "700"), BridgeLeft(9, BRIDGE, AGENT))
    pbx.talks.channel_ended(AGENT, 9)
    transferred = transferer == AGENT
    assert pbx.record().transfer is (Transfer.BLIND if transferred else None)
    assert pbx.record().transfer_target == ("700" if transferred else None)
    assert pbx.record().ended_by is (EndedBy.TRANSFER if transferred else EndedBy.AGENT)


@pytest.mark.parametrize("transferer", [NEAR, PHONE])
def test_a_blind_transfer_may_name_the_near_half_of_a_local_channel(pbx, transferer):
    pbx.talking_through_local().hear(BlindTransferred(9, transferer, "700"))
    assert (pbx.by_leg.of(CALLER).transfer, pbx.by_leg.of(CALLER).target) == (
        Transfer.BLIND,
        "700",
    )


@pytest.mark.parametrize("transferers", [(AGENT, AGENT), (OTHER, AGENT), (AGENT, OTHER)])
def test_an_attended_transfer_ends_the_talk_when_it_completes(pbx, transferers):
    pbx.talking().hear(BridgeLeft(9, BRIDGE, AGENT), enters(9.5, AGENT, "b-2"))
    pbx.hear(AttendedTransferred(20, transferers, "102"))
    pbx.talks.sweep(21.9)
    assert pbx.ends == []
    pbx.talks.sweep(22)
    assert pbx.summary() == [(2, 20, EndedBy.TRANSFER)]
    record = pbx.record()
    assert (record.transfer, record.transfer_target) == (Transfer.ATTENDED, "102")
    assert (record.hold_seconds, record.partial) == (10.5, False)


def test_an_attended_transfer_may_be_told_after_the_agents_channel_has_ended(pbx):
    """The transfer led into a queue, in which an agent is rung. Two threads of Asterisk report it."""
    pbx.talking().hear(BridgeLeft(20, BRIDGE, CALLER), BridgeLeft(20, BRIDGE, AGENT))
    pbx.talks.channel_ended(AGENT, 20)
    pbx.hear(AttendedTransferred(20, (AGENT, OTHER), "102"))
    pbx.talks.sweep(22)
    assert pbx.summary() == [(2, 20, EndedBy.TRANSFER)]


def test_a_caller_who_ends_the_talk_by_a_code_is_told_when_no_transfer_follows(pbx):
    pbx.talking()
    pbx.talks.bridge_entered(BridgeEntered(2, BRIDGE, CALLER, "", holding=False, place="queue,s"))
    pbx.hear(BridgeLeft(20, BRIDGE, CALLER, "queue,s"), BridgeLeft(20, BRIDGE, AGENT))
    pbx.talks.channel_ended(AGENT, 20)
    assert pbx.ends == []
    pbx.talks.sweep(22)
    assert pbx.summary() == [(2, 20, EndedBy.CALLER)]


def test_two_attended_transfers_at_once_are_two(pbx):
    pbx.talking()
    pbx.talks.begin(talk_of("2.1", "2.2", "2.2", "2.1"), 2)
    pbx.hear(enters(2, "2.1", "b-9"), enters(2, "2.2", "b-9"))
    pbx.hear(AttendedTransferred(20, (AGENT, AGENT), "102"), AttendedTransferred(20, ("2.2", "2.2"), "103"))
    pbx.talks.sweep(22)
    assert [record.transfer_target for _, record, _ in pbx.ends] == ["102", "103"]


@pytest.mark.parametrize("transferers", [(OTHER, OTHER), (CALLER, CALLER)])
def test_somebody_elses_attended_transfer_changes_nothing(pbx, transferers):
    pbx.talking().hear(AttendedTransferred(20, transferers, "102"))
    pbx.talks.sweep(60)
    assert (pbx.ends, pbx.by_leg.of(CALLER).transfer) == ([], None)


# Channels that replace others in a bridge


def test_a_phone_that_takes_the_place_of_a_local_half_is_the_agent(pbx):
    """A Local channel without /n is optimised away once media flows."""
    pbx.talking_through_local()
    pbx.hear(BridgeLeft(3, "b-2", PHONE), enters(3, PHONE, BRIDGE, swapped=NEAR))
    pbx.talks.channel_ended(NEAR, 3)
    pbx.talks.channel_ended(FAR, 3)
    pbx.talks.sweep(60)
    assert pbx.ends == []
    pbx.hangs_up(70, PHONE)
    pbx.talks.channel_ended(PHONE, 70)
    assert pbx.summary() == [(2, 70, EndedBy.AGENT)]
    assert pbx.record().agent_uniqueid == PHONE


def test_a_calling_phone_may_take_the_place_of_the_callers_local_half(pbx):
    pbx.talking().hear(enters(3, OTHER, swapped=CALLER), BridgeLeft(3, BRIDGE, CALLER))
    pbx.talks.channel_ended(CALLER, 3)
    pbx.talks.sweep(60)
    assert (pbx.ends, pbx.by_leg.of(OTHER).caller) == ([], OTHER)
    pbx.hangs_up(70, OTHER)
    pbx.talks.channel_ended(OTHER, 70)
    assert pbx.summary() == [(2, 70, EndedBy.CALLER)]
    assert pbx.record().uniqueid == CALLER


def test_nothing_stays_of_a_phone_whose_place_another_took(pbx):
    """An agent behind Local/n sends REFER with Replaces: the target's channel replaces the agent's."""
    pbx.talking_through_local().hear(enters(9, OTHER, "b-2", swapped=PHONE), BridgeLeft(9, "b-2", PHONE))
    assert pbx.by_leg.of(OTHER).agent == OTHER
    for uniqueid in (PHONE, OTHER, NEAR, FAR, CALLER):
        pbx.talks.channel_ended(uniqueid, 20)
    assert len(pbx.ends) == 1
    assert list(pbx.by_leg.all()) == []


def test_who_takes_the_place_of_somebody_beside_them_is_not_of_the_talk(pbx):
    pbx.talking().hear(enters(3, OTHER), enters(4, "1.10", swapped=OTHER))
    talk = pbx.by_leg.of(CALLER)
    assert (talk.caller, talk.agent, pbx.by_leg.of("1.10")) == (CALLER, AGENT, None)


# The memory of talks


def test_the_last_talk_of_a_caller_is_remembered_ten_seconds_after_the_channel(pbx):
    pbx.talking()
    talk = pbx.by_leg.of(CALLER)
    pbx.talks.channel_ended(AGENT, 9)
    pbx.talks.sweep(60)
    assert (pbx.talks.memory.last(CALLER), pbx.talks.memory.of_call(CALLER)) == (talk, [talk])
    pbx.talks.channel_ended(CALLER, 70)
    pbx.talks.channel_ended(CALLER, 70)  # reported again by a snapshot
    pbx.talks.sweep(79.9)
    assert (pbx.talks.memory.last(CALLER), pbx.talks.memory.of_call(CALLER)) == (talk, [talk])
    pbx.talks.sweep(80)
    assert (pbx.talks.memory.last(CALLER), pbx.talks.memory.of_call(CALLER)) == (None, [])


def test_the_talks_of_two_channels_of_one_call_are_forgotten_with_the_first(pbx):
    """After a transfer behind Local/n, the caller of the second queue is a Local half."""
    pbx.talks.begin(talk_of(), 2)
    pbx.talks.begin(talk_of("2.1", "2.2", "2.2"), 5)
    assert [talk.uniqueid for talk in pbx.talks.memory.of_call(CALLER)] == [CALLER, "2.1"]
    for uniqueid in (CALLER, AGENT, "2.1", "2.2"):
        pbx.talks.channel_ended(uniqueid, 9)
    pbx.talks.sweep(19)
    assert (pbx.talks.memory.of_call(CALLER), pbx.talks.memory.last("2.1")) == ([], None)


# A lost link, and a new daemon


def test_a_hold_counts_until_the_link_is_lost(pbx):
    pbx.talking().hear(Held(4, AGENT))
    pbx.talks.observation_lost(6)
    talk = pbx.by_leg.of(CALLER)
    assert (talk.hold_seconds, talk.held_at, talk.partial) == (2, None, False)


def test_two_who_had_parted_when_the_link_was_lost_may_have_met_again(pbx):
    pbx.talking().hear(BridgeLeft(5.9, BRIDGE, AGENT))
    pbx.talks.observation_lost(6)
    assert pbx.by_leg.of(CALLER).partial


@pytest.mark.parametrize(
    ("living", "partial"),
    [
        ({CALLER: BRIDGE, AGENT: BRIDGE}, False),
        ({CALLER: "b-9", AGENT: "b-9"}, True),  # the bridge is another one, so they may have been apart
    ],
)
def test_two_who_are_still_together_have_talked_on(pbx, living, partial):
    pbx.talking()
    pbx.talks.resync(20, living, [])
    talk = pbx.by_leg.of(CALLER)
    assert (talk.phase, talk.answered_at, talk.partial) == (TalkPhase.TALKING, 2, partial)


def test_two_who_met_unseen_talk_since_an_instant_that_nobody_knows(pbx):
    pbx.hear(LocalJoined(1, NEAR, FAR))
    pbx.talks.begin(talk_of(dialed=NEAR, agent=None), 2)
    pbx.talks.resync(20, {CALLER: BRIDGE, NEAR: BRIDGE, FAR: "b-2", PHONE: "b-2"}, [(NEAR, FAR)])
    talk = pbx.by_leg.of(PHONE)
    assert (talk.phase, talk.answered_at, talk.partial) == (TalkPhase.TALKING, 20, True)


def test_who_consulted_through_the_gap_has_held_until_they_met_again(pbx):
    pbx.talking().hear(BridgeLeft(9, BRIDGE, AGENT), enters(10, AGENT, "b-2"))
    pbx.talks.resync(20, {CALLER: BRIDGE, AGENT: BRIDGE}, [])
    assert (pbx.by_leg.of(CALLER).hold_seconds, pbx.by_leg.of(CALLER).partial) == (10, True)


def restored(phase, **what):
    talk = talk_of(dialed=NEAR, agent=PHONE)
    talk.phase, talk.answered_at = phase, 2.0
    for name, value in what.items():
        setattr(talk, name, value)
    return talk


def test_restored_talks_go_on(pbx):
    talks = [restored(TalkPhase.TALKING), talk_of("2.1", "2.2", None, "2.1")]
    for talk in talks:
        pbx.talks.restore(talk)
    assert [pbx.by_leg.of(leg) for leg in (CALLER, NEAR, PHONE)] == [talks[0]] * 3
    assert [pbx.by_leg.of(leg) for leg in ("2.1", "2.2")] == [talks[1]] * 2
    assert (pbx.talks.memory.last(CALLER), pbx.talks.memory.of_call(CALLER)) == (talks[0], [talks[0]])
    pbx.talks.sweep(60)
    assert pbx.ends == []


def test_a_restored_talk_that_has_ended_is_only_remembered(pbx):
    talk = restored(TalkPhase.ENDED)
    pbx.talks.restore(talk)
    assert (pbx.talks.memory.last(CALLER), pbx.talks.memory.of_call(CALLER)) == (talk, [talk])
    assert list(pbx.by_leg.all()) == []


def test_a_restored_parting_is_the_end_unless_it_is_undone(pbx):
    for caller in (CALLER, "2.1"):
        what = {"caller": caller, "uniqueid": caller, "parted_at": 9.0, "parted_by": EndedBy.CALLER}
        pbx.talks.restore(restored(TalkPhase.PARTED, **what))
    pbx.talks.sweep(11)
    assert pbx.summary() == [(2, 9, EndedBy.CALLER)] * 2


def test_a_parting_is_forgotten_when_the_two_meet_again(pbx):
    """A Follow-Me channel is optimised away just after the answer. The talk lasts until its real end."""
    pbx.talking().hear(BridgeLeft(3, BRIDGE, AGENT), enters(3.1, AGENT))
    talk = pbx.by_leg.of(CALLER)
    assert (talk.parted_at, talk.ending()) == (0.0, EndedBy.AGENT)


def test_two_who_are_redirected_into_a_conference_continue_their_talk(pbx):
    pbx.talking()
    pbx.talks.bridge_entered(BridgeEntered(2, BRIDGE, CALLER, "", holding=False, place="queue,s"))
    pbx.hear(BridgeLeft(9, BRIDGE, CALLER, "conference,1"), BridgeLeft(9, BRIDGE, AGENT))
    pbx.talks.sweep(14)
    pbx.hear(enters(14, CALLER, "conf"), enters(14, AGENT, "conf"))
    pbx.hangs_up(30, CALLER)
    pbx.talks.channel_ended(CALLER, 30)
    assert pbx.summary() == [(2, 30, EndedBy.CALLER)]


# The dialplan itself answers, behind a Local channel


def answered_by_dialplan():
    pbx = Pbx().hear(LocalJoined(1, NEAR, FAR))
    for each in (CALLER, NEAR, FAR):
        pbx.channels.get(each)
    pbx.talks.begin(talk_of(dialed=NEAR, agent=None), 2)
    return pbx.hear(enters(2.1, NEAR), enters(2.2, CALLER))


def test_a_caller_leaves_a_voicemail():
    pbx = answered_by_dialplan()
    assert pbx.talks.in_progress() == []  # a phone may still answer
    pbx.hangs_up(8, CALLER)
    pbx.hear(BridgeLeft(8, BRIDGE, CALLER))
    pbx.talks.channel_ended(CALLER, 8.1)
    ((_talk, record, _),) = pbx.ends
    assert (record.agent, record.agent_uniqueid, record.answered_at, record.ended_at) == (
        "زهرا",
        NEAR,
        2.2,
        8,
    )
    assert (record.ended_by, record.partial) == (EndedBy.CALLER, False)
    assert [each.member for each in pbx.talks.memory.heard(CALLER)] == ["زهرا"]


def test_an_ivr_ends_the_call():
    pbx = answered_by_dialplan()
    pbx.talks.channel_ended(FAR, 7.9)
    pbx.hear(BridgeLeft(8, BRIDGE, NEAR))
    pbx.talks.channel_ended(NEAR, 8.1)
    ((_, record, _),) = pbx.ends
    assert (record.answered_at, record.ended_at, record.ended_by) == (2.2, 8, EndedBy.AGENT)


def test_an_ivr_that_dials_a_phone_is_no_agent():
    pbx = answered_by_dialplan()
    pbx.hear(enters(5, FAR, "b-2"), enters(5, PHONE, "b-2"))
    pbx.hangs_up(8, PHONE)
    pbx.hear(BridgeLeft(8, "b-2", PHONE))
    pbx.talks.channel_ended(PHONE, 8)
    ((_, record, _),) = pbx.ends
    assert (record.agent_uniqueid, record.answered_at, record.ended_at) == (PHONE, 5, 8)


def test_after_a_gap_a_phone_may_have_answered_unobserved():
    pbx = answered_by_dialplan()
    pbx.talks.observation_lost(3)
    pbx.hear(BridgeLeft(8, BRIDGE, CALLER))
    pbx.talks.channel_ended(CALLER, 8.1)
    assert [record for _, record, _ in pbx.ends] == [None]


def test_an_internal_caller_transfers_and_the_one_who_stays_is_the_customer(pbx):
    joined = []
    pbx.talks = Talks(
        pbx.channels,
        lambda *end: pbx.ends.append(end),
        lambda customer, channel: joined.append((customer.channel, channel)),
    )
    talk = talk_of()
    talk.direction = Direction.INTERNAL
    pbx.talks.begin(talk, 2)
    pbx.hear(enters(2, AGENT), enters(2, CALLER))
    pbx.hear(BridgeLeft(5, BRIDGE, CALLER), enters(5, OTHER))
    joined.clear()
    pbx.hear(AttendedTransferred(5, (CALLER, "1.8"), "102", AGENT, OTHER))
    assert (talk.transfer, talk.target) == (Transfer.ATTENDED, "102")
    assert joined == [(AGENT, OTHER)]
