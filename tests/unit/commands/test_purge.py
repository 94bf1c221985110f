"""`cc-bridge purge` as an administrator types it."""

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from cc_bridge.cli import main
from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.schema.tables import calls
from support.survey_caller import records, write

KEYS = CallerKeys(country="98")


@pytest.fixture
def engine(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", url)
    monkeypatch.setenv("CC_BRIDGE_SURVEY__RECORDINGS_DIRECTORY", str(tmp_path / "comments"))
    monkeypatch.setenv("CC_BRIDGE_RETENTION__CALLS_DAYS", "30")
    engine = open_database(url)
    write(engine, *records(1, "09121234567", KEYS, at=1_000_000_000.0, folder=tmp_path / "comments"))
    yield engine
    engine.dispose()


def purge(*words):
    return CliRunner().invoke(main, ["purge", *words])


def stored(engine):
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(calls))


def lines(result):
    return {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()}


def test_a_dry_run_counts_and_deletes_nothing(engine):
    result = purge("--dry-run")
    assert result.exit_code == 0
    assert lines(result)["calls"] == ["2", "would", "be", "deleted"]
    assert stored(engine) == 2


def test_it_deletes_and_tells_what(engine):
    result = purge()
    assert result.exit_code == 0
    told = lines(result)
    assert told["calls"] == ["2", "deleted"]
    assert told["survey_decisions"] == ["1", "deleted"]
    assert told["recordings"] == ["0", "deleted"]
    assert "1 recordings were not found" in result.stderr
    assert stored(engine) == 0
    assert set(map(tuple, lines(purge()).values())) == {("0", "deleted")}


@pytest.mark.usefixtures("engine")
def test_nothing_to_delete_is_said(monkeypatch):
    for key in ("CALLS", "COMMENTS", "SURVEY_DECISIONS", "FOLLOW_UPS"):
        monkeypatch.setenv(f"CC_BRIDGE_RETENTION__{key}_DAYS", "0")
    assert "[retention] keeps all data for ever" in purge().stdout


def test_what_may_not_be_removed_is_told_in_one_line(engine, tmp_path):
    (tmp_path / "comments" / "1-a-why.wav").mkdir(parents=True)
    result = purge()
    assert result.exit_code == 1
    assert "cannot be removed" in result.stderr.splitlines()[-1]
    assert stored(engine) == 2
