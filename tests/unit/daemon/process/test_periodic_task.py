"""A periodic task continues after any exception, and says when it has stopped."""

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import formatEvent

from cc_bridge.daemon.services.ticks import Ticks
from support.service_context import context


class Work:
    """A function that counts its runs; `results` are the results or exceptions of the next runs."""

    def __init__(self):
        self.runs, self.results = 0, []

    def __call__(self):
        self.runs += 1
        result = self.results.pop(0) if self.results else None
        if isinstance(result, Exception):
            raise result
        return result


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def task(clock, work):
    task = context(clock=clock).periodic_task("count", 2.0, work)
    yield task
    task.stop()
    assert not clock.getDelayedCalls()


def said(logged):
    return [formatEvent(event) for event in logged if event["log_namespace"].endswith("periodic_task")]


def test_an_exception_is_logged_and_the_task_goes_on(task, clock, work, logged):
    work.results = [ZeroDivisionError("one"), fail(ValueError("two"))]
    task.start()
    clock.pump([2.0] * 9)
    assert work.runs == 10
    assert said(logged) == [
        "the periodic task 'count' failed, 1 times in a row now; it runs again in 2 s",
        "the periodic task 'count' failed, 2 times in a row now; it runs again in 2 s",
        "the periodic task 'count' works again",
    ]
    assert [event["log_failure"].type for event in logged if "log_failure" in event] == [
        ZeroDivisionError,
        ValueError,
    ]
    assert task.fault == ""


def test_a_task_that_always_fails_does_not_fill_the_log(task, clock, work, logged):
    work.results = [ZeroDivisionError()] * 1000
    task.start()
    clock.pump([2.0] * 1000)
    assert work.runs == 1001
    assert len(said(logged)) == 10 + 1


def test_a_task_that_has_not_run_for_three_intervals_is_a_fault(task, clock):
    task.start()
    task._loop.stop()  # as after an exception that escapes
    clock.advance(6.0)
    assert task.fault == ""
    clock.advance(0.1)
    assert task.fault == "the periodic task 'count' has not run for 6 s"
    task.stop()
    assert task.fault == ""


def test_a_task_that_waits_for_a_slow_run_is_no_fault(task, clock, work):
    slow = Deferred()
    work.results = [slow]
    task.start()
    clock.advance(100)
    assert (work.runs, task.fault) == (1, "")
    slow.callback(None)
    clock.advance(2)
    assert (work.runs, task.fault) == (2, "")


def test_a_task_that_never_started_is_no_fault(task, clock):
    clock.advance(100)
    assert task.fault == ""


def test_an_error_of_one_tick_stops_no_other(clock):
    here, good, bad = context(clock=clock), Work(), Work()
    bad.results = [ZeroDivisionError()] * 5
    ticks = Ticks(here, {"bad": bad, "good": good})
    ticks.startService()
    clock.pump([1.0] * 9)
    assert (good.runs, bad.runs) == (10, 10)
    assert not any(task.fault for task in here.tasks)
    ticks.stopService()
    assert not clock.getDelayedCalls()
