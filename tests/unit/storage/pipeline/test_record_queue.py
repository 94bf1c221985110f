"""The record queue: what ends the wait of the writer's thread, and what the thread then gets."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import monotonic, sleep

import pytest
from twisted.internet.defer import Deferred

from cc_bridge.records import Answer, Gap, ObservationWatermark, OpenStateRecord
from cc_bridge.storage.pipeline import record_queue as module
from cc_bridge.storage.pipeline.record_queue import BATCH, RecordQueue
from support.records import answer, visit


@pytest.fixture(autouse=True)
def no_group_is_ever_due(monkeypatch):
    monkeypatch.setattr(module, "GROUP_SECONDS", 3600)


@pytest.fixture
def backlog():
    return RecordQueue(bound=10 * BATCH)


@pytest.fixture
def asleep(backlog):
    """Yield a function that runs another in a thread. It returns the future once the thread waits."""
    with ThreadPoolExecutor(1) as thread:

        def fall_asleep(function=None, *args):
            future = thread.submit(function, *args) if function else None
            until(lambda: backlog._wake._waiters)  # notify() removes a waiter immediately
            return future

        yield fall_asleep
        backlog.close()


def until(condition):
    end = monotonic() + 20
    while not condition():
        assert monotonic() < end, "waited in vain"
        sleep(0.001)


def gap(n):
    return Gap("main", float(n), n + 1.0, "test", 0)


def records(batch):
    return [waiting.record for waiting in batch]


def test_a_commit_wakes_a_thread_that_waits_for_company(backlog, asleep):
    batch = asleep(backlog.next_batch)
    backlog.add(gap(1))
    asleep()
    assert not batch.done()
    backlog.add(gap(2), Deferred())
    assert records(batch.result(20)) == [gap(1), gap(2)]


def test_a_full_batch_waits_for_no_more_company(backlog, asleep):
    batch = asleep(backlog.next_batch)
    backlog.add(gap(0))
    asleep()
    for n in range(1, BATCH):
        assert not batch.done()
        backlog.add(gap(n))
    assert len(batch.result(20)) == BATCH


def test_draining_wakes_a_thread_that_waits_for_company_and_one_that_waits_for_work(backlog, asleep):
    batch = asleep(backlog.next_batch)
    backlog.add(gap(1))
    asleep()
    backlog.drain()
    assert records(batch.result(20)) == [gap(1)]
    backlog.written(batch.result())
    assert backlog.next_batch() == []

    idle = RecordQueue(1)
    with ThreadPoolExecutor(1) as thread:
        end = thread.submit(idle.next_batch)
        until(lambda: idle._wake._waiters)
        idle.drain()
        assert end.result(20) == []


def test_a_batch_stays_at_the_head_until_it_is_written(backlog):
    for n in range(3):
        backlog.add(gap(n), Deferred())
    batch = backlog.next_batch()
    backlog.add(gap(3), Deferred())
    assert len(backlog) == 4
    assert backlog.next_batch()[:3] == batch
    assert backlog.written(batch[:2])
    assert records(backlog.next_batch()) == [gap(2), gap(3)]


def test_once_the_urgent_ones_are_written_the_rest_waits_for_company_again(backlog, asleep):
    backlog.add(gap(1), Deferred())
    batch = backlog.next_batch()
    backlog.add(gap(2))
    backlog.written(batch)
    assert not asleep(backlog.next_batch).done()


def test_closing_gives_up_what_is_left_once_and_what_was_being_written_is_not_taken_off_again(backlog):
    backlog.add(gap(1), Deferred())
    batch = backlog.next_batch()
    assert backlog.close() == batch
    assert not backlog.written(batch)
    assert backlog.close() is None
    assert not backlog.add(gap(2))
    assert backlog.next_batch() == []
    assert (len(backlog), backlog.dropped, backlog.oldest_seconds) == (0, 2, 0.0)


def test_a_pause_ends_when_draining_begins_and_is_short_while_draining(backlog, asleep):
    pause = asleep(backlog.pause, 3600)
    backlog.drain()
    assert pause.result(20) is None
    assert asleep(backlog.pause, 3600).result(20) is None


def test_a_pause_ends_when_closed(backlog, asleep):
    pause = asleep(backlog.pause, 3600)
    backlog.close()
    assert pause.result(20) is None


def test_what_is_of_one_cut_is_never_in_two_batches(backlog, asleep):
    for n in range(BATCH + 5):
        backlog.add(gap(n), last=False)
    batch = asleep(backlog.next_batch)
    assert not batch.done()
    backlog.seal_batch()
    backlog.add(gap(-1))
    backlog.add(gap(-2), last=False)
    assert records(batch.result(20)) == [gap(n) for n in range(BATCH + 5)]
    backlog.written(batch.result())
    backlog.add(gap(-3), Deferred())  # a record with a Deferred ends the cut
    assert records(backlog.next_batch()) == [gap(-1), gap(-2), gap(-3)]


def test_a_batch_ends_with_a_cut_once_it_is_full(backlog):
    for n in range(3 * BATCH):
        backlog.add(gap(n), last=n % 700 == 699)
    for length in (1_400, 1_400):
        batch = backlog.next_batch()
        assert len(batch) == length
        backlog.written(batch)
    backlog.drain()  # the last cut will not be completed, but is written
    assert len(backlog.next_batch()) == 3 * BATCH - 2_800


def test_what_goes_on_is_taken_when_the_disk_is_full():
    full = RecordQueue(bound=2, full=lambda: True)
    assert full.add(OpenStateRecord("main", "call", "1", ""))
    assert not full.add(gap(1))
    assert full.add(OpenStateRecord("main", "call", "2", ""))
    assert not full.add(OpenStateRecord("main", "call", "3", ""))


def test_answers_are_taken_beyond_the_bound():
    full = RecordQueue(bound=1)
    assert full.add(gap(1))
    assert not full.add(gap(2))
    assert full.add(Answer("main", "a", "agent", "csat", 5, 1, 1.0))
    assert full.add(gap(3), Deferred())
    assert (len(full), full.dropped) == (3, 1)


def test_the_bound_is_the_memory_of_the_records():
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        backlog = RecordQueue(max_bytes=4 * 1024**2)
        n = 0
        while backlog.add(replace(visit(n), caller_name=f"name of {n}", queue=f"queue {n}")):
            n += 1
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert backlog.fill_ratio >= 1
    assert 0.5 * backlog.max_bytes < taken < backlog.max_bytes
    assert backlog.add(answer("a"))  # a rating is never refused
    backlog.drain()
    while batch := backlog.next_batch():
        backlog.written(batch)
    assert (backlog.bytes, backlog.fill_ratio) == (0, 0.0)


def test_lost_records_are_counted_by_kind_but_not_what_a_later_record_replaces():
    full = RecordQueue(bound=1)
    assert full.add(gap(1))
    for record in (
        gap(2),
        visit(1),
        visit(2),
        ObservationWatermark("main", 5.0),
        OpenStateRecord("main", "call", "1", ""),
    ):
        assert not full.add(record)
    assert full.lost == {"Gap": 1, "QueueVisit": 2}
    assert full.dropped == 3
