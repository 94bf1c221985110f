"""Database URLs and files: an invalid URL gives an error of one line; a lost SQLite file is noticed."""

import sqlite3
import subprocess
import sys
from math import inf

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from cc_bridge.errors import StorageError
from cc_bridge.storage import engine as engine_module
from cc_bridge.storage.engine import make_engine, shown_url
from cc_bridge.storage.migrate import current


@pytest.fixture
def engine(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'calls.sqlite3'}")
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("calls.sqlite3", "not valid"),
        ("postgresql://bridge:s3cret@host:port/db", "not valid"),
        ("nothing+like://bridge:s3cret@host/db", "nothing is not supported"),
        ("oracle://bridge:s3cret@host/db", "oracle is not supported"),
        ("mysql+nothing://bridge:s3cret@host/db", "not valid"),
        ("sqlite://", "needs an SQLite file"),
        ("sqlite:///:memory:", "needs an SQLite file"),
        ("sqlite:////nowhere/at/all/calls.sqlite3", "does not exist: /nowhere/at/all"),
        ("mysql+mysqldb://bridge:s3cret@host/db", r"pip install '\.\[mysql\]'"),
    ],
)
def test_a_url_that_cannot_work_is_refused_in_one_line(url, says):
    with pytest.raises(StorageError, match=says) as refused:
        make_engine(url)
    assert "s3cret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_sqlite_is_durable_and_lets_readers_in(engine):
    with engine.connect() as connection:
        for name, value in {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "busy_timeout": 5000,
        }.items():
            assert connection.scalar(text(f"PRAGMA {name}")) == value


def test_the_busy_timeout_is_that_of_the_url(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'calls.sqlite3'}?timeout=0.25")
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA busy_timeout")) == 250
    engine.dispose()


def test_a_failed_transaction_takes_its_tables_back(engine):
    def create_and_fail():
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE t (a)"))
            connection.execute(text("nonsense"))

    with pytest.raises(OperationalError):
        create_and_fail()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM sqlite_master")).all() == []


@pytest.mark.parametrize("loss", ["deleted", "moved", "replaced"])
def test_a_lost_file_is_noticed_instead_of_written_to(engine, tmp_path, loss):
    file = tmp_path / "calls.sqlite3"
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a)"))
    for path in tmp_path.glob("calls.sqlite3*"):
        if loss == "deleted":
            path.unlink()
        else:
            path.rename(path.with_name("away-" + path.name))
    if loss == "replaced":
        sqlite3.connect(file).close()
    with pytest.raises(OperationalError, match="no such table"), engine.begin() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))


def test_the_values_of_a_failed_statement_are_not_in_its_error(engine):
    with pytest.raises(OperationalError) as failed, engine.begin() as connection:
        connection.execute(text("INSERT INTO missing VALUES (:number)"), {"number": "+982112345678"})
    assert "+982112345678" not in str(failed.value)


def test_no_message_shows_a_secret_of_the_url():
    url = "postgresql://user:s3%2Fcret@127.0.0.1:1/name?sslpassword=s3cret&connect_timeout=1"
    engine = make_engine(url)
    assert shown_url(engine) == (
        "postgresql://user:********@127.0.0.1:1/name?connect_timeout=1&sslpassword=********"
    )
    engine.dispose()
    with pytest.raises(StorageError) as failed:
        current(url)
    assert "cret" not in str(failed.value)


READ = """
import sqlite3, sys
print(*sqlite3.connect(sys.argv[1]).execute("SELECT max(n) FROM numbers").fetchone())
"""


def test_the_check_of_the_file_releases_no_lock_of_sqlite(tmp_path):
    """Another process that closes the database must not delete the log of this one."""
    file = tmp_path / "calls.sqlite"
    engine = make_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (n INTEGER)")
    for n in range(3):
        with engine.begin() as connection:
            connection.exec_driver_sql(f"INSERT INTO numbers VALUES ({n})")
        seen = subprocess.run([sys.executable, "-c", READ, file], capture_output=True, text=True, check=True)
        assert seen.stdout.strip() == str(n)
        assert file.with_name("calls.sqlite-wal").stat().st_size > 0
    engine.dispose()


@pytest.mark.parametrize(("answer_seconds", "read_timeout"), [(None, 30), (7.0, 7.0), (inf, None)])
def test_an_upgrade_waits_for_a_server_without_limit(monkeypatch, answer_seconds, read_timeout):
    made = []
    monkeypatch.setattr(engine_module, "create_engine", lambda *_, **options: made.append(options))
    make_engine("mysql+pymysql://user@127.0.0.1/calls", answer_seconds=answer_seconds)
    assert made[0]["connect_args"]["read_timeout"] == read_timeout
    assert made[0]["connect_args"]["connect_timeout"] == 5
