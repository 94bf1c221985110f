"""A daemon whose database server accepts connections and never answers: it measures, and it ends in time."""

import sqlite3
import time
from contextlib import closing

import pytest

from support.reactor_loop import until
from support.silent_server import silent_server
from support.survey_callers import DEADLINE, Crowd, Daemon

SHUTDOWN_SECONDS = 2.0  # run.shutdown_timeout_seconds of the test's daemon
MARGIN = 5.0


@pytest.fixture(params=["silent", "hung after the start of the session", "mysql"])
def url(request):
    with silent_server(greets=request.param.startswith("hung")) as port:
        kind = "mysql+pymysql" if request.param == "mysql" else "postgresql"
        yield f"{kind}://bridge@127.0.0.1:{port}/calls"


@pytest.fixture
def daemon(tmp_path, url):
    until(lambda: True)  # starts the reactor
    daemon = Daemon(tmp_path / "daemon", url)
    yield daemon
    daemon.close()


def test_a_server_that_never_answers_holds_neither_the_callers_nor_the_end(daemon):
    daemon.start()
    callers = Crowd(daemon.agi_port, 5)
    until(lambda: len(callers.promised) >= 10, DEADLINE)
    until(lambda: daemon.metric("cc_bridge_journal_forward_failures_total") >= 1, DEADLINE)
    callers.leave()
    promised = len(callers.promised)
    began_at = time.monotonic()
    code = daemon.end()
    assert time.monotonic() - began_at < SHUTDOWN_SECONDS + MARGIN
    assert code == 0
    with closing(sqlite3.connect(daemon.journal)) as journal:
        assert journal.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        answers = "SELECT count(*) FROM entries WHERE table_name = 'answers'"
        assert journal.execute(answers).fetchone()[0] == promised
