"""The tracker over a gap: what it closes, keeps, learns from the snapshot, and never guesses.

Each case occurred on a real Asterisk whose AMI link was cut during calls (pbx/test_random_calls.py).
"""

import pytest

from cc_bridge.calls.events import (
    BridgeEntered,
    BridgeLeft,
    Called,
    ChannelEnded,
    Connected,
    DialEnded,
    GaveUp,
    HangupRequested,
    Held,
    Joined,
    Left,
    MemberSeen,
    PickedUp,
    QueueRun,
    StatusSet,
    Unheld,
)
from cc_bridge.calls.pbx_snapshot import PbxSnapshot, SeenTalk
from cc_bridge.calls.tracker import Tracker
from cc_bridge.records import AgentState, Outcome, QueueVisit, Talk

CALLER, AGENT, BRIDGE = "1.1", "1.2", "b-1"
NEAR_HALF, FAR_HALF, PHONE = "1.3", "1.4", "1.5"
CLEARED = StatusSet(0, CALLER, "", "", "VarSet QUEUESTATUS")  # shows the tracker that statuses are sent


class Pbx:
    """A tracker with all records that it has returned."""

    def __init__(self):
        self.tracker = Tracker("pbx", ["sales"])
        self.records = []

    def hear(self, *events):
        for event in events:
            self.records += self.tracker.apply(event)
        return self

    def gap(self, start, end, **seen):
        """Lose observation at `start`. A snapshot at `end` reports the PBX's state."""
        self.records += self.tracker.observation_lost(start)
        self.records += self.tracker.resync(
            PbxSnapshot(
                end,
                frozenset({"sales"}),
                tuple(seen.get("members", ())),
                tuple(seen.get("waiting", ())),
                tuple(seen.get("talks", ())),
                dict(seen.get("channels", {})),
                tuple(seen.get("halves", ())),
            )
        )
        return self

    def until(self, at):
        self.records += self.tracker.tick(at)
        return self

    def outcomes(self):
        return [(r.queue, str(r.outcome)) for r in self.records if isinstance(r, QueueVisit)]

    def visit(self):
        (visit,) = (record for record in self.records if isinstance(record, QueueVisit))
        return visit

    def talks(self):
        return [record for record in self.records if isinstance(record, Talk)]

    def talk(self):
        (talk,) = self.talks()
        return talk


@pytest.fixture
def pbx():
    return Pbx()


def joined(at=0.0, queue="sales"):
    return Joined(at, CALLER, CALLER, queue, 1, "0912", "", "fa")


def left(at, queue="sales"):
    return Left(at, CALLER, queue)


def gave_up(at):
    return GaveUp(at, CALLER, CALLER, "sales", 5, 1, "0912", "", "fa")


def hangs_up(at, uniqueid=CALLER):
    return HangupRequested(at, uniqueid, by_pbx=False)


def connected(at, leg=AGENT, channel="PJSIP/alice-1"):
    interface = channel.rpartition("-")[0]
    return Connected(at, CALLER, CALLER, "sales", interface, "Alice", leg, channel, 5, "0912", "", "fa")


def meet(at, *uniqueids, bridge=BRIDGE):
    return [BridgeEntered(at, bridge, uniqueid, "", holding=False) for uniqueid in uniqueids]


def talking(pbx):
    return pbx.hear(joined(0), left(5), connected(5), *meet(5, AGENT, CALLER))


BOTH = [("sales", "Alice"), ("support", "Bob")]
TALK = SeenTalk(CALLER, CALLER, "sales", AGENT, "PJSIP/alice-1")
IN_TALK = {CALLER: BRIDGE, AGENT: BRIDGE}


# The caller is waiting when the link is lost


@pytest.mark.parametrize(
    ("told", "outcome", "left_at"),
    [
        ([left(20.1), connected(20.1)], Outcome.ANSWERED, 20.1),
        (
            [hangs_up(20.1), gave_up(20.1), left(20.2), ChannelEnded(20.2, CALLER, 16)],
            Outcome.ABANDONED,
            20.2,
        ),
        (
            [gave_up(20.1), left(20.1), StatusSet(20.1, CALLER, "", "TIMEOUT", "VarSet QUEUESTATUS")],
            Outcome.TIMED_OUT,
            20.1,
        ),
        ([left(20.1)], Outcome.LEFT_BY_KEY, 20.1),
        # The instant of leaving is unknown; the visit ends at the start of the gap.
        ([hangs_up(20.1), ChannelEnded(20.2, CALLER, 16)], Outcome.UNOBSERVED, 10),  # after an unseen talk
        ([ChannelEnded(20.2, CALLER, 16)], Outcome.UNOBSERVED, 10),
        ([], Outcome.UNOBSERVED, 10),
    ],
)
@pytest.mark.parametrize("channels", [{}, {CALLER: ""}])
def test_a_leaving_may_be_told_just_after_the_snapshot_that_does_not_show_the_caller(
    pbx, told, outcome, left_at, channels
):
    pbx.hear(joined(0)).gap(10, 20, channels=channels).hear(*told).until(22)
    assert (pbx.visit().outcome, pbx.visit().left_at) == (outcome, left_at)
    assert pbx.tracker.waiting() == []


def test_a_caller_who_waits_on_goes_on(pbx):
    pbx.hear(joined(0.4)).gap(10, 20, waiting=[joined(0)], channels={CALLER: ""})
    pbx.hear(left(30), connected(30))
    assert (pbx.visit().entered_at, pbx.visit().left_at, pbx.visit().agent) == (0.4, 30, "Alice")


@pytest.mark.parametrize("queue", ["sales", "support"])
def test_a_caller_who_came_into_another_queue_or_the_same_one_again_meanwhile(pbx, queue):
    pbx.hear(joined(0)).gap(10, 20, waiting=[joined(15, queue)], channels={CALLER: ""})
    pbx.hear(left(30, queue)).until(32)
    assert pbx.outcomes() == [("sales", "unobserved"), (queue, "left_by_key")]


def test_a_caller_who_went_on_to_the_next_queue_while_the_snapshot_was_taken(pbx):
    """Events during the snapshot follow it: the caller leaves the first queue, but is shown in the second."""
    pbx.hear(joined(0), CLEARED).gap(10, 20, waiting=[joined(20, "support")], channels={CALLER: ""})
    timed_out = StatusSet(20.011, CALLER, "", "TIMEOUT", "VarSet QUEUESTATUS")
    pbx.hear(gave_up(20.01), left(20.01), timed_out, joined(20.02, "support"), left(30, "support")).until(32)
    assert pbx.outcomes() == [("sales", "unobserved"), ("support", "left_by_key")]
    assert pbx.records[-1].entered_at == 20.02


def test_who_hung_up_before_the_gap_has_left_then(pbx):
    pbx.hear(joined(0), hangs_up(9.9)).gap(10, 20).until(22)
    assert (pbx.visit().outcome, pbx.visit().left_at) == (Outcome.ABANDONED, 9.9)


# The caller has just left when the link is lost


@pytest.mark.parametrize(("lost_at", "outcome"), [(9.01, Outcome.UNOBSERVED), (9.2, Outcome.LEFT_BY_KEY)])
def test_a_leaving_is_by_key_only_if_an_answer_would_have_been_heard(pbx, lost_at, outcome):
    pbx.hear(joined(0), left(9)).gap(lost_at, 20, channels={CALLER: ""}).until(22)
    assert pbx.visit().outcome is outcome


@pytest.mark.parametrize(
    ("lost_at", "outcome"), [(9.01, Outcome.UNOBSERVED), (9.2, Outcome.TRANSFERRED_AWAY)]
)
def test_a_caller_was_taken_away_only_if_a_reason_would_have_been_heard(pbx, lost_at, outcome):
    pbx.hear(CLEARED, joined(0), gave_up(9), left(9)).gap(lost_at, 20, channels={CALLER: ""}).until(22)
    assert pbx.visit().outcome is outcome


def test_an_agent_who_has_picked_up_may_still_be_put_through(pbx):
    pbx.hear(joined(0), Called(1, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", AGENT))
    pbx.hear(DialEnded(9.9, AGENT, "ANSWER"), left(9.9))
    pbx.gap(10, 20, channels={CALLER: "", AGENT: ""}).until(22).hear(connected(30))
    assert (pbx.visit().outcome, pbx.visit().entered_at) == (Outcome.ANSWERED, 0)


def test_a_refusal_after_the_gap_is_not_of_the_queue_that_was_called_before_it(pbx):
    pbx.hear(QueueRun(9, CALLER, CALLER, "sales", "0912", "", "fa")).gap(10, 20, channels={CALLER: ""})
    pbx.hear(StatusSet(21, CALLER, "", "FULL", "VarSet QUEUESTATUS"))
    assert pbx.outcomes() == []


# The caller is talking when the link is lost


def test_a_hold_counts_as_far_as_it_was_seen(pbx):
    talking(pbx).hear(Held(9, AGENT)).gap(10, 20, talks=[TALK], channels=IN_TALK)
    pbx.hear(Unheld(25, AGENT), Held(26, AGENT), Unheld(28, AGENT), hangs_up(30, AGENT))
    pbx.hear(BridgeLeft(30, BRIDGE, AGENT), ChannelEnded(30, AGENT, 16))
    assert (pbx.talk().holds, pbx.talk().hold_seconds, pbx.talk().partial) == (2, 3, False)


def test_a_parting_just_before_the_gap_may_not_have_been_the_end(pbx):
    talking(pbx).hear(BridgeLeft(9.99, BRIDGE, AGENT)).gap(10, 20, channels={CALLER: BRIDGE, AGENT: "b-2"})
    pbx.hear(ChannelEnded(25, AGENT, 16))
    assert pbx.talk().partial


def test_they_met_while_nobody_looked(pbx):
    pbx.hear(joined(0), left(9.99), connected(9.99)).gap(10, 20, talks=[TALK], channels=IN_TALK)
    pbx.hear(hangs_up(30), BridgeLeft(30, BRIDGE, CALLER), ChannelEnded(30, AGENT, 16))
    assert (pbx.talk().ended_at, pbx.talk().partial) == (30, True)


def test_an_answer_that_is_told_after_the_snapshot_that_shows_the_talk(pbx):
    pbx.gap(10, 20, talks=[TALK], channels=IN_TALK)
    pbx.hear(connected(19.9), *meet(19.9, AGENT, CALLER), hangs_up(30))
    pbx.hear(BridgeLeft(30, BRIDGE, CALLER), ChannelEnded(30, AGENT, 16))
    assert (pbx.talk().answered_at, pbx.talk().ended_at, pbx.talk().partial) == (19.9, 30, False)


def test_such_an_answer_says_that_another_phone_picked_the_call_up(pbx):
    bob = SeenTalk(CALLER, CALLER, "sales", AGENT, "PJSIP/bob-2")
    members = [MemberSeen(20, queue, f"PJSIP/{name.lower()}", name, 1, False, "", 0) for queue, name in BOTH]
    pbx.hear(joined(0)).gap(10, 20, talks=[bob], channels=IN_TALK, members=members)
    pbx.hear(left(19.9), connected(19.9, AGENT, "PJSIP/bob-2")._replace(interface="PJSIP/alice"))
    pbx.hear(hangs_up(30), BridgeLeft(30, BRIDGE, CALLER), ChannelEnded(30, AGENT, 16))
    talk = pbx.talk()
    assert (talk.agent, talk.interface, talk.picked_up, talk.partial) == ("Bob", "PJSIP/bob", True, False)
    assert pbx.visit().agent == "Bob"
    assert pbx.tracker.agents.state_of("Bob")[0] is not AgentState.TALKING


def test_a_talk_of_a_phone_that_is_not_in_the_queue_was_picked_up(pbx):
    bob = SeenTalk(CALLER, CALLER, "sales", AGENT, "PJSIP/bob-2")
    members = [MemberSeen(20, queue, f"PJSIP/{name.lower()}", name, 1, False, "", 0) for queue, name in BOTH]
    pbx.gap(10, 20, talks=[bob], channels=IN_TALK, members=members).hear(ChannelEnded(30, AGENT, 16))
    assert (pbx.talk().agent, pbx.talk().picked_up, pbx.talk().partial) == ("Bob", True, True)


def test_the_next_agent_answered_meanwhile(pbx):
    bob = SeenTalk(CALLER, CALLER, "support", "1.9", "PJSIP/bob-2")
    talking(pbx).gap(10, 20, talks=[bob], channels={CALLER: "b-2", "1.9": "b-2"})
    pbx.hear(hangs_up(30), BridgeLeft(30, "b-2", CALLER), ChannelEnded(30, CALLER, 16))
    assert [(talk.queue, talk.partial) for talk in pbx.talks()] == [("sales", True), ("support", True)]


# Agents behind Local channels

LOCAL = "Local/alice@agents-00000001;1"
SEEN_BEHIND = SeenTalk(CALLER, CALLER, "sales", NEAR_HALF, LOCAL)
PLACES = {CALLER: BRIDGE, NEAR_HALF: BRIDGE, FAR_HALF: "b-2", PHONE: "b-2"}
HALVES = [(NEAR_HALF, FAR_HALF)]


def test_the_halves_of_a_local_channel_are_told_by_the_snapshot_too(pbx):
    ringing = {CALLER: "", NEAR_HALF: "", FAR_HALF: "", PHONE: ""}
    pbx.hear(joined(0)).gap(10, 20, waiting=[joined(0)], channels=ringing, halves=HALVES)
    pbx.hear(DialEnded(25, PHONE, "ANSWER", FAR_HALF), *meet(25, PHONE, FAR_HALF, bridge="b-2"))
    pbx.hear(left(25), connected(25, NEAR_HALF, LOCAL))
    pbx.hear(*meet(25, NEAR_HALF, CALLER), hangs_up(30, PHONE), BridgeLeft(30, "b-2", PHONE))
    pbx.hear(ChannelEnded(30, PHONE, 16))
    talk = pbx.talk()
    assert (talk.agent_uniqueid, talk.answered_at, talk.ended_at, talk.partial) == (PHONE, 25, 30, False)


def test_a_phone_that_may_have_been_picked_up_unseen_makes_the_talk_partial(pbx):
    """The ring started before the gap, and no event names the phone that answered."""
    ringing = {CALLER: "", NEAR_HALF: "", FAR_HALF: "", PHONE: ""}
    pbx.hear(joined(0)).gap(10, 20, waiting=[joined(0)], channels=ringing, halves=HALVES)
    pbx.hear(*meet(25, PHONE, FAR_HALF, bridge="b-2"), left(25), connected(25, NEAR_HALF, LOCAL))
    pbx.hear(*meet(25, NEAR_HALF, CALLER), hangs_up(30, PHONE), BridgeLeft(30, "b-2", PHONE))
    pbx.hear(ChannelEnded(30, PHONE, 16))
    assert pbx.talk().partial


def test_a_pickup_that_was_observed_whole_is_certain_before_the_pickup_event(pbx):
    """Asterisk 16 can send Pickup after AgentConnect, which then is the first to name the phone."""
    pbx.gap(10, 20).hear(joined(21), Called(22, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", "1.9"))
    pbx.hear(left(25), connected(25, AGENT, "PJSIP/bob-2")._replace(interface="PJSIP/alice"))
    pbx.hear(*meet(25, AGENT, CALLER), PickedUp(25, AGENT, "PJSIP/bob-2", "1.9"), ChannelEnded(25, "1.9", 26))
    pbx.hear(hangs_up(30), BridgeLeft(30, BRIDGE, CALLER), ChannelEnded(30, AGENT, 16))
    assert (pbx.talk().interface, pbx.talk().picked_up, pbx.talk().partial) == ("PJSIP/bob", True, False)


def test_the_two_were_being_put_through_when_the_link_was_lost(pbx):
    places = PLACES | {CALLER: "", NEAR_HALF: ""}
    pbx.hear(joined(0), left(9.9), connected(9.9, NEAR_HALF, LOCAL)).gap(
        10, 20, channels=places, halves=HALVES
    )
    pbx.hear(*meet(20.5, NEAR_HALF, CALLER), BridgeLeft(30, "b-2", PHONE), ChannelEnded(30, PHONE, 16))
    talk = pbx.talk()
    assert (talk.agent_uniqueid, talk.answered_at, talk.ended_at) == (PHONE, 20.5, 30)


def test_a_talk_that_began_unseen_is_of_the_phone_behind(pbx):
    pbx.gap(10, 20, talks=[SEEN_BEHIND], channels=PLACES, halves=HALVES)
    pbx.hear(BridgeLeft(30, "b-2", PHONE), ChannelEnded(30, PHONE, 16))
    assert (pbx.talk().agent_uniqueid, pbx.talk().ended_at, pbx.talk().partial) == (PHONE, 30, True)


def test_who_speaks_after_a_transfer_is_not_the_agent_whom_queue_still_names(pbx):
    pbx.gap(5, 6, talks=[SEEN_BEHIND], channels=PLACES, halves=HALVES)
    pbx.hear(BridgeLeft(9, "b-2", PHONE), ChannelEnded(9, PHONE, 16), *meet(9.5, "1.6", bridge="b-2"))
    here = {uniqueid: bridge for uniqueid, bridge in PLACES.items() if uniqueid != PHONE} | {"1.6": "b-2"}
    pbx.gap(10, 20, talks=[SEEN_BEHIND], channels=here, halves=HALVES)
    pbx.hear(ChannelEnded(30, "1.6", 16), ChannelEnded(30, CALLER, 16))
    assert [(talk.agent_uniqueid, talk.ended_at) for talk in pbx.talks()] == [(PHONE, 9)]


# Without a gap


@pytest.mark.parametrize(("after", "outcome"), [(0.01, "unobserved"), (0.5, "transferred_away")])
def test_a_call_that_went_on_after_leaving_without_a_reason_was_taken_away(pbx, after, outcome):
    pbx.hear(CLEARED, joined(0), gave_up(9), left(9), ChannelEnded(9 + after, CALLER, 16))
    assert pbx.outcomes() == [("sales", outcome)]


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ([CLEARED], "transferred_away"),
        # Another queue's dialplan sends a UserEvent, this queue's may not.
        ([StatusSet(0, "9.9", "support", "FULL", "UserEvent CCQueueExit")], "unobserved"),
    ],
)
def test_a_caller_sent_to_another_queue_by_somebody(pbx, told, outcome):
    pbx.hear(*told, joined(0), gave_up(9), left(9), joined(9.001, "support"))
    assert pbx.outcomes() == [("sales", outcome)]
