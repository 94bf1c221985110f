"""The migrations lead to exactly the schema of the code, and never touch a foreign database."""

import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, inspect, select, text
from sqlalchemy.exc import IntegrityError

from cc_bridge.errors import StorageError
from cc_bridge.storage import migrate, views
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import (
    VERSION_TABLE,
    configuration,
    current,
    open_database,
    upgrade,
    upgrade_script,
)
from cc_bridge.storage.rollups import tables as rollup_tables
from cc_bridge.storage.schema.tables import metadata, survey_attempts

VERSIONS = sorted(path.name[:4] for path in (migrate._SCRIPTS / "versions").glob("0*.py"))
HEAD = VERSIONS[-1]


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


@pytest.fixture
def engine_anywhere(database_url):
    """Yield an engine on an empty database of each kind."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def sql(file, statement):
    connection = sqlite3.connect(file)
    try:
        with connection:
            return connection.execute(statement).fetchall()
    finally:
        connection.close()


def migrate_to(engine, version):
    with engine.begin() as connection:
        command.upgrade(configuration(connection), version)


def tables(engine):
    with engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_an_empty_database_becomes_current(url, engine):
    assert current(url) is None
    upgrade(url)
    assert current(url) == HEAD
    upgrade(url)  # a second upgrade does nothing
    assert tables(engine) == {VERSION_TABLE, *metadata.tables}


def test_the_migrated_schema_is_that_of_the_code(url, engine):
    migrate_to(engine, "head")
    assert current(url) == HEAD
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, metadata) == []


def test_the_version_table_is_as_alembic_makes_it(engine):
    migrate_to(engine, "head")
    made = inspect(engine)
    (column,) = made.get_columns(VERSION_TABLE)
    (ours,) = migrate._version_table.columns
    assert (column["name"], str(column["type"]), column["nullable"]) == (ours.name, str(ours.type), False)
    key = made.get_pk_constraint(VERSION_TABLE)
    assert (key["name"], key["constrained_columns"]) == (migrate._version_table.primary_key.name, [ours.name])


def test_alembic_is_imported_for_an_older_database_alone(url, engine):
    program = (
        "import sys, cc_bridge.daemon.bridge\n"
        "from cc_bridge.storage.migrate import upgrade\n"
        "upgrade(sys.argv[1])\n"
        "print('alembic' in sys.modules)"
    )

    def imported():
        python = [sys.executable, "-c", program, url]
        return subprocess.run(python, check=True, capture_output=True, text=True).stdout.strip()

    assert imported() == "False"  # empty
    assert imported() == "False"  # current
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "0001")
    assert imported() == "True"
    assert current(url) == HEAD


def run_script(engine, script):
    """Run an SQL script in the way of an administrator."""
    raw = engine.raw_connection()
    try:
        if engine.dialect.name == "sqlite":
            raw.executescript(script)
        elif engine.dialect.name == "postgresql":
            raw.driver_connection.execute(script)
        else:
            cursor = raw.cursor()
            for statement in script.split(";\n"):
                if re.sub(r"^--.*$", "", statement, flags=re.MULTILINE).strip():
                    cursor.execute(statement)
        raw.commit()
    finally:
        raw.close()


_CATALOGS = {
    "postgresql": """
SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal;
SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace;
SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public';
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace;
SELECT attrelid::regclass::text, attname, attoptions::text FROM pg_attribute WHERE attoptions IS NOT NULL;
SELECT relname, obj_description(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace""",
    "mysql": """
SELECT table_name, engine, table_collation, table_comment FROM information_schema.tables
    WHERE table_schema = database();
SELECT table_name, column_name, collation_name FROM information_schema.columns
    WHERE table_schema = database()""",
    "sqlite": "SELECT name, tbl_name FROM sqlite_master",
}


def catalog(engine):
    """Return the whole schema as the database describes it, without the order of columns."""
    found = {}
    with engine.connect() as connection:
        inspector = inspect(connection)
        for name in sorted({*inspector.get_table_names(), *inspector.get_view_names()} - {VERSION_TABLE}):
            columns = {
                each["name"]: {**each, "type": str(each["type"])} for each in inspector.get_columns(name)
            }
            found[name, "columns"] = columns
            found[name, "key"] = inspector.get_pk_constraint(name)
            found[name, "indexes"] = sorted(inspector.get_indexes(name), key=str)
        for statement in _CATALOGS[engine.dialect.name].split(";"):
            found[statement] = sorted(map(str, connection.exec_driver_sql(statement)))
    return found | view_definitions(engine)


def test_the_script_builds_what_the_code_creates(engine_anywhere):
    """The schemas have equal types, keys, indexes, comments, triggers and collation (MariaDB)."""
    url = engine_anywhere.url
    open_database(url).dispose()
    created = catalog(engine_anywhere)
    assert len(created) > 3 * len(metadata.tables)
    with engine_anywhere.begin() as connection:
        connection.execute(text(f"DELETE FROM {VERSION_TABLE}"))
    drop_all(engine_anywhere)
    run_script(engine_anywhere, upgrade_script(url))
    assert current(url) == HEAD
    assert catalog(engine_anywhere) == created


def drop_all(engine):
    with engine.begin() as connection:
        for view in views.VIEWS:
            connection.execute(text(f"DROP VIEW {view.table.name}"))
        everything = MetaData()
        everything.reflect(connection)
        everything.drop_all(connection)
        if engine.dialect.name == "postgresql":
            for (function,) in connection.execute(text(
                "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            )).all():  # fmt: skip
                connection.execute(text(f"DROP FUNCTION {function}"))


def test_migrations_stand_on_nothing_that_changes():
    """Migrations import neither the schema of the code nor its views and rollups."""
    allowed = {"cc_bridge.storage.schema.column_types", "cc_bridge.storage.migrations.frozen"}
    for file in (migrate._SCRIPTS / "versions").glob("*.py"):
        imported = set(re.findall(r"^(?:from|import) (cc_bridge\S*)", file.read_text(), flags=re.MULTILINE))
        assert imported <= allowed, file.name


def test_downgrade_takes_everything_back(url, engine):
    upgrade(url)
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "base")
    assert tables(engine) == {VERSION_TABLE}
    assert current(url) is None
    upgrade(url)
    assert current(url) == HEAD


def test_rows_from_before_the_column_source_are_observed_ones(url, file, engine):
    migrate_to(engine, "0001")
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


def test_old_answers_rate_whom_their_attempt_rated(engine_anywhere):
    engine, database_url = engine_anywhere, engine_anywhere.url

    def run(statement):
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    migrate_to(engine, "0004")
    for attempt, queue, agent in (("a1", "sales", "Zahra"), ("a2", "پشتیبانی", "مریم")):
        run(
            "INSERT INTO survey_attempts (pbx, attempt_id, call_id, uniqueid, queue, agent, interface, "
            "survey, version, language, started_at, result, reason) "
            f"VALUES ('pbx', '{attempt}', 'c', 'c', '{queue}', '{agent}', 'SIP/1', "
            "'csat', 1, 'fa', '2026-11-22 01:00:00', 'partial', 'hung_up')"
        )
    for pbx, attempt in (("pbx", "a1"), ("pbx", "a2"), ("other", "a1")):
        run(
            "INSERT INTO answers (pbx, attempt_id, question, kind, value, tries, answered_at) "
            f"VALUES ('{pbx}', '{attempt}', 'agent', 'csat', 5, 1, '2026-11-22 01:00:09')"
        )
    upgrade(database_url)
    columns = "pbx, attempt_id, queue, agent, interface, value, label, recording"
    whom = f"SELECT {columns} FROM answers ORDER BY pbx, attempt_id"
    rated = [
        ("other", "a1", "", "", "", 5, "", ""),  # an answer whose attempt was never stored
        ("pbx", "a1", "sales", "Zahra", "SIP/1", 5, "", ""),
        ("pbx", "a2", "پشتیبانی", "مریم", "SIP/1", 5, "", ""),
    ]
    assert run(whom) == rated
    attempts = survey_attempts.c
    asked = select(attempts.trigger, attempts.attributed_by, attempts.caller_key).distinct()
    with engine.connect() as connection:
        assert connection.execute(asked).all() == [("queue", "events", "")]
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "0004")
    assert tables(engine) == {
        VERSION_TABLE, "agent_intervals", "answers", "calls", "gaps", "observed", "queue_visits", "rings",
        "survey_attempts", "talks",
    }  # fmt: skip
    assert run("SELECT count(*) FROM answers") == [(3,)]
    upgrade(database_url)
    assert run(whom) == rated


def differences(engine):
    with engine.connect() as connection:
        # Indexes of the views are not compared with those of the tables.
        opts = {
            "version_table": VERSION_TABLE,
            "compare_type": True,
            "include_object": lambda _object, name, *_: name not in views.INDEXES,
        }
        wanted = [metadata, rollup_tables.metadata] if engine.dialect.name == "postgresql" else metadata
        return compare_metadata(MigrationContext.configure(connection, opts=opts), wanted)


def test_each_database_goes_up_and_down_step_by_step(engine_anywhere):
    engine, database_url = engine_anywhere, engine_anywhere.url
    versions = sorted(migrate._versions())
    for version in versions:
        migrate_to(engine, version)
        assert current(database_url) == version
    assert differences(engine) == []
    for version in [*versions[-2::-1], "base"]:
        with engine.begin() as connection:
            command.downgrade(configuration(connection), version)
        assert current(database_url) == (None if version == "base" else version)
    assert tables(engine) == {VERSION_TABLE}
    upgrade(database_url)
    assert differences(engine) == []


def test_an_empty_database_of_each_kind_gets_the_tables_of_the_code(database_url):
    engine = open_database(database_url)
    assert differences(engine) == []
    engine.dispose()


def view_definitions(engine):
    """Return the definitions of the views by name, as the database stores them."""
    with engine.connect() as connection:
        inspector = inspect(connection)
        return {name: inspector.get_view_definition(name) for name in inspector.get_view_names()}


def test_views_are_the_same_made_or_migrated_and_go_with_their_migration(engine_anywhere):
    engine, database_url = engine_anywhere, engine_anywhere.url
    migrate_to(engine, "0006")
    samples(engine)
    assert view_definitions(engine) == {}
    migrate_to(engine, "0007")
    assert set(view_definitions(engine)) == {view.table.name for view in views.VIEWS}
    migrate_to(engine, "head")
    migrated = view_definitions(engine)
    assert set(migrated) == {view.table.name for view in views.VIEWS}
    with engine.connect() as connection:
        for view in views.VIEWS:
            assert len(connection.execute(select(view.table)).all()) == 1
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "0006")
    assert view_definitions(engine) == {}
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "base")
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
    open_database(database_url).dispose()
    assert view_definitions(engine) == migrated


def test_the_tables_of_mariadb_tell_keys_apart_that_differ_in_blanks_at_their_end(mariadb):
    url = mariadb.fresh().render_as_string(hide_password=False)
    engine = make_engine(url)
    migrate_to(engine, "0006")

    def run(statement):
        with engine.begin() as connection:
            return connection.execute(text(statement))

    def paused(agent):
        run(
            "INSERT INTO agent_intervals VALUES ('pbx', "
            f"'{agent}', 'paused', '2026-11-22 01:00:00', '2026-11-22 01:01:00', 60, '', '', 0)"
        )

    paused("Ali")
    with pytest.raises(IntegrityError):
        paused("Ali ")
    upgrade(url)
    collations = run(
        "SELECT DISTINCT collation_name FROM information_schema.columns WHERE collation_name IS NOT NULL "
        f"AND table_schema = database() AND table_name <> '{VERSION_TABLE}' AND table_name NOT LIKE 'v\\_%'"
    )
    assert collations.all() == [("utf8mb4_nopad_bin",)]
    paused("Ali ")
    assert run("SELECT count(*) FROM agent_intervals WHERE agent = 'Ali '").scalar_one() == 1
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "0006")  # schema 0006 keeps both
    assert run("SELECT count(*) FROM agent_intervals").scalar_one() == 2
    upgrade(url)
    assert run("SELECT count(*) FROM agent_intervals").scalar_one() == 2
    assert differences(engine) == []
    engine.dispose()


def samples(engine):
    """Insert a row into each existing table. Return the stored rows by table name."""
    found = MetaData()
    found.reflect(engine, only=lambda name, _: name != VERSION_TABLE)
    some = {str: "پ1", float: 1.5, Decimal: 1.5, int: 1, bool: True, date: date(2026, 11, 22),
            datetime: datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC)}  # fmt: skip
    with engine.begin() as connection:
        for table in found.sorted_tables:
            connection.execute(table.insert(), {c.name: some[c.type.python_type] for c in table.columns})
    return {table.name: stored(engine, table) for table in found.sorted_tables}


def stored(engine, table):
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(select(table))]


# Tables and columns that 0013 renames.
_RENAMED = {
    "funnel": ("survey_decisions", {"at": "decided_at"}),
    "unfinished": ("open_state", {}),
    "observed": ("observation_watermarks", {"until": "observed_until"}),
    "publications": (
        "digest_deliveries",
        {"every": "frequency", "wanted_at": "enqueued_at", "next_at": "next_attempt_at", "why": "reason"},
    ),
    "settled": ("rollup_watermark", {"until": "refreshed_until"}),
    "opt_outs": ("opt_outs", {"at": "updated_at", "told_by": "source"}),
    "follow_ups": ("follow_ups", {"told": "notified_state"}),
}


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_rows_of_every_earlier_version_survive_the_way_up_and_back(engine_anywhere, version):
    engine, database_url = engine_anywhere, engine_anywhere.url
    migrate_to(engine, version)
    before = samples(engine)
    upgrade(database_url)
    assert differences(engine) == []
    for name, rows in before.items():
        new, columns = _RENAMED.get(name, (name, {})) if version < "0013" else (name, {})
        now = stored(engine, Table(new, MetaData(), autoload_with=engine))
        assert [{key: row[columns.get(key, key)] for key in rows[0]} for row in now] == rows
    with engine.connect() as connection:
        answered = "SELECT queue, agent, interface FROM answers"  # filled from the answer's attempt
        assert connection.exec_driver_sql(answered).all() == [("پ1", "پ1", "پ1")]
    with engine.begin() as connection:
        command.downgrade(configuration(connection), version)
    for name, rows in before.items():
        assert stored(engine, Table(name, MetaData(), autoload_with=engine)) == rows


def test_the_next_migration_breaks_none_of_these_tests(engine_anywhere, tmp_path, monkeypatch):
    scripts = tmp_path / "migrations"
    shutil.copytree(migrate._SCRIPTS, scripts)
    (scripts / "versions" / "9998_next.py").write_text(
        f"revision, down_revision, branch_labels, depends_on = '9998', '{HEAD}', None, None\n"
        "def upgrade() -> None:\n    pass\n"
        "def downgrade() -> None:\n    pass\n"
    )
    monkeypatch.setattr(migrate, "_SCRIPTS", scripts)
    test_each_database_goes_up_and_down_step_by_step(engine_anywhere)
    drop_all(engine_anywhere)
    test_rows_of_every_earlier_version_survive_the_way_up_and_back(engine_anywhere, HEAD)
    drop_all(engine_anywhere)
    test_views_are_the_same_made_or_migrated_and_go_with_their_migration(engine_anywhere)
    assert current(engine_anywhere.url) == "9998"


def test_two_who_upgrade_at_once_do_not_disturb_each_other(server_url):
    engine = make_engine(server_url)
    migrate_to(engine, "0001")
    samples(engine)
    faults = []

    def up():
        try:
            upgrade(server_url)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert current(server_url) == HEAD
    assert differences(engine) == []
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing_behind(url, file, engine, tmp_path, monkeypatch):
    migrate_to(engine, "0001")
    scripts = tmp_path / "migrations"
    shutil.copytree(migrate._SCRIPTS, scripts)
    (second,) = (scripts / "versions").glob("0002_*.py")
    broken = '\n    op.execute("SELECT nonsense FROM nowhere")\n\n\ndef downgrade'
    second.write_text(second.read_text().replace("\n\n\ndef downgrade", broken))
    monkeypatch.setattr(migrate, "_SCRIPTS", scripts)
    before = sql(file, "SELECT sql FROM sqlite_master ORDER BY name")
    with pytest.raises(StorageError, match="no such table: nowhere"):
        upgrade(url)
    assert sql(file, "SELECT sql FROM sqlite_master ORDER BY name") == before
    assert current(url) == "0001"


def test_an_empty_database_gets_all_tables_or_none(url, engine, monkeypatch):
    # `newest` is called twice. The second value, None, is written and refused by the version's column.
    monkeypatch.setattr(migrate, "newest", iter([HEAD, None]).__next__)
    with pytest.raises(StorageError, match="NOT NULL"):
        upgrade(url)
    assert tables(engine) == set()


def test_tables_of_an_attempt_that_broke_off_are_kept(url, engine):
    """MariaDB commits each table separately, so an interrupted creation leaves some tables."""
    with engine.begin() as connection:
        migrate._version_table.create(connection)
        next(iter(metadata.tables.values())).create(connection)
    upgrade(url)
    assert tables(engine) == {VERSION_TABLE, *metadata.tables}
    assert current(url) == HEAD


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
    with pytest.raises(StorageError, match=r"another program \(astdb.*separate database"):
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
