"""The counts of the live table, by queue."""

import pytest

from cc_bridge.records import Answer, Outcome, QueueVisit, SurveyAttempt, SurveyResult
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries import Rating, Visits, ratings_by_queue, visits_by_outcome
from cc_bridge.storage.schema import row_of
from cc_bridge.storage.upsert import upsert

T = 1_795_309_819.5


@pytest.fixture
def connection(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite3'}")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def store(connection, *records):
    for record in records:
        table, row = row_of(record)
        connection.execute(upsert(table, "sqlite"), [row])


def rated(attempt_id, queue, value, at=T, *, pbx="main", kind="csat"):
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
        *rated("e", "sales", 10, kind="nps"),  # another scale
    )
    assert ratings_by_queue(connection, since=T) == [Rating("sales", 2, 3.5), Rating("پشتیبانی", 1, 4.0)]
    assert ratings_by_queue(connection, since=T, kind="nps") == [Rating("sales", 1, 10.0)]


def test_the_same_attempt_on_two_pbxs_is_two(connection):
    store(connection, *rated("a", "sales", 5), *rated("a", "billing", 1, pbx="other"))
    assert ratings_by_queue(connection, since=T) == [Rating("billing", 1, 1.0), Rating("sales", 1, 5.0)]


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
        Visits("billing", Outcome.TIMED_OUT, 1),
        Visits("sales", Outcome.ABANDONED, 1),
        Visits("sales", Outcome.ANSWERED, 2),
    ]


def test_an_empty_database_has_no_figures_rather_than_zeros(connection):
    assert ratings_by_queue(connection, since=0.0) == []
    assert visits_by_outcome(connection, since=0.0) == []
