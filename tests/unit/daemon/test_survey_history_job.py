"""The survey history, read from the database periodically."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import OperationalError
from twisted.internet.defer import fail, maybeDeferred
from twisted.internet.task import Clock

from cc_bridge.config import Config
from cc_bridge.daemon.jobs.survey_history import SurveyHistoryJob
from cc_bridge.records import (
    EndedBy,
    OptOut,
    SurveyAttempt,
    SurveyDecision,
    SurveyDefinition,
    SurveyResult,
    Trigger,
)
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.schema.tables import row_of
from cc_bridge.storage.schema.upsert import upsert
from cc_bridge.surveys.eligibility import SurveyCandidate
from cc_bridge.surveys.history import SurveyHistory
from support.service_context import context

NOW = 1_800_000_000.0
NUMBER = "989121234567"


def attempt(at, pbx="other"):
    return SurveyAttempt(
        pbx, f"{pbx}-{at}", "1.1", "1.1", "sales", "Alice", "PJSIP/alice", "csat", 1, "fa", at, at + 20,
        SurveyResult.COMPLETE, "", caller_key=NUMBER,
    )  # fmt: skip


@pytest.fixture
def database(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    yield engine
    engine.dispose()


class Site:
    def __init__(self, engine):
        self.engine, self.clock, self.asked = engine, Clock(), SurveyHistory("pbx")
        self.called = {}
        self.defined = []
        self.reads, self.away = 0, False
        config = Config(queue_defaults={"min_days_between_surveys": 30})
        self.remembering = SurveyHistoryJob(
            context(config, clock=self.clock, in_thread=self.in_thread, engine=engine),
            self.asked,
            self.called,
            self.defined.append,
            lambda: NOW + self.clock.seconds(),
        )

    def in_thread(self, function):
        self.reads += 1
        return (
            fail(OperationalError("select", {}, Exception("no server")))
            if self.away
            else maybeDeferred(function)
        )

    def write(self, record):
        table, row = row_of(record)
        with self.engine.begin() as connection:
            connection.execute(upsert(table, "sqlite"), [row])

    def standing(self):
        caller = SurveyCandidate(
            "sales", "Alice", "PJSIP/alice", True, 60.0, False, EndedBy.AGENT, NUMBER, True, NOW
        )  # fmt: skip
        return self.asked.snapshot(caller, NOW - 3600, 0)


def test_what_other_pbxs_asked_within_the_days_that_count_is_known_at_once(database):
    site = Site(database)
    site.write(attempt(NOW - 29 * 86_400))
    site.write(OptOut(NUMBER, NOW - 100, opted_out=True, source="command"))
    site.remembering.startService()
    assert site.standing().last_asked_at == NOW - 29 * 86_400
    assert site.standing().opted_out
    site.remembering.stopService()


def test_what_surveys_asked_is_told(database):
    site = Site(database)
    asked = SurveyDefinition("pbx", "csat", 1, "fa", "[]", NOW - 100)
    site.write(asked)
    site.write(replace(asked, pbx="other", questions="[1]"))
    site.remembering.startService()
    (told,) = site.defined
    assert sorted(told, key=lambda each: each.pbx) == [replace(asked, pbx="other", questions="[1]"), asked]
    site.remembering.stopService()


def test_what_is_written_later_is_known_within_a_minute(database):
    site = Site(database)
    site.remembering.startService()
    site.write(attempt(NOW - 5))
    site.clock.pump([5] * 12)
    assert site.standing().last_asked_at == NOW - 5
    assert site.reads == 2


def test_what_comes_days_late_is_known_within_an_hour(database):
    site = Site(database)
    site.remembering.startService()
    site.write(attempt(NOW - 3 * 86_400))
    site.clock.pump([5] * 12 * 59)
    assert site.standing().last_asked_at is None
    site.clock.pump([5] * 24)
    assert site.standing().last_asked_at == NOW - 3 * 86_400


def test_whom_a_call_back_called_is_known_after_a_restart(database):
    site = Site(database)
    entry = SurveyDecision(
        "pbx", "1.1", "1.1", "sales", "Alice", "PJSIP/alice", NOW - 86_400, "csat", Trigger.CALLBACK,
        "called_back", NUMBER,
    )  # fmt: skip
    site.write(entry)
    site.write(replace(entry, decided_at=NOW - 50, trigger=Trigger.QUEUE, stage="invited"))
    site.remembering.startService()
    assert site.called == {NUMBER: NOW - 86_400}
    site.remembering.stopService()


def test_a_database_that_is_away_is_tried_again_soon(database):
    site = Site(database)
    site.away = True
    site.asked.record_opt_out(OptOut(NUMBER, NOW - 100, opted_out=True, source="key"))
    site.remembering.startService()
    site.clock.pump([5] * 3)
    assert site.reads == 4
    assert site.standing().opted_out  # the memory decides
    site.away = False
    site.write(attempt(NOW - 5))
    site.clock.advance(5)
    assert site.standing().last_asked_at == NOW - 5
