"""The files of the daemon have mode 0600 and the owner of their directory; a start needs to write them."""

import os
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete

from cc_bridge.config import Config
from cc_bridge.config.storage import StorageConfig
from cc_bridge.daemon.main import _state_of_earlier_daemon
from cc_bridge.doctor import data_files
from cc_bridge.doctor.check_result import CheckStatus
from cc_bridge.errors import StorageError
from cc_bridge.records import ObservationWatermark
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.files.private_files import create_private, open_private
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.schema.tables import observation_watermarks, row_of

NOBODY = 65534
IS_ROOT = os.geteuid() == 0
OTHER = (NOBODY, NOBODY - 1) if IS_ROOT else (os.getuid(), os.getgid())  # only root can give a file away


@pytest.fixture(params=[0o000, 0o022, 0o377, 0o777], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def folder():
    """Yield a directory that other users can enter; the directories of pytest are for their owner only."""
    folder = Path(tempfile.mkdtemp(prefix="cc-bridge-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def another_user():
    """Run the block as a user without rights, if the tests run as root."""
    if IS_ROOT:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if IS_ROOT:
            os.seteuid(0)


def modes(folder):
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def owners(folder):
    return {(file.stat().st_uid, file.stat().st_gid) for file in folder.iterdir()}


def write_database(folder):
    """Return an engine with an open connection: the write-ahead log exists as long as it is open."""
    engine = open_database(f"sqlite:///{folder}/calls.sqlite")
    connection = engine.connect()
    table, row = row_of(ObservationWatermark("pbx", 1.0))
    connection.execute(table.insert(), [row])
    connection.commit()
    return engine, connection


def test_a_database_and_the_files_beside_it_are_private(folder, umask):
    engine, connection = write_database(folder)
    names = {"calls.sqlite", "calls.sqlite-wal", "calls.sqlite-shm"}
    assert modes(folder) == dict.fromkeys(names, 0o600), oct(umask)
    connection.close()
    engine.dispose()


def test_a_journal_and_the_files_beside_it_are_private(folder, umask):
    journal = Journal(folder / "journal", 10_000_000)
    journal.open()
    names = {"journal", "journal-wal", "journal-shm", "journal.lock"}
    assert modes(folder) == dict.fromkeys(names, 0o600), oct(umask)
    journal.close()


def test_what_root_creates_belongs_to_the_owner_of_the_directory(folder):
    os.chown(folder, *OTHER)
    engine, connection = write_database(folder)
    journal = Journal(folder / "journal", 10_000_000)
    journal.open()
    assert len(modes(folder)) == 7
    assert owners(folder) == {OTHER}
    journal.close()
    connection.close()
    engine.dispose()


def test_a_file_that_exists_keeps_its_mode(folder):
    (folder / "calls.sqlite").touch()
    (folder / "calls.sqlite").chmod(0o640)  # a group may read it, for example a dashboard
    engine, connection = write_database(folder)
    assert set(modes(folder).values()) == {0o640}
    connection.close()
    engine.dispose()


def test_a_link_to_a_database_that_is_not_there_yet_is_followed(folder):
    (folder / "disk").mkdir()
    (folder / "link").symlink_to(folder / "disk" / "calls.sqlite")
    create_private(folder / "link")
    assert modes(folder / "disk") == {"calls.sqlite": 0o600}


def test_a_log_is_never_written_through_a_link(folder):
    (folder / "target").write_text("keep")
    (folder / "erasures.log").symlink_to(folder / "target")
    with pytest.raises(OSError, match="symbolic links"):
        open_private(folder / "erasures.log", os.O_WRONLY | os.O_APPEND)
    assert (folder / "target").read_text() == "keep"


def storage(folder):
    return {"url": f"sqlite:///{folder}/calls.sqlite", "journal_file": f"{folder}/journal"}


def test_a_start_without_write_access_to_the_database_ends_with_one_line(folder):
    engine, connection = write_database(folder)
    connection.close()
    engine.dispose()
    (folder / "calls.sqlite").chmod(0o444)
    os.chown(folder, *OTHER)
    with another_user(), pytest.raises(StorageError, match="cannot write to the database") as failed:
        _state_of_earlier_daemon(Config(storage=storage(folder)))
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("on_server", [False, True])
def test_a_start_without_write_access_to_the_directory_ends_with_one_line(folder, on_server):
    folder.chmod(0o555)
    given = storage(folder) | ({"url": "mysql+pymysql://user@127.0.0.1/calls"} if on_server else {})
    make_engine(given["url"]).dispose()  # imports the driver, which the other user may not be able to read
    with another_user(), pytest.raises(StorageError, match="Permission denied") as failed:
        _state_of_earlier_daemon(Config(storage=given))
    assert "\n" not in str(failed.value)
    folder.chmod(0o755)


def test_a_locked_database_does_not_prevent_the_start(folder):
    engine, connection = write_database(folder)
    connection.execute(delete(observation_watermarks))  # holds the lock
    config = Config(storage=storage(folder) | {"url": f"sqlite:///{folder}/calls.sqlite?timeout=0.1"})
    assert _state_of_earlier_daemon(config)[0] == 1
    connection.close()
    engine.dispose()


def test_a_lost_directory_is_an_error_of_the_database(folder):
    engine = make_engine(f"sqlite:///{folder}/calls.sqlite")
    moved = folder.rename(f"{folder}-moved")
    with pytest.raises(Exception, match="the file cannot be created: No such file or directory"):
        engine.connect()
    moved.rename(folder)


# -- doctor


def levels(folder, **given):
    return [each.level for each in data_files.check(StorageConfig(**storage(folder) | given))]


def test_doctor_says_nothing_of_files_that_do_not_exist(folder):
    assert levels(folder) == []


def test_doctor_finds_the_files_as_cc_bridge_creates_them(folder):
    engine, connection = write_database(folder)
    assert levels(folder) == [CheckStatus.OK]
    connection.close()
    engine.dispose()


def test_doctor_warns_of_a_file_that_every_user_can_read(folder):
    for name in ("calls.sqlite", "erasures.log", "journal"):
        (folder / name).touch(0o644)
    assert levels(folder) == [CheckStatus.WARN] * 2
    assert levels(folder, url="postgresql://host/calls") == [CheckStatus.WARN] * 2


def test_doctor_finds_a_file_of_root_in_the_directory_of_another_user(folder):
    engine, connection = write_database(folder)
    connection.close()
    engine.dispose()
    os.chown(folder, *OTHER)
    assert levels(folder) == [CheckStatus.FAIL if IS_ROOT else CheckStatus.OK]


FILES = [(OTHER, 0o600, CheckStatus.OK), (OTHER, 0o400, CheckStatus.FAIL)]
if IS_ROOT:
    FILES += [
        ((1, 1), 0o600, CheckStatus.FAIL),
        ((1, OTHER[1]), 0o660, CheckStatus.FAIL),  # the user is not known to be in that group
        ((1, 1), 0o602, CheckStatus.OK),
    ]


@pytest.mark.parametrize(("owner", "mode", "level"), FILES)
def test_doctor_finds_every_file_that_the_daemons_user_cannot_write(folder, owner, mode, level):
    os.chown(folder, *OTHER)
    file = folder / "calls.sqlite"
    file.touch(mode)
    file.chmod(mode)
    os.chown(file, *owner)
    assert levels(folder) == [level]


def test_root_can_write_every_file(folder):
    (folder / "calls.sqlite").touch(0o400)
    os.chown(folder / "calls.sqlite", *OTHER)
    assert levels(folder) == [CheckStatus.OK if IS_ROOT else CheckStatus.FAIL]
