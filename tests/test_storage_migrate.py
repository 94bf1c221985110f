"""The migrations lead to exactly the schema of the code, and never touch a database that is not ours."""

import re
import shutil
import sqlite3

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_mock_engine, inspect

from cc_bridge.errors import StorageError
from cc_bridge.storage import migrate
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import (
    VERSION_TABLE,
    configuration,
    current,
    is_current,
    open_database,
    upgrade,
    upgrade_script,
)
from cc_bridge.storage.schema import metadata

HEAD = max(path.name[:4] for path in (migrate._SCRIPTS / "versions").glob("0*.py"))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "calls.sqlite3"


@pytest.fixture
def url(file):
    return f"sqlite:///{file}"


@pytest.fixture
def engine(url):
    engine = make_engine(url)
    yield engine
    engine.dispose()


def sql(file, statement):
    connection = sqlite3.connect(file)
    try:
        with connection:
            return connection.execute(statement).fetchall()
    finally:
        connection.close()


def tables(engine):
    with engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_an_empty_database_becomes_current(url, engine):
    assert current(url) is None
    assert not is_current(engine)
    upgrade(url)
    assert current(url) == HEAD
    assert is_current(engine)
    upgrade(url)  # again: nothing to do
    assert tables(engine) == {VERSION_TABLE, *metadata.tables}


def test_the_migrated_schema_is_that_of_the_code(url, engine):
    upgrade(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("server", ["postgresql", "mysql", "mariadb", "sqlite"])
def test_the_script_for_each_database_is_that_of_the_code(server):
    """Statement by statement, with types, keys, indexes, comments and MariaDB's collation."""

    def statements(script):
        without_remarks = re.sub(r"^--.*$", "", script, flags=re.MULTILINE)
        found = [
            re.sub(r"\s+", " ", statement).strip() for statement in re.split(r";\s*(?:\n|$)", without_remarks)
        ]
        for added in [statement for statement in found if " ADD COLUMN " in statement]:
            # A column that came later is the last one before the key.
            table, column = re.fullmatch(r"ALTER TABLE (\w+) ADD COLUMN (.+)", added).groups()
            made = next(statement for statement in found if statement.startswith(f"CREATE TABLE {table} "))
            before, key, after = made.partition(", CONSTRAINT ")
            found[found.index(made)] = f"{before}, {column}{key}{after}"
            found.remove(added)
        return set(found)

    wanted = []
    url = {"mysql": "mysql+pymysql://", "mariadb": "mariadb+pymysql://"}.get(server, f"{server}://")
    mock = create_mock_engine(url, lambda ddl, _: wanted.append(str(ddl.compile(dialect=mock.dialect))))
    metadata.create_all(mock, checkfirst=False)
    script = statements(upgrade_script(url))
    missing = statements(";\n".join(wanted)) - script
    assert missing == set()
    more = {statement for statement in script if VERSION_TABLE not in statement} - statements(
        ";\n".join(wanted)
    )
    assert more <= {"", "BEGIN", "COMMIT"}


def test_downgrade_takes_everything_back(url, engine):
    upgrade(url)
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "base")
    assert tables(engine) == {VERSION_TABLE}
    assert current(url) is None
    upgrade(url)
    assert is_current(engine)


def test_rows_from_before_the_column_source_are_observed_ones(url, file, engine):
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0001")
    sql(
        file,
        "INSERT INTO talks VALUES ('pbx', 'c', 'c', 'a', 'q', 'Zahra', 'SIP/1', '2026-11-22 01:00:00', "
        "'2026-11-22 01:01:00', 60, 0, 0, 'agent', NULL, NULL)",
    )
    upgrade(url)
    assert sql(file, "SELECT agent, source FROM talks") == [("Zahra", "observed")]
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "0001")
    upgrade(url)
    assert sql(file, "SELECT agent, source FROM talks") == [("Zahra", "observed")]


def test_a_migration_that_fails_leaves_nothing_behind(url, engine, tmp_path, monkeypatch):
    scripts = tmp_path / "migrations"
    shutil.copytree(migrate._SCRIPTS, scripts)
    (first,) = (scripts / "versions").glob("0001_*.py")
    broken = '\n    op.execute("SELECT nonsense FROM nowhere")\n\n\ndef downgrade'
    first.write_text(first.read_text().replace("\n\n\ndef downgrade", broken))
    monkeypatch.setattr(migrate, "_SCRIPTS", scripts)
    with pytest.raises(StorageError, match="no such table: nowhere"):
        upgrade(url)
    assert tables(engine) == set()


def test_a_new_migration_of_an_unchanged_schema_is_empty(url, engine, tmp_path, monkeypatch):
    upgrade(url)
    scripts = tmp_path / "migrations"
    shutil.copytree(migrate._SCRIPTS, scripts)
    monkeypatch.setattr(migrate, "_SCRIPTS", scripts)
    with engine.connect() as connection:
        made = command.revision(configuration(connection), "nothing", autogenerate=True, rev_id="9998")
    text = (scripts / "versions" / "9998_nothing.py").read_text()
    assert made.revision == "9998"
    assert text.count("    pass\n") == 2
    assert "op.create" not in text
    upgrade(url)
    assert current(url) == "9998"


def test_a_database_of_a_newer_version_is_refused(url, file):
    upgrade(url)
    sql(file, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    for attempt in (upgrade, current):
        with pytest.raises(StorageError, match=r"newer cc_bridge \(schema 9999\)"):
            attempt(url)


def test_a_database_of_something_else_is_refused_and_left_alone(url, file, engine):
    sql(file, "CREATE TABLE astdb (key TEXT)")
    with pytest.raises(StorageError, match=r"something else \(astdb.*own"):
        upgrade(url)
    assert tables(engine) == {"astdb"}


def test_a_file_that_is_no_database_is_refused(url, file):
    file.write_bytes(b"this is a text, longer than the header of a database file is\n" * 20)
    with pytest.raises(StorageError, match="file is not a database") as refused:
        open_database(url)
    assert "\n" not in str(refused.value)


def test_the_newest_migration_is_the_only_head():
    config = configuration()
    assert isinstance(config, Config)
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]
