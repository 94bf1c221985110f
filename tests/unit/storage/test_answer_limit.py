"""A database server that accepts a connection and never answers holds no thread for ever."""

import time

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from cc_bridge.config import Config
from cc_bridge.errors import StorageError
from cc_bridge.storage.engine import _options, make_engine
from cc_bridge.storage.migrate import open_database
from support.silent_server import silent_server

LIMIT = 0.5
LATE = 8.0  # the connection's own limit is 2 s later, so that a server that works sends its error


@pytest.fixture(params=["postgresql", "mysql+pymysql"])
def url(request):
    with silent_server(greets=request.param == "postgresql") as port:
        yield f"{request.param}://bridge@127.0.0.1:{port}/calls"


def test_a_question_that_is_never_answered_fails(url):
    engine = make_engine(url, answer_seconds=LIMIT)
    for _ in range(2):
        began_at = time.monotonic()
        with pytest.raises(OperationalError), engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
        assert time.monotonic() - began_at < LATE
    engine.dispose()


def test_the_schema_is_not_waited_for_without_an_end(url):
    began_at = time.monotonic()
    with pytest.raises(StorageError):
        open_database(url, LIMIT)
    assert time.monotonic() - began_at < LATE


def test_postgresql_knows_the_limit_too():
    url = make_url("postgresql://bridge@127.0.0.1/calls?options=-c%20search_path%3Dx")
    assert _options(url, 30) == "-c jit=off -c statement_timeout=30000 -c search_path=x"
    assert _options(url, None) == "-c jit=off -c search_path=x"


@pytest.mark.postgres
def test_a_server_that_works_ends_a_long_statement_and_the_next_one_succeeds(postgres):
    url = postgres.fresh()
    engine = make_engine(url, answer_seconds=1)
    with pytest.raises(DBAPIError, match="statement timeout"), engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(60)")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()
    postgres.drop(url)


def test_the_limit_is_an_option():
    assert Config().storage.answer_timeout_seconds == 30
