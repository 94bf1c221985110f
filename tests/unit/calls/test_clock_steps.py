"""The PBX's clock is set during calls: each recording, with a step in its timestamps at some moment.

No duration may be negative or contain the step, and records that were open at the step are marked. The step
changes the timestamps, the times of queue_log, and the durations that Asterisk computes from two readings of
its clock.
"""

import random
import re
from functools import cache
from math import floor

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import AnyEvent
from cc_bridge.calls import events as ev
from cc_bridge.calls.ami_events import WANTED_FOR_DIRECT_CALLS, read
from cc_bridge.calls.clock_steps import EventTimes
from cc_bridge.calls.direct_calls import Contexts
from cc_bridge.calls.pbx_snapshot import PbxSnapshot
from cc_bridge.calls.tracker import Tracker
from cc_bridge.cli import main
from cc_bridge.metrics.record_metrics import RecordMetrics
from cc_bridge.records import (
    AgentInterval,
    AgentState,
    Call,
    GapReason,
    Outcome,
    QueueVisit,
    Ring,
    Talk,
)
from support.recordings import all_recordings, queue_log, recording

NAMES = [f"{path.parent.name}/{path.name.removesuffix('.ami.gz')}" for path in all_recordings()]
STEPS = [-3600.0, -1.0, 3600.0]
LONGEST_SILENCE = 30.0  # seconds between two events of a recording: the error of a step forward
MOMENTS = 3  # steps in each recording


@cache
def events_of(name):
    messages = Codec(WANTED_FOR_DIRECT_CALLS).feed(recording(name))
    typed = (read(message, float) for message in messages if isinstance(message, AnyEvent))
    return [event for event in typed if event is not None and event.at]


def stepped(events, first, step):
    return [event._replace(at=event.at + step) if n >= first else event for n, event in enumerate(events)]


def track(events):
    tracker = Tracker("pbx", contexts=Contexts(("*",)), direct=True)
    records = [record for event in events for record in tracker.apply(event)]
    return [*records, *tracker.finish(events[-1].at if events else 0.0)], tracker.take_clock_steps()


def durations(record):
    """Return the durations of a record by name, in seconds."""
    match record:
        case Call():
            return {"call": record.call_seconds, "wait": record.wait_seconds, "talk": record.talk_seconds}
        case QueueVisit():
            return {"wait": record.wait_seconds}
        case Ring():
            return {"ring": record.ring_seconds}
        case Talk():
            return {"talk": record.talk_seconds, "hold": record.hold_seconds}
        case AgentInterval():
            return {"state": record.seconds}
    raise AssertionError(record)


def moments(name):
    count = len(events_of(name))
    return random.Random(name).sample(range(1, count), min(MOMENTS, count - 1)) if count > 1 else []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", NAMES)
def test_no_duration_contains_the_step(name, step):
    events = events_of(name)
    longest = {}
    for record in track(events)[0]:
        for what, seconds in durations(record).items():
            longest[what] = max(longest.get(what, 0.0), seconds)
    for first in moments(name):
        records, _ = track(stepped(events, first, step))
        for record in records:
            for what, seconds in durations(record).items():
                assert 0 <= seconds <= longest.get(what, 0.0) + LONGEST_SILENCE, (first, what, record)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
@pytest.mark.parametrize("name", NAMES)
def test_outcomes_and_people_are_those_without_the_step(name, step):
    def facts(records):
        names = {
            QueueVisit: ("uniqueid", "queue", "outcome", "agent"),
            Ring: ("ring_uniqueid", "outcome", "agent"),
            Talk: ("uniqueid", "agent", "ended_by", "transfer"),
        }
        return [[getattr(r, name) for name in names[type(r)]] for r in records if type(r) in names]

    events = events_of(name)
    expected = facts(track(events)[0])
    for first in moments(name):
        assert sorted(facts(track(stepped(events, first, step))[0]), key=str) == sorted(expected, key=str), (
            first
        )


@pytest.mark.parametrize("step", STEPS)
def test_what_was_open_is_marked(step):
    events = events_of("22/mix")
    true = track(events)[0]
    marked = waited = 0
    for first in moments("22/mix"):
        at = events[first].at
        if step > 0:
            assert at - events[first - 1].at < LONGEST_SILENCE
        if events[first - 1].at - (at + step) < 0.5 and step == -1.0:
            continue  # the time between two events hides this step
        records, steps = track(stepped(events, first, step))
        talks = {each.uniqueid: each for each in true if isinstance(each, Talk)}
        open_then = {
            key
            for key, talk in talks.items()
            if talk.answered_at < events[first - 1].at and talk.ended_at > at
        }
        partial = {each.uniqueid for each in records if isinstance(each, Talk) and each.partial}
        assert open_then <= partial
        waiting = {
            each.uniqueid
            for each in true
            if isinstance(each, QueueVisit) and each.entered_at <= events[first - 1].at < at <= each.left_at
        }
        assert waiting == {each.uniqueid for each in records if isinstance(each, QueueVisit) and each.partial}
        waited += len(waiting)
        (gap,) = steps
        assert (gap.reason, gap.started_at) == (GapReason.CLOCK_STEP, gap.ended_at)
        assert abs(gap.started_at - (at + step)) < 1e-3
        assert gap.calls_affected >= len(open_then)
        marked += len(open_then)
    assert marked
    assert waited


# -- metrics


def exposed(metrics):
    """Return the values of all samples of counters and histograms, by name and labels."""
    families = text_string_to_metric_families(metrics.page("text/plain")[0].decode())
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        if family.type in ("counter", "histogram")
        for sample in family.samples
    }


@pytest.mark.parametrize("step", STEPS)
def test_counters_do_not_fall_and_sums_do_not_contain_the_step(step):
    name = "22/mix"
    events = events_of(name)
    length = events[-1].at - events[0].at
    for first in moments(name):
        metrics = RecordMetrics(CollectorRegistry(), "pbx", [20.0])
        tracker, before = Tracker("pbx"), {}
        for event in stepped(events, first, step):
            records = tracker.apply(event)
            for record in records:
                match record:
                    case QueueVisit():
                        metrics.count_visit(record, 20.0, 5.0)
                    case Talk() if record.queue:
                        metrics.count_talk(record, 3.0)
                    case Ring():
                        metrics.count_ring(record)
            for gap in tracker.take_clock_steps():
                metrics.count_gap(gap)
            if records:
                now = exposed(metrics)
                assert [key for key, value in before.items() if now[key] < value] == []
                before = now
        sums = {
            key: value for key, value in before.items() if key[0].endswith(("_seconds_sum", "_seconds_total"))
        }
        assert sums
        assert max(sums.values()) < 50 * length  # the recording has fewer than 50 callers at a time
        assert max(sums.values()) < 3000


# -- reconcile


def with_step(name, k, step):
    """Return the bytes of a recording and of its queue_log, with the clock set at the instant `k`."""

    def move(found):
        at = float(found[1])
        return b"Timestamp: %.6f\r" % (at + step if at >= k else at)

    stream = re.sub(rb"Timestamp: ([\d.]+)\r", move, recording(name))
    entered, answered, lines = {}, {}, []
    for at, call, queue, agent, event, *data in queue_log(name):
        now = float(at)
        key, after = (call, queue), int(now >= k)
        fields = {  # positions of the wait and of the talk
            "CONNECT": (0, None), "COMPLETEAGENT": (0, 1), "COMPLETECALLER": (0, 1), "ABANDON": (2, None),
            "EXITWITHTIMEOUT": (2, None), "EXITEMPTY": (2, None), "EXITWITHKEY": (3, None),
            "BLINDTRANSFER": (2, 3), "ATTENDEDTRANSFER": (-3, -2),
        }  # fmt: skip
        if event == "ENTERQUEUE":
            entered[key] = after
        wait, talk = fields.get(event, (None, None))
        waited = answered.get(key, after) if talk is not None else after
        if event == "CONNECT":
            answered[key] = after
        if wait is not None:
            data[wait] = str(int(data[wait]) + round(step) * (waited - entered.get(key, waited)))
        if talk is not None:
            data[talk] = str(int(data[talk]) + round(step) * (after - answered.get(key, after)))
        lines.append("|".join([str(round(now + step * after)), call, queue, agent, event, *data]))
    return stream, "".join(f"{line}\n" for line in lines)


def whole_seconds(name):
    """Return at most one whole second of a recording without a near event.

    At such a second the step affects the same lines of queue_log as events.
    """
    instants = [event.at for event in events_of(name)]
    inside = range(floor(instants[0]) + 1, floor(instants[-1]) + 1)
    quiet = [
        k
        for k in inside
        if all(not -0.1 < k - at < 0.02 for at in instants) and instants[0] < k < instants[-1]
    ]
    return random.Random(name).sample(quiet, min(1, len(quiet)))


@pytest.mark.parametrize(
    ("name", "step"),
    [(name, STEPS[n % len(STEPS)]) for n, name in enumerate(NAMES) if name != "odd/clock_put_back_an_hour"],
)
def test_reconcile_explains_what_a_step_changes(name, step, tmp_path):
    for k in whole_seconds(name):
        stream, log = with_step(name, k, step)
        (tmp_path / "ami").write_bytes(stream)
        (tmp_path / "queue_log").write_text(log)
        words = ["reconcile", "--queue-log", str(tmp_path / "queue_log"), "--replay", str(tmp_path / "ami")]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, (k, result.output)
        assert "missing" not in result.output, (k, result.output)


# -- single cases


@pytest.mark.parametrize(
    ("instants", "expected"),
    [
        ([10, 11, 10.6], [0, 0, 0]),  # threads of Asterisk
        ([10, 11, 10.4, 10.5], [0, 0, pytest.approx(-0.6), 0]),
        ([5000, 1400, 1401], [0, -3600, 0]),
        ([10, 3608, 7207], [0, 0, 3599]),
        ([10, 0, 11], [0, 0, 0]),  # an event without a timestamp
    ],
)
def test_steps_of_events(instants, expected):
    times = EventTimes()
    assert [times.step_before(at) for at in instants] == expected


def test_a_silent_hour_that_is_told_is_no_step():
    times = EventTimes()
    times.step_before(10)
    for now in range(11, 5000):
        times.passed(now)
    assert times.step_before(5000) == 0


def test_an_agents_state_goes_on_by_the_new_time():
    tracker = Tracker("pbx")
    tracker.apply(ev.MemberSeen(5000, "sales", "PJSIP/1", "Ann", 1, False, "", 0))
    tracker.tick(5010)
    (interval,) = tracker.clock_set(-3600)
    assert (interval.state, interval.started_at, interval.ended_at) == (AgentState.AVAILABLE, 5000, 5010)
    (interval,) = tracker.apply(ev.MemberGone(1420, "sales", "PJSIP/1"))
    assert (interval.state, interval.started_at, interval.ended_at) == (AgentState.AVAILABLE, 1410, 1420)


def test_a_snapshot_with_a_negative_wait_shows_the_same_visit():
    tracker = Tracker("pbx")
    tracker.apply(ev.ChannelStarted(4999, "1.1", "1.1", "in", "100", "1", "", "", "PJSIP/t-1"))
    joined = ev.Joined(5000, "1.1", "1.1", "sales", 1, "1", "", "")
    tracker.apply(joined)
    tracker.clock_set(-3600)
    for at in (1401, 1404):
        shown = PbxSnapshot(at, frozenset(), (), (joined._replace(at=at),), (), {"1.1": ""})
        assert tracker.resync(shown, fresh=False) == []
    tracker.apply(ev.HangupRequested(1410, "1.1", by_pbx=False))
    (visit,) = tracker.apply(ev.Left(1410, "1.1", "sales"))
    assert (visit.outcome, visit.wait_seconds) == (Outcome.ABANDONED, 10)


def test_a_hold_time_that_a_step_made_negative_dates_no_entry_after_the_end():
    tracker = Tracker("pbx")
    tracker.apply(ev.GaveUp(1400, "1.1", "1.1", "sales", -3590, 1, "1", "", ""))
    tracker.apply(ev.HangupRequested(1400, "1.1", by_pbx=False))
    records = [
        *tracker.apply(ev.Left(1400, "1.1", "sales")),
        *tracker.apply(ev.ChannelEnded(1400, "1.1", 16, "1.1")),
    ]
    assert [each.wait_seconds for each in records if isinstance(each, QueueVisit)] == [0]
