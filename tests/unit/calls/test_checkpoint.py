"""Open calls outlive the tracker: their checkpoints, kills at any moment, and the records afterwards.

The calls are recorded ones. The successor of a killed tracker gets the last checkpoint, a snapshot of the PBX
at its start, and the remaining events.
"""

import json
from functools import cache

import pytest
from hypothesis import given, settings, strategies as st

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import AnyEvent
from cc_bridge.calls import events as ev
from cc_bridge.calls.agents import Agents
from cc_bridge.calls.ami_events import WANTED_FOR_DIRECT_CALLS, read
from cc_bridge.calls.checkpoint_format import AgentCheckpoint, CallCheckpoint, from_json, to_json
from cc_bridge.calls.direct_calls import Contexts
from cc_bridge.calls.pbx_snapshot import PbxSnapshot, SeenTalk
from cc_bridge.calls.tracker import Tracker
from cc_bridge.records import (
    AgentInterval,
    AgentState,
    Call,
    Direction,
    OpenStateRecord,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    Talk,
    Transfer,
)
from support.paths import FIXTURES
from support.recordings import all_recordings, recording

NAMES = [f"{path.parent.name}/{path.name.removesuffix('.ami.gz')}" for path in all_recordings()]
KEYS = {
    Call: ("call_id",),
    QueueVisit: ("uniqueid", "queue", "entered_at"),
    Ring: ("ring_uniqueid", "started_at"),
    Talk: ("uniqueid", "agent_uniqueid", "answered_at"),
    AgentInterval: ("agent", "started_at"),
}


@cache
def events_of(name):
    messages = Codec(WANTED_FOR_DIRECT_CALLS).feed(recording(name))
    typed = (read(message, float) for message in messages if isinstance(message, AnyEvent))
    return [event for event in typed if event is not None and event.at]


def key(record):
    return type(record), *(getattr(record, name) for name in KEYS[type(record)])


class Pbx:
    """A PBX whose state follows the events. It can give a snapshot of its state."""

    def __init__(self):
        self.bridges, self.waiting, self.members, self.halves, self.talks = {}, {}, {}, [], {}
        self.names = {}

    def hear(self, event):  # noqa: C901  # one case an event
        match event:
            case ev.ChannelStarted():
                self.bridges[event.uniqueid] = ""
                self.names[event.uniqueid] = event.channel
            case ev.ChannelEnded():
                self.bridges.pop(event.uniqueid, None)
            case ev.BridgeEntered():
                self.bridges[event.uniqueid] = event.bridge
            case ev.BridgeLeft() if event.uniqueid in self.bridges:
                self.bridges[event.uniqueid] = ""
            case ev.Joined():
                self.waiting[event.uniqueid] = event
            case ev.Left():
                self.waiting.pop(event.uniqueid, None)
            case ev.AttendedTransferred(into_application=True) if event.transferers[1] in self.waiting:
                entry = self.waiting.pop(event.transferers[1])
                self.waiting[event.transferee] = entry._replace(uniqueid=event.transferee)
            case ev.LocalJoined():
                self.halves.append((event.one, event.two))
            case ev.Connected():
                self.talks[event.uniqueid] = event
            case ev.MemberSeen():
                self.members[event.queue, event.interface] = event
            case ev.MemberGone():
                self.members.pop((event.queue, event.interface), None)

    def snapshot(self, at):
        waiting = [entry._replace(at=at - int(at - entry.at)) for entry in self.waiting.values()]
        talks = [
            SeenTalk(e.uniqueid, e.linkedid, e.queue, e.agent_uniqueid, e.agent_channel)
            for e in self.talks.values()
            if self.bridges.get(e.uniqueid) and self.bridges[e.uniqueid] == self.bridges.get(e.agent_uniqueid)
        ]
        members = tuple(self.members.values())
        return PbxSnapshot(
            at,
            frozenset(),
            members,
            tuple(waiting),
            tuple(talks),
            dict(self.bridges),
            tuple(self.halves),
            {channel: self.names.get(channel, "") for channel in self.bridges},
        )


class Disk:
    """The storage of a test: ended records, and checkpoints of open state, written in cuts."""

    def __init__(self):
        self.rows, self.unfinished, self.until = {}, {}, None
        self.written = []  # the keys of all records, with repeats

    def cut(self, tracker, records, now):
        for record in records:
            self.written.append(key(record))
            self.rows[key(record)] = record
        for each in tracker.changes():
            assert each.pbx == "pbx"
            if each.state:
                self.unfinished[each.kind, each.name] = each
            else:
                del self.unfinished[each.kind, each.name]  # fails if the entry does not exist
        self.until = now

    def successor(self):
        tracker = new_tracker()
        assert tracker.restore(list(self.unfinished.values()), self.until) == []
        return tracker


def new_tracker(**options):
    agents = Agents("pbx", lambda _: 2.0, ("notes",))
    return Tracker("pbx", (), agents, Contexts(("*",)), direct=True, **options)


def lived(events, kill, lost, cut_every):
    """Run a tracker until event `kill` and a successor from `lost` events later. Return the `Disk`."""
    pbx, disk, tracker, done = Pbx(), Disk(), new_tracker(), []
    for n, event in enumerate(events):
        pbx.hear(event)
        if kill <= n < kill + lost:
            continue
        if n == kill + lost and disk.until is not None:
            tracker, done = disk.successor(), []
            # The snapshot shows the moment before this event.
            before = Pbx()
            for each in events[:n]:
                before.hear(each)
            done += tracker.resync(before.snapshot(events[n - 1].at))
        done += tracker.apply(event)
        if n % cut_every == 0:
            disk.cut(tracker, done, event.at)
            done = []
    end = events[-1].at
    done += tracker.tick(end + 5)
    disk.cut(tracker, done, end + 5)
    disk.cut(tracker, tracker.finish(end + 5), end + 5)
    return disk


def alike(one, two):
    """Return whether two talks have the same agent and caller, and times that differ by less than 0.1 s."""
    apart = max(abs(one.answered_at - two.answered_at), abs(one.talk_seconds - two.talk_seconds))
    return (one.uniqueid, one.agent) == (two.uniqueid, two.agent) and apart < 0.1


def test_a_talk_that_had_not_begun_when_the_daemon_was_killed_is_whole_for_nobody():
    """The agent behind Local/n transferred the caller unseen, so the phone heard later is another agent's."""
    events = events_of("22/local_member_n_blind_transfer_by_refer")
    talks = [record for record in lived(events, 32, 25, 1).rows.values() if isinstance(record, Talk)]
    assert [talk.partial for talk in talks] == [True]


def test_a_talk_whose_consultation_ended_unobserved_is_partial():
    """The agent completed the transfer during the gap, so the end of the talk is not known."""
    events = events_of("odd/consulted_into_a_queue_and_lost_there")
    talks = [record for record in lived(events, 26, 12, 1).rows.values() if isinstance(record, Talk)]
    assert [(talk.agent, talk.partial) for talk in talks] == [("Alice", True)]


def test_who_consults_about_a_customer_that_nobody_knows_is_a_caller_in_part():
    """The consultation looks like a call of its own, because the talk before it was not observed."""
    events = events_of("odd/second_line_consults_a_queue_and_transfers")
    talks = [record for record in lived(events, 1, 13, 1).rows.values() if isinstance(record, Talk)]
    assert [(talk.queue, talk.partial) for talk in talks] == [("helplocal", True)]


@settings(max_examples=200)
@given(st.data())
def test_a_tracker_that_is_killed_anywhere_tells_nothing_twice_and_invents_nothing(data):
    events = events_of(data.draw(st.sampled_from([name for name in NAMES if len(events_of(name)) > 5])))
    kill = data.draw(st.integers(1, len(events) - 1))
    lost = data.draw(st.integers(0, len(events) - kill - 1))
    disk = lived(events, kill, lost, data.draw(st.integers(1, 40)))
    true = lived(events, len(events), 0, 1)
    # A caller leaves with several messages within milliseconds. A part of them has another meaning.
    back = kill + lost
    in_a_quiet_moment = events[back].at - events[back - 1].at > 0.1
    assert len(disk.written) == len(set(disk.written))
    assert disk.unfinished == {}
    for each, record in disk.rows.items():
        match record:
            case QueueVisit() if in_a_quiet_moment:
                mine = [v for k, v in true.rows.items() if k[:3] == each[:3]]
                assert record.outcome in {Outcome.UNOBSERVED, *(visit.outcome for visit in mine)}
            case Talk(partial=False) if record.queue:
                assert any(alike(record, talk) for talk in true.rows.values() if isinstance(talk, Talk))
            # If the customer's talk is unknown, an agent's consultation looks like an internal call.
            case Call(partial=False) if record.queue or each in true.rows:
                assert true.rows[each].started_at == record.started_at
        if not isinstance(record, AgentInterval | Talk):
            start, end = (
                (record.entered_at, record.left_at)
                if isinstance(record, QueueVisit)
                else (record.started_at, record.ended_at)
            )
            assert start <= end


@settings(max_examples=150)
@given(st.data())
def test_what_is_kept_reads_back_as_it_was(data):
    events = events_of(data.draw(st.sampled_from([name for name in NAMES if events_of(name)])))
    tracker = new_tracker()
    for event in events[: data.draw(st.integers(1, len(events)))]:
        tracker.apply(event)
    for each in tracker.changes():
        kind = CallCheckpoint if each.kind == "call" else AgentCheckpoint
        state = from_json(kind, each.state)
        assert from_json(kind, to_json(state)) == state
        assert to_json(state) == each.state
        again = new_tracker()
        assert again.restore([each], events[-1].at) == []
    assert tracker.changes() == []  # no event has come since


# Stories

CALLER, AGENT, BRIDGE = "1.1", "1.2", "b-1"
STARTED = [
    ev.ChannelStarted(0.5, CALLER, CALLER, "incoming", "8001", "0912", "Sara", "fa"),
    ev.Joined(1.25, CALLER, CALLER, "sales", 1, "0912", "Sara", "fa"),
]
RINGING = [
    *STARTED,
    ev.ChannelStarted(2.5, AGENT, CALLER, "agents", "s", "", "", "fa"),
    ev.Called(2.5, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", AGENT),
]
ANSWERED = [
    *RINGING,
    ev.DialEnded(4.5, AGENT, "ANSWER"),
    ev.Left(4.5, CALLER, "sales"),
    ev.Connected(
        4.5, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", AGENT, "PJSIP/alice-1", 3, "0912", "Sara", "fa"
    ),
    ev.BridgeEntered(4.5, BRIDGE, AGENT, "", holding=False),
    ev.BridgeEntered(4.75, BRIDGE, CALLER, "", holding=False),
]
TALKING = {CALLER: BRIDGE, AGENT: BRIDGE}
HANGS_UP = [
    ev.HangupRequested(30, AGENT, by_pbx=False),
    ev.BridgeLeft(30.0, BRIDGE, AGENT),
    ev.BridgeLeft(30.0, BRIDGE, CALLER),
    ev.ChannelEnded(30.0, AGENT, 16),
    ev.ChannelEnded(30.5, CALLER, 16),
]
ALICE = ev.MemberSeen(0.25, "sales", "PJSIP/alice", "Alice", 1, True, "lunch", 0)


class Story:
    """Trackers that run one after another on the same `Disk`."""

    def __init__(self, *events, until=10.0):
        self.disk = Disk()
        self.tracker = new_tracker()
        self.hear(*events, until=until)

    def hear(self, *events, until):
        done = [record for event in events for record in self.tracker.apply(event)]
        done += self.tracker.tick(until)
        self.disk.cut(self.tracker, done, until)
        return self

    def killed(self, at, waiting=(), talks=(), channels=None, members=()):
        """Kill the tracker. Its successor gets a snapshot with this content at the instant `at`."""
        self.tracker = self.disk.successor()
        snapshot = PbxSnapshot(
            at, frozenset(), tuple(members), tuple(waiting), tuple(talks), channels or {}, ()
        )
        self.disk.cut(self.tracker, self.tracker.resync(snapshot), at)
        return self

    def of(self, kind):
        return [record for record in self.disk.rows.values() if isinstance(record, kind)]


def test_a_caller_who_waits_has_entered_when_he_did():
    story = Story(*RINGING).killed(
        20, waiting=[STARTED[1]._replace(at=1.0)], channels={CALLER: "", AGENT: ""}
    )
    story.hear(*[event._replace(at=event.at + 20) for event in ANSWERED[len(RINGING) :]], until=26)
    (visit,), (ring,) = story.of(QueueVisit), story.of(Ring)
    assert (visit.entered_at, visit.left_at, visit.outcome) == (1.25, 24.5, Outcome.ANSWERED)
    assert (ring.started_at, ring.ended_at, ring.outcome) == (2.5, 24.5, RingOutcome.ANSWERED)
    story.hear(*HANGS_UP, until=40)
    (talk,), (call,) = story.of(Talk), story.of(Call)
    assert (talk.answered_at, talk.ended_at, talk.partial) == (24.75, 30, False)
    assert (call.started_at, call.ended_at, call.queues, call.talks) == (0.5, 30.5, 1, 1)
    assert (call.wait_seconds, call.talk_seconds, call.partial) == (23.25, 5.25, False)
    assert story.disk.unfinished == {}


def test_a_phone_that_rang_in_vain_unseen_leaves_the_call_whole():
    story = Story(*RINGING).killed(20, waiting=[STARTED[1]], channels={CALLER: ""})
    story.hear(
        ev.HangupRequested(30, CALLER, by_pbx=False),
        ev.Left(30, CALLER, "sales"),
        ev.ChannelEnded(30, CALLER, 16),
        until=40,
    )
    (ring,), (visit,), (call,) = story.of(Ring), story.of(QueueVisit), story.of(Call)
    assert (ring.outcome, ring.ended_at, visit.outcome) == (RingOutcome.UNOBSERVED, 10, Outcome.ABANDONED)
    assert (call.partial, call.wait_seconds) == (False, 28.75)


def test_a_call_whose_talk_may_have_been_missed_is_partial():
    story = Story(*RINGING).killed(20, channels={CALLER: ""})
    story.hear(ev.ChannelEnded(30, CALLER, 16), until=40)
    (visit,), (call,) = story.of(QueueVisit), story.of(Call)
    assert (visit.outcome, visit.left_at, call.partial, call.ended_at) == ("unobserved", 10, True, 30)


def test_a_talk_goes_on_whole_in_the_same_bridge():
    story = Story(*ANSWERED).killed(20, channels=TALKING).hear(*HANGS_UP, until=40)
    (talk,), (call,), (visit,) = story.of(Talk), story.of(Call), story.of(QueueVisit)
    assert (talk.answered_at, talk.ended_at, talk.ended_by, talk.partial) == (4.75, 30, "agent", False)
    assert (call.started_at, call.talk_seconds, call.partial) == (0.5, 25.25, False)
    assert visit.outcome is Outcome.ANSWERED


def test_a_talk_in_another_bridge_may_have_been_interrupted():
    elsewhere = {CALLER: "b-2", AGENT: "b-2"}
    story = Story(*ANSWERED).killed(20, channels=elsewhere)
    story.hear(*[e._replace(bridge="b-2") if hasattr(e, "bridge") else e for e in HANGS_UP], until=40)
    (talk,), (call,) = story.of(Talk), story.of(Call)
    assert (talk.answered_at, talk.ended_at, talk.partial, call.partial) == (4.75, 30, True, True)


def test_a_hold_counts_as_far_as_it_was_seen():
    story = Story(*ANSWERED, ev.Held(8, AGENT)).killed(20, channels=TALKING)
    story.hear(ev.Unheld(25, AGENT), ev.Held(26, AGENT), ev.Unheld(27, AGENT), *HANGS_UP, until=40)
    (talk,) = story.of(Talk)
    assert (talk.holds, talk.hold_seconds, talk.partial) == (2, 3, False)


@pytest.mark.parametrize("asterisk", ["went on", "was restarted"])
def test_who_is_gone_is_unobserved_from_the_begin_of_the_gap(asterisk):
    others = {"7.1": "b-7", "7.2": "b-7"} if asterisk == "went on" else {}
    for events in (RINGING, ANSWERED):
        story = Story(*events).killed(5000, channels=others).hear(until=5010)
        (call,) = story.of(Call)
        assert (call.started_at, call.ended_at, call.partial) == (0.5, 10, True)
        assert story.disk.unfinished == {}
        for visit in story.of(QueueVisit):
            answered = events is ANSWERED
            assert (visit.entered_at, visit.left_at) == (1.25, 4.5 if answered else 10)
            assert visit.outcome is (Outcome.ANSWERED if answered else Outcome.UNOBSERVED)
        for ring in story.of(Ring):
            assert ring.ended_at == (4.5 if events is ANSWERED else 10)
        for talk in story.of(Talk):
            assert (talk.answered_at, talk.ended_at, talk.ended_by) == (4.75, 10, "unobserved")
            assert talk.partial


def test_what_an_agent_did_is_told_until_the_gap():
    story = Story(ALICE).killed(20, members=[ALICE._replace(at=20)]).hear(until=30)
    (paused,) = story.of(AgentInterval)
    assert (paused.state, paused.reason) == (AgentState.PAUSED, "lunch")
    assert (paused.started_at, paused.ended_at) == (0.25, 10)
    assert story.tracker.agents.state_of("Alice") == (AgentState.PAUSED, 20)


def test_a_wrap_up_ends_by_itself_before_the_gap():
    free = ALICE._replace(paused=False, reason="")
    story = Story(free, *ANSWERED, *[e._replace(at=e.at - 20) for e in HANGS_UP], until=10.75)
    assert story.tracker.agents.state_of("Alice") == (AgentState.WRAP_UP, 10)
    story.disk.until = 15.0  # observed for longer, without a new record
    story.killed(20)
    assert [(i.state, i.started_at, i.ended_at) for i in story.of(AgentInterval)][-1] == ("wrap_up", 10, 12)


def test_the_earlier_agent_of_a_call_is_remembered():
    story = Story(*ANSWERED, *[e._replace(at=e.at - 20) for e in HANGS_UP[:-1]], until=12)
    story.killed(20, channels={CALLER: ""})
    (talk,) = story.tracker.talks.memory.of_call(CALLER)
    assert (talk.member, talk.queue, talk.ended) == ("Alice", "sales", True)
    assert story.tracker.talks.memory.last(CALLER) is talk
    story.hear(HANGS_UP[-1], until=40)
    (call,) = story.of(Call)
    assert (call.talks, call.partial) == (1, False)


def test_killed_again_and_again_it_is_one_call():
    story = Story(*ANSWERED)
    for at in (20, 21, 22):
        story.killed(at, channels=TALKING)
    story.hear(*HANGS_UP, until=40)
    (talk,) = story.of(Talk)
    assert (talk.answered_at, talk.partial) == (4.75, False)
    assert len(story.disk.written) == len(set(story.disk.written)) == 4  # ring, visit, talk, call


def test_with_a_clock_that_was_put_back_nothing_goes_on():
    story = Story(*ANSWERED, until=5000).killed(100, channels=TALKING)
    (talk,), (call,) = story.of(Talk), story.of(Call)
    assert (talk.ended_at, talk.partial, call.ended_at, call.partial) == (5000, True, 5000, True)
    story.hear(*[event._replace(at=event.at + 100) for event in HANGS_UP], until=200)
    assert len(story.of(Talk)) == 1


# Unreadable checkpoints, and data that must not be stored


def test_what_is_broken_is_refused_and_the_rest_is_taken():
    story = Story(*ANSWERED, ALICE)
    good = list(story.disk.unfinished.values())
    (text,) = (each.state for each in good if each.kind == "call")
    fields = json.loads(text)
    broken = [
        "",
        "{",
        "null",
        "[]",
        json.dumps(fields | {"version": 2}),
        json.dumps(fields | {"call": None}),
        json.dumps(fields | {"call": fields["call"] | {"channels": {}}}),
        json.dumps(fields | {"talks": [fields["talks"][0] | {"phase": "asleep"}]}),
    ]
    bad = [
        OpenStateRecord("pbx", kind, f"bad {n}", state)
        for kind in ("call", "agent")
        for n, state in enumerate(broken)
    ]
    tracker = new_tracker()
    refused = tracker.restore([*bad, *good], 10.0)
    assert sorted(refused) == sorted(f"{each.kind} {each.name}" for each in bad)
    assert len(tracker.talks.in_progress()) == 1
    tracker.resync(PbxSnapshot(20, frozenset(), (), (), (), TALKING, ()))
    deleted = {(each.kind, each.name) for each in tracker.changes() if not each.state}
    assert deleted == {(each.kind, each.name) for each in bad} | {("agent", "Alice")}


def test_a_field_of_a_later_version_is_passed_over_and_one_that_came_later_has_its_default():
    (each,) = (each for each in Story(*ANSWERED).disk.unfinished.values() if each.kind == "call")
    fields = json.loads(each.state)
    del fields["call"]["merged"]
    fields["call"]["mood"] = "good"
    assert to_json(from_json(CallCheckpoint, json.dumps(fields))) == each.state


NUMBER, OUTSIDE = "09121234567", "02188776655"


def without_numbers(direction=None):
    """Return a call's checkpoint and its tracker, which stores no numbers. The call had two talks."""
    tracker = new_tracker(numbers=False)
    for event in [*ANSWERED, ev.BlindTransferred(6, AGENT, OUTSIDE), *HANGS_UP[:-1]]:
        tracker.apply(event._replace(number=NUMBER) if hasattr(event, "number") else event)
    tracker.apply(ev.Joined(31, CALLER, CALLER, "support", 1, NUMBER, "Sara", "fa"))
    call = tracker.calls.by_id(CALLER)
    call.direction, call.dialed = direction or call.direction, OUTSIDE if direction else call.dialed
    (each,) = (each for each in tracker.changes() if each.kind == "call")
    return each.state, tracker


@pytest.mark.parametrize(
    ("direction", "dialed"), [(None, "8001"), (Direction.OUT, ""), (Direction.INTERNAL, "")]
)
def test_numbers_that_must_not_be_stored_are_not_kept_either(direction, dialed):
    text, tracker = without_numbers(direction)
    for secret in (NUMBER, OUTSIDE, "Sara"):
        assert secret not in text
    kept = from_json(CallCheckpoint, text)
    assert (kept.call.number, kept.call.name, kept.call.language) == ("", "", "fa")
    assert kept.call.dialed == dialed  # an incoming call dialled a number of the company
    assert [(each.queue, each.number, each.name) for each in kept.visits] == [("support", "", "")]
    assert [(each.member, each.number, each.transfer) for each in kept.talks] == [
        ("Alice", "", Transfer.BLIND)
    ]
    assert kept.talks[0].target == ""
    (call,) = [r for r in tracker.finish(40) if isinstance(r, Call)]
    assert call.caller_number == NUMBER


def test_a_talk_without_a_transfer_is_kept_without_a_target():
    tracker = new_tracker(numbers=False)
    for event in ANSWERED:
        tracker.apply(event)
    (each,) = (each for each in tracker.changes() if each.kind == "call")
    (talk,) = from_json(CallCheckpoint, each.state).talks
    assert (talk.transfer, talk.target) == (None, None)


def test_a_call_is_kept_with_all_that_goes_on_in_it():
    """With permission to store numbers, the checkpoint has them."""
    (each,) = (each for each in Story(*RINGING).disk.unfinished.values() if each.kind == "call")
    kept = from_json(CallCheckpoint, each.state)
    assert (each.pbx, each.name) == ("pbx", CALLER)
    assert (kept.call.number, kept.call.name, kept.call.dialed) == ("0912", "Sara", "8001")
    assert [(visit.queue, visit.number) for visit in kept.visits] == [("sales", "0912")]
    assert [ring.ring_uniqueid for ring in kept.rings] == [AGENT]
    assert (kept.talks, kept.bridges) == ([], {})


def test_where_the_legs_of_a_talk_are_is_kept_until_it_ends():
    story = Story(*ANSWERED)
    assert kept_call(story).bridges == TALKING
    story.hear(*HANGS_UP[:4], until=31)
    (talk,) = kept_call(story).talks
    assert (talk.ended, kept_call(story).bridges) == (True, {})
    story.hear(ev.BridgeEntered(32, "b-survey", CALLER, "", holding=False), until=33)
    assert kept_call(story).bridges == {}


def kept_call(story):
    (each,) = (each for each in story.disk.unfinished.values() if each.kind == "call")
    return from_json(CallCheckpoint, each.state)


def test_a_phone_behind_a_local_channel_is_kept_with_its_bridge():
    near, far = "1.3", "1.4"
    story = Story(
        *STARTED,
        ev.LocalJoined(2, near, far),
        ev.Connected(
            4, CALLER, CALLER, "sales", "Local/1@q/n", "Alice", near, "Local/1@q-1;1", 3, "", "", ""
        ),
        ev.BridgeEntered(4, "b-2", far, "", holding=False),
        ev.BridgeEntered(4, BRIDGE, near, "", holding=False),
    )
    assert kept_call(story).bridges == {near: BRIDGE}
    story.hear(ev.BridgeEntered(5, "b-2", AGENT, "", holding=False), until=6)
    story.hear(ev.BridgeEntered(5, BRIDGE, CALLER, "", holding=False), until=6)
    assert kept_call(story).bridges == {CALLER: BRIDGE, AGENT: "b-2"}
    story.hear(ev.Held(7, AGENT), until=8)  # the channel's start was not seen
    assert kept_call(story).talks[0].held_at == 7


@pytest.mark.parametrize("touched_by", [CALLER, AGENT])
def test_a_call_is_written_again_when_a_channel_or_talk_of_it_changes_and_only_then(touched_by):
    story = Story(*ANSWERED)
    assert story.tracker.changes() == []
    for event in (ev.Unheld(11, touched_by), ev.Held(12, "9.9")):
        story.tracker.apply(event)
        assert story.tracker.changes() == []  # no talk was on hold
    story.tracker.apply(ev.Held(13, AGENT))
    (change,) = story.tracker.changes()
    assert (change.kind, change.name) == ("call", CALLER)
    assert from_json(CallCheckpoint, change.state).talks[0].held_at == 13


def test_a_restored_call_is_written_again_though_nothing_has_changed():
    """The successor does not know if a later checkpoint was stored, so it writes all state again."""
    story = Story(*ANSWERED, ALICE)
    (agent,) = (each for each in story.disk.unfinished.values() if each.kind == "agent")
    tracker = story.disk.successor()
    changes = {(each.kind, each.name): each.state for each in tracker.changes()}
    assert set(changes) == {("call", CALLER), ("agent", agent.name)}
    assert from_json(CallCheckpoint, changes["call", CALLER]).call.channels == [CALLER, AGENT]


def test_a_call_is_written_again_when_its_phone_stops_ringing():
    story = Story(*RINGING).hear(ev.DialEnded(12, AGENT, "NOANSWER"), until=13)
    assert [(ring.ended_at, ring.outcome) for ring in kept_call(story).rings] == [(12, RingOutcome.NO_ANSWER)]


def test_a_call_that_a_snapshot_shows_is_written_down():
    tracker = new_tracker()
    waiting = ev.Joined(5, CALLER, "0.5", "sales", 1, "0912", "Sara", "fa")
    tracker.resync(PbxSnapshot(20, frozenset(), (), (waiting,), (), {CALLER: ""}, ()))
    (change,) = tracker.changes()
    assert (change.kind, change.name) == ("call", "0.5")


def test_a_dial_without_a_queue_is_kept_while_it_rings():
    phone = "1.6"
    dial = ev.DialStarted(
        2, CALLER, CALLER, "PJSIP/trunk-1", "incoming", "100", phone, "PJSIP/100-2", "0912", "Sara", "fa"
    )
    started = ev.ChannelStarted(2, phone, CALLER, "agents", "s", "", "", "fa")
    story = Story(STARTED[0], started, dial)
    (kept,) = kept_call(story).dials.values()
    assert (kept.caller, kept.dialed, kept.phone) == (CALLER, phone, "PJSIP/100")
    story.hear(ev.ChannelEnded(12, phone, 16), until=13)
    assert kept_call(story).dials == {}


def test_the_dials_of_all_calls_are_restored():
    tracker = new_tracker()
    for caller, phone in (("1.1", "1.2"), ("2.1", "2.2")):
        started = ev.ChannelStarted(1, caller, caller, "incoming", "100", "", "", "")
        dial = ev.DialStarted(2, caller, caller, "PJSIP/t-1", "x", "100", phone, "PJSIP/100-2", "", "", "")
        for event in (started, dial):
            tracker.apply(event)
        tracker.apply(ev.ChannelStarted(2, phone, caller, "agents", "s", "", "", ""))
    successor = new_tracker()
    successor.restore(tracker.changes(), 5.0)
    assert len(successor.state.direct_calls) == 2


def agent_checkpoint(**what):
    doing = {"state": AgentState.WRAP_UP, "since": 5.0, "reason": "notes", "queue": "sales"}
    return AgentCheckpoint(**{"name": "Alice", **doing, "ends_at": None, "flagged": False} | what)


@pytest.mark.parametrize(
    ("what", "ended_at", "flagged"),
    [
        ({}, 20.0, False),
        ({"flagged": True}, 20.0, False),  # still open, since its cap was not reached
        ({"ends_at": 12.0}, 12.0, False),
        ({"ends_at": 12.0, "flagged": True}, 12.0, True),
        ({"ends_at": 20.0, "flagged": True}, 20.0, True),
        ({"ends_at": 25.0, "flagged": True}, 20.0, False),
    ],
)
def test_what_an_agent_did_is_certain_until_the_gap_or_the_end_of_the_wrap_up(what, ended_at, flagged):
    tracker = new_tracker()
    text = to_json(agent_checkpoint(**what))
    assert tracker.restore([OpenStateRecord("pbx", "agent", "Alice", text)], 20.0) == []
    (interval,) = tracker.tick(20.0)
    assert interval == AgentInterval(
        "pbx", "Alice", AgentState.WRAP_UP, 5.0, ended_at, "notes", "sales", flagged=flagged
    )


def test_what_an_agent_began_in_the_moment_of_the_gap_has_no_interval():
    tracker = new_tracker()
    tracker.restore([OpenStateRecord("pbx", "agent", "Alice", to_json(agent_checkpoint(since=20.0)))], 20.0)
    assert tracker.tick(20.0) == []


def test_what_several_agents_did_is_told():
    tracker = new_tracker()
    names = ["Alice", "Bob"]
    stored = [OpenStateRecord("pbx", "agent", name, to_json(agent_checkpoint(name=name))) for name in names]
    tracker.restore(stored, 20.0)
    assert [interval.agent for interval in tracker.tick(20.0)] == names


def test_all_channels_of_a_restored_call_are_known():
    """A snapshot without one of the channels can then end the channel."""
    story = Story(*RINGING)
    assert set(story.disk.successor().state.channels.missing_from(())) == {CALLER, AGENT}


def test_a_call_that_begins_and_ends_between_two_cuts_is_never_kept():
    assert Story(*ANSWERED, *HANGS_UP, until=40).disk.unfinished == {}


def assert_kept(before, after):
    """Assert that `after` has all values of the stored form `before`. It may have more keys."""
    if isinstance(before, dict):
        for key, value in before.items():
            assert_kept(value, after[key])
    elif isinstance(before, list):
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            assert_kept(one, other)
    else:
        assert before == after


@pytest.mark.parametrize(
    ("name", "kind"),
    [("call", CallCheckpoint), ("call_in_talk", CallCheckpoint), ("agent", AgentCheckpoint)],
)
def test_the_stored_form_is_that_of_earlier_databases(name, kind):
    """A newer field gets its default. All older fields keep their values."""
    text = (FIXTURES / "checkpoints" / f"{name}.json").read_text()
    assert_kept(json.loads(text), json.loads(to_json(from_json(kind, text))))
