"""An upgrade of schema 0015 adds the table not_routed_calls and keeps all rows; a downgrade removes it."""

import pytest
from alembic import command
from sqlalchemy import MetaData, Table, insert, inspect, select

from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.records import NotRoutedCall
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import configuration, current
from cc_bridge.storage.schema.tables import row_of
from support.survey_caller import records

NEW = "not_routed_calls"
CASE = NotRoutedCall("main", "1.1", "1.1", "sales", "زهرا", "PJSIP/1", 1_795_309_819.25, "csat", "0912")


def migrate(engine, way, version):
    with engine.begin() as connection:
        way(configuration(connection), version)


def store(engine, *stored):
    """Store records, without the columns that a later schema has added."""
    with engine.begin() as connection:
        for record in stored:
            table, row = row_of(record)
            there = {column["name"] for column in inspect(connection).get_columns(table.name)}
            connection.execute(insert(table), [{name: row[name] for name in there & row.keys()}])


def everything(engine):
    """Return all rows by table name, without the tables of Alembic."""
    rows = {}
    for name in inspect(engine).get_table_names():
        table = Table(name, MetaData(), autoload_with=engine)
        with engine.connect() as connection:
            found = connection.execute(select(table).order_by(*table.columns)).mappings()
            rows[name] = [dict(row) for row in found]
    return {name: found for name, found in rows.items() if "version" not in name}


@pytest.fixture
def old(database_url):
    """Yield the engine of a database of schema 0015, with records of two callers in all tables of records."""
    engine = make_engine(database_url)
    migrate(engine, command.upgrade, "0015")
    keys = CallerKeys("plain", b"", "98")
    for n, number in ((1, "09121234567"), (2, "09127654321")):
        store(engine, *(each for each in records(n, number, keys) if not isinstance(each, NotRoutedCall)))
    yield engine
    engine.dispose()


def test_all_rows_stay_and_the_new_table_takes_rows(old):
    before = everything(old)
    assert NEW not in before
    assert sum(bool(rows) for rows in before.values()) >= 8
    migrate(old, command.upgrade, "0016")
    assert current(old.url) == "0016"
    assert everything(old) == {**before, NEW: []}
    store(old, CASE)
    (row,) = everything(old)[NEW]
    assert (row["call_id"], row["agent"], row["survey"]) == ("1.1", "زهرا", "csat")
    migrate(old, command.downgrade, "0015")
    assert everything(old) == before
