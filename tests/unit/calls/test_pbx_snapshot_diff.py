"""The live state compared with a snapshot of Asterisk: differences that count, and their correction."""

import pytest

from cc_bridge.calls.agents import Agents
from cc_bridge.calls.direct_calls import Contexts
from cc_bridge.calls.events import Called, ChannelStarted, Joined, Left, LocalJoined, MemberSeen
from cc_bridge.calls.live_state import LiveState
from cc_bridge.calls.open_talk import OpenTalk, TalkPhase
from cc_bridge.calls.pbx_snapshot import PbxSnapshot, SeenTalk
from cc_bridge.calls.pbx_snapshot_diff import PbxSnapshotDiff
from cc_bridge.records import AgentState, Outcome, QueueVisit, Ring, RingOutcome, Talk

CALLER, AGENT, BRIDGE, CALL = "1.2", "1.3", "b-1", "1.1"
NEAR, FAR = "1.4", "1.5"
TALKING = {CALLER: BRIDGE, AGENT: BRIDGE}


class Pbx:
    def __init__(self):
        self.state = LiveState("pbx", ["sales"], Agents("pbx"), Contexts(), direct=False)
        self.diff = PbxSnapshotDiff(self.state)

    def see(self, at=60.0, *, fresh=True, gone_at=50.0, waiting=(), talks=(), channels=(), members=()):
        self.state.members.update({(each.queue, each.interface): each for each in members})
        seen = PbxSnapshot(at, frozenset(), tuple(members), tuple(waiting), tuple(talks), dict(channels))
        return self.diff.apply(seen, fresh=fresh, gone_at=gone_at)

    def waits(self, at=1.0, queue="sales"):
        self.state.visits.joined(joined(at, queue))
        self.state.channels.get(CALLER)
        return self

    def rings(self):
        self.state.channels.get(AGENT)
        self.state.rings.called(Called(2, CALLER, CALL, "sales", "PJSIP/101", "زهرا", AGENT))
        return self

    def talks(self, *, dialed=AGENT, agent=AGENT, bridges=(BRIDGE, BRIDGE)):
        talk = OpenTalk("pbx", CALL, CALLER, "sales", "زهرا", "PJSIP/101", dialed, CALLER, agent)
        for leg, bridge in zip((CALLER, agent or dialed), bridges, strict=True):
            self.state.channels.entered_bridge(leg, bridge)
        self.state.begin_talk(talk, 3.0)
        if bridges[0] != bridges[1]:
            talk.bridged(3.0)
        return self

    def told(self, kind):
        return [record for record in self.state.completed if isinstance(record, kind)]


@pytest.fixture
def pbx():
    return Pbx()


def joined(at=1.0, queue="sales"):
    return Joined(at, CALLER, CALL, queue, 1, "0912", "سارا", "fa")


def seen_talk(channel="PJSIP/101-00000002", agent=AGENT, queue="sales"):
    return SeenTalk(CALLER, CALL, queue, agent, channel)


def member(interface, name, queue="sales"):
    return MemberSeen(0, queue, interface, name, 1, False, "", 0)


def test_where_nothing_differs_nothing_is_put_right(pbx):
    pbx.waits()
    assert not pbx.see(waiting=[joined()], channels={CALLER: ""})
    assert pbx.diff.unconfirmed == set()
    assert pbx.state.completed == []


@pytest.mark.parametrize("fresh", [True, False])
def test_a_difference_counts_at_once_at_the_begin_of_a_session_and_else_when_seen_twice(pbx, fresh):
    pbx.waits().rings().talks()
    differences = {
        ("ring", AGENT),
        ("visit", CALLER, "sales"),
        ("talk", CALLER, "sales", "3.0"),
        ("channel", AGENT),
    }
    assert pbx.see(fresh=fresh) is fresh
    assert pbx.diff.unconfirmed == (set() if fresh else differences)
    assert pbx.see(61, fresh=fresh) is not fresh
    assert pbx.diff.unconfirmed == set()
    (ring,), (talk,) = pbx.told(Ring), pbx.told(Talk)
    assert (ring.ended_at, ring.outcome) == (50, RingOutcome.UNOBSERVED)
    assert (talk.ended_at, talk.partial) == (50, True)
    assert AGENT not in pbx.state.channels


def test_a_difference_that_the_next_snapshot_does_not_show_was_none(pbx):
    pbx.waits()
    pbx.see(fresh=False)
    assert not pbx.see(61, fresh=False, waiting=[joined()], channels={CALLER: ""})
    assert pbx.diff.unconfirmed == set()
    assert not pbx.see(62, fresh=False)  # counted as seen for the first time
    assert pbx.state.completed == []


@pytest.mark.parametrize(("wait_differs", "same"), [(2.4, True), (-2.4, True), (2.5, False), (-2.5, False)])
def test_a_caller_whose_wait_is_another_one_has_joined_again(pbx, wait_differs, same):
    pbx.waits(10.0)
    assert pbx.see(waiting=[joined(10.0 + wait_differs)], channels={CALLER: ""}) is not same
    assert pbx.state.visits.of(CALLER).entered_at == 10 + (0 if same else wait_differs)


def test_a_caller_who_is_just_leaving_is_not_missed(pbx):
    pbx.waits()
    pbx.state.visits.left(Left(49.9, CALLER, "sales"), picked_up=False, ringing=False)
    assert not pbx.see(channels={CALLER: ""})


def test_the_channel_of_a_caller_who_may_be_leaving_waits_for_that(pbx):
    pbx.waits()
    pbx.see()
    assert CALLER in pbx.state.channels
    pbx.state.visits.sweep(61)
    assert CALLER not in pbx.state.channels
    (visit,) = pbx.told(QueueVisit)
    assert (visit.outcome, visit.left_at) == (Outcome.UNOBSERVED, 50)


def test_a_channel_of_which_only_the_call_is_known_is_gone_too(pbx):
    pbx.state.calls.started(ChannelStarted(1, "7.1", "7.1", "x", "600", "", "", ""))
    assert pbx.see()
    assert len(pbx.state.calls) == 0


def test_a_phone_that_rings_on_rings_on(pbx):
    pbx.waits().rings()
    assert not pbx.see(waiting=[joined()], channels={CALLER: "", AGENT: ""})
    assert AGENT in pbx.state.rings


# Talks that continue, or not


@pytest.mark.parametrize(
    ("channels", "goes_on"),
    [
        (TALKING, True),
        ({CALLER: "b-9", AGENT: "b-9"}, True),
        ({CALLER: BRIDGE, AGENT: "b-2"}, False),
        ({CALLER: BRIDGE, AGENT: ""}, False),
        ({CALLER: "", AGENT: ""}, False),
        ({CALLER: BRIDGE}, False),
    ],
)
def test_a_talk_goes_on_while_both_are_in_one_bridge(pbx, channels, goes_on):
    pbx.talks()
    pbx.see(channels=channels)
    assert len(pbx.state.talks.by_leg.all()) == goes_on


@pytest.mark.parametrize(("agents_bridge", "goes_on"), [("b-2", True), ("", False)])
def test_a_phone_behind_a_local_channel_is_in_another_bridge(pbx, agents_bridge, goes_on):
    pbx.talks(dialed=NEAR, bridges=(BRIDGE, "b-2"))
    pbx.see(channels={CALLER: BRIDGE, AGENT: agents_bridge})
    assert len(pbx.state.talks.by_leg.all()) == goes_on


@pytest.mark.parametrize("phase", [TalkPhase.CONNECTING, TalkPhase.CONSULTING, TalkPhase.PARTED])
@pytest.mark.parametrize(("channels", "goes_on"), [({CALLER: "", AGENT: "b-2"}, True), ({CALLER: ""}, False)])
def test_two_who_do_not_speak_now_need_only_live(pbx, phase, channels, goes_on):
    pbx.talks()
    pbx.state.talks.by_leg.of(CALLER).phase = phase
    pbx.see(channels=channels)
    assert len(pbx.state.talks.by_leg.all()) == goes_on


# Callers in the snapshot that are unknown to us


def test_a_caller_whose_joining_was_not_seen_is_taken_over(pbx):
    assert pbx.see(waiting=[joined(40)], channels={CALLER: ""})
    visit = pbx.state.visits.of(CALLER)
    assert (visit.entered_at, visit.approximate) == (40, True)


def test_in_mid_session_a_caller_or_talk_is_taken_over_when_seen_twice(pbx):
    here = {"waiting": [joined(40)._replace(uniqueid="8.1")], "talks": [seen_talk()], "channels": TALKING}
    assert not pbx.see(fresh=False, **here)
    assert pbx.diff.unconfirmed == {("joined talk", CALLER), ("entry", "8.1", "sales")}
    assert pbx.see(61, fresh=False, **here)
    assert len(pbx.state.visits) == len(pbx.state.talks.by_leg.all()) == 1


def test_a_talk_that_began_unseen(pbx):
    for uniqueid in TALKING:
        pbx.state.channels.entered_bridge(uniqueid, BRIDGE)
    pbx.see(talks=[seen_talk()], channels=TALKING, members=[member("PJSIP/101", "زهرا")])
    talk = pbx.state.talks.by_leg.of(AGENT)
    assert (talk.pbx, talk.call_id, talk.uniqueid, talk.caller) == ("pbx", CALL, CALLER, CALLER)
    assert (talk.queue, talk.member, talk.interface) == ("sales", "زهرا", "PJSIP/101")
    assert (talk.dialed, talk.agent, talk.picked_up, talk.partial) == (AGENT, AGENT, False, True)
    assert (talk.phase, talk.answered_at) == (TalkPhase.TALKING, 60)
    call = pbx.state.calls.by_id(CALL)
    assert (call.queue, call.started_at, call.channels) == ("sales", 60, [CALLER])


def test_the_agent_of_a_talk_that_began_unseen_talks_since_then(pbx):
    alice = member("PJSIP/101", "زهرا")
    pbx.state.agents.member_seen(alice)
    pbx.see(talks=[seen_talk()], channels=TALKING, members=[alice])
    assert pbx.state.agents.state_of("زهرا") == (AgentState.TALKING, 60)


def test_the_call_of_such_a_talk_keeps_the_queue_it_came_into(pbx):
    pbx.state.calls.get_or_begin(CALL, CALLER, 1.0).queue = "support"
    pbx.see(talks=[seen_talk()], channels=TALKING)
    assert pbx.state.calls.by_id(CALL).queue == "support"


@pytest.mark.parametrize(
    ("channel", "members", "expected"),
    [
        ("PJSIP/101-00000002", [], ("PJSIP/101", "PJSIP/101", False)),
        ("PJSIP/front-desk-00000002", [], ("PJSIP/front-desk", "PJSIP/front-desk", False)),
        ("PJSIP/101-2", [member("PJSIP/101", "زهرا", "support")], ("زهرا", "PJSIP/101", False)),
        # A phone that is no member of the queue has picked the call up.
        ("PJSIP/101-2", [member("PJSIP/102", "بهار")], ("PJSIP/101", "PJSIP/101", True)),
        (
            "PJSIP/101-2",
            [member("PJSIP/102", "بهار"), member("PJSIP/101", "زهرا", "support")],
            ("زهرا", "PJSIP/101", True),
        ),
        # FreePBX: the channel's name lacks the option of the interface.
        (
            "Local/101@from-queue-00000002;1",
            [member("Local/101@from-queue/n", "زهرا")],
            ("زهرا", "Local/101@from-queue/n", False),
        ),
    ],
)
def test_whose_talk_began_unseen(pbx, channel, members, expected):
    pbx.see(talks=[seen_talk(channel)], channels=TALKING, members=members)
    talk = pbx.state.talks.by_leg.of(CALLER)
    assert (talk.member, talk.interface, talk.picked_up) == expected
    assert talk.agent == AGENT


def test_the_phone_behind_the_local_half_of_such_a_talk_is_not_known_yet(pbx):
    pbx.state.talks.local_joined(LocalJoined(1, NEAR, FAR))
    here = {CALLER: BRIDGE, NEAR: BRIDGE, FAR: "b-2"}
    pbx.see(talks=[seen_talk("Local/101@q-1;1", NEAR)], channels=here)
    talk = pbx.state.talks.by_leg.of(CALLER)
    assert (talk.dialed, talk.agent) == (NEAR, None)


def test_a_talk_that_is_known_is_not_begun_again(pbx):
    pbx.talks()
    assert not pbx.see(talks=[seen_talk()], channels=TALKING)
    assert pbx.state.talks.by_leg.of(CALLER).answered_at == 3


def test_a_transferred_talk_that_goes_on_with_somebody_else_is_not_the_agents(pbx):
    """Asterisk's Queue() still names the agent that it dialled."""
    pbx.talks()
    pbx.state.talks.close(pbx.state.talks.by_leg.of(CALLER), 20)
    assert not pbx.see(talks=[seen_talk()], channels=TALKING)
    assert list(pbx.state.talks.by_leg.all()) == []


def test_a_known_talk_that_goes_on_is_not_ended_for_another_that_asterisk_names(pbx):
    pbx.talks()
    pbx.see(talks=[seen_talk(agent="1.9")], channels=TALKING | {"1.9": BRIDGE})
    assert pbx.state.talks.by_leg.of(CALLER).agent == AGENT
