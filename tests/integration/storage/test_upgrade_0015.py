"""The view v_agent_day of schema 0014 gets rings_forwarded, and keeps its figures and its read privileges."""

from datetime import UTC, date, datetime

import pytest
from alembic import command
from sqlalchemy import MetaData, Table, select, text

from cc_bridge.records import Ring, RingOutcome
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import configuration, current, newest, open_database
from cc_bridge.storage.rollups.refresh import refresh
from cc_bridge.storage.schema.tables import row_of
from cc_bridge.storage.schema.upsert import upsert

BEFORE = [outcome for outcome in RingOutcome if outcome is not RingOutcome.FORWARDED]
DAY, NEXT_DAY = "2026-11-22", date(2026, 11, 23)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
ACL = "SELECT unnest(relacl)::text FROM pg_class WHERE relname = 'v_agent_day' ORDER BY 1"


@pytest.fixture
def old(database_url):
    """Yield the engine of a database of schema 0014, with two rings of each outcome of that version."""
    engine = make_engine(database_url)
    migrate(engine, command.upgrade, "0014")
    store(engine, *BEFORE, *BEFORE)
    yield engine
    engine.dispose()


def migrate(engine, way, version):
    with engine.begin() as connection:
        way(configuration(connection), version)


def store(engine, *outcomes):
    with engine.begin() as connection:
        for outcome in outcomes:
            number = len(connection.exec_driver_sql("SELECT pbx FROM rings").all())
            at = NOON + number
            ring = Ring("main", "c", "c", f"r{number}", "sales", "زهرا", "PJSIP/1", at, at + 5, outcome)
            table, row = row_of(ring)
            connection.execute(upsert(table, engine.dialect.name), [row])


def rows(engine, name):
    table = Table(name, MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(select(table).order_by(*table.columns))]


def test_the_view_counts_forwarded_rings_and_each_ring_once(old):
    stored, figures = rows(old, "rings"), rows(old, "v_agent_day")
    assert [(str(row["day"]), row["rings"], row["rings_busy"]) for row in figures] == [
        (DAY, 2 * len(BEFORE), 2)
    ]
    open_database(old.url).dispose()
    assert current(old.url) == newest()
    assert rows(old, "rings") == stored
    assert rows(old, "v_agent_day") == [{**row, "rings_forwarded": 0} for row in figures]
    for forwarded in (1, 2):  # the second day is in the rollups on PostgreSQL
        store(old, RingOutcome.FORWARDED)
        refresh(old, NEXT_DAY)
        (now,) = rows(old, "v_agent_day")
        assert (now["rings"], now["rings_forwarded"]) == (2 * len(BEFORE) + forwarded, forwarded)
        assert sum(now[f"rings_{outcome}"] for outcome in RingOutcome) == now["rings"]
    migrate(old, command.downgrade, "0014")
    assert len(rows(old, "rings")) == len(stored) + 2
    assert rows(old, "v_agent_day") == [{**row, "rings": row["rings"] + 2} for row in figures]


def test_the_readers_of_the_view_stay_its_readers(postgres):
    engine = make_engine(postgres.fresh())
    migrate(engine, command.upgrade, "0014")

    def acl():
        with engine.connect() as connection:
            return connection.execute(text(ACL)).scalars().all()

    postgres.run(
        'CREATE ROLE "Some reader"',
        "GRANT SELECT ON v_agent_day TO PUBLIC",
        'GRANT SELECT ON v_agent_day TO "Some reader" WITH GRANT OPTION',
        url=engine.url,
    )
    granted = acl()
    assert len(granted) == 3  # the owner is one of them
    migrate(engine, command.upgrade, "0015")
    assert acl() == granted
    migrate(engine, command.downgrade, "0014")
    assert acl() == granted
    engine.dispose()
    postgres.drop(engine.url)
    postgres.run('DROP ROLE "Some reader"')
