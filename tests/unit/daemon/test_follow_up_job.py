"""The daemon's checks for follow-ups: when, how far back, and without a database."""

from collections import Counter

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from cc_bridge.config import Config, FollowUpsConfig
from cc_bridge.daemon.jobs import follow_ups as module
from cc_bridge.daemon.jobs.follow_ups import FollowUpJob
from cc_bridge.errors import StorageError
from cc_bridge.follow_ups.follow_up import FollowUpCount
from support.service_context import context

T = 1_795_309_819.0
DAY = 86_400.0


class JobWithFakeSweep:
    """A daemon with a fake sweep. `looks` has, for each check, the start of its span and its instant."""

    def __init__(self, monkeypatch, observed_until=None, *, enabled=True):
        self.clock, self.looks, self.links, self.counted = Clock(), [], [], []
        self.waits, self.fault, self.running = 0.0, None, None
        job = self

        class FakeOpener:
            def __init__(self, _engine, _pbx, _desk, _tell, stopping):
                job.stopping = stopping

            def run_once(self, since, now, looked, *, link):
                job.looks.append((since - T, now - T))
                job.links.append(link)
                looked.opened.update(["comment"])
                if job.fault:
                    raise job.fault
                looked.counts = {"sara": FollowUpCount(len(job.looks))}

        monkeypatch.setattr(module, "FollowUpSweep", FakeOpener)
        config = Config(follow_ups=FollowUpsConfig(enabled=enabled))
        self.following = FollowUpJob(
            context(config, clock=self.clock, in_thread=self.in_thread),
            frozenset(),
            lambda _news: True,
            lambda: self.waits,
            lambda *counted: self.counted.append(counted),
            lambda: T + self.clock.seconds(),
            observed_until,
        )

    def in_thread(self, function):
        if self.running is not None:
            return self.running.addCallback(lambda _: function())
        return maybeDeferred(function)

    def pass_by(self, seconds):
        self.clock.pump([1.0] * seconds)


@pytest.fixture
def job(monkeypatch):
    job = JobWithFakeSweep(monkeypatch)
    yield job
    job.following.stopService()
    assert not job.clock.getDelayedCalls()


def test_it_looks_a_day_back_first_and_then_ten_minutes(job):
    job.following.startService()
    job.pass_by(10)
    assert job.looks == [(-DAY - 600, 0), (-600, 5), (-595, 10)]
    job.pass_by(3600)
    assert sum(since < -DAY / 2 for since, _ in job.looks) == 2  # once an hour
    assert job.links.count(True) == 1 + 3610 // 60  # once a minute
    assert job.counted[0] == (Counter(comment=1), [], {"sara": FollowUpCount(1)})


def test_after_a_long_time_it_looks_at_all_that_came_meanwhile(monkeypatch):
    for away, since in ((3 * DAY, -3 * DAY - 600), (30 * DAY, -7 * DAY)):
        job = JobWithFakeSweep(monkeypatch, T - away)
        job.following.startService()
        assert job.looks == [(since, 0)]
        job.following.stopService()


def test_what_waits_for_the_database_is_looked_at_when_it_is_there(job):
    job.following.startService()
    job.waits = 2 * DAY
    job.pass_by(5)
    job.waits = 0.0
    job.pass_by(10)
    assert job.looks[1:] == [(-600, 5), (5 - 2 * DAY - 600, 10), (-590, 15)]


def test_a_database_that_is_away_is_asked_again_from_the_same_instant(job):
    job.fault = StorageError("the server is away")
    job.following.startService()
    job.pass_by(70)
    assert [now for _, now in job.looks] == [0, 5, 35, 65]
    assert job.counted[-1] == (Counter(comment=1), [], {})  # opened follow-ups are still counted
    job.fault = None
    job.pass_by(35)
    assert job.looks[4] == (95 - DAY - 600, 95)
    assert job.counted[-1][2] == {"sara": FollowUpCount(len(job.looks))}


def test_nothing_is_looked_at_unless_it_is_switched_on(monkeypatch):
    job = JobWithFakeSweep(monkeypatch, enabled=False)
    job.following.startService()
    job.pass_by(60)
    assert job.looks == []
    job.following.reconfigure(Config(follow_ups=FollowUpsConfig(enabled=True)))
    job.pass_by(5)
    assert len(job.looks) == 1
    job.following.stopService()


def test_while_one_look_goes_on_no_other_begins_and_it_is_told_to_stop(job):
    job.running = Deferred()
    job.following.startService()
    job.pass_by(60)
    assert job.looks == []
    job.following.stopService()
    job.running.callback(None)
    assert len(job.looks) == 1
    assert job.stopping()
