"""The counts of the demo's live table by queue, and the survey history read from the database."""

import pytest

from cc_bridge.records import Answer, OptOut, Outcome, QueueVisit, SurveyAttempt, SurveyResult
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.demo_table import (
    OutcomeCount,
    QueueRating,
    ratings_by_queue,
    visits_by_outcome,
)
from cc_bridge.storage.queries.survey_history import asked_since, opt_outs
from cc_bridge.storage.schema.tables import row_of
from cc_bridge.storage.schema.upsert import upsert
from cc_bridge.surveys.history import PastAttempt

T = 1_795_309_819.5


@pytest.fixture
def connection(database_url):
    engine = open_database(database_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def store(connection, *records):
    for record in records:
        table, row = row_of(record)
        connection.execute(upsert(table, connection.dialect.name), [row])


def rated(attempt_id, queue, value, at=T, *, pbx="main", kind="csat", caller=""):
    attempt = SurveyAttempt(
        pbx=pbx,
        attempt_id=attempt_id,
        call_id="1",
        uniqueid="1",
        queue=queue,
        agent="زهرا",
        interface="PJSIP/201",
        survey="csat",
        version=1,
        language="fa",
        started_at=at,
        ended_at=at,
        result=SurveyResult.COMPLETE,
        reason="",
        caller_key=caller,
    )
    return attempt, Answer(pbx, attempt_id, "agent", kind, value, tries=1, answered_at=at)


def visit(uniqueid, queue, outcome, at=T):
    return QueueVisit(
        pbx="main",
        call_id=uniqueid,
        uniqueid=uniqueid,
        queue=queue,
        entered_at=at,
        left_at=at + 1,
        outcome=outcome,
        agent=None,
        interface=None,
        position=1,
        caller_number="",
        caller_name="",
        language="fa",
        ringing=False,
        decided_by="test",
    )


def test_ratings_are_counted_and_averaged_by_queue_on_their_scale(connection):
    store(
        connection,
        *rated("a", "sales", 5),
        *rated("b", "sales", 2),
        *rated("c", "پشتیبانی", 4),
        *rated("d", "sales", 1, at=T - 0.1),  # too old
        *rated("e", "sales", 10, kind="nps"),  # a rating of another scale
    )
    assert ratings_by_queue(connection, since=T) == [
        QueueRating("sales", 2, 3.5),
        QueueRating("پشتیبانی", 1, 4.0),
    ]
    assert ratings_by_queue(connection, since=T, kind="nps") == [QueueRating("sales", 1, 10.0)]


def test_the_same_attempt_on_two_pbxs_is_two(connection):
    store(connection, *rated("a", "sales", 5), *rated("a", "billing", 1, pbx="other"))
    assert ratings_by_queue(connection, since=T) == [
        QueueRating("billing", 1, 1.0),
        QueueRating("sales", 1, 5.0),
    ]


def test_visits_are_counted_by_queue_and_outcome(connection):
    store(
        connection,
        visit("1", "sales", Outcome.ANSWERED),
        visit("2", "sales", Outcome.ANSWERED),
        visit("3", "sales", Outcome.ABANDONED),
        visit("4", "billing", Outcome.TIMED_OUT),
        visit("5", "billing", Outcome.TIMED_OUT, at=T - 0.1),
    )
    assert visits_by_outcome(connection, since=T) == [
        OutcomeCount("billing", Outcome.TIMED_OUT, 1),
        OutcomeCount("sales", Outcome.ABANDONED, 1),
        OutcomeCount("sales", Outcome.ANSWERED, 2),
    ]


def test_an_empty_database_has_no_figures_rather_than_zeros(connection):
    assert ratings_by_queue(connection, since=0.0) == []
    assert visits_by_outcome(connection, since=0.0) == []
    assert asked_since(connection, since=0.0) == []
    assert opt_outs(connection) == []


def test_who_was_asked_is_read_back_oldest_first_from_all_pbxs(connection):
    store(
        connection,
        *rated("a", "sales", 5, at=T + 2, caller="989121234567"),
        *rated("a", "billing", 1, at=T + 1, pbx="other", caller="989121234567"),
        *rated("b", "sales", 3, at=T),  # a withheld number
        *rated("c", "sales", 3, at=T - 0.000001, caller="989357654321"),  # too long ago
    )
    assert asked_since(connection, since=T) == [
        PastAttempt("main", "b", "sales", "زهرا", T, ""),
        PastAttempt("other", "a", "billing", "زهرا", T + 1, "989121234567"),
        PastAttempt("main", "a", "sales", "زهرا", T + 2, "989121234567"),
    ]


def test_the_look_for_who_was_asked_uses_an_index(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite3'}")
    with engine.connect() as connection:
        (plan,) = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT caller_key FROM survey_attempts "
            "WHERE started_at >= '2026-11-22' ORDER BY started_at"
        )
    engine.dispose()
    assert "USING INDEX ix_survey_attempts_started_at" in plan.detail


def test_what_callers_said_is_read_back_longest_ago_first(connection):
    out = OptOut("989121234567", T + 1, opted_out=True, source="key")
    back = OptOut("989357654321", T, opted_out=False, source="command")
    store(connection, out, back)
    assert opt_outs(connection) == [back, out]
