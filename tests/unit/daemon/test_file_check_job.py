"""The daily check of the SQLite file finds damaged pages and counts the files that were set aside."""

import random
import sqlite3
from contextlib import closing

import pytest
from twisted.internet.task import Clock
from twisted.logger import formatEvent

from cc_bridge.config import Config
from cc_bridge.daemon.jobs.file_check import FileCheckJob
from support.service_context import context

DAY = 86_400


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "calls.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY, text TEXT)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO numbers VALUES (?, ?)", ((n, "x" * 100) for n in range(10_000)))
        connection.execute("COMMIT")
    return file


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["database", "journal"])
def job(request, file, clock):
    storage = {"url": f"sqlite:///{file}"}
    if request.param == "journal":
        storage = {"url": "postgresql://bridge@127.0.0.1:1/calls", "journal_file": file}
    job = FileCheckJob(context(Config(storage=storage), clock=clock))
    job.startService()
    yield job
    job.stopService()
    assert not clock.getDelayedCalls()


def damage(file):
    with file.open("r+b") as damaged:
        damaged.seek(40 * 4096)
        damaged.write(random.Random(3).randbytes(4 * 4096))


def minutes(clock, n):
    clock.pump([60.0] * n)


def said(logged):
    return [formatEvent(event) for event in logged if event["log_level"].name in ("error", "warn")]


def test_a_whole_file_has_no_fault(job, clock, logged):
    minutes(clock, 1)
    assert (job.damaged, job.set_aside, said(logged)) == (False, 0, [])


def test_damaged_pages_are_found_within_a_day_and_after_the_repair_no_more(job, clock, file, logged):
    minutes(clock, 1)
    whole = file.read_bytes()
    damage(file)
    minutes(clock, DAY // 60 - 1)
    assert not job.damaged
    minutes(clock, 1)
    assert job.damaged
    (line,) = said(logged)
    assert f"{file} is damaged: " in line
    file.write_bytes(whole)
    minutes(clock, DAY // 60)
    assert not job.damaged


def test_a_file_of_noise_is_damaged(job, clock, file):
    file.write_bytes(random.Random(3).randbytes(50_000))
    minutes(clock, 1)
    assert job.damaged


def test_files_that_were_set_aside_are_counted_every_minute(job, clock, file):
    minutes(clock, 1)
    aside = file.with_name(f"{file.name}.unreadable-20261129T120000Z")
    for ending in ("", "-wal", "-shm"):
        aside.with_name(f"{aside.name}{ending}").touch()
    minutes(clock, 1)
    assert job.set_aside == 1
    aside.rename(file.with_name("elsewhere"))
    minutes(clock, 1)
    assert job.set_aside == 0


def test_a_missing_file_is_no_damage(job, clock, file):
    file.unlink()
    minutes(clock, 1)
    assert not job.damaged
    assert not file.exists()
