"""Lost records are reported: an error line, a gap of their own reason, a fault, each once an episode."""

from types import SimpleNamespace

import pytest
from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.logger import formatEvent

from cc_bridge.daemon.services.lost_records import LostRecords
from cc_bridge.records import Gap, GapReason
from support.service_context import context

T = 1_795_000_000.0


class Story:
    """The service over a writer whose counts the test sets, a second at a time."""

    def __init__(self):
        self.clock = Clock()
        self.clock.advance(T)
        self.writer = SimpleNamespace(lost={}, fill_ratio=0.0, backlog=7, commit=self.commit)
        self.pipeline = SimpleNamespace(writer=self.writer, publish=self.publish, losing=False)
        self.rows, self.published = {}, []
        self.service = LostRecords(context(clock=self.clock), self.pipeline, self.clock.seconds)
        self.service.startService()

    def commit(self, record):
        self.rows[record.started_at] = record
        return succeed(None)

    def publish(self, record):
        self.published.append(record)

    def second(self, fill_ratio=0.0, **lost):
        self.clock.advance(1)
        self.writer.fill_ratio = fill_ratio
        self.writer.lost = {
            name: self.writer.lost.get(name, 0) + n
            for name, n in {**dict.fromkeys(self.writer.lost, 0), **lost}.items()
        }
        self.service.tick()
        return self


@pytest.fixture
def story():
    return Story()


@pytest.fixture
def said(logged):
    return lambda: [formatEvent(event) for event in logged if event["log_level"].name == "error"]


def gap(start, end, calls):
    return Gap("pbx", T + start, T + end, GapReason.RECORDS_LOST, calls)


def test_an_episode_is_one_gap_two_lines_and_a_fault_that_lasts_as_long(story, said):
    story.second().second()
    assert (story.service.fault, said(), story.rows, story.pipeline.losing) == ("", [], {}, False)
    story.second(1.0, QueueVisit=3, Talk=2, Call=3)
    assert story.service.fault == (
        "the queue in memory or the disk is full: 8 records lost since 2026-11-18T11:06:42Z"
    )
    (line,) = said()
    assert line == (
        "records are being lost: 7 records wait in memory, and the queue in memory (storage.max_queued_mb) or"
        " the disk is full; only survey answers, survey attempts and opt-outs are kept"
    )
    assert list(story.rows.values()) == [gap(2, 3, 5)]  # already written: a kill must not lose it
    assert story.pipeline.losing
    for _ in range(20):
        story.second(1.0, Ring=1)
        story.second(0.7)
    assert list(story.rows.values()) == [gap(2, 43, 5)]
    assert story.published == []
    story.second(0.5)
    assert list(story.rows.values()) == story.published == [gap(2, 44, 5)]
    assert said()[-1] == (
        "28 records were lost in 41 s (Call: 3, QueueVisit: 3, Ring: 20, Talk: 2); the time is in the table"
        " `gaps`, with the reason records_lost"
    )
    assert len(said()) == 2
    assert (story.service.fault, story.pipeline.losing) == ("", False)


def test_the_next_episode_is_another_gap_with_counts_of_its_own(story, said):
    story.second(1.0, Talk=2).second(0.0).second().second(1.0, Talk=1).second(0.0)
    assert [(each.started_at - T, each.calls_affected) for each in story.published] == [(0, 2), (3, 1)]
    assert len(said()) == 4


def test_the_stop_ends_the_episode(story):
    story.second(1.0, Talk=2)
    story.clock.advance(5)
    story.service.stopService()
    assert story.published == [gap(0, 6, 2)]
