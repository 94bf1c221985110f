"""A periodic job: one run at a time, retries, and one log line each for an outage and its end."""

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import formatEvent

from cc_bridge.config import Config
from cc_bridge.daemon.jobs.periodic import PeriodicJob
from cc_bridge.errors import StorageError
from support.service_context import context

AWAY = StorageError("the database is away")


class Count(PeriodicJob[int]):
    """A job that counts its runs. `results` are the results of the next runs."""

    name = "count"
    interval = 10.0
    retry = 30.0

    def __init__(self, **options):
        self.clock = Clock()
        self.runs, self.results, self.finished, self.failed = [], [], [], 0
        self.is_due = True
        for name, value in options.items():
            setattr(self, name, value)
        super().__init__(context(clock=self.clock, in_thread=self.thread))

    def thread(self, run):
        self.runs.append(self.clock.seconds())
        result = self.results.pop(0) if self.results else run()
        return result if isinstance(result, Deferred) else succeed(result)

    def prepare(self):
        return (lambda: len(self.runs)) if self.is_due else None

    def finish(self, result):
        self.finished.append(result)

    def fail(self):
        self.failed += 1

    def pass_by(self, seconds):
        self.clock.pump([1.0] * seconds)


@pytest.fixture
def make():
    jobs = []

    def make(**options):
        jobs.append(Count(**options))
        return jobs[-1]

    yield make
    for job in jobs:
        job.stopService()
        assert not job.clock.getDelayedCalls()


@pytest.fixture
def started(make):
    def started(**options):
        job = make(**options)
        job.startService()
        return job

    return started


def lines(logged):
    return [formatEvent(event) for event in logged if event["log_namespace"].endswith("periodic")]


def test_it_runs_at_the_start_and_at_each_interval(started):
    job = started()
    job.pass_by(25)
    assert job.runs == [0, 10, 20]
    assert job.finished == [1, 2, 3]


def test_it_may_wait_for_the_first_interval(started):
    job = started(at_start=False)
    job.pass_by(25)
    assert job.runs == [10, 20]


def test_nothing_runs_unless_something_is_due(started):
    job = started(is_due=False)
    job.pass_by(30)
    assert job.runs == []


def test_no_run_starts_beside_another(started):
    slow = Deferred()
    job = started(results=[slow])
    job.pass_by(55)
    assert job.runs == [0]
    slow.callback(7)
    job.pass_by(10)
    assert job.runs == [0, 60]
    assert job.finished[0] == 7


def test_an_outage_is_logged_once_and_its_end_too(started, logged):
    job = started(results=[fail(AWAY), fail(AWAY)])
    job.pass_by(75)
    assert job.runs == [0, 30, 60, 70]
    assert (job.failed, job.finished) == (2, [3, 4])
    assert lines(logged) == [
        "count failed: the database is away; retrying in 30 s",
        "the count works again",
    ]


def test_a_tolerated_failure_is_neither_logged_nor_waited_for(started, logged):
    job = started(results=[fail(AWAY)], tolerated=1)
    job.pass_by(10)
    assert job.runs == [0, 10]
    assert lines(logged) == []


def test_a_new_configuration_is_tried_at_the_next_interval(started):
    job = started(results=[fail(AWAY)], retry=1000.0)
    job.pass_by(5)
    job.reconfigure(Config())
    job.pass_by(5)
    assert job.runs == [0, 10]


def test_a_fault_of_the_job_itself_does_not_end_it(started, logged):
    job = started(results=[ZeroDivisionError], retry=0.0)
    job.finish = lambda result: None if isinstance(result, int) else result()  # raises
    job.results = []
    job.pass_by(30)
    assert len(job.runs) == 4
    job.prepare = lambda: 1 / 0
    job.pass_by(10)
    del job.prepare
    job.pass_by(10)
    assert len(job.runs) == 5
    assert "division by zero" in lines(logged)[-2]


def test_a_stop_is_told_to_the_run_and_no_other_starts(started):
    slow = Deferred()
    job = started(results=[slow])
    assert not job.stopping.is_set()
    assert job.stopService() is None  # stopping waits for no run
    assert job.stopping.is_set()
    slow.callback(1)
    job.pass_by(60)
    assert job.runs == [0]


def test_a_run_that_the_end_of_the_daemon_interrupts_is_no_failure(started, logged):
    slow = Deferred()
    job = started(results=[slow])
    job.stopService()
    slow.errback(AWAY)
    assert (job.failed, lines(logged)) == (0, [])
