"""The AMI listener between a scripted link and a pipeline that keeps its records."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import MessageCounts
from cc_bridge.calls.ami_events import WANTED
from cc_bridge.calls.pbx_snapshot import SeenChannel, SeenQueue
from cc_bridge.daemon.services.ami_listener import AmiListener
from cc_bridge.errors import AmiLinkLost, AmiTimeout
from cc_bridge.records import Gap, GapReason, ObservationWatermark, QueueVisit
from support.service_context import context

T = 1_795_000_000.0


class Link:
    """An AMI link whose PBX has the time of the test's clock."""

    def __init__(self, clock):
        self.up, self.started_at, self.synced_until = False, 0.0, 0.0
        self.counts = MessageCounts()
        self.checks = 0
        self.asked = []  # the questions about channels and queues
        self.pbx_now = clock.seconds

    def check(self):
        self.checks += 1

    def stop(self):
        pass

    def note_instant(self, at, earlier):
        pass

    def ask(self, *, channels, queues):
        self.asked.append((channels, queues))
        self.answer = Deferred()
        return self.answer


class Pipeline:
    def __init__(self):
        self.records = []

    def record(self, records):
        self.records += records

    def add_open_records(self, records):
        pass

    def of(self, kind):
        return [record for record in self.records if isinstance(record, kind)]


class Story:
    """An AMI listener that the test drives second by second."""

    def __init__(self, observed_until=None):
        self.clock = MemoryReactorClock()
        self.clock.advance(T)
        self.pipeline = Pipeline()
        self.listener = AmiListener(context(clock=self.clock), self.pipeline, observed_until)
        self.link = self.listener.link = self.listener._confirmation.link = Link(self.clock)

    def up(self):
        self.link.up = True
        self.listener.ami_up([SeenQueue("sales")], self.clock.seconds())
        return self

    def seconds(self, n, dropped=0):
        """Advance by `n` seconds with `dropped` lost messages each. Requested snapshots come immediately."""
        for _ in range(n):
            self.clock.advance(1)
            self.link.counts.malformed += dropped
            before = self.link.checks
            self.listener.tick()
            if self.link.checks > before:
                self.listener.ami_checked([SeenQueue("sales")], self.link.pbx_now())
        return self

    def event(self, name, stamp, **headers):
        """Pass on an event of the PBX with this instant in its `Timestamp` header."""
        told = {"Event": name, "Privilege": "call,all", "Timestamp": f"{stamp:.6f}", **headers}
        text = "".join(f"{key}: {value}\r\n" for key, value in told.items())
        for message in Codec(WANTED, MessageCounts()).feed(f"{text}\r\n".encode()):
            self.listener.ami_event(message)

    def gaps(self):
        return [(gap.reason, gap.started_at - T, gap.ended_at - T) for gap in self.pipeline.of(Gap)]


def test_a_dropped_message_is_a_gap_until_the_next_snapshot():
    story = Story().up().seconds(10).seconds(1, dropped=1).seconds(10)
    assert story.gaps() == [(GapReason.MESSAGE_DROPPED, 10, 11)]


def test_a_message_dropped_in_the_first_second_is_dated_to_the_start():
    story = Story().up().seconds(1, dropped=1).seconds(10)
    assert story.gaps() == [(GapReason.MESSAGE_DROPPED, 0, 1)]


@pytest.mark.parametrize("observed_until", [0.0, 5.0, float("nan"), float("inf"), -T])
def test_an_implausible_end_of_observation_starts_no_gap(observed_until):
    story = Story(observed_until).seconds(10).up().seconds(10)
    story.listener.stop()
    assert [reason for reason, _, _ in story.gaps()] == []


def test_an_event_from_another_year_is_dated_by_its_arrival():
    story = Story().up().seconds(10)
    noted = []
    story.link.note_instant = lambda at, earlier: noted.append((at - T, earlier - T))
    story.listener._announced.announce(["pbx-1.2"])
    for stamp in (T + 10 * 365 * 86_400, T - 10 * 365 * 86_400, T + 10):
        story.event("Hold", stamp, Uniqueid="pbx-1.2")
    assert all(abs(at - 10) < 1 for at, _ in noted)
    story.link.up = False
    story.listener.ami_down("cut", T)
    story.seconds(5).up()
    assert story.gaps() == [(GapReason.LINK_LOST, 10, 15)]


def test_malformed_messages_all_the_time_are_few_gaps_and_few_snapshots():
    story = Story().up().seconds(3600, dropped=1)
    assert len(story.gaps()) < 15
    assert story.link.checks < 60 + 15
    story.seconds(1300)  # no lost message
    before = len(story.gaps())
    story.seconds(1, dropped=1).seconds(10)
    assert len(story.gaps()) == before + 1


@pytest.mark.parametrize(("observed_until", "reason"), [(T - 60, "daemon_down"), (None, None)])
def test_a_gap_that_is_open_at_the_stop_is_recorded(observed_until, reason):
    story = Story(observed_until).seconds(10)
    story.listener.stop()
    assert story.gaps() == ([(reason, -60, 10)] if reason else [])


def test_a_lost_link_at_the_stop_is_a_gap():
    story = Story().up().seconds(10)
    story.link.up = False
    story.listener.ami_down("cut", story.clock.seconds())
    story.seconds(5)
    story.listener.stop()
    assert story.gaps() == [(GapReason.LINK_LOST, 10, 15)]
    assert [mark.observed_until - T for mark in story.pipeline.of(ObservationWatermark)][-1] == 10


def test_an_event_from_before_the_snapshot_does_not_make_two_gaps_overlap():
    story = Story(T - 60).seconds(10).up()
    story.listener._announced.announce(["pbx-1.2"])
    story.event("Hold", T + 8, Uniqueid="pbx-1.2")
    story.listener.open_records()
    story.link.up = False
    story.listener.ami_down("cut", T + 9)
    story.seconds(5).up()
    assert story.gaps() == [(GapReason.DAEMON_DOWN, -60, 10), (GapReason.LINK_LOST, 10, 15)]


def test_the_watermark_is_never_before_the_end_of_a_gap():
    story = Story(T - 60).seconds(10).up()
    story.listener._announced.announce(["pbx-1.2"])
    story.event("Hold", T + 8, Uniqueid="pbx-1.2")
    (mark,) = [each for each in story.listener.open_records() if isinstance(each, ObservationWatermark)]
    assert mark.observed_until - T == 10


def test_after_a_dropped_message_the_stop_ends_the_gap():
    story = Story().up().seconds(10)
    story.clock.advance(1)
    story.link.counts.malformed += 1
    story.listener.tick()  # the requested snapshot will not arrive
    story.link.synced_until = T + 11
    story.listener.stop()
    assert story.gaps() == [(GapReason.MESSAGE_DROPPED, 10, 11)]


def test_a_step_of_the_clock_does_not_stop_the_checks():
    story = Story().up().seconds(61)
    before = story.link.checks
    now = -3600.0
    story.link.pbx_now = lambda: story.clock.seconds() + now
    story.listener._clock_set(now)
    story.seconds(125)
    assert story.link.checks == before + 2
    assert [gap.reason for gap in story.pipeline.of(Gap)] == [GapReason.CLOCK_STEP]


CHANNEL = "Uniqueid: {0}\r\nLinkedid: {0}\r\nCallerIDNum: 9\r\nCallerIDName: x\r\nContext: in\r\nExten: 1\r\n"


class Calls(Story):
    """A story with AMI events."""

    def __init__(self):
        super().__init__()
        self.codec = Codec(WANTED)
        self.step = 0.01  # seconds between two events

    def event(self, name, channel, more=""):
        if self.step:
            self.clock.advance(self.step)
        stamp = f"Event: {name}\r\nPrivilege: call,all\r\nTimestamp: {self.clock.seconds():.6f}\r\n"
        for message in self.codec.feed(f"{stamp}{CHANNEL.format(channel)}{more}\r\n".encode()):
            self.listener.ami_event(message)
        return self

    def join(self, channel, queue="sales"):
        return self.event("QueueCallerJoin", channel, f"Queue: {queue}\r\nPosition: 1\r\n")

    def waiting(self):
        return [(visit.uniqueid, visit.queue) for visit in self.listener.tracker.waiting()]


def seen(channel):
    return SeenChannel(channel, channel, "PJSIP/a-1", "en", "", "Queue", "sales")


def test_a_call_that_is_announced_in_order_is_asked_about_nothing():
    story = Calls().up().seconds(1).event("Newchannel", "1.1").join("1.1")
    assert story.waiting() == [("1.1", "sales")]
    assert story.link.asked == []


def test_asterisk_is_asked_at_once_about_an_unknown_channel():
    story = Calls().up().seconds(1).join("1.1")
    assert story.waiting() == []
    assert story.link.asked == [(True, frozenset())]
    story.link.answer.callback([seen("1.1")])
    assert story.waiting() == [("1.1", "sales")]
    (visit,) = story.listener.tracker.waiting()
    assert visit.entered_at == pytest.approx(T + 1.01)
    assert story.link.counts.unconfirmed == 0


def test_what_asterisk_does_not_confirm_opens_nothing_and_is_counted(logged):
    story = Calls().up().seconds(1).event("Newchannel", "1.1").join("1.1", "it").join("2.2")
    story.link.answer.callback([SeenQueue("sales")])
    story.seconds(1)
    story.link.answer.callback([seen("1.1")])
    assert story.waiting() == []
    assert story.link.counts.unconfirmed == 2
    assert "it" not in story.listener.tracker.queues
    assert ["discarded" in each["log_format"] for each in logged if "log_format" in each].count(True) == 1


def test_four_hundred_forged_queues_are_few_questions_and_no_queue():
    story = Calls().up().seconds(1).event("Newchannel", "1.1")
    for number in range(400):
        story.join("1.1", f"forged{number}")
    story.link.answer.callback([])
    story.seconds(1)
    story.link.answer.callback([])
    assert len(story.link.asked) == 2
    assert story.listener.tracker.queues == {"sales"}
    assert story.link.counts.unconfirmed == 400


def test_a_forged_event_holds_up_its_victim_only_until_the_answer():
    story = Calls().up().seconds(1).event("Newchannel", "1.1").join("1.1")
    story.join("1.1", "it").event("QueueCallerLeave", "1.1", "Queue: sales\r\n").event(
        "Hangup", "1.1", "Cause: 16\r\n"
    )
    assert story.waiting() == [("1.1", "sales")]
    story.link.answer.callback([])
    assert story.waiting() == []
    story.seconds(5)
    assert [visit.queue for visit in story.pipeline.of(QueueVisit)] == ["sales"]


def test_a_question_that_fails_is_asked_again():
    story = Calls().up().seconds(1).join("1.1")
    story.link.answer.errback(AmiTimeout("no answer"))
    story.seconds(2)
    assert len(story.link.asked) == 2
    story.link.answer.callback([seen("1.1")])
    assert story.waiting() == [("1.1", "sales")]


def test_a_lost_link_discards_what_is_not_confirmed():
    story = Calls().up().seconds(1).join("1.1")
    story.link.answer.errback(AmiLinkLost("cut"))
    story.link.up = False
    story.listener.ami_down("cut", story.clock.seconds())
    assert story.link.counts.unconfirmed == 1
    assert story.waiting() == []


def test_events_that_came_before_the_snapshot_need_no_announcement():
    story = Calls()
    story.step = 0  # the link passes them on immediately after the snapshot
    story.up().join("1.1").event("Hangup", "1.1", "Cause: 16\r\n")
    assert story.link.asked == []
    story.seconds(1).join("2.2")
    assert story.link.asked == [(True, frozenset())]


def test_an_event_that_waited_shows_no_step_of_the_clock():
    story = Calls().up().seconds(1).join("1.1").seconds(5).event("Newchannel", "2.2").join("2.2")
    story.link.answer.callback([seen("1.1")])
    assert sorted(story.waiting()) == [("1.1", "sales"), ("2.2", "sales")]
    assert story.gaps() == []
