"""Records reach subscribers before they are written, and a subscriber's failure stops no writing."""

import sqlite3
from contextlib import closing

import pytest
from twisted.internet import reactor

from cc_bridge.config import Config
from cc_bridge.daemon.service import Context
from cc_bridge.daemon.services.record_pipeline import RecordPipeline
from cc_bridge.records import Answer, QueueVisit
from support.reactor_loop import result_of, until
from support.records import NUMBER, answer, visit


@pytest.fixture
def file(tmp_path):
    return tmp_path / "calls.sqlite"


@pytest.fixture
def pipeline(file):
    callers = {"number_storage": "masked", "hash_secret": "a secret of the centre"}
    config = Config(
        storage={"url": f"sqlite:///{file}"}, callers=callers, run={"shutdown_timeout_seconds": 20}
    )
    until(lambda: True)  # starts the reactor
    context = Context.of(config, reactor)
    pipeline = RecordPipeline(context)
    pipeline.startService()
    yield pipeline
    if pipeline.writer.alive:
        result_of(pipeline.stopService(), 30)
    context.database.close()


def stored(file, table):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_each_subscriber_has_each_record_once_as_it_may_be_stored(pipeline):
    first, second = [], []
    pipeline.subscribe({QueueVisit: first.append, Answer: first.append})
    pipeline.subscribe({QueueVisit: second.append, Answer: second.append})
    pipeline.record([visit(1)])
    result_of(pipeline.commit(answer("a")))
    assert [type(each).__name__ for each in first] == ["QueueVisit", "Answer"]
    assert first == second
    assert NUMBER not in repr(first)


def test_a_subscriber_has_only_the_records_of_its_types(pipeline):
    taken = []
    pipeline.subscribe({Answer: taken.append})
    pipeline.record([visit(1)])
    result_of(pipeline.commit(answer("a")))
    assert [type(each) for each in taken] == [Answer]


def test_a_subscriber_that_fails_keeps_nothing_from_the_others_and_the_disk(pipeline, file, logged):
    taken = []
    pipeline.subscribe({QueueVisit: lambda _record: 1 / 0})
    pipeline.subscribe({QueueVisit: taken.append})
    pipeline.record([visit(1)])
    result_of(pipeline.stopService(), 30)
    assert len(taken) == stored(file, "queue_visits") == 1
    assert any(event["log_level"].name == "critical" for event in logged)


def test_open_records_are_written_with_what_was_recorded(pipeline, file):
    pipeline.add_open_records(lambda: [visit(2)])
    pipeline.record([visit(1)])
    result_of(pipeline.stopService(), 30)
    assert stored(file, "queue_visits") == 2
