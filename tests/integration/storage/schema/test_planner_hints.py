"""PostgreSQL gets the same hints in an empty database and in a migrated one, and a downgrade resets them."""

import pytest
from alembic import command
from sqlalchemy import make_url

from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import configuration, open_database
from cc_bridge.storage.schema.tables import metadata

pytestmark = pytest.mark.postgres

COLUMNS = """
    SELECT attrelid::regclass::text, attname, attoptions FROM pg_attribute
    WHERE attoptions IS NOT NULL ORDER BY 1, 2"""


def hints(postgres, url):
    return postgres.run(COLUMNS, url=url)


def migrate_to(url, version, way=command.upgrade):
    engine = make_engine(url)
    with engine.begin() as connection:
        way(configuration(connection), version)
    engine.dispose()


def test_hints_are_set_once_and_reset(postgres):
    made, migrated = postgres.fresh(), postgres.fresh()
    open_database(made).dispose()
    migrate_to(migrated, "0008")
    assert hints(postgres, migrated) == []
    migrate_to(migrated, "head")
    columns = hints(postgres, migrated)
    assert columns == hints(postgres, made)
    assert ("queue_visits", "wait_seconds", ["n_distinct=300"]) in columns
    assert {table for table, *_ in columns} <= set(metadata.tables)
    migrate_to(migrated, "0008", command.downgrade)
    assert hints(postgres, migrated) == []
    for url in (made, migrated):
        postgres.drop(url)


def test_a_tenant_who_does_not_own_the_database_gets_tables_and_hints(postgres):
    url = postgres.fresh()
    postgres.run("CREATE ROLE tenant LOGIN", f"GRANT CREATE ON DATABASE {url.database} TO tenant")
    postgres.run("GRANT ALL ON SCHEMA public TO tenant", url=url)
    open_database(make_url(url).set(username="tenant")).dispose()
    assert hints(postgres, url)
    postgres.drop(url)
    postgres.run("DROP ROLE tenant")


def test_our_own_sessions_alone_compile_nothing(postgres):
    """JIT is off in our sessions only. The database keeps its setting, and options of the URL apply."""
    url = postgres.fresh()
    engine = open_database(url.update_query_dict({"options": "-c work_mem=7MB"}))
    with engine.connect() as connection:
        settings = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in ("jit", "work_mem")]
    engine.dispose()
    assert settings == ["off", "7MB"]
    assert postgres.run("SHOW jit", url=url) == [("on",)]
    postgres.drop(url)
