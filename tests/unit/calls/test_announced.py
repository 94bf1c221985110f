"""Events about channels and queues that the PBX has not announced."""

import pytest

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import AnyEvent
from cc_bridge.calls import announced, events as ev
from cc_bridge.calls.ami_events import WANTED_FOR_DIRECT_CALLS, read
from cc_bridge.calls.announced import AnnouncedEvents, PbxQuestion
from cc_bridge.offline.replay import read_stream
from cc_bridge.queue_names import QueueNames
from support.recordings import all_recordings

T = 1_795_000_000.0
CHANNELS = {"one", "two", "rung", "transferer", "transferee", "target_channel"}  # fields with a uniqueid


def started(channel, at=T):
    return ev.ChannelStarted(at, channel, channel, "in", "100", "0912", "Ali", "en")


def joined(channel, queue="sales", at=T):
    return ev.Joined(at, channel, channel, queue, 1, "0912", "Ali", "en")


def new(*queues):
    return AnnouncedEvents(QueueNames(queues or ["sales"]))


def test_calls_that_are_announced_in_order_wait_for_nothing():
    events = new()
    for event in (started("1"), joined("1"), started("2"), ev.Called(T, "1", "1", "SALES", "i", "m", "2")):
        assert events.passes(event)
    assert events.question() is None


def test_an_event_about_an_unknown_channel_waits_for_the_answer():
    events = new()
    assert not events.passes(joined("1"))
    assert events.question() == PbxQuestion(channels=True, queues=frozenset())
    assert events.answered(["1"], []) == [joined("1")]
    assert events.passes(ev.Left(T, "1", "sales"))
    assert (events.discarded, len(events)) == (0, 0)


def test_an_event_about_an_unknown_queue_waits_for_the_answer():
    events = new()
    assert events.passes(started("1"))
    assert not events.passes(joined("1", "it"))
    assert events.question() == PbxQuestion(channels=False, queues=frozenset({"it"}))
    assert events.answered([], ["IT"]) == [joined("1", "it")]
    assert events.passes(ev.Left(T, "1", "it"))


def test_a_pbx_that_lists_no_queue_confirms_none_and_none_is_suspect():
    events = new()
    events.snapshot(["1"], T, lists_queues=False)
    assert events.passes(joined("1", "it"))
    events.snapshot(["1"], T, lists_queues=True)
    assert not events.passes(joined("1", "it"))


def test_what_is_not_confirmed_is_discarded_and_counted():
    events = new()
    events.announce(["2"])
    for event in (joined("1"), joined("2", "it"), ev.MemberGone(T, "it", "PJSIP/1")):
        assert not events.passes(event)
    events.question()
    assert events.answered(["2"], ["sales"]) == []
    assert (events.discarded, len(events)) == (3, 0)


def test_later_events_of_a_channel_stay_behind_the_one_that_waits():
    events = new()
    events.announce(["1", "2"])
    later = ev.HangupRequested(T, "1", by_pbx=False)
    assert not events.passes(joined("1", "it"))
    assert not events.passes(later)
    assert events.passes(joined("2"))
    events.question()
    assert events.answered([], ["it"]) == [joined("1", "it"), later]


def test_a_victims_events_go_on_when_a_forged_one_is_discarded():
    events = new()
    events.announce(["1"])
    assert not events.passes(joined("1", "it"))
    assert not events.passes(ev.Left(T, "1", "sales"))
    events.question()
    assert events.answered([], []) == [ev.Left(T, "1", "sales")]
    assert events.discarded == 1


def test_an_event_that_comes_after_the_question_waits_for_the_next_one():
    events = new()
    assert not events.passes(joined("1"))
    events.question()
    assert not events.passes(joined("2"))
    assert events.answered(["1"], []) == [joined("1")]
    assert events.question() == PbxQuestion(channels=True, queues=frozenset())
    assert events.answered(["1", "2"], []) == [joined("2")]


def ended(channel, at=T):
    return ev.ChannelEnded(at, channel, 16, channel)


def knows(events, channel):
    """Return whether an event about a channel is applied. A suspect event is then discarded again."""
    if events.passes(ev.HangupRequested(T, channel, by_pbx=False)):
        return True
    events.discard_held()
    return False


def test_an_ended_channel_is_known_for_a_minute_and_forgotten_in_the_next():
    events = new()
    for event in (started("1"), started("2"), started("3"), ended("1"), ended("2", T + 59)):
        assert events.passes(event)
    assert knows(events, "1")
    assert events.passes(ended("3", T + 120))
    assert [channel for channel in "123" if knows(events, channel)] == ["2", "3"]


@pytest.mark.parametrize("step", [-3600, 3600])
def test_a_step_of_the_clock_keeps_no_ended_channel(step):
    events = new()
    for event in (started("1"), started("2"), started("3"), ended("1"), ended("2", T + step)):
        assert events.passes(event)
    assert events.passes(ended("3", T + step + 59))
    assert [channel for channel in "123" if knows(events, channel)] == ["2", "3"]


def test_without_further_ends_the_snapshots_forget_an_ended_channel():
    events = new()
    for event in (started("1"), ended("1")):
        events.passes(event)
    for seconds, known in ((30, True), (59, True), (60, False)):
        events.snapshot([], T + seconds, lists_queues=True)
        assert knows(events, "1") is known


def test_a_snapshot_does_not_make_an_ended_channel_known_for_longer():
    events = new()
    for event in (started("1"), started("2"), ended("1")):
        events.passes(event)
    events.snapshot(["1", "2"], T, lists_queues=True)  # the list was made before the end
    events.passes(ended("2", T + 60))
    assert [channel for channel in "12" if knows(events, channel)] == ["2"]


def test_an_open_channel_is_forgotten_if_two_snapshots_do_not_list_it():
    events = new()
    events.passes(started("1"))
    events.snapshot([], T, lists_queues=True)  # "1" may have started while Asterisk made the list
    assert knows(events, "1")
    events.snapshot(["1"], T, lists_queues=True)
    events.snapshot([], T, lists_queues=True)
    assert knows(events, "1")
    events.snapshot([], T, lists_queues=True)
    assert not knows(events, "1")


def test_many_ended_channels_take_little_memory():
    events = new()
    for number in range(30_000):
        events.passes(started(f"{number}"))
        events.passes(ended(f"{number}"))
    assert len(events._known) < 11_000
    assert knows(events, "29000")


def test_many_forged_events_take_little_memory_and_one_question():
    events = new()
    events.announce(["1"])
    for number in range(5000):
        assert not events.passes(joined("1", f"forged {number}"))
    assert events.question() == PbxQuestion(channels=False, queues=None)
    assert events.answered([], ["sales"]) == []
    assert (events.discarded, len(events)) == (5000, 0)


def test_a_lost_link_discards_what_waits():
    events = new()
    events.passes(joined("1"))
    events.discard_held()
    assert (events.discarded, len(events)) == (1, 0)


def test_each_type_of_event_has_its_subject():
    assert set(announced._SUBJECTS) == set(ev.CallEvent.__args__)
    for kind, subject in announced._SUBJECTS.items():
        names = [kind._fields[at] for at in subject[:2] if at is not None]
        assert all(
            "uniqueid" in n or n in {"one", "two", "rung", "transferer", "transferee", "target_channel"}
            for n in names
        )
        assert subject.queue is None or kind._fields[subject.queue] == "queue"


@pytest.mark.parametrize("path", all_recordings(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_recorded_calls_wait_for_nothing(path):
    codec = Codec(WANTED_FOR_DIRECT_CALLS)
    messages = [
        each for chunk in read_stream(path) for each in codec.feed(chunk) if isinstance(each, AnyEvent)
    ]
    recorded = [event for each in messages if "ActionID" not in each.headers and (event := read(each, float))]
    events = new(*filter(None, map(announced._queue, recorded)))
    assert [event for event in recorded if not events.passes(event)] == []
