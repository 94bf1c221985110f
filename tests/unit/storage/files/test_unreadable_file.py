"""An unreadable SQLite file is renamed with the files that SQLite keeps beside it, and no other file is."""

import random
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy.exc import DatabaseError, OperationalError

from cc_bridge.errors import StorageError
from cc_bridge.storage.files.unreadable_file import (
    is_unreadable,
    open_or_set_aside,
    set_aside,
    set_aside_files,
)
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.sql_sink import SqlSink
from cc_bridge.storage.schema.tables import row_of
from support.records import visit

NOISE = random.Random(5).randbytes(64 * 1024)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "calls.sqlite"


@pytest.fixture
def url(file):
    return f"sqlite:///{file}"


def count(file):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT count(*) FROM queue_visits").fetchone()[0]


def test_a_database_of_noise_is_set_aside_and_a_new_one_is_used(file, url):
    file.write_bytes(NOISE)
    engine = open_or_set_aside(url, open_database)
    engine.dispose()
    assert count(file) == 0
    (old,) = set_aside_files(file)
    assert old.read_bytes() == NOISE


def test_the_files_beside_it_are_renamed_too_and_no_name_is_used_twice(file):
    for n in range(3):
        for ending in ("", "-wal", "-shm"):
            file.with_name(f"{file.name}{ending}").write_text(f"{n}{ending}")
        target = set_aside(file, ValueError("why"))
        assert target.with_name(f"{target.name}-wal").read_text() == f"{n}-wal"
    assert sorted(path.read_text() for path in set_aside_files(file)) == ["0", "1", "2"]
    assert not file.exists()


@pytest.mark.parametrize(
    "fault",
    [
        StorageError("made by a newer cc_bridge"),
        sqlite3.OperationalError("database is locked"),
        OperationalError("SELECT 1", {}, sqlite3.OperationalError("disk I/O error")),
        PermissionError("no"),
    ],
)
def test_any_other_fault_sets_nothing_aside(file, url, fault):
    file.write_bytes(NOISE)

    def refuses(_url):
        raise fault

    assert not is_unreadable(fault)
    with pytest.raises(type(fault)):
        open_or_set_aside(url, refuses)
    assert file.read_bytes() == NOISE


def test_a_database_whose_tables_become_noise_is_set_aside_after_some_writes(file, url):
    sink = SqlSink(lambda: open_or_set_aside(url, open_database), lambda error: set_aside(file, error))
    rows = [row_of(visit(n)) for n in range(5000)]
    sink.write(rows)
    sink.close()
    size = file.stat().st_size
    with file.open("r+b") as damaged:  # the schema stays readable
        damaged.seek(size // 4)
        damaged.write(random.Random(7).randbytes(size - size // 4))
    failures = 0
    for _ in range(10):
        try:
            sink.write(rows)
            break
        except Exception as error:  # as the writer, which tries again
            failures += is_unreadable(error)
            sink.close()
    sink.close()
    assert failures == 5
    assert count(file) == 5000
    assert len(set_aside_files(file)) == 1


def test_a_database_that_is_overwritten_while_it_is_open_is_set_aside_with_the_next_write(file, url):
    sink = SqlSink(lambda: open_or_set_aside(url, open_database), lambda error: set_aside(file, error))
    sink.write([row_of(visit(1))])
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else SQLite repairs the file from its log
    with file.open("r+b") as overwritten:
        overwritten.write(NOISE)
    with pytest.raises(DatabaseError):
        sink.write([row_of(visit(2))])
    sink.close()  # as the writer does after a failure
    sink.write([row_of(visit(2))])
    sink.close()
    assert count(file) == 1
    assert len(set_aside_files(file)) == 1
