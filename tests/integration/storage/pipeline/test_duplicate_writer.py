"""Two daemons of one PBX name on one database: reported once. A single daemon is never reported."""

import pytest
from twisted.logger import formatEvent, globalLogPublisher

from cc_bridge.records import ObservationWatermark
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.sql_sink import RecordRejected, SqlSink
from cc_bridge.storage.schema.tables import row_of
from support.records import POISON, T, answer


@pytest.fixture
def daemons(database_url):
    open_database(database_url).dispose()
    made = [SqlSink(lambda: open_database(database_url)) for _ in range(2)]
    yield made
    for each in made:
        each.close()


@pytest.fixture
def warnings():
    lines = []

    def hear(event):
        if "another cc-bridge" in (line := formatEvent(event)):
            lines.append(line)

    globalLogPublisher.addObserver(hear)
    yield lines
    globalLogPublisher.removeObserver(hear)


def mark(daemon, at, pbx="main"):
    daemon.write([row_of(answer(1)), row_of(ObservationWatermark(pbx, T + at))])


def test_two_that_run_at_once_say_so_once(daemons, warnings):
    first, second = daemons
    for at in range(0, 50, 5):
        mark(first, at + 0.25)
        mark(second, at + 0.5)
    assert len(warnings) == 2  # one line from each daemon
    assert "'main'" in warnings[0]


def test_one_after_the_other_is_no_other(daemons, warnings):
    first, second = daemons
    for at in range(0, 20, 5):
        mark(first, at + 0.123456)
    for at in range(20, 40, 5):
        mark(second, at + 0.123456)
    assert warnings == []


def test_of_two_pbxs_both_may_write(daemons, warnings):
    for at in range(0, 20, 5):
        for daemon, pbx in zip(daemons, ("main", "other"), strict=True):
            mark(daemon, at, pbx)
    assert warnings == []


def test_our_own_marks_come_again_after_a_connection_was_lost(daemons, warnings):
    ours, _ = daemons
    for at in (0, 5, 10):
        mark(ours, at)
    ours.close()
    for at in (0, 5, 10, 15):  # as the journal sends them again
        mark(ours, at)
    assert warnings == []


def test_a_batch_that_failed_may_be_there_or_not(daemons, warnings):
    """A retried batch is older than the stored mark, which is no sign of a second daemon."""
    ours, _ = daemons
    for at in (0, 5, 10):
        mark(ours, at)
    with pytest.raises(RecordRejected):
        ours.write([row_of(ObservationWatermark("main", T + 5)), row_of(POISON["null"])])
    for at in (5, 10, 15):
        mark(ours, at)
    assert warnings == []


def test_an_old_mark_that_is_taken_in_is_no_daemon(daemons, warnings):
    ours, brings = daemons
    mark(ours, 100)
    mark(brings, 50)
    mark(ours, 105)
    assert warnings == []
