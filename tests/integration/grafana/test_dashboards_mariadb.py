"""Every query of the agents dashboard for MariaDB, answered by a real MariaDB with generated calls.

The figures equal those of the same queries on PostgreSQL.
"""

import re

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from cc_bridge.storage.migrate import open_database
from support.grafana_dashboards import BOARDS, FOLDER, filled, queries
from support.year_of_calls import fill, records

pytestmark = [pytest.mark.mariadb, pytest.mark.postgres]

PAGE = (FOLDER / "README.md").read_text()
GRANTS = re.search(r"```sql\n(CREATE USER cc_bridge_reader.*?)```", PAGE, re.DOTALL)[1].split(";\n")[:-1]
OF_MARIADB = [query for query in queries("rawSql") if query.board == "agents-mariadb"]
OF_POSTGRESQL = {query.panel["title"]: query for query in queries("rawSql") if query.board == "agents"}


def rows(url, sql):
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.exec_driver_sql(sql.replace("%", "%%")).mappings().all()
    engine.dispose()
    return [dict(row) for row in found]


@pytest.fixture(scope="module")
def urls(mariadb, postgres):
    """Return the URLs of two databases with the same calls, for a reader on MariaDB, and on PostgreSQL."""
    made = list(records())
    found = [mariadb.fresh(), postgres.fresh()]
    for url in found:
        engine = open_database(url.render_as_string(hide_password=False))
        fill(engine, made)
        engine.dispose()
    mariadb.run(*(grant.replace("cc_bridge.", f"{found[0].database}.") for grant in GRANTS))
    reader = found[0].set(
        username="cc_bridge_reader", password="...", query={"init_command": "SET time_zone='+00:00'"}
    )
    return reader, found[1]


@pytest.fixture(scope="module")
def chosen(urls):
    """Return the values of the variables, by the queries of the dashboard."""
    found = {}
    for variable in BOARDS["agents-mariadb"]["templating"]["list"]:
        if variable["type"] == "query":
            got = rows(urls[0], filled(variable["query"], found, mysql=True))
            found[variable["name"]] = [value for row in got for value in row.values()]
    assert found["pbx"] == ["main"]
    assert len(found["agent"]) == 8
    return found


def number(value):
    return round(float(value), 6) if hasattr(value, "as_integer_ratio") else str(value)[:19]


@pytest.mark.parametrize("query", OF_MARIADB, ids=str)
def test_mariadb_shows_what_postgresql_shows(urls, chosen, query):
    found = rows(urls[0], filled(query.text, chosen, mysql=True))
    same = rows(urls[1], filled(OF_POSTGRESQL[query.panel["title"]].text, chosen))
    assert found
    assert [{name: number(value) for name, value in row.items()} for row in found] == [
        {name: number(value) for name, value in row.items()} for row in same
    ]
