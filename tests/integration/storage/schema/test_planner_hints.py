"""PostgreSQL is told the same of an empty database and of a migrated one, and a downgrade takes it back."""

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


def said(postgres, url):
    """Return what is said of columns, and whether new sessions compile."""
    return postgres.run(COLUMNS, url=url), postgres.run("SHOW jit", url=url)


def migrate_to(url, version, way=command.upgrade):
    engine = make_engine(url)
    with engine.begin() as connection:
        way(configuration(connection), version)
    engine.dispose()


def test_it_is_told_once_and_taken_back(postgres):
    made, migrated = postgres.fresh(), postgres.fresh()
    open_database(made).dispose()
    migrate_to(migrated, "0008")
    assert said(postgres, migrated) == ([], [("on",)])
    migrate_to(migrated, "0009")
    columns, compiles = said(postgres, migrated)
    assert (columns, compiles) == said(postgres, made)
    assert compiles == [("off",)]
    assert ("queue_visits", "wait_seconds", ["n_distinct=300"]) in columns
    assert {table for table, *_ in columns} <= set(metadata.tables)
    migrate_to(migrated, "0008", command.downgrade)
    assert said(postgres, migrated) == ([], [("on",)])
    for url in (made, migrated):
        postgres.drop(url)


def test_who_does_not_own_the_database_gets_the_tables_all_the_same(postgres):
    url = postgres.fresh()
    postgres.run("CREATE ROLE tenant LOGIN", f"GRANT CREATE ON DATABASE {url.database} TO tenant")
    postgres.run("GRANT ALL ON SCHEMA public TO tenant", url=url)
    open_database(make_url(url).set(username="tenant")).dispose()
    columns, compiles = said(postgres, url)
    assert columns
    assert compiles == [("on",)]
    postgres.drop(url)
    postgres.run("DROP ROLE tenant")
