"""The wallboard's figures of the day, read back from the database: complete, no doubles, not blocking."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError
from twisted.internet import reactor
from twisted.internet.defer import fail, maybeDeferred
from twisted.internet.task import Clock

from cc_bridge.calls.events import MemberSeen
from cc_bridge.calls.tracker import Tracker
from cc_bridge.config import Config
from cc_bridge.daemon.bridge import Bridge
from cc_bridge.daemon.jobs.today_backfill import TodayBackfillJob
from cc_bridge.daemon.services.wallboard_publisher import WallboardPublisher
from cc_bridge.records import Answer, Outcome, QueueVisit, SurveyAttempt, SurveyResult
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.schema.tables import row_of
from cc_bridge.storage.schema.upsert import upsert
from cc_bridge.wallboard.today import Today
from support.reactor_loop import result_of, until
from support.service_context import context, hand_over

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
MIDNIGHT = NOON - 12 * 3600


def visit(number, pbx="main", at=NOON, outcome=Outcome.ANSWERED):
    return QueueVisit(
        pbx=pbx, call_id=f"{number}", uniqueid=f"{number}", queue="sales", entered_at=at, left_at=at + 7.25,
        outcome=outcome, agent=None, interface=None, position=1, caller_number="", caller_name="",
        language="", ringing=False, decided_by="AgentConnect",
    )  # fmt: skip


def attempt(number, pbx="main", queue="sales"):
    return SurveyAttempt(
        pbx, f"{number}", f"{number}", f"{number}", queue, "Alice", "PJSIP/alice", "csat", 1, "fa", NOON,
        NOON, SurveyResult.COMPLETE, "",
    )  # fmt: skip


def answer(number, value=5, pbx="main", at=NOON):
    return Answer(pbx, f"{number}", "agent", "csat", value, 1, at)


class Day:
    """The job of one daemon that reads the day's figures back, with its database."""

    def __init__(self, url):
        self.url, self.clock = url, Clock()
        self.today = Today(lambda _queue: (20.0, 5.0))
        self.today.start_day(NOON, UTC)
        self.waits_since = 0.0
        self.reads = 0
        self.engine = open_database(url)
        self.faults = []  # raised by the next reads
        config = Config(pbx={"name": "main"})
        here = context(config, clock=self.clock, in_thread=self.in_thread, engine=self.engine)
        self.backfill = TodayBackfillJob(here, self.today, lambda: self.waits_since)

    def in_thread(self, function):
        self.reads += 1
        return fail(self.faults.pop(0)) if self.faults else maybeDeferred(function)

    def close(self):
        self.backfill.stopService()
        self.engine.dispose()

    def start(self):
        self.clock.advance(1)  # so that all stored rows are older than this daemon's start
        self.backfill.startService()
        self.clock.advance(0)

    def store(self, *records):
        engine = open_database(self.url)
        with engine.begin() as connection:
            for record in records:
                table, row = row_of(record)
                connection.execute(upsert(table, engine.dialect.name), [row])
        engine.dispose()


@pytest.fixture
def day(database_url):
    days = Day(database_url)
    yield days
    days.close()


def test_a_daemon_that_begins_at_noon_knows_the_morning(day):
    day.store(
        visit(1), visit(2, outcome=Outcome.ABANDONED), visit(3, at=MIDNIGHT),
        visit(4, at=MIDNIGHT - 0.001), visit(5, pbx="other"), visit(6, at=MIDNIGHT + 86_400),
        attempt(1), answer(1, 4), attempt(2), answer(2, 5), attempt(3, pbx="other"), answer(3, pbx="other"),
        answer(4, 1, at=MIDNIGHT - 1), attempt(4), attempt(6), answer(6, 1, at=MIDNIGHT + 86_400),
    )  # fmt: skip
    assert not day.today.complete
    day.start()
    assert day.today.complete
    counts = day.today.visits("sales")
    assert (counts.visits, counts.answered, counts.answered_within, counts.abandoned) == (3, 2, 2, 1)
    assert day.today.answers("sales", "agent", "csat") == {4: 1, 5: 1}


@pytest.fixture
def here(tmp_path):
    days = Day(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    yield days
    days.close()


def test_what_was_counted_live_is_not_counted_again(here):
    here.store(visit(1), visit(2), attempt(1), answer(1))
    here.today.add_visits([visit(2), visit(3)])
    here.start()
    assert here.today.visits("sales").visits == 3
    here.today.add_visits([visit(1)])
    assert here.today.visits("sales").visits == 3


def test_a_long_day_is_counted_in_parts(here):
    here.store(*(visit(n) for n in range(1200)))
    here.clock.advance(1)
    here.backfill.startService()
    assert here.today.visits("sales").visits == 200
    assert not here.today.complete
    here.clock.advance(0)
    assert here.today.visits("sales").visits == 1200
    assert here.today.complete


def test_it_is_read_again_while_an_earlier_daemons_records_wait_in_the_journal(here):
    here.waits_since = 60.0
    here.start()
    assert (here.reads, here.today.complete) == (1, False)
    here.store(visit(1))
    here.clock.advance(29)
    here.waits_since = 3.0  # only records of this daemon are still unwritten
    assert here.reads == 1
    here.clock.advance(5)
    assert (here.reads, here.today.complete, here.today.visits("sales").visits) == (2, True, 1)
    here.clock.pump([5.0] * 100)
    assert here.reads == 2


def test_a_database_that_is_away_is_asked_until_it_is_there(here):
    here.faults = [OperationalError("connect", {}, Exception("away"))] * 3
    here.store(visit(1))
    here.start()
    for _ in range(3):
        assert not here.today.complete
        here.clock.advance(5)
    assert here.today.complete
    assert here.today.visits("sales").visits == 1


def test_at_midnight_the_new_day_is_read_too(here):
    here.store(visit(1), visit(2, at=MIDNIGHT + 86_400 + 5))
    here.start()
    here.today.start_day(NOON + 86_400, UTC)
    assert not here.today.complete
    here.clock.advance(5)
    assert here.today.complete
    assert here.today.visits("sales").visits == 1


def test_what_was_read_of_yesterday_is_not_counted_today(here):
    here.store(*(visit(n) for n in range(600)))
    here.clock.advance(1)
    here.backfill.startService()
    here.today.start_day(NOON + 86_400, UTC)
    here.clock.advance(0)
    assert here.today.visits("sales").visits == 0
    assert not here.today.complete


# -- in a whole daemon


@pytest.fixture
def start(tmp_path):
    """Yield a function that starts daemons without a PBX, one after another on the same database."""
    bridges = []

    def start():
        config = Config(
            ami={"port": 1, "secret": "s"},
            agi={"port": 0},
            http={"port": 0},
            run={"shutdown_timeout_seconds": 0},
            storage={"url": f"sqlite:///{tmp_path / 'calls.sqlite'}"},
            general={"time_zone": "UTC"},
            queues={"sales": {}},
        )
        bridges.append(Bridge(config, reactor))
        until(lambda: True)  # starts the reactor
        bridges[-1].startService()
        return bridges[-1]

    yield start
    for bridge in bridges:
        if bridge.pipeline.writer.alive:
            stop(bridge)


def stop(bridge):
    result_of(bridge.stopService(), 30)


def test_what_was_counted_before_a_restart_counts_after_it(start):
    now = time.time()
    begun = replace(attempt(1, pbx="pbx"), started_at=now, ended_at=None, result=SurveyResult.STARTED)
    first = start()
    assert first.wallboard.current()["total"]["offered"] == 0
    first.pipeline.record([visit(1, "pbx", now), visit(2, "pbx", now - 2 * 86_400)])
    result_of(first.pipeline.commit(begun))
    result_of(first.pipeline.commit(replace(answer(1, pbx="pbx", at=now), question="satisfaction")))
    until(lambda: first.wallboard.current()["total"]["offered"] == 1)
    before = first.wallboard.current()["queues"]
    assert before[0]["rating"]["n"] == 1
    stop(first)
    second = start()
    until(lambda: second.wallboard.current()["today_complete"])
    assert second.wallboard.current()["queues"] == before
    second.pipeline.record([visit(3, "pbx", now)])
    until(lambda: second.wallboard.current()["total"]["offered"] == 2)


def test_queues_that_only_the_database_knows_are_in_the_totals(start):
    now = time.time()
    first = start()
    tech = [replace(visit(number, "pbx", now), queue="tech") for number in (1, 2)]
    first.pipeline.record([*tech, visit(3, "pbx", now)])
    until(lambda: first.wallboard.current()["total"]["offered"] == 3)
    stop(first)
    second = start()  # without a PBX; the configuration has only the queue sales
    until(lambda: second.wallboard.current()["today_complete"])
    shown = second.wallboard.current()
    assert shown["total"]["offered"] == 3
    assert {each["queue"]: each["offered"] for each in shown["queues"]} == {"sales": 1, "tech": 2}


def test_without_a_pbx_the_board_says_so(start):
    shown = start().wallboard.current()
    assert not shown["observed"]
    assert shown["unobserved_since"] == pytest.approx(time.time(), abs=60)
    assert shown["total"]["waiting"] is shown["total"]["agents"] is shown["agents"] is None


def test_the_board_spells_a_queue_as_the_pbx_does():
    clock, link = Clock(), SimpleNamespace(up=False, pbx_now=lambda: NOON + clock.seconds())
    config = Config(wallboard={"queues": ["SALES", "Sales"]}, queues={"sALES": {"title": "Sales desk"}})
    tracker = Tracker("main", config.queues)
    wall = WallboardPublisher(context(config, clock=clock), SimpleNamespace(surveys={}), tracker, link)
    hand_over(wall, visit(1))
    clock.advance(1.5)
    (shown,) = wall.current()["queues"]
    assert (shown["queue"], shown["answered"]) == ("sALES", 1)  # the PBX's spelling is not known yet
    tracker.apply(MemberSeen(NOON, "sales", "PJSIP/alice", "Alice", 1, False, "", 0))
    link.up = True
    clock.advance(1.5)
    (shown,) = wall.current()["queues"]
    assert (shown["queue"], shown["title"]["en"]) == ("sales", "Sales desk")
    assert (shown["answered"], shown["agents"]["available"]) == (1, 1)


def test_a_board_between_two_ticks_agrees_with_itself():
    clock, link = Clock(), SimpleNamespace(up=False, pbx_now=lambda: NOON + clock.seconds())
    wall = WallboardPublisher(context(clock=clock), SimpleNamespace(surveys={}), Tracker("main"), link)
    for link.up in (True, False, True, False):
        clock.advance(1.5)
        shown = wall.current()
        assert shown["observed"] is link.up
        assert (shown["total"]["waiting"] is not None) is link.up
        assert shown["unobserved_since"] == (None if link.up else NOON + clock.seconds())
