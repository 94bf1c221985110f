"""Values are read from a column as written, and no text of a caller makes a statement fail."""

import pytest
from hypothesis import example, given, strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert, literal, select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from cc_bridge.records import Outcome
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.schema.column_types import CleanText, Instant, Seconds

TABLE = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("at", Instant()),
              Column("took", Seconds()), Column("name", CleanText(20)))  # fmt: skip

# Instants from 1970 to 2100, in the full resolution of floats.
INSTANTS = st.floats(min_value=0, max_value=4_102_444_800)


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('columns') / 'c.sqlite3'}")
    with engine.connect() as connection:
        TABLE.metadata.create_all(connection)
        yield connection
    engine.dispose()


def stored(connection, **values):
    with connection.begin_nested():
        connection.execute(TABLE.delete())
        connection.execute(insert(TABLE), [values])
    return connection.execute(select(TABLE.c[tuple(values)])).one()


@given(INSTANTS)
@example(1_795_309_819.123456)
@example(0.0000005)
@example(1_795_309_819.9999996)  # rounds up into the next second
def test_an_instant_survives_within_a_microsecond(connection, instant):
    (back,) = stored(connection, at=instant)
    assert abs(back - instant) <= 1e-6


@given(st.integers(0, 4_102_444_800_000_000))
def test_an_instant_of_whole_microseconds_survives_exactly(connection, microseconds):
    instant = microseconds / 1_000_000
    assert stored(connection, at=instant) == (instant,)


def test_an_instant_is_text_that_people_can_read_and_sort_in_sqlite(connection):
    stored(connection, at=1_795_309_819.5)
    assert connection.exec_driver_sql("SELECT at FROM t").scalar_one() == "2026-11-22 01:10:19.500000"
    assert connection.scalar(select(TABLE.c.at).where(TABLE.c.at > 1_795_309_819.499)) == 1_795_309_819.5
    assert connection.scalar(select(TABLE.c.at).where(TABLE.c.at > 1_795_309_819.501)) is None


def test_an_instant_is_the_right_type_in_each_database():
    for dialect, sql in (
        (sqlite.dialect(), "DATETIME"),
        (postgresql.dialect(), "TIMESTAMP WITH TIME ZONE"),
        (mysql.dialect(), "DATETIME(6)"),
    ):
        assert Instant().compile(dialect=dialect) == sql


def test_postgresql_gets_and_gives_instants_with_their_time_zone():
    # Without the offset, PostgreSQL would assume the session's time zone.
    dialect = postgresql.dialect()
    sent = Instant().process_bind_param(1_795_309_819.123456, dialect)
    assert sent.isoformat() == "2026-11-22T01:10:19.123456+00:00"
    assert Instant().process_result_value(sent, dialect) == 1_795_309_819.123456
    assert Instant().process_bind_param(0.0, mysql.dialect()).tzinfo is None


def test_a_duration_loses_the_noise_of_its_subtraction(connection):
    assert stored(connection, took=1_795_309_819.3 - 1_795_309_807.0) == (12.3,)


@given(st.text(st.characters(exclude_categories=()), max_size=60))
@example("زهرا کریمی‌نژاد")  # with a zero-width non-joiner, which is not printable
@example("O'Brien \"; DROP TABLE t; --")
@example("a\x00b")
@example("\ud83d")  # half of an emoji, from a truncated UTF-16 text
@example("📞" * 30)
@example("x" * 10_000)
def test_any_text_is_stored_cut_and_clean(connection, text):
    (back,) = stored(connection, name=text)
    assert len(back) == min(len(text), 20)
    for ours, theirs in zip(back, text, strict=False):
        assert ours == ("\ufffd" if theirs == "\x00" or "\ud800" <= theirs <= "\udfff" else theirs)


def test_a_word_of_an_enum_is_bound_as_a_plain_str():
    bound = CleanText(20).process_bind_param(Outcome.TIMED_OUT, sqlite.dialect())
    assert (type(bound), bound) == (str, "timed_out")


def test_null_stays_null(connection):
    assert stored(connection, at=None, took=None, name=None) == (None, None, None)


def test_a_literal_instant_compares_as_an_instant(connection):
    stored(connection, at=5.0)
    assert connection.scalar(select(literal(5.0, Instant()) == TABLE.c.at)) is True
