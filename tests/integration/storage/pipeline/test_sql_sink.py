"""Rows on each kind of database: every row is read back as written, and a rejected row affects no other."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import inspect, select, text

from cc_bridge.records import OpenStateRecord, OptOut
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.sql_sink import RecordRejected, SqlSink, write_bisecting
from cc_bridge.storage.queries.open_state import open_records
from cc_bridge.storage.schema.column_types import CleanText
from cc_bridge.storage.schema.tables import (
    TABLES,
    answers,
    metadata,
    opt_outs,
    queue_visits,
    row_of,
)
from support.records import POISON, T, answer, visit

NASTY = ["", "مریم 📞", "O'Brien \"; DROP TABLE rings; --", "%s %(a)s :a ? \\", "\r\n\t", "e\u0301\u202e"]


@pytest.fixture
def engine(database_url):
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def database(engine):
    database = SqlSink(lambda: open_database(engine.url))
    yield database
    database.close()


def stored(engine, table, *columns):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*(table.c[name] for name in columns)))]


def test_a_batch_of_all_sorts_goes_in_and_again_changes_nothing(database, engine):
    batch = [row_of(visit(n)) for n in range(1_500)] + [row_of(answer(n)) for n in range(500)]
    for _ in range(2):
        database.write(batch)
    assert sorted(int(n) for (n,) in stored(engine, queue_visits, "uniqueid")) == list(range(1_500))
    assert len(stored(engine, answers, "attempt_id")) == 500


def test_of_one_key_in_a_batch_the_last_row_stays(database, engine):
    database.write([row_of(answer(7, value)) for value in (1, 2, 3)] + [row_of(answer(8, 5))])
    assert sorted(stored(engine, answers, "attempt_id", "value")) == [("7", 3), ("8", 5)]
    database.write([row_of(answer(7, 4)), row_of(answer(7, 5))])
    assert sorted(stored(engine, answers, "attempt_id", "value")) == [("7", 5), ("8", 5)]


def test_of_what_a_caller_said_the_newest_stays_however_it_comes(database, engine):
    def said(at, opted_out):
        return (opt_outs, {"caller_key": "k", "updated_at": at, "opted_out": opted_out, "source": "key"})

    database.write([said(T + 5, True), said(T, False)])
    database.write([said(T + 1, False)])
    assert stored(engine, opt_outs, "updated_at", "opted_out") == [(T + 5, True)]
    database.write([said(T + 9, False), said(T + 8, True)])
    assert stored(engine, opt_outs, "updated_at", "opted_out") == [(T + 9, False)]


def test_what_goes_on_is_replaced_until_it_is_over(database, engine):
    going_on = [OpenStateRecord("main", "agent", name, f"{n}") for n, name in enumerate(["a", "زهرا", "b "])]
    other = OpenStateRecord("other", "call", "a", "there")
    database.write([row_of(visit(1)), *map(row_of, [*going_on, other])])
    later = OpenStateRecord("main", "agent", "a", "later")
    over = [OpenStateRecord("main", "agent", name, "") for name in ("زهرا", "never there")]
    database.write([*map(row_of, [replace(later, state="then"), later, *over]), row_of(visit(2))])
    with engine.connect() as connection:
        assert sorted(open_records(connection, "main"), key=str) == sorted([later, going_on[2]], key=str)
        assert open_records(connection, "other") == [other]
    assert len(stored(engine, queue_visits, "uniqueid")) == 2


def test_text_comes_back_as_it_went_in(database, engine):
    database.write([row_of(replace(visit(n, queue=name), caller_name=name)) for n, name in enumerate(NASTY)])
    assert sorted(stored(engine, queue_visits, "queue", "caller_name")) == sorted(
        zip(NASTY, NASTY, strict=True)
    )


def test_text_is_told_apart_to_the_last_bit(database, engine):
    """Case, accents and code points of a letter make different texts in each kind of database.

    Only spaces at the end are ignored by MariaDB.
    """
    names = ["sales", "Sales", "sáles", "sa\u0301les", "SALES", "پشتیبانی", "پشتیباني"]
    database.write([row_of(visit(1, queue=name)) for name in names])
    assert sorted(name for (name,) in stored(engine, queue_visits, "queue")) == sorted(names)


def test_what_no_text_can_hold_is_replaced_and_what_is_too_long_cut(database, engine):
    name = "\x00half \ud83d" + "📞" * 500
    database.write([row_of(replace(visit(1), caller_name=name, caller_number="9" * 500))])
    assert stored(engine, queue_visits, "caller_name", "caller_number") == [
        ("\ufffdhalf \ufffd" + "📞" * 121, "9" * 80)
    ]


def test_an_instant_keeps_its_microseconds(database, engine):
    times = [0.0, 0.000001, 1.0, 1_711_846_800.5, T, T + 0.000001, 4_000_000_000.999999]
    database.write([row_of(replace(visit(n), entered_at=at, left_at=at)) for n, at in enumerate(times)])
    assert sorted(stored(engine, queue_visits, "entered_at", "left_at")) == [(at, at) for at in times]


def test_instants_of_the_hour_that_comes_twice_stay_two(database, engine):
    """The hour repeats in Berlin on 27 October 2024. The time zone of server and session must not matter."""
    hour = 1_729_987_200.0
    database.write([row_of(replace(visit(1), entered_at=hour + 3_600 * n)) for n in range(4)])
    assert len(stored(engine, queue_visits, "entered_at")) == 4


def test_a_row_of_before_a_column_came_gets_what_rows_of_before_hold(database, engine):
    row = {
        "pbx": "main",
        "attempt_id": "a1",
        "question": "agent",
        "kind": "csat",
        "value": 4,
        "tries": 1,
        "answered_at": T,
    }
    database.write([(answers, row), (answers, row | {"value": 5})])
    assert stored(engine, answers, "value", "queue", "label") == [(5, "", "")]
    table, visited = row_of(visit(1))
    database.write([(table, visited)])
    assert stored(engine, table, "source") == [("observed",)]


def test_what_is_refused_stands_alone_and_the_rest_is_there(database, engine):
    poison = [row_of(record) for name, record in POISON.items() if name != "no float"]  # it has no row
    batch = [row_of(visit(n)) for n in range(10)]
    for place, row in enumerate(poison):
        batch.insert(3 * place, row)
    refused = [part for part, refusal in write_bisecting(batch, database.write) if refusal is not None]
    assert refused == [[row] for row in poison]
    assert sorted(int(n) for (n,) in stored(engine, queue_visits, "uniqueid")) == list(range(10))


def test_a_failure_that_is_not_about_the_rows_is_no_refusal(database, engine):
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE opt_outs"))
    with pytest.raises(Exception, match="opt_outs") as failed:
        database.write([row_of(OptOut("98912", 1.0, opted_out=True, source="key"))])
    assert not isinstance(failed.value, RecordRejected)


def test_all_or_nothing(database, engine):
    with pytest.raises(RecordRejected):
        database.write([*(row_of(visit(n)) for n in range(50)), row_of(POISON["null"])])
    assert stored(engine, queue_visits, "uniqueid") == []


def test_a_refusal_names_no_value(database):
    with pytest.raises(RecordRejected) as refused:
        database.write([row_of(POISON["null"])])
    assert "IntegrityError" in str(refused.value) or "NotNullViolation" in str(refused.value)
    assert "982112345678" not in str(refused.value)


def test_every_column_is_explained_in_the_server_itself(server_url):
    engine = open_database(server_url)
    found = inspect(engine)
    for table in metadata.sorted_tables:
        assert found.get_table_comment(table.name)["text"] == table.comment
        assert {column["name"]: column["comment"] for column in found.get_columns(table.name)} == {
            column.name: column.comment for column in table.columns
        }
    engine.dispose()


def test_the_widest_keys_fit(database):
    """Each kind of database limits the bytes of an index entry."""
    for table in TABLES.values():
        widest = {}
        for column in table.columns:
            widest[column.name] = "📞" * column.type._length if isinstance(column.type, CleanText) else 1
        database.write([(table, widest)])


def test_batches_of_two_writers_do_not_mix_up(engine):
    """Two writers with different PBX names write the same visits at the same time."""
    failures = []

    def write(pbx):
        database = SqlSink(lambda: open_database(engine.url))
        for n in range(30):
            batch = [row_of(replace(visit(m), pbx=pbx)) for m in range(n * 20, n * 20 + 20)]
            while True:
                try:
                    database.write(batch)
                except Exception as error:  # a deadlock or a lock timeout: retried, as the pipeline does
                    failures.append(error)
                    database.close()
                else:
                    break
        database.close()

    threads = [threading.Thread(target=write, args=(pbx,)) for pbx in ("main", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(stored(engine, queue_visits, "pbx", "uniqueid")) == 1_200
    assert len(failures) < 30
