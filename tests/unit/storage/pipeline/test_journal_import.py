"""A journal whose server is no longer configured is written into the new database."""

import pytest
from click.testing import CliRunner
from twisted.logger import capturedLogs, formatEvent

from cc_bridge.cli import main
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.pipeline.journal_import import JournalImport, import_journal, pending_in
from cc_bridge.storage.pipeline.sql_sink import SqlSink
from cc_bridge.storage.schema.tables import row_of
from support.records import POISON, visit

LIMIT = 64 * 1024**2


@pytest.fixture
def file(tmp_path):
    """Make a journal with 1,200 visits that no server has."""
    journal = Journal(tmp_path / "journal.sqlite", LIMIT)
    journal.write([row_of(visit(n)) for n in range(1200)])
    journal.close()
    return tmp_path / "journal.sqlite"


@pytest.fixture
def database(tmp_path):
    database = SqlSink(lambda: open_database(f"sqlite:///{tmp_path / 'calls.sqlite'}"))
    yield database
    database.close()


def stored(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    with engine.connect() as connection:
        ((n,),) = connection.exec_driver_sql("SELECT count(*) FROM queue_visits")
    engine.dispose()
    return n


def test_all_is_written_once(file, database, tmp_path):
    told = []
    assert pending_in(file) == 1200
    assert import_journal(file, database, told.append) == JournalImport(1200, 0)
    assert (stored(tmp_path), sum(told), pending_in(file)) == (1200, 1200, 0)
    assert import_journal(file, database, told.append) == JournalImport(0, 0)
    assert stored(tmp_path) == 1200


def test_what_is_refused_stays_and_holds_up_nothing(file, database, tmp_path):
    journal = Journal(file, LIMIT)
    journal.write([row_of(POISON["null"]), row_of(visit(5000))])
    journal.close()
    assert import_journal(file, database, lambda _: None) == JournalImport(1201, 1)
    journal.open()
    assert journal.rejected == 1
    journal.close()
    assert stored(tmp_path) == 1201


def test_the_command(file, tmp_path):
    config = tmp_path / "cc-bridge.toml"
    config.write_text(f'[storage]\nurl = "sqlite:///{tmp_path}/calls.sqlite"\njournal_file = "{file}"\n')
    for says in ("1200 records written\n", "no records to import"):
        told = CliRunner().invoke(main, ["db", "import-journal", "--config", str(config)])
        assert (told.exit_code, says in told.output) == (0, True)
    assert stored(tmp_path) == 1200


def test_one_that_a_daemon_holds_is_left_alone(file, tmp_path):
    config = tmp_path / "cc-bridge.toml"
    config.write_text(f'[storage]\nurl = "sqlite:///{tmp_path}/calls.sqlite"\njournal_file = "{file}"\n')
    journal = Journal(file, LIMIT)
    journal.open()
    told = CliRunner().invoke(main, ["db", "import-journal", "--config", str(config)])
    journal.close()
    assert told.exit_code == 1
    assert "is another cc-bridge running with it?" in told.output


def test_a_daemon_without_a_server_says_that_something_waits(file, tmp_path):
    from cc_bridge.config import Config  # noqa: PLC0415
    from cc_bridge.daemon import main  # noqa: PLC0415 - it takes the reactor

    config = Config(storage={"url": f"sqlite:///{tmp_path}/calls.sqlite", "journal_file": file})
    with capturedLogs() as logs:
        main._state_of_earlier_daemon(config)
    assert any("1200 records in" in formatEvent(each) for each in logs)
