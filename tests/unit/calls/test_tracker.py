"""The tracker with scripted events: a start during calls, snapshots, lost messages."""

import pytest

from cc_bridge.calls.agents import Agents
from cc_bridge.calls.checkpoint_format import CallCheckpoint, from_json
from cc_bridge.calls.events import (
    BlindTransferred,
    BridgeEntered,
    BridgeLeft,
    Called,
    ChannelEnded,
    ChannelStarted,
    Connected,
    DialEnded,
    GaveUp,
    HangupRequested,
    Joined,
    Left,
    LocalJoined,
    MemberGone,
    MemberSeen,
    PickedUp,
    QueueRun,
    StatusSet,
)
from cc_bridge.calls.pbx_snapshot import PbxSnapshot, SeenTalk
from cc_bridge.calls.tracker import Tracker
from cc_bridge.calls.visit import STATUS_OUTCOMES, VisitPhase
from cc_bridge.records import (
    AgentInterval,
    AgentState,
    Direction,
    EndedBy,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    Talk,
)

CALLER, AGENT, BRIDGE = "1.1", "1.2", "b-1"


def joined(at=0.0, queue="sales", position=1):
    return Joined(at, CALLER, CALLER, queue, position, "0912", "سارا", "fa")


def connected(at, agent=AGENT, hold_time=0):
    return Connected(
        at,
        CALLER,
        CALLER,
        "sales",
        "PJSIP/alice",
        "Alice",
        agent,
        "PJSIP/alice-1",
        hold_time,
        "0912",
        "سارا",
        "fa",
    )


def gave_up(at, hold_time=5):
    return GaveUp(at, CALLER, CALLER, "sales", hold_time, 1, "0912", "سارا", "fa")


def member(status=1, *, paused=False, wrap_up=0):
    return MemberSeen(0.0, "sales", "PJSIP/alice", "Alice", status, paused, "", wrap_up)


def snapshot(at, *, waiting=(), channels=(), members=(), talks=()):
    return PbxSnapshot(at, frozenset({"sales"}), tuple(members), tuple(waiting), tuple(talks), dict(channels))


class Calls:
    """A tracker with all records that it has returned."""

    def __init__(self):
        self.tracker = Tracker("pbx", ["sales"])
        self.records = []

    def hear(self, *events):
        for event in events:
            self.records += self.tracker.apply(event)
        return self

    def talk_until_now(self):
        return self.hear(
            joined(0),
            Called(0.1, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", AGENT),
            DialEnded(2, AGENT, "ANSWER"),
            Left(2, CALLER, "sales"),
            connected(2),
            BridgeEntered(2.1, BRIDGE, AGENT, "", holding=False),
            BridgeEntered(2.2, BRIDGE, CALLER, "", holding=False),
        )

    def of(self, kind):
        return [record for record in self.records if isinstance(record, kind)]

    def outcomes(self):
        return [(str(visit.outcome), visit.decided_by) for visit in self.of(QueueVisit)]


@pytest.fixture
def calls():
    return Calls()


def test_an_abandon_needs_a_hang_up(calls):
    calls.hear(joined(0), HangupRequested(5, CALLER, by_pbx=False), gave_up(5), Left(5, CALLER, "sales"))
    assert calls.outcomes() == [("abandoned", "HangupRequest")]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("TIMEOUT", Outcome.TIMED_OUT),
        ("LEAVEEMPTY", Outcome.LEAVE_EMPTY),
        ("LEAVEUNAVAIL", Outcome.LEAVE_UNAVAILABLE),
        ("WITHDRAW", Outcome.TRANSFERRED_AWAY),
    ],
)
@pytest.mark.parametrize("told_by", ["VarSet QUEUESTATUS", "UserEvent CCQueueExit"])
def test_queuestatus_tells_why_the_queue_gave_the_caller_up(calls, status, outcome, told_by):
    queue = "sales" if told_by.startswith("User") else ""
    calls.hear(
        joined(0), gave_up(5), Left(5, CALLER, "sales"), StatusSet(5.1, CALLER, queue, status, told_by)
    )
    assert calls.outcomes() == [(outcome, told_by)]
    assert calls.of(QueueVisit)[0].wait_seconds == 5


def test_given_up_without_a_reason_is_unobserved_not_a_guess(calls):
    calls.hear(joined(0), gave_up(5), Left(5, CALLER, "sales"), ChannelEnded(9, CALLER, 16))
    assert calls.outcomes() == [("unobserved", "Hangup")]
    assert calls.of(QueueVisit)[0].left_at == 5


def test_leaving_without_any_reason_is_by_key_once_it_has_settled(calls):
    calls.hear(joined(0), Left(5, CALLER, "sales"))
    assert calls.outcomes() == []
    calls.records += calls.tracker.tick(6.5)
    assert calls.outcomes() == [("left_by_key", "QueueCallerLeave")]


def test_an_answer_may_follow_the_leaving(calls):
    calls.hear(joined(0), Left(5, CALLER, "sales"), connected(5.001))
    assert calls.outcomes() == [("answered", "AgentConnect")]


def test_a_caller_taken_over_from_a_snapshot_keeps_the_wait(calls):
    calls.records += calls.tracker.resync(snapshot(100, waiting=[joined(70)], channels={CALLER: ""}))
    assert [visit.entered_at for visit in calls.tracker.waiting()] == [70]
    calls.hear(joined(69.7), Called(100.5, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", AGENT))
    calls.hear(DialEnded(101, AGENT, "ANSWER"), Left(101, CALLER, "sales"), connected(101))
    (visit,) = calls.of(QueueVisit)
    assert (visit.entered_at, visit.left_at, visit.outcome) == (69.7, 101, Outcome.ANSWERED)


def test_a_caller_whom_the_snapshot_does_not_know_is_unobserved(calls):
    calls.hear(joined(0))
    calls.records += calls.tracker.resync(snapshot(60))
    assert calls.tracker.waiting() == []
    calls.records += calls.tracker.tick(61)
    assert calls.outcomes() == [("unobserved", "QueueStatus")]
    assert calls.of(QueueVisit)[0].left_at == 60
    assert len(calls.tracker.state.channels) == 0


def test_in_mid_session_a_difference_counts_when_it_is_seen_twice(calls):
    """A caller may have left while the snapshot was made, and the event is still to come."""
    calls.hear(joined(0))
    calls.records += calls.tracker.resync(snapshot(60), fresh=False)
    assert calls.outcomes() == []
    assert calls.tracker.unconfirmed_differences > 0
    calls.records += calls.tracker.resync(snapshot(63), fresh=False)
    assert calls.tracker.unconfirmed_differences == 0
    calls.records += calls.tracker.tick(64)
    assert calls.outcomes() == [("unobserved", "QueueStatus")]


def test_a_doubt_that_an_event_explains_is_forgotten(calls):
    calls.hear(joined(0))
    calls.records += calls.tracker.resync(snapshot(60), fresh=False)
    calls.hear(HangupRequested(59.9, CALLER, by_pbx=False), gave_up(59.9), Left(59.9, CALLER, "sales"))
    calls.records += calls.tracker.resync(snapshot(63), fresh=False)
    assert calls.outcomes() == [("abandoned", "HangupRequest")]


def test_a_caller_whom_we_missed_is_taken_over_in_mid_session_when_seen_twice(calls):
    here = snapshot(60, waiting=[joined(50)], channels={CALLER: ""})
    calls.tracker.resync(here, fresh=False)
    assert calls.tracker.waiting() == []
    calls.tracker.resync(here, fresh=False)
    assert [visit.entered_at for visit in calls.tracker.waiting()] == [50]


def test_a_talk_that_began_unseen_is_followed_but_has_no_duration(calls):
    seen = SeenTalk(CALLER, CALLER, "sales", AGENT, "PJSIP/alice-00000001")
    here = snapshot(60, members=[member(2)], talks=[seen], channels={CALLER: BRIDGE, AGENT: BRIDGE})
    calls.records += calls.tracker.resync(here)
    assert calls.tracker.talks.memory.last(CALLER).member == "Alice"
    calls.hear(
        HangupRequested(70, AGENT, by_pbx=False), BridgeLeft(70, BRIDGE, AGENT), ChannelEnded(70, AGENT, 16)
    )
    (talk,) = calls.of(Talk)
    assert (talk.agent, talk.ended_at, talk.ended_by, talk.partial) == ("Alice", 70, EndedBy.AGENT, True)


def test_a_call_that_another_phone_picked_up_belongs_to_that_phone(calls):
    calls.hear(MemberSeen(0, "sales", "PJSIP/bob", "بهار", 1, False, "", 0))
    calls.hear(
        joined(0), Called(1, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", "1.9"), Left(2, CALLER, "sales")
    )
    calls.hear(connected(2)._replace(agent_channel="PJSIP/bob-00000002"))
    calls.hear(
        BridgeEntered(2, BRIDGE, AGENT, "", holding=False),
        BridgeEntered(2, BRIDGE, CALLER, "", holding=False),
    )
    calls.hear(ChannelEnded(9, AGENT, 16))
    (talk,) = calls.of(Talk)
    assert (talk.agent, talk.interface, talk.picked_up) == ("بهار", "PJSIP/bob", True)
    assert calls.of(QueueVisit)[0].agent == "بهار"


def test_a_transfer_may_be_told_after_the_caller_is_in_the_next_queue(calls):
    calls.talk_until_now()
    calls.hear(
        BridgeLeft(9, BRIDGE, CALLER), joined(9, queue="support"), BlindTransferred(9.001, AGENT, "support")
    )
    calls.hear(BridgeLeft(9.002, BRIDGE, AGENT), ChannelEnded(9.003, AGENT, 16))
    (talk,) = calls.of(Talk)
    assert (talk.ended_at, talk.ended_by, talk.transfer_target) == (9, EndedBy.TRANSFER, "support")
    assert [visit.queue for visit in calls.tracker.waiting()] == ["support"]


def test_a_transfer_may_name_the_near_half_of_a_local_channel(calls):
    near = "1.3"
    calls.hear(joined(0), connected(2, agent=near)._replace(agent_channel="Local/alice@agents-00000001;1"))
    calls.hear(LocalJoined(2, near, "1.4"), BridgeEntered(2, "b-2", "1.4", "", holding=False))
    calls.hear(
        BridgeEntered(2, "b-2", AGENT, "", holding=False), BridgeEntered(2, BRIDGE, near, "", holding=False)
    )
    calls.hear(BridgeEntered(2, BRIDGE, CALLER, "", holding=False), BlindTransferred(9, near, "300"))
    calls.hear(BridgeLeft(9, BRIDGE, CALLER), ChannelEnded(9, AGENT, 16))
    (talk,) = calls.of(Talk)
    assert (talk.agent_uniqueid, talk.ended_by, talk.transfer_target) == (AGENT, EndedBy.TRANSFER, "300")


def test_a_channel_that_asterisk_no_longer_knows_is_swept(calls):
    calls.talk_until_now()
    for at in (60, 63):
        calls.records += calls.tracker.resync(snapshot(at), fresh=False)
    assert [talk.ended_by for talk in calls.of(Talk)] == [EndedBy.UNOBSERVED]
    assert len(calls.tracker.state.channels) == 0


def test_a_talk_whose_agent_is_gone_ends_unobserved(calls):
    calls.talk_until_now()
    calls.records += calls.tracker.resync(snapshot(60, channels={CALLER: ""}))
    (talk,) = calls.of(Talk)
    assert (talk.answered_at, talk.ended_at, talk.ended_by) == (2.2, 60, EndedBy.UNOBSERVED)


def test_a_talk_that_goes_on_survives_a_snapshot(calls):
    calls.talk_until_now()
    calls.records += calls.tracker.resync(snapshot(60, channels={CALLER: BRIDGE, AGENT: BRIDGE}))
    assert calls.of(Talk) == []
    calls.hear(
        HangupRequested(70, AGENT, by_pbx=False), BridgeLeft(70, BRIDGE, AGENT), ChannelEnded(70.1, AGENT, 16)
    )
    (talk,) = calls.of(Talk)
    assert (talk.answered_at, talk.ended_at, talk.ended_by) == (2.2, 70, EndedBy.AGENT)


def test_an_answer_whose_joining_was_missed_began_when_asterisk_says(calls):
    calls.hear(connected(100, hold_time=30))
    (visit,) = calls.of(QueueVisit)
    assert (visit.entered_at, visit.outcome, visit.position) == (70, Outcome.ANSWERED, 0)


def test_an_agents_channel_that_vanishes_ends_the_talk(calls):
    calls.talk_until_now().hear(ChannelEnded(30, AGENT, 16))
    (talk,) = calls.of(Talk)
    assert talk.talk_seconds == pytest.approx(27.8)


def test_a_parting_that_nothing_explains_is_the_end_after_two_seconds(calls):
    calls.talk_until_now().hear(BridgeLeft(30, BRIDGE, AGENT))
    assert calls.of(Talk) == []
    calls.records += calls.tracker.tick(32.1)
    assert [talk.ended_at for talk in calls.of(Talk)] == [30]


def test_the_last_talk_is_known_while_the_caller_lives_and_a_little_longer(calls):
    calls.talk_until_now().hear(BridgeLeft(30, BRIDGE, AGENT), ChannelEnded(30, AGENT, 16))
    assert calls.tracker.talks.memory.last(CALLER).member == "Alice"
    calls.hear(ChannelEnded(50, CALLER, 16))
    calls.tracker.tick(55)
    assert calls.tracker.talks.memory.last(CALLER).member == "Alice"
    calls.tracker.tick(61)
    assert calls.tracker.talks.memory.last(CALLER) is None


def test_the_talks_of_a_call_are_known_in_their_order_as_long_as_the_last_one(calls):
    calls.talk_until_now()
    calls.hear(BridgeLeft(9, BRIDGE, CALLER), joined(9, queue="support"))
    calls.hear(connected(10, agent="1.7")._replace(queue="support", member="Bob", interface="PJSIP/bob"))
    calls.hear(
        BridgeEntered(10, "b-2", "1.7", "", holding=False),
        BridgeEntered(10, "b-2", CALLER, "", holding=False),
    )
    assert [talk.member for talk in calls.tracker.talks.memory.of_call(CALLER)] == ["Alice", "Bob"]
    calls.hear(ChannelEnded(12, CALLER, 16))
    calls.tracker.tick(30)
    assert calls.tracker.talks.memory.of_call(CALLER) == []


def test_only_the_first_dial_end_counts(calls):
    calls.hear(joined(0), Called(1, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", AGENT))
    calls.hear(DialEnded(11, AGENT, "NOANSWER"), DialEnded(12, AGENT, "CANCEL"), ChannelEnded(12, AGENT, 0))
    (ring,) = calls.of(Ring)
    assert (ring.ring_seconds, ring.outcome) == (10, RingOutcome.NO_ANSWER)


@pytest.mark.parametrize(
    ("status", "cause", "outcome"),
    [
        ("NOANSWER", 17, RingOutcome.BUSY),
        ("NOANSWER", 21, RingOutcome.DECLINED),
        ("BUSY", 17, RingOutcome.BUSY),
        ("CHANUNAVAIL", 20, RingOutcome.CONGESTION),
        ("CANCEL", 26, RingOutcome.CALLER_GONE),
        ("NOANSWER", 26, RingOutcome.NO_ANSWER),
        ("CANCEL", 0, RingOutcome.CALLER_GONE),
    ],
)
def test_how_a_ring_ended(calls, status, cause, outcome):
    calls.hear(joined(0), Called(1, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", AGENT))
    calls.hear(DialEnded(2, AGENT, status), ChannelEnded(2, AGENT, cause))
    assert [ring.outcome for ring in calls.of(Ring)] == [outcome]


def test_a_phone_that_forwards_the_ring_neither_answers_nor_loses_the_caller(calls):
    calls.hear(joined(0), PHONE_RINGS, DialEnded(3, AGENT, "CANCEL", CALLER, forwarded=True))
    calls.hear(ChannelEnded(3, AGENT, 23))
    assert [(ring.ring_seconds, ring.outcome) for ring in calls.of(Ring)] == [(2, RingOutcome.FORWARDED)]
    assert calls.of(QueueVisit) == []
    calls.hear(gave_up(9), Left(9, CALLER, "sales"), StatusSet(9, CALLER, "", "TIMEOUT", "VarSet"))
    assert [(visit.outcome, visit.ringing) for visit in calls.of(QueueVisit)] == [(Outcome.TIMED_OUT, False)]


FORWARD = [  # the queue dials Local/bob instead, and PJSIP/bob behind it answers
    DialEnded(3, AGENT, "CANCEL", CALLER, forwarded=True),
    LocalJoined(3, "1.5", "1.6"),
    ChannelEnded(3, AGENT, 23),
    DialEnded(5, "1.7", "ANSWER", "1.6", dialed_channel="PJSIP/bob-7"),
    DialEnded(5, "1.5", "ANSWER", CALLER, dialed_channel="Local/bob@agents-1;1"),
]


def connected_by_forward(at):
    return connected(at, agent="1.5")._replace(agent_channel="Local/bob@agents-1;1")


@pytest.mark.parametrize("known", [True, False])
def test_who_answers_a_forwarded_ring_is_not_the_agent_who_was_rung(calls, known):
    if known:
        calls.hear(member()._replace(interface="PJSIP/bob", name="Bob"))
    calls.hear(joined(0), PHONE_RINGS, *FORWARD, Left(5, CALLER, "sales"), connected_by_forward(5))
    calls.hear(
        BridgeEntered(5, "b-2", "1.7", "", holding=False), BridgeEntered(5, "b-2", "1.6", "", holding=False)
    )
    calls.hear(BridgeEntered(5, BRIDGE, "1.5", "", holding=False))
    calls.hear(BridgeEntered(5, BRIDGE, CALLER, "", holding=False), ChannelEnded(9, CALLER, 16))
    bob = ("Bob" if known else "PJSIP/bob", "PJSIP/bob")
    assert [(ring.agent, ring.outcome) for ring in calls.of(Ring)] == [("Alice", RingOutcome.FORWARDED)]
    assert [(visit.agent, visit.interface) for visit in calls.of(QueueVisit)] == [bob]
    assert [(talk.agent, talk.interface, talk.talk_seconds) for talk in calls.of(Talk)] == [(*bob, 4)]


def test_after_a_forward_that_nobody_answers_the_next_agent_is_credited(calls):
    calls.hear(joined(0), PHONE_RINGS, *FORWARD[:3], DialEnded(6, "1.5", "NOANSWER", CALLER))
    calls.hear(ChannelEnded(6, "1.5", 0), ChannelEnded(6, "1.6", 0), ChannelEnded(6, "1.7", 0))
    carol = PHONE_RINGS._replace(member="Carol", interface="Local/3@agents/n", ring_uniqueid="1.8")
    calls.hear(carol, DialEnded(8, "1.8", "ANSWER", CALLER))
    answer = connected(8, agent="1.8")
    calls.hear(answer._replace(agent_channel="Local/3@agents-2;1", member="Carol", interface=carol.interface))
    assert [ring.outcome for ring in calls.of(Ring)] == [RingOutcome.FORWARDED, RingOutcome.ANSWERED]
    assert [visit.agent for visit in calls.of(QueueVisit)] == ["Carol"]


def test_a_phone_behind_a_local_channel_that_forwards_the_ring(calls):
    rung = PHONE_RINGS._replace(interface="Local/1@agents/n", ring_uniqueid="1.3")
    calls.hear(joined(0), rung, LocalJoined(1, "1.3", "1.4"))
    calls.hear(DialEnded(3, AGENT, "CANCEL", "1.4", forwarded=True))
    calls.hear(LocalJoined(3, "1.5", "1.6"))
    calls.hear(FORWARD[3], DialEnded(5, "1.5", "ANSWER", "1.4", dialed_channel="Local/bob@agents-1;1"))
    calls.hear(DialEnded(5, "1.3", "ANSWER", CALLER), Left(5, CALLER, "sales"))
    answer = connected(5, agent="1.3")
    calls.hear(answer._replace(agent_channel="Local/1@agents-9;1", interface=rung.interface))
    assert [(ring.agent, ring.outcome) for ring in calls.of(Ring)] == [("Alice", RingOutcome.FORWARDED)]
    assert [visit.agent for visit in calls.of(QueueVisit)] == ["PJSIP/bob"]


@pytest.mark.parametrize("dial_ends", [True, False])
def test_no_ring_of_a_lost_call_was_answered_elsewhere(calls, dial_ends):
    """With the option C of Queue(), phones that stop ringing have the hangup cause 26."""
    phones = "1.7", "1.8"
    calls.hear(joined(0), *(PHONE_RINGS._replace(ring_uniqueid=phone) for phone in phones))
    calls.hear(*WAYS_TO_LEAVE[Outcome.ABANDONED])
    for phone in phones:
        calls.hear(*[DialEnded(5, phone, "CANCEL")] * dial_ends, ChannelEnded(5, phone, 26))
    outcome = RingOutcome.CALLER_GONE if dial_ends else RingOutcome.UNOBSERVED
    assert [ring.outcome for ring in calls.of(Ring)] == [outcome, outcome]


@pytest.mark.parametrize("phone_ends_first", [True, False])
def test_the_phone_whose_ring_another_one_picks_up_is_answered_elsewhere(calls, phone_ends_first):
    calls.hear(joined(0), PHONE_RINGS, PickedUp(5, "9.1", "PJSIP/bob-00000009", AGENT))
    taken, ended = [Left(5, CALLER, "sales"), connected(5, agent="9.1")], [ChannelEnded(5, AGENT, 0)]
    calls.hear(*(ended + taken if phone_ends_first else taken + ended))
    assert [ring.outcome for ring in calls.of(Ring)] == [RingOutcome.ANSWERED_ELSEWHERE]
    assert [visit.outcome for visit in calls.of(QueueVisit)] == [Outcome.ANSWERED]


def test_a_member_who_leaves_the_queue_is_gone(calls):
    calls.hear(member(), MemberGone(1, "sales", "PJSIP/alice"))
    assert calls.tracker.members == {}


def test_all_that_is_open_at_the_end_is_unobserved(calls):
    calls.talk_until_now().hear(Joined(3, "9.9", "9.9", "sales", 1, "", "", ""))
    calls.hear(Called(4, "9.9", "9.9", "sales", "PJSIP/bob", "Bob", "9.8"))
    calls.records.clear()
    calls.records += calls.tracker.finish(10)
    assert calls.outcomes() == [("unobserved", "end of observation")]
    assert [talk.ended_by for talk in calls.of(Talk)] == [EndedBy.UNOBSERVED]
    assert [ring.outcome for ring in calls.of(Ring)] == [RingOutcome.UNOBSERVED]


PHONE_RINGS = Called(1, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", AGENT)
RING_CANCELLED = DialEnded(5, AGENT, "CANCEL")
PHONE_ENDED = ChannelEnded(5, AGENT, 0)
WAYS_TO_LEAVE = {
    Outcome.ABANDONED: [HangupRequested(5, CALLER, by_pbx=False), gave_up(5), Left(5, CALLER, "sales")],
    Outcome.TIMED_OUT: [gave_up(5), Left(5, CALLER, "sales"), StatusSet(5, CALLER, "", "TIMEOUT", "VarSet")],
    Outcome.LEFT_BY_KEY: [Left(5, CALLER, "sales"), ChannelEnded(9, CALLER, 16)],
}


@pytest.mark.parametrize("outcome", WAYS_TO_LEAVE)
@pytest.mark.parametrize("cancelled", [(RING_CANCELLED,), (RING_CANCELLED, PHONE_ENDED)])
def test_a_phone_that_rang_when_the_caller_left_is_told_whatever_the_way(calls, outcome, cancelled):
    calls.hear(joined(0), PHONE_RINGS, *cancelled, *WAYS_TO_LEAVE[outcome])
    (visit,) = calls.of(QueueVisit)
    assert (visit.outcome, visit.ringing) == (outcome, True)


@pytest.mark.parametrize("outcome", WAYS_TO_LEAVE)
def test_a_phone_that_stopped_ringing_before_the_caller_left_is_not_told(calls, outcome):
    calls.hear(joined(0), PHONE_RINGS, DialEnded(3, AGENT, "NOANSWER"), *WAYS_TO_LEAVE[outcome])
    (visit,) = calls.of(QueueVisit)
    assert (visit.outcome, visit.ringing) == (outcome, False)


def test_a_caller_who_is_answered_left_no_phone_ringing(calls):
    calls.hear(joined(0), PHONE_RINGS._replace(ring_uniqueid="1.9"), DialEnded(2, "1.9", "CANCEL"))
    calls.hear(ChannelEnded(2, "1.9", 0), PHONE_RINGS, DialEnded(5, AGENT, "ANSWER"))
    calls.hear(Left(5, CALLER, "sales"), connected(5))
    (visit,) = calls.of(QueueVisit)
    assert (visit.outcome, visit.ringing) == (Outcome.ANSWERED, False)


@pytest.mark.parametrize("status", ["FULL", "JOINEMPTY", "JOINUNAVAIL"])
def test_a_caller_whom_the_queue_refuses_has_a_visit_of_no_position(calls, status):
    calls.hear(QueueRun(3, CALLER, "0.9", "sales", "0912", "سارا", "fa"))
    calls.hear(StatusSet(3.5, CALLER, "", status, "VarSet QUEUESTATUS"))
    assert calls.of(QueueVisit) == [
        QueueVisit(
            pbx="pbx",
            call_id="0.9",
            uniqueid=CALLER,
            queue="sales",
            entered_at=3,
            left_at=3.5,
            outcome=STATUS_OUTCOMES[status],
            agent=None,
            interface=None,
            position=0,
            caller_number="0912",
            caller_name="سارا",
            language="fa",
            ringing=False,
            decided_by="VarSet QUEUESTATUS",
        )
    ]


def test_a_caller_who_was_refused_is_so_once(calls):
    calls.hear(QueueRun(3, CALLER, CALLER, "sales", "0912", "سارا", "fa"))
    calls.hear(StatusSet(3.5, CALLER, "", "FULL", "VarSet QUEUESTATUS"))
    calls.hear(StatusSet(3.6, CALLER, "sales", "FULL", "UserEvent CCQueueExit"))
    assert calls.outcomes() == [("queue_full", "VarSet QUEUESTATUS")]


@pytest.mark.parametrize("dial_ended", [(), (DialEnded(2.3, "1.9", "CANCEL"),)])
def test_the_other_phones_of_an_answered_call_were_answered_elsewhere(calls, dial_ended):
    calls.hear(joined(0), PHONE_RINGS, PHONE_RINGS._replace(interface="PJSIP/bob", ring_uniqueid="1.9"))
    calls.hear(DialEnded(2, AGENT, "ANSWER"), Left(2, CALLER, "sales"), connected(2))
    calls.hear(BridgeEntered(2.1, BRIDGE, AGENT, "", holding=False))
    calls.hear(BridgeEntered(2.2, BRIDGE, CALLER, "", holding=False), *dial_ended)
    calls.hear(ChannelEnded(2.5, "1.9", 0))
    assert [(ring.interface, ring.ended_at, ring.outcome) for ring in calls.of(Ring)] == [
        ("PJSIP/alice", 2, RingOutcome.ANSWERED),
        ("PJSIP/bob", 2.3 if dial_ended else 2.5, RingOutcome.ANSWERED_ELSEWHERE),
    ]


def test_a_ring_belongs_to_the_call_of_its_visit(calls):
    calls.hear(joined(0), PHONE_RINGS._replace(linkedid="0.5"), DialEnded(3, AGENT, "BUSY"))
    calls.hear(ChannelEnded(3, AGENT, 17))
    assert [ring.call_id for ring in calls.of(Ring)] == [CALLER]


# Consequences of lost messages


def test_a_leaving_that_nobody_can_place_is_unexpected(calls):
    calls.hear(Left(5, CALLER, "sales"))
    assert (calls.records, calls.tracker.unexpected) == ([], 1)


def test_a_caller_who_joins_the_next_queue_talks_no_more(calls):
    """The event BridgeLeave was lost."""
    calls.talk_until_now().hear(joined(9, queue="support"))
    (talk,) = calls.of(Talk)
    assert (talk.ended_at, talk.ended_by, talk.partial) == (9, EndedBy.UNOBSERVED, True)


def test_a_joining_that_only_corrects_the_snapshots_instant_ends_no_talk(calls):
    calls.tracker.resync(snapshot(1, waiting=[joined(0)], channels={CALLER: ""}))
    talk = SeenTalk(CALLER, CALLER, "sales", AGENT, "PJSIP/alice-1")
    here = {CALLER: BRIDGE, AGENT: BRIDGE}
    calls.tracker.resync(snapshot(2, waiting=[joined(0)], talks=[talk], channels=here))
    calls.hear(joined(0.4))
    assert calls.of(Talk) == []
    assert len(calls.tracker.talks.in_progress()) == 1


def test_the_next_answer_ends_the_talk_before_it(calls):
    calls.talk_until_now().hear(connected(9, agent="1.7"))
    (talk,) = calls.of(Talk)
    assert (talk.agent_uniqueid, talk.ended_at, talk.partial) == (AGENT, 9, True)
    assert calls.tracker.talks.by_leg.of(CALLER).agent == "1.7"


def test_an_answer_that_is_told_after_the_two_have_met(calls):
    calls.hear(joined(0))
    calls.hear(*[BridgeEntered(1.9, BRIDGE, leg, "", holding=False) for leg in (AGENT, CALLER)])
    calls.hear(connected(2), ChannelEnded(9, AGENT, 16))
    assert [talk.answered_at for talk in calls.of(Talk)] == [2]


def test_an_agent_whose_phone_is_known_is_nobody_else_in_the_bridge(calls):
    """A supervisor listens in the same bridge."""
    calls.hear(joined(0), Left(2, CALLER, "sales"), connected(2))
    calls.hear(*[BridgeEntered(2, BRIDGE, leg, "", holding=False) for leg in ("7.7", CALLER, AGENT)])
    calls.hear(ChannelEnded(5, "7.7", 16), ChannelEnded(9, AGENT, 16))
    assert [(talk.agent_uniqueid, talk.ended_at) for talk in calls.of(Talk)] == [(AGENT, 9)]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        # An agent's mobile phone, called through a trunk.
        (
            {"interface": "PJSIP/0912@trunk", "agent_channel": "PJSIP/trunk-00000002"},
            ("Alice", "PJSIP/0912@trunk", False),
        ),
        # A Local channel that was optimised away before the answer was reported.
        (
            {"interface": "Local/alice@agents", "agent_uniqueid": "1.9"},
            ("Alice", "Local/alice@agents", False),
        ),
        # Picked up by a phone that no queue has as a member. Its name has a hyphen.
        (
            {"agent_uniqueid": "1.9", "agent_channel": "PJSIP/front-desk-00000002"},
            ("PJSIP/front-desk", "PJSIP/front-desk", True),
        ),
        # Answered by the second of two phones, whose AgentCalled was lost.
        (
            {
                "agent_uniqueid": "1.9",
                "interface": "PJSIP/bob",
                "member": "Bob",
                "agent_channel": "PJSIP/bob-1",
            },
            ("Bob", "PJSIP/bob", False),
        ),
    ],
)
def test_who_answered(calls, told, expected):
    calls.hear(joined(0), Called(1, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", AGENT))
    calls.hear(connected(2)._replace(**told))
    talk = calls.tracker.talks.by_leg.of(CALLER)
    assert (talk.member, talk.interface, talk.picked_up) == expected
    assert [(visit.agent, visit.interface) for visit in calls.of(QueueVisit)] == [expected[:2]]


def test_what_an_agent_does_is_told_by_rings_and_answers(calls):
    calls.hear(member(), joined(0), Called(1, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", AGENT))
    assert calls.tracker.agents.state_of("Alice") == (AgentState.RINGING, 1)
    calls.hear(DialEnded(2, AGENT, "ANSWER"), Left(2, CALLER, "sales"), connected(2))
    assert calls.tracker.agents.state_of("Alice") == (AgentState.TALKING, 2)
    assert {interval.pbx for interval in calls.of(AgentInterval)} == {"pbx"}


@pytest.mark.parametrize(
    "event",
    [
        Called(11, "9.9", "9.9", "sales", "PJSIP/alice", "Alice", "9.8"),
        member()._replace(at=11),
        MemberGone(11, "sales", "PJSIP/alice"),
        HangupRequested(11, "9.9", by_pbx=False),
    ],
)
def test_an_event_a_second_later_settles_a_leaving_whatever_it_is_about(calls, event):
    calls.hear(member(), joined(0), Left(10, CALLER, "sales"))
    calls.records.clear()
    calls.hear(event)
    assert calls.outcomes() == [("left_by_key", "QueueCallerLeave")]


def test_a_channel_that_starts_is_known(calls):
    calls.hear(ChannelStarted(1, "7.1", "7.1", "x", "600", "", "", ""))
    assert "7.1" in calls.tracker.state.channels


@pytest.mark.parametrize(
    ("hang_ups", "ended_by"),
    [
        ([(8, AGENT, True)], EndedBy.SYSTEM),
        ([(8, AGENT, True), (8.5, CALLER, False), (9, AGENT, True)], EndedBy.SYSTEM),
        ([(8, CALLER, False), (8.5, AGENT, True), (9, CALLER, False)], EndedBy.CALLER),
    ],
)
def test_the_first_request_to_hang_up_tells_who_ended_the_talk(calls, hang_ups, ended_by):
    calls.talk_until_now()
    calls.hear(*[HangupRequested(at, leg, by_pbx=by_pbx) for at, leg, by_pbx in hang_ups])
    calls.hear(BridgeLeft(9, BRIDGE, AGENT), ChannelEnded(9, AGENT, 16))
    assert [talk.ended_by for talk in calls.of(Talk)] == [ended_by]


def test_queues_are_known_by_configuration_members_callers_and_snapshots(calls):
    calls.hear(member()._replace(queue="billing"), joined(0, queue="support"))
    calls.tracker.resync(PbxSnapshot(1, frozenset({"night"}), (), (), (), {}))
    assert set(calls.tracker.queues) == {"sales", "billing", "support", "night"}


def test_a_member_who_was_never_seen_may_go(calls):
    calls.hear(MemberGone(1, "sales", "PJSIP/nobody"))
    assert calls.records == []


# The clock


@pytest.mark.parametrize(("read", "ended"), [(8.0, []), (7.75, [10])])
def test_a_clock_that_was_put_back_ends_everything(calls, read, ended):
    calls.talk_until_now()
    calls.tracker.observation_lost(10)
    calls.records += calls.tracker.resync(snapshot(read, channels={CALLER: BRIDGE, AGENT: BRIDGE}))
    assert [talk.ended_at for talk in calls.of(Talk)] == ended


def test_two_who_met_in_a_gap_talk_since_the_snapshot(calls):
    calls.hear(joined(0), Left(5, CALLER, "sales"), connected(5))
    calls.tracker.observation_lost(6)
    calls.tracker.resync(snapshot(20, channels={CALLER: BRIDGE, AGENT: BRIDGE}))
    assert calls.tracker.talks.by_leg.of(CALLER).answered_at == 20


def test_what_a_snapshot_puts_right_in_mid_session_is_written_down(calls):
    calls.hear(joined(0))
    calls.tracker.changes()
    calls.tracker.resync(snapshot(60), fresh=False)
    assert calls.tracker.changes() == []
    calls.tracker.resync(snapshot(63), fresh=False)
    (change,) = calls.tracker.changes()
    (visit,) = from_json(CallCheckpoint, change.state).visits
    assert (visit.phase, visit.left_at) == (VisitPhase.MISSED, 63)


def test_a_ring_at_the_end_of_observation_ended_then(calls):
    calls.hear(joined(0), Called(1, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", AGENT))
    calls.records += calls.tracker.finish(10)
    assert [ring.ended_at for ring in calls.of(Ring)] == [10]


# Changes by time alone


def test_the_wrap_up_begins_with_the_parting_and_not_when_it_is_taken_as_the_end(calls):
    calls.tracker = Tracker("pbx", ["sales"], Agents("pbx", lambda _: 10.0))
    calls.hear(member()).talk_until_now().hear(BridgeLeft(30, BRIDGE, AGENT))
    calls.tracker.tick(32.1)
    assert calls.tracker.agents.state_of("Alice") == (AgentState.WRAP_UP, 30)


def test_a_talk_that_has_ended_knows_whose_call_it_was(calls):
    calls.hear(ChannelStarted(0, CALLER, CALLER, "x", "600", "0912", "سارا", "fa")).talk_until_now()
    calls.tracker.calls.of(CALLER).direction = Direction.IN
    calls.hear(ChannelEnded(9, AGENT, 16))
    talk = calls.tracker.talks.memory.last(CALLER)
    assert (talk.number, talk.language, talk.direction) == ("0912", "fa", Direction.IN)
    assert calls.of(Talk)[0].pbx == "pbx"


CALL = "0.5"  # no channel of the test has this id


def kept(calls):
    return {each.name: from_json(CallCheckpoint, each.state) for each in calls.tracker.changes()}


def test_a_leaving_that_settles_is_written_down(calls):
    calls.hear(joined(0)._replace(linkedid=CALL), Left(5, CALLER, "sales"))
    assert len(kept(calls)[CALL].visits) == 1
    calls.tracker.tick(6)
    assert kept(calls)[CALL].visits == []


def test_a_parting_that_becomes_the_end_is_written_down(calls):
    calls.hear(joined(0)._replace(linkedid=CALL)).talk_until_now().hear(BridgeLeft(30, BRIDGE, AGENT))
    assert [talk.ended for talk in kept(calls)[CALL].talks] == [False]
    calls.tracker.tick(32)
    assert [talk.ended for talk in kept(calls)[CALL].talks] == [True]


def test_a_channel_that_ends_is_no_longer_written_down(calls):
    for uniqueid in (CALLER, AGENT):
        calls.hear(ChannelStarted(1, uniqueid, CALL, "x", "600", "", "", ""))
    assert kept(calls)[CALL].call.channels == [CALLER, AGENT]
    calls.hear(ChannelEnded(2, AGENT, 16))
    assert kept(calls)[CALL].call.channels == [CALLER]


# Agents' phones


def busy(at, status=3, interface="PJSIP/alice", **fields):
    return MemberSeen(at, "sales", interface, "Alice", status, paused=False, reason="", wrap_up=0)._replace(
        **fields
    )


@pytest.mark.parametrize(
    ("interface", "channel"),
    [
        ("PJSIP/alice", "PJSIP/alice-0000001a"),
        ("Local/1001@from-queue/n", "PJSIP/1001-0000001a"),
        ("SIP/1001", "SIP/1001-0000001a"),
    ],
)
def test_a_busy_phone_without_a_channel_is_set_to_do_not_disturb(calls, interface, channel):
    agents = calls.tracker.agents
    calls.hear(busy(1, 1, interface), busy(2, 3, interface))
    assert agents.state_of("Alice") == (AgentState.UNREACHABLE, 2)
    assert agents.counts() == {("sales", AgentState.UNREACHABLE): 1}
    assert agents.checkpoint("Alice").reason == "do_not_disturb"
    calls.hear(busy(3, 1, interface))
    assert agents.state_of("Alice") == (AgentState.AVAILABLE, 3)
    (interval,) = [each for each in calls.of(AgentInterval) if each.started_at == 2]
    assert (interval.state, interval.reason) == (AgentState.UNREACHABLE, "do_not_disturb")
    # With device_state_busy_at=1 a phone on a call is busy too.
    calls.hear(ChannelStarted(4, "9.1", "9.1", "agents", "s", "", "", "", channel), busy(5, 3, interface))
    assert agents.state_of("Alice") == (AgentState.TALKING, 5)


def test_another_phone_s_channel_does_not_make_a_busy_phone_talk(calls):
    calls.hear(busy(1, 1), ChannelStarted(2, "9.1", "9.1", "agents", "s", "", "", "", "PJSIP/bob-1"), busy(3))
    assert calls.tracker.agents.state_of("Alice") == (AgentState.UNREACHABLE, 3)


def test_a_snapshot_shows_do_not_disturb(calls):
    calls.tracker.resync(snapshot(5, members=[busy(5)], channels={}))
    assert calls.tracker.agents.state_of("Alice") == (AgentState.UNREACHABLE, 5)


def test_a_pause_that_began_before_the_daemon_is_shown_from_its_start(calls):
    agents = calls.tracker.agents
    paused = busy(1000, 1, paused=True, reason="lunch", paused_at=400)
    calls.tracker.resync(snapshot(1000, members=[paused, paused._replace(queue="support", paused_at=500)]))
    assert agents.state_of("Alice") == (AgentState.PAUSED, 500)  # in every queue
    calls.hear(paused._replace(at=1100, paused=False, queue="sales"))
    (interval,) = calls.of(AgentInterval)
    assert (interval.started_at, interval.ended_at) == (1000, 1100)  # only what was observed counts
    calls.hear(paused._replace(at=1200, paused_at=1200))
    assert agents.state_of("Alice") == (AgentState.PAUSED, 1200)


def test_a_realtime_member_that_is_deleted_while_ringing_does_not_ring_on(calls):
    calls.hear(
        busy(0, 1), joined(0), Called(1, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", AGENT), busy(1.1, 6)
    )
    assert calls.tracker.agents.state_of("Alice")[0] is AgentState.RINGING
    calls.hear(DialEnded(5, AGENT, "NOANSWER"), ChannelEnded(5, AGENT, 16, CALLER))
    assert calls.tracker.agents.state_of("Alice") == (AgentState.AVAILABLE, 5)
