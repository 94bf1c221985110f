"""The nightly deletion: at its hour, once, in a thread, and again an hour after a failure."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from cc_bridge.config import Config
from cc_bridge.daemon.jobs import retention
from cc_bridge.daemon.jobs.retention import RetentionJob, next_at
from cc_bridge.errors import StorageError
from cc_bridge.storage.personal_data.retention import PurgeResult
from support.service_context import context

HOUR = 3600.0


def local(text):
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("now", "hour", "then"),
    [
        ("2026-11-22 01:10:19", 3, "2026-11-22 03:00:00"),
        ("2026-11-22 03:00:00", 3, "2026-11-23 03:00:00"),
        ("2026-12-31 23:59:59", 0, "2027-01-01 00:00:00"),
    ],
)
def test_the_next_time_that_the_clock_shows_the_hour(now, hour, then):
    assert next_at(local(now), hour, None) == local(then)


@pytest.mark.parametrize(
    ("zone", "then"),
    [("Asia/Tehran", "2026-11-21T23:30+00:00"), ("America/New_York", "2026-11-22T08:00+00:00")],
)
def test_the_hour_is_that_of_the_configured_time_zone(zone, then):
    now = datetime.fromisoformat("2026-11-21T22:00+00:00").timestamp()
    assert next_at(now, 3, ZoneInfo(zone)) == datetime.fromisoformat(then).timestamp()


class Night:
    def __init__(self, monkeypatch):
        self.clock, self.began = Clock(), local("2026-11-22 01:00:00")
        self.runs, self.results = [], []
        night = self

        class FakePurger:
            def __init__(self, _engine, _pbx, _policy, _now, _recordings, pause):
                self.pause = pause

            def run(self):
                night.runs.append((night.clock.seconds(), self.pause))

        monkeypatch.setattr(retention, "Purger", FakePurger)
        here = context(clock=self.clock, now=self.now, in_thread=self.in_thread)
        self.nightly = RetentionJob(here, None, self.now)
        self.nightly.startService()

    def now(self):
        return self.began + self.clock.seconds()

    def in_thread(self, function):
        function()
        return self.results.pop(0) if self.results else succeed(PurgeResult())

    def pass_by(self, hours):
        self.clock.pump([60.0] * round(hours * 60))


@pytest.fixture
def night(monkeypatch):
    night = Night(monkeypatch)
    yield night
    night.nightly.stopService()
    assert not night.clock.getDelayedCalls()


def test_it_deletes_once_a_night(night):
    night.pass_by(1.9)
    assert night.runs == []
    night.pass_by(48)
    assert [round(at / HOUR) for at, _ in night.runs] == [2, 26]


def test_a_changed_hour_counts_at_once(night):
    night.nightly.reconfigure(Config(retention={"hour": 2}))
    night.pass_by(3)
    assert [round(at / HOUR) for at, _ in night.runs] == [1]


def test_when_it_fails_it_tries_again_after_an_hour(night):
    failed = Deferred()
    night.results = [failed]
    night.pass_by(2.1)
    failed.errback(StorageError("the database is away"))
    night.pass_by(4)
    assert [round(at / HOUR) for at, _ in night.runs] == [2, 3]


def test_while_one_runs_no_other_begins(night):
    night.results = [Deferred()]
    night.pass_by(50)
    assert len(night.runs) == 1


def test_one_that_runs_is_told_to_stop(night):
    night.pass_by(2.1)
    ((_, pause),) = night.runs
    assert not pause(0)
    night.nightly.stopService()
    assert pause(60)
