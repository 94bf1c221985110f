"""Agents' states, from scripted events and from recordings, and invariants for any events."""

import tracemalloc
from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import AnyEvent, MessageCounts
from cc_bridge.calls.agents import Agents
from cc_bridge.calls.ami_events import WANTED, read
from cc_bridge.calls.events import Called, Connected, MemberGone, MemberSeen
from cc_bridge.calls.tracker import Tracker
from cc_bridge.records import AgentState, Ring, Talk
from support.recordings import all_recordings, recording

FREE, IN_USE, GONE, RINGING = 1, 2, 5, 6
SALES, HELP = "sales", "help"
QUEUE_WRAP_UP = {SALES: 10.0, HELP: 0.0}


def alice(at, status=FREE, pause=None, *, queue=SALES, interface="PJSIP/alice", name="Alice", wrap_up=0):
    """Return a member as a queue reports it. `pause` is the reason of its pause, None without a pause."""
    return MemberSeen(at, queue, interface, name, status, pause is not None, pause or "", wrap_up)


def as_line(interval):
    """Return an interval as a line of text."""
    more = [interval.reason or interval.queue] if interval.reason or interval.queue else []
    more += ["capped"] if interval.flagged else []
    return " ".join([f"{interval.started_at:g}-{interval.ended_at:g} {interval.state}", *more])


class Floor:
    """All agents of a PBX, with the intervals that have ended."""

    def __init__(self, **options):
        self.agents = Agents(
            "pbx", lambda queue: QUEUE_WRAP_UP[queue], wrap_up_reasons={"after call"}, **options
        )
        self.intervals = []

    def say(self, *members):
        for member in members:
            self.intervals += self.agents.member_seen(member)
        return self

    def do(self, what, *arguments):
        self.intervals += getattr(self.agents, what)(*arguments)
        return self

    def talk(self, began, ended, queue=SALES):
        return (
            self.do("talk_began", "Alice", began)
            .say(alice(began, IN_USE))
            .do("talk_ended", "Alice", queue, ended)
            .say(alice(ended, FREE))
        )

    def story(self, until):
        """Return all intervals as lines. An open interval ends at `until`."""
        self.do("observation_lost", until)
        return [as_line(interval) for interval in self.intervals]


@pytest.fixture
def floor():
    return Floor()


# -- logging in and out, phones, pauses


def test_the_first_membership_logs_in_and_leaving_the_last_logs_out(floor):
    floor.say(alice(0), alice(5, queue=HELP))
    floor.do("member_gone", MemberGone(20, SALES, "PJSIP/alice"))
    floor.do("member_gone", MemberGone(30, HELP, "PJSIP/alice"))
    floor.say(alice(50, queue=HELP))
    assert floor.story(60) == ["0-30 available", "30-50 logged_out", "50-60 available"]


def test_who_is_removed_without_being_a_member_is_nobody(floor):
    assert floor.do("member_gone", MemberGone(20, SALES, "PJSIP/alice")).story(30) == []
    assert floor.agents.state_of("Alice") is None


def test_one_person_with_two_phones_is_as_busy_as_the_busiest(floor):
    mobile = {"queue": HELP, "interface": "Local/alice@agents/n"}
    floor.say(alice(0), alice(0, GONE, **mobile), alice(10, FREE, **mobile), alice(20, RINGING, **mobile))
    floor.say(alice(25, IN_USE), alice(30, FREE, **mobile), alice(40, FREE))
    floor.say(alice(50, GONE), alice(55, GONE, **mobile))
    assert floor.story(60) == [
        "0-20 available",
        "20-25 ringing",
        "25-40 talking",
        "40-55 available",
        "55-60 unreachable",
    ]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (0, "available"),  # a queue also calls a phone of unknown state
        (1, "available"),
        (2, "talking"),
        (3, "talking"),
        (4, "unreachable"),
        (5, "unreachable"),
        (6, "ringing"),
        (7, "talking"),
        (8, "talking"),
        (99, "unreachable"),
    ],
)
def test_what_a_device_state_means(floor, status, state):
    assert floor.say(alice(0, status)).story(10) == [f"0-10 {state}"]


def test_a_pause_everywhere_is_a_pause_and_a_new_reason_begins_a_new_one(floor):
    floor.say(alice(0), alice(0, queue=HELP))
    floor.say(alice(10, pause="lunch"))
    assert floor.agents.state_of("Alice") == (AgentState.AVAILABLE, 0)
    floor.say(alice(12, pause="lunch", queue=HELP))
    floor.say(alice(20, pause="meeting"), alice(20, pause="meeting", queue=HELP))
    floor.say(alice(30))
    assert floor.story(40) == [
        "0-12 available",
        "12-20 paused lunch",
        "20-30 paused meeting",
        "30-40 available",
    ]


def test_leaving_the_only_queue_without_a_pause_makes_the_others_pause_count(floor):
    floor.say(alice(0, pause=""), alice(0, queue=HELP)).do("member_gone", MemberGone(5, HELP, "PJSIP/alice"))
    assert floor.story(9) == ["0-5 available", "5-9 paused"]


def test_of_several_pauses_the_first_that_has_a_reason_tells(floor):
    floor.say(alice(0, pause=""), alice(0, pause="lunch", queue=HELP), alice(0, pause="", queue="vip"))
    assert floor.story(9) == ["0-9 paused lunch"]


@pytest.mark.parametrize(
    ("status", "state"), [(GONE, "unreachable"), (RINGING, "ringing"), (IN_USE, "talking")]
)
def test_a_pause_shows_only_on_a_phone_that_is_free(floor, status, state):
    assert floor.say(alice(0, status, pause="lunch")).story(5) == [f"0-5 {state}"]


def test_the_many_events_of_one_change_make_one_interval(floor):
    queues = [f"q{n}" for n in range(8)]
    QUEUE_WRAP_UP.update(dict.fromkeys(queues, 0.0))
    for status, at in [(FREE, 0), (RINGING, 5), (IN_USE, 7), (FREE, 20)]:
        floor.say(*(alice(at + n / 1000, status, queue=queue) for n, queue in enumerate(queues)))
    assert floor.story(30) == ["0-5 available", "5-7 ringing", "7-20 talking", "20-30 available"]


def test_a_pause_event_that_repeats_the_phones_old_state_is_no_news(floor):
    floor.say(alice(0), alice(0, queue=HELP), alice(5, IN_USE))
    floor.say(alice(5.001, FREE, pause="x", queue=HELP), alice(5.002, IN_USE, pause="x", queue=HELP))
    assert floor.story(9) == ["0-5 available", "5-9 talking"]


def test_a_member_renamed_without_a_word_is_not_two_people(floor):
    floor.say(alice(0), alice(10, name="Alice B."))
    assert [(interval.agent, as_line(interval)) for interval in floor.intervals] == [
        ("Alice", "0-10 available")
    ]
    assert floor.agents.state_of("Alice") == (AgentState.LOGGED_OUT, 10)
    assert floor.agents.counts() == {(SALES, "available"): 1}


def test_one_phone_under_two_names_is_two_agents_who_leave_one_by_one(floor):
    floor.say(alice(0), alice(0, queue=HELP, name="PJSIP/alice"))
    floor.do("member_gone", MemberGone(10, HELP, "PJSIP/alice"))
    assert floor.agents.state_of("Alice") == (AgentState.AVAILABLE, 0)
    assert floor.agents.state_of("PJSIP/alice") == (AgentState.LOGGED_OUT, 10)


# -- calls


def test_rings_and_talks_count_whatever_the_phone_says(floor):
    floor.say(alice(0)).do("rang", "Alice", 5)
    floor.do("talk_began", "Alice", 8).do("ring_ended", "Alice", 8)
    floor.do("talk_ended", "Alice", HELP, 20)
    assert floor.story(30) == ["0-5 available", "5-8 ringing", "8-20 talking", "20-30 available"]


def test_a_talk_goes_on_when_its_agent_logs_out_and_has_no_wrap_up(floor):
    floor.say(alice(0)).do("talk_began", "Alice", 5).do("member_gone", MemberGone(10, SALES, "PJSIP/alice"))
    floor.do("talk_ended", "Alice", SALES, 20)
    assert floor.story(30) == ["0-5 available", "5-20 talking", "20-30 logged_out"]


def test_calls_of_somebody_unknown_are_passed_over(floor):
    floor.do("rang", "Bob", 1).do("talk_began", "Bob", 2).do("ring_ended", "Bob", 2)
    assert floor.do("talk_ended", "Bob", SALES, 5).story(9) == []


def test_a_talks_end_that_is_told_late_ends_the_talk_at_its_own_instant(floor):
    floor.say(alice(0)).do("talk_began", "Alice", 5).say(alice(5, IN_USE), alice(20.002, FREE))
    floor.do("tick", 21).do("talk_ended", "Alice", SALES, 20)
    assert floor.story(40) == ["0-5 available", "5-20 talking", "20-30 wrap_up sales", "30-40 available"]


def test_an_instant_before_the_current_interval_is_the_beginning_of_it(floor):
    floor.say(alice(10), alice(20, RINGING), alice(15, FREE))
    assert floor.story(30) == ["10-20 available", "20-30 available"]


# -- wrap-up


def test_wrap_up_takes_the_queues_time_to_the_instant_not_to_the_tick(floor):
    floor.say(alice(0)).talk(5, 20).do("tick", 29.9).do("tick", 30.7)
    assert [as_line(interval) for interval in floor.intervals][-1] == "20-30 wrap_up sales"
    assert floor.agents.state_of("Alice") == (AgentState.AVAILABLE, 30)


def test_an_event_after_its_end_finds_the_wrap_up_ended_without_a_tick(floor):
    floor.say(alice(0)).talk(5, 20).say(alice(60, RINGING))
    assert floor.story(61)[2:] == ["20-30 wrap_up sales", "30-60 available", "60-61 ringing"]


def test_a_members_own_time_goes_before_the_queues(floor):
    floor.say(alice(0, wrap_up=3)).do("talk_began", "Alice", 5).do("talk_ended", "Alice", SALES, 20)
    assert floor.agents.wrap_up_seconds("Alice", SALES) == 3
    assert floor.agents.wrap_up_seconds("Alice", HELP) == 0
    assert floor.agents.wrap_up_seconds("Nobody", SALES) == 10
    assert floor.story(40)[2:] == ["20-23 wrap_up sales", "23-40 available"]


def test_a_member_by_two_phones_has_the_longer_time_of_the_two(floor):
    floor.say(alice(0, wrap_up=3), alice(0, interface="PJSIP/mobile"))
    assert floor.agents.wrap_up_seconds("Alice", SALES) == 3


def test_who_logs_out_and_in_again_has_nothing_to_wrap_up(floor):
    floor.say(alice(0)).talk(5, 20).do("member_gone", MemberGone(24, SALES, "PJSIP/alice")).say(alice(26))
    floor.do("talk_began", "Alice", 30).do("member_gone", MemberGone(31, SALES, "PJSIP/alice"))
    floor.do("talk_ended", "Alice", SALES, 40).say(alice(41))
    assert floor.story(50)[2:] == [
        "20-24 wrap_up sales",
        "24-26 logged_out",
        "26-30 available",
        "30-40 talking",
        "40-41 logged_out",
        "41-50 available",
    ]


def test_a_log_out_finds_the_wrap_up_ended_without_a_tick(floor):
    floor.say(alice(0)).talk(5, 20).do("member_gone", MemberGone(40, SALES, "PJSIP/alice"))
    assert floor.story(50)[2:] == ["20-30 wrap_up sales", "30-40 available", "40-50 logged_out"]


@pytest.mark.parametrize("what", ["rang", "talk_began"])
def test_the_next_call_cuts_a_wrap_up_for_good(floor, what):
    floor.say(alice(0)).talk(5, 20).do(what, "Alice", 24)
    state = {"rang": "ringing", "talk_began": "talking"}[what]
    assert floor.agents.state_of("Alice") == (state, 24)
    if what == "rang":
        floor.do("ring_ended", "Alice", 26)
        assert floor.story(29)[2:] == ["20-24 wrap_up sales", "24-26 ringing", "26-29 available"]


def test_a_call_of_the_agents_own_interrupts_a_wrap_up_and_does_not_prolong_it(floor):
    floor.say(alice(0)).talk(5, 20).say(alice(22, IN_USE), alice(26, FREE)).do("tick", 40)
    assert floor.story(40)[2:] == [
        "20-22 wrap_up sales",
        "22-26 talking",
        "26-30 wrap_up sales",
        "30-40 available",
    ]


@pytest.mark.parametrize("pressed", [15, 20, 25, 29.5])
def test_a_pause_with_a_wrap_up_reason_prolongs_it(floor, pressed):
    floor.say(alice(0)).do("talk_began", "Alice", 5)
    if pressed < 20:
        floor.say(alice(pressed, pause="after call"))
    floor.do("talk_ended", "Alice", SALES, 20)
    if pressed >= 20:
        floor.say(alice(pressed, pause="after call"))
    floor.do("tick", 50).say(alice(90))
    assert floor.story(100)[2:] == ["20-90 wrap_up sales", "90-100 available"]


def test_a_queue_without_wrap_up_time_takes_the_pause_as_wrap_up_if_it_comes_soon(floor):
    floor.say(alice(0)).talk(5, 20, HELP).say(alice(23, pause="after call"), alice(60))
    floor.talk(70, 80, HELP).do("tick", 85.1).say(alice(90, pause="after call"))
    assert floor.story(95)[1:] == [
        "5-20 talking",
        "20-23 available",
        "23-60 wrap_up help",
        "60-70 available",
        "70-80 talking",
        "80-90 available",
        "90-95 paused after call",
    ]


def test_a_pause_of_another_kind_is_a_pause_at_once(floor):
    floor.say(alice(0)).talk(5, 20).say(alice(22, pause="lunch"), alice(90))
    assert floor.story(100)[2:] == ["20-22 wrap_up sales", "22-90 paused lunch", "90-100 available"]


def test_a_wrap_up_reason_in_one_of_two_queues_prolongs_nothing(floor):
    floor.say(alice(0), alice(0, queue=HELP)).talk(5, 20).say(alice(22, pause="after call"))
    assert floor.story(40)[2:] == ["20-30 wrap_up sales", "30-40 available"]


def test_a_wrap_up_that_is_forgotten_ends_flagged_and_is_then_a_pause():
    floor = Floor(wrap_up_cap=60)
    floor.say(alice(0)).talk(5, 20).say(alice(25, pause="after call")).do("tick", 500)
    assert floor.story(500)[2:] == ["20-80 wrap_up sales capped", "80-500 paused after call"]


def test_a_talk_that_ends_in_a_wrap_up_starts_another_one():
    floor = Floor(wrap_up_cap=20).say(alice(0)).talk(5, 20)
    floor.do("talk_ended", "Alice", SALES, 30)  # its start was not observed
    assert floor.story(100)[2:] == ["20-30 wrap_up sales", "30-40 wrap_up sales", "40-100 available"]


def test_a_wrapuptime_beyond_the_cap_is_flagged_too_and_one_that_equals_it_is_not():
    for cap, line in [(4, "20-24 wrap_up sales capped"), (10, "20-30 wrap_up sales")]:
        assert Floor(wrap_up_cap=cap).say(alice(0)).talk(5, 20).story(50)[2] == line


# -- unobserved


def test_out_of_sight_everything_ends_and_nothing_is_known(floor):
    floor.say(alice(0), alice(0, queue=HELP, interface="PJSIP/bob", name="Bob")).talk(5, 20)
    assert floor.story(25) == [
        "0-5 available",
        "5-20 talking",
        "20-25 wrap_up sales",
        "0-25 available",
    ]
    assert floor.agents.counts() == {}
    assert floor.agents.state_of("Alice") is None
    floor.intervals.clear()
    floor.do("talk_ended", "Alice", SALES, 60)
    floor.do("resync", [alice(60, IN_USE)], 60).do("talk_ended", "Alice", SALES, 70).say(alice(70))
    assert floor.story(90) == ["60-70 talking", "70-80 wrap_up sales", "80-90 available"]


def test_a_phone_may_have_another_agent_when_it_comes_back_into_sight(floor):
    floor.say(alice(0)).do("observation_lost", 10).do("resync", [alice(60, name="Bob")], 60)
    assert floor.agents.state_of("Bob") == (AgentState.AVAILABLE, 60)
    assert floor.agents.state_of("Alice") is None


def test_a_snapshot_corrects_what_was_missed_and_repeats_nothing(floor):
    floor.say(alice(0), alice(0, queue=HELP), alice(0, interface="PJSIP/bob", name="Bob"))
    floor.do("resync", [alice(50), alice(50, queue=HELP)], 50)
    assert floor.agents.state_of("Bob") == (AgentState.LOGGED_OUT, 50)
    assert floor.agents.state_of("Alice") == (AgentState.AVAILABLE, 0)
    floor.do("resync", [alice(60, pause="tea", queue=HELP)], 60)
    assert floor.agents.state_of("Alice") == (AgentState.PAUSED, 60)


# -- live counts


def test_counts_by_queue_show_a_pause_where_it_is(floor):
    floor.say(alice(0), alice(0, pause="tea", queue=HELP))
    floor.say(alice(0, interface="PJSIP/bob", name="Bob"))
    assert floor.agents.counts() == {(SALES, "available"): 2, (HELP, "paused"): 1}
    floor.talk(5, 20)
    assert floor.agents.counts() == {(SALES, "available"): 1, (SALES, "wrap_up"): 1, (HELP, "wrap_up"): 1}


# -- recordings


def apply_event(agents, tracker, event):
    """Apply an event to the agents and to the tracker of calls. Return the intervals that ended."""
    match event:
        case Called():
            done = agents.rang(event.member, event.at)
        case Connected():
            done = agents.talk_began(event.member, event.at)
        case MemberSeen():
            done = agents.member_seen(event)
        case MemberGone():
            done = agents.member_gone(event)
        case _:
            done = []
    for record in tracker.apply(event):
        match record:
            case Ring():
                done += agents.ring_ended(record.agent, record.ended_at)
            case Talk():
                done += agents.talk_ended(record.agent, record.queue, record.ended_at)
    return done


def agent_lines(name):
    """Return the agents' intervals of a recording as lines by agent, in seconds from its first event."""
    tracker, agents = Tracker("pbx"), Agents("pbx")
    messages = Codec(WANTED, MessageCounts()).feed(recording(name))
    events = [read(message, float) for message in messages if isinstance(message, AnyEvent)]
    events = [event for event in events if event is not None]
    intervals = [interval for event in events for interval in apply_event(agents, tracker, event)]
    intervals += agents.observation_lost(events[-1].at)
    assert_contiguous(intervals)
    lines = defaultdict(list)
    for interval in intervals:
        start, end = (round(at - events[0].at, 1) for at in (interval.started_at, interval.ended_at))
        if start < end:
            lines[interval.agent].append(f"{start}-{end} {interval.state} {interval.reason}".strip())
    return dict(lines)


STORIES = {
    "22/agent_paused_with_reason": {
        "Alice": ["0.0-12.0 paused lunch", "12.0-13.7 available"],
        "Bob": ["4.5-10.0 talking", "10.0-13.7 available"],
    },
    "22/dynamic_member_added_removed": {  # Bob stays a member of three other queues
        "Bob": ["0.0-1.5 available", "1.5-3.5 ringing", "3.5-9.0 talking", "9.0-10.0 available"],
    },
    "22/two_callers_one_agent": {  # members of eight queues, by phone and by two kinds of Local channel
        "Agent One": [
            "0.5-1.5 ringing",
            "1.5-4.5 talking",
            "4.5-10.5 ringing",
            "10.5-11.5 available",
            "11.5-17.5 ringing",
            "17.5-18.6 available",
            "18.6-24.6 ringing",
            "24.6-25.6 available",
            "25.6-31.6 ringing",
            "31.6-32.6 available",
            "32.6-37.6 ringing",
        ],
    },
    "22/agent_pool_member": {  # the wrap-up of app_agent_pool, from 8.1 to 10.5, appears as a phone in use
        "Agent One": ["0.0-1.0 ringing", "1.0-11.6 talking"],
        "Pool One": ["5.8-6.6 available", "6.6-10.5 talking", "10.5-11.6 available"],
    },
    "22/attended_transfer_completed": {
        "Agent One": ["0.5-1.5 ringing", "1.5-8.3 talking", "8.3-13.3 available"],
        "Agent Two": ["5.2-6.2 ringing", "6.2-11.3 talking", "11.3-13.3 available"],
    },
    "22/three_callers_two_agents_persian_names": {  # the agents are known from their first status event
        "Alice": [
            "1.5-7.0 talking",
            "7.0-10.1 available",
            "10.1-11.1 ringing",
            "11.1-16.6 talking",
            "16.6-25.6 available",
        ],
        "Bob": ["2.8-8.3 talking", "8.3-25.6 available"],
    },
}


@pytest.mark.parametrize("name", STORIES)
def test_the_story_of_a_recording(name):
    assert agent_lines(name) == STORIES[name]


def test_a_pause_in_the_middle_of_a_busy_hour():
    pause, free, *rest = agent_lines("22/mix")["Agent 300"]
    assert (pause, free) == ("3.8-62.5 paused tea", "62.5-62.7 available")
    assert [line.split()[1] for line in rest][:4] == ["ringing", "talking", "available", "ringing"]


@pytest.mark.parametrize("path", all_recordings(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_recording_gives_contiguous_intervals(path):
    agent_lines(f"{path.parent.name}/{path.name.removesuffix('.ami.gz')}")


# -- invariants


def assert_contiguous(intervals):
    by_agent = defaultdict(list)
    for interval in intervals:
        by_agent[interval.agent].append(interval)
        assert interval.ended_at > interval.started_at
    for line in by_agent.values():
        for before, after in pairwise(line):
            assert before.ended_at == after.started_at


NAMES = st.sampled_from(["Alice", "Bob", "PJSIP/1"])
QUEUES = st.sampled_from([SALES, HELP])
INTERFACES = st.sampled_from(["PJSIP/1", "Local/1@agents/n"])
INSTANTS = st.floats(0, 60)
MEMBERS = st.builds(
    MemberSeen,
    at=INSTANTS,
    queue=QUEUES,
    interface=INTERFACES,
    name=NAMES,
    status=st.integers(0, 9),
    paused=st.booleans(),
    reason=st.sampled_from(["", "lunch", "after call"]),
    wrap_up=st.sampled_from([0, 0, 7]),
)
INPUTS = st.one_of(
    st.tuples(st.just("member_seen"), MEMBERS),
    st.tuples(st.just("member_gone"), st.builds(MemberGone, INSTANTS, QUEUES, INTERFACES)),
    st.tuples(st.sampled_from(["rang", "ring_ended", "talk_began"]), NAMES, INSTANTS),
    st.tuples(st.just("talk_ended"), NAMES, QUEUES, INSTANTS),
    st.tuples(st.just("resync"), st.lists(MEMBERS, max_size=4), INSTANTS),
    st.tuples(st.just("tick"), INSTANTS),
)


def instant_of(step):
    return step[1].at if step[0] in ("member_seen", "member_gone") else step[-1]


@given(st.lists(INPUTS, min_size=5, max_size=60), st.booleans())
def test_intervals_join_without_gap_or_overlap_even_when_instants_go_back(steps, in_order):
    floor, first_seen = Floor(wrap_up_cap=20), {}
    for step in sorted(steps, key=instant_of) if in_order else steps:
        floor.do(*step)
        for name, agent in floor.agents._agents.items():
            first_seen.setdefault(name, instant_of(step))
            assert agent.lines or agent.shown.state in (AgentState.LOGGED_OUT, AgentState.TALKING)
    floor.do("observation_lost", 100)
    assert_contiguous(floor.intervals)
    observed = defaultdict(float)
    for interval in floor.intervals:
        observed[interval.agent] += interval.seconds
        assert interval.state != "wrap_up" or interval.seconds <= 20.000001 or not in_order
    assert observed == pytest.approx({name: 100 - at for name, at in first_seen.items()})


@given(st.lists(INPUTS, min_size=5, max_size=60))
def test_each_membership_is_counted_once(steps):
    floor, members = Floor(), {}
    for step in steps:
        floor.do(*step)
        match step[0]:
            case "member_seen":
                members[step[1].queue, step[1].interface] = step[1].name
            case "member_gone":
                members.pop((step[1].queue, step[1].interface), None)
            case "resync":
                members = {(member.queue, member.interface): member.name for member in step[1]}
        counted = Counter()
        for (queue, _), count in floor.agents.counts().items():
            counted[queue] += count
        assert counted == Counter(queue for queue, _ in members)
        held = {(i, name) for i, names in floor.agents._names_by_interface.items() for name in names}
        assert held == {(interface, name) for (_, interface), name in members.items()}


def test_two_thousand_agents_in_two_hundred_queues_fit_in_forty_megabytes():
    agents, some = Agents("pbx"), 100
    tracemalloc.start()
    for agent in range(some):
        for queue in range(200):
            agents.member_seen(
                alice(0, queue=f"queue{queue}", interface=f"PJSIP/{agent}", name=f"Agent {agent}")
            )
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / some * 2000 < 40e6
    assert agents.counts() == {(f"queue{queue}", "available"): some for queue in range(200)}


# -- two rings or talks at the same time


@pytest.mark.parametrize(
    ("begin", "end", "state"),
    [("rang", "ring_ended", "ringing"), ("talk_began", "talk_ended", "talking")],
)
def test_an_agent_of_two_rings_or_talks_is_busy_until_the_last_one_ends(floor, begin, end, state):
    queue = [HELP] if end == "talk_ended" else []
    floor.say(alice(0, queue=HELP)).do(begin, "Alice", 10).do(begin, "Alice", 11)
    floor.do(end, "Alice", *queue, 20).do(end, "Alice", *queue, 30).do(end, "Alice", *queue, 35)
    assert floor.story(40) == ["0-10 available", f"10-30 {state}", "30-40 available"]


# -- checkpoints


def kept(floor):
    checkpoint = floor.agents.checkpoint("Alice")
    return checkpoint and (
        checkpoint.state, checkpoint.since, checkpoint.reason, checkpoint.queue,
        checkpoint.ends_at, checkpoint.flagged,
    )  # fmt: skip


def test_of_nobody_nothing_is_kept(floor):
    assert kept(floor) is None


def test_a_wrap_up_is_kept_with_its_end(floor):
    floor.say(alice(0)).talk(10, 20)
    assert kept(floor) == (AgentState.WRAP_UP, 20, "", SALES, 30, False)


def test_a_wrap_up_that_a_pause_continues_is_kept_with_its_cap(floor):
    floor = Floor(wrap_up_cap=60.0)
    floor.say(alice(0)).talk(10, 20).say(alice(25, pause="after call")).do("tick", 40)
    assert kept(floor) == (AgentState.WRAP_UP, 20, "", SALES, 80, True)


def test_a_talk_is_kept_without_an_end_though_a_wrap_up_lasts(floor):
    floor.say(alice(0)).talk(10, 20).do("talk_began", "Alice", 22)
    assert kept(floor) == (AgentState.TALKING, 22, "", "", None, False)
