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


class Looking:
    """A daemon with a fake sweep. `looks` has, for each check, the start of its span and its instant."""

    def __init__(self, monkeypatch, observed_until=None, *, enabled=True):
        self.clock, self.looks, self.links, self.counted = Clock(), [], [], []
        self.waits, self.fault, self.running = 0.0, None, None
        looking = self

        class FakeOpener:
            def __init__(self, _engine, _pbx, _desk, _tell, stopping):
                looking.stopping = stopping

            def run_once(self, since, now, looked, *, link):
                looking.looks.append((since - T, now - T))
                looking.links.append(link)
                looked.opened.update(["comment"])
                if looking.fault:
                    raise looking.fault
                looked.counts = {"sara": FollowUpCount(len(looking.looks))}

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
def looking(monkeypatch):
    looking = Looking(monkeypatch)
    yield looking
    looking.following.stopService()
    assert not looking.clock.getDelayedCalls()


def test_it_looks_a_day_back_first_and_then_ten_minutes(looking):
    looking.following.startService()
    looking.pass_by(10)
    assert looking.looks == [(-DAY - 600, 0), (-600, 5), (-595, 10)]
    looking.pass_by(3600)
    assert sum(since < -DAY / 2 for since, _ in looking.looks) == 2  # once an hour
    assert looking.links.count(True) == 1 + 3610 // 60  # once a minute
    assert looking.counted[0] == (Counter(comment=1), [], {"sara": FollowUpCount(1)})


def test_after_a_long_time_it_looks_at_all_that_came_meanwhile(monkeypatch):
    for away, since in ((3 * DAY, -3 * DAY - 600), (30 * DAY, -7 * DAY)):
        looking = Looking(monkeypatch, T - away)
        looking.following.startService()
        assert looking.looks == [(since, 0)]
        looking.following.stopService()


def test_what_waits_for_the_database_is_looked_at_when_it_is_there(looking):
    looking.following.startService()
    looking.waits = 2 * DAY
    looking.pass_by(5)
    looking.waits = 0.0
    looking.pass_by(10)
    assert looking.looks[1:] == [(-600, 5), (5 - 2 * DAY - 600, 10), (-590, 15)]


def test_a_database_that_is_away_is_asked_again_from_the_same_instant(looking):
    looking.fault = StorageError("the server is away")
    looking.following.startService()
    looking.pass_by(70)
    assert [now for _, now in looking.looks] == [0, 5, 35, 65]
    assert looking.counted[-1] == (Counter(comment=1), [], {})  # opened follow-ups are still counted
    looking.fault = None
    looking.pass_by(35)
    assert looking.looks[4] == (95 - DAY - 600, 95)
    assert looking.counted[-1][2] == {"sara": FollowUpCount(len(looking.looks))}


def test_nothing_is_looked_at_unless_it_is_switched_on(monkeypatch):
    looking = Looking(monkeypatch, enabled=False)
    looking.following.startService()
    looking.pass_by(60)
    assert looking.looks == []
    looking.following.reconfigure(Config(follow_ups=FollowUpsConfig(enabled=True)))
    looking.pass_by(5)
    assert len(looking.looks) == 1
    looking.following.stopService()


def test_while_one_look_goes_on_no_other_begins_and_it_is_told_to_stop(looking):
    looking.running = Deferred()
    looking.following.startService()
    looking.pass_by(60)
    assert looking.looks == []
    looking.following.stopService()
    looking.running.callback(None)
    assert len(looking.looks) == 1
    assert looking.stopping()
