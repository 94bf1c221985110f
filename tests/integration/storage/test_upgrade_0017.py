"""An upgrade of schema 0016 adds queue_visits.partial; the views then count partial visits only apart."""

from datetime import UTC, datetime

import pytest
from alembic import command
from sqlalchemy import MetaData, Table, insert, inspect, select

from cc_bridge.records import Answer, Outcome, QueueVisit, SurveyAttempt, SurveyResult
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import configuration, current, newest, open_database
from cc_bridge.storage.schema.tables import row_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


def migrate(engine, way, version):
    with engine.begin() as connection:
        way(configuration(connection), version)


def visit(n, wait, *, partial=False):
    return QueueVisit(
        "main", f"{n}.1", f"{n}.1", "sales", NOON + n, NOON + n + wait, Outcome.ANSWERED, "Ali", "PJSIP/1", 1,
        "0912", "", "fa", False, "AgentConnect", partial=partial,
    )  # fmt: skip


def rated(n):
    attempt = SurveyAttempt(
        "main", f"{n}-a", f"{n}.1", f"{n}.1", "sales", "Ali", "PJSIP/1", "csat", 1, "fa", NOON + 90,
        NOON + 99, SurveyResult.COMPLETE, "",
    )  # fmt: skip
    return attempt, Answer("main", f"{n}-a", "agent", "csat", 4, 1, NOON + 95, "sales", "Ali", "PJSIP/1")


def store(engine, *stored):
    """Store records, without the columns that the schema of the database does not have."""
    with engine.begin() as connection:
        for record in stored:
            table, row = row_of(record)
            there = {column["name"] for column in inspect(connection).get_columns(table.name)}
            connection.execute(insert(table), [{name: row[name] for name in there & row.keys()}])


def rows(engine, name):
    table = Table(name, MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table).order_by(*table.columns)).mappings()]


@pytest.fixture
def old(database_url):
    engine = make_engine(database_url)
    migrate(engine, command.upgrade, "0016")
    store(engine, visit(1, 10), *rated(1))
    yield engine
    engine.dispose()


def figures(engine):
    """Return what the views say about waits: of the hour, and of each rated talk."""
    (hour,) = rows(engine, "v_calls_by_hour")
    names = ("wait_seconds", "mean_wait_seconds", "mean_answer_seconds", "longest_wait_seconds")
    waits = [row["wait_seconds"] for row in rows(engine, "v_ratings")]
    counts = [hour[name] for name in ("visits", "answered", "answered_in_10", "answered_in_60")]
    return [float(hour[name]) for name in names], counts, waits


def test_the_waits_of_partial_visits_are_in_no_sum(old):
    before, (stored,) = figures(old), rows(old, "queue_visits")
    open_database(old.url).dispose()
    assert current(old.url) == newest()
    (now,) = rows(old, "queue_visits")
    assert (bool(now.pop("partial")), now) == (False, stored)
    assert figures(old) == before == ([10, 10, 10, 10], [1, 1, 1, 1], [10])
    store(old, visit(2, 50, partial=True), *rated(2))
    assert figures(old) == ([10, 10, 10, 10], [1, 1, 1, 1], [10, None])
    assert [hour["partial_visits"] for hour in rows(old, "v_calls_by_hour")] == [1]
    migrate(old, command.downgrade, "0019")
    assert figures(old) == ([10, 10, 10, 10], [2, 2, 1, 2], [10, None])
    migrate(old, command.downgrade, "0016")
    assert figures(old) == ([60, 30, 30, 50], [2, 2, 1, 2], [10, 50])
    assert "partial" not in rows(old, "queue_visits")[0]
