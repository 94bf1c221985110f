"""An upgrade that is interrupted after any statement is completed by the next attempt, with all rows."""

import pytest
from alembic import command
from sqlalchemy import Engine, event, inspect, text

from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import configuration, current, newest, open_database, upgrade

START = "0012"
MOST = 1000  # attempts; each new statement needs one


class Interrupted(BaseException):
    """The end of an upgrade in the place of a kill."""


class Interrupter:
    """Interrupts each attempt after the first statement that no attempt has executed before."""

    def __init__(self):
        self.seen = set()
        self.attempts = 0

    def after(self, _connection, _cursor, statement, parameters, *_):
        key = statement, repr(parameters)
        if statement.lstrip().upper().startswith(("SELECT", "SHOW", "ROLLBACK")) or key in self.seen:
            return
        self.seen.add(key)
        raise Interrupted

    def upgrade(self, url):
        event.listen(Engine, "after_cursor_execute", self.after)
        try:
            while self.attempts < MOST:
                self.attempts += 1
                try:
                    return upgrade(url)
                except Interrupted:
                    continue
        finally:
            event.remove(Engine, "after_cursor_execute", self.after)


def shape(engine):
    """Return columns and indexes of each table and view, with the comments."""
    found = inspect(engine)
    return {
        table: (
            {each["name"]: (str(each["type"]), each["nullable"], each.get("comment"))
             for each in found.get_columns(table)},
            {each["name"]: tuple(each["column_names"]) for each in found.get_indexes(table)},
        )
        for table in (*found.get_table_names(), *found.get_view_names())
    }  # fmt: skip


@pytest.mark.mariadb
def test_an_upgrade_that_is_interrupted_after_each_statement_is_completed(mariadb):
    """PostgreSQL and SQLite roll an interrupted upgrade back; MariaDB commits each statement."""
    url = mariadb.fresh()
    engine = make_engine(url)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), START)
        connection.execute(
            text(
                "INSERT INTO gaps (pbx, started_at, ended_at, reason, calls_affected)"
                " VALUES ('pbx', '2026-11-01 10:00:00', '2026-11-01 10:00:01', 'link_lost', 1)"
            )
        )
    interrupter = Interrupter()
    interrupter.upgrade(url)
    assert interrupter.attempts > 30
    assert current(url) == newest()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM gaps")) == 1
    whole = open_database(mariadb.fresh())
    assert shape(engine) == shape(whole)
    engine.dispose()
    whole.dispose()
