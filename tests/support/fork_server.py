"""Starts daemons again and again; a program of its own, for tests that kill them.

    fork_server.py

For each line that it reads, the path of a configuration and that of a log, it forks a process that is
`cc-bridge run`, prints its number, waits until it has ended, and prints how: a signal as a negative number.
Forking spares each daemon the seconds that its imports take.

What daemons tell each other over the database they look for every half second here, not every minute.
"""

import os
import sys

import alembic.command  # noqa: F401 - loaded for the children
import psycopg  # noqa: F401
import sqlalchemy.dialects.postgresql  # noqa: F401

import cc_bridge.daemon.bridge  # noqa: F401
from cc_bridge.cli import main as command
from cc_bridge.daemon.jobs.survey_history import SurveyHistoryJob

SurveyHistoryJob.interval = SurveyHistoryJob.retry = SurveyHistoryJob.read_again = 0.5


def run(config: str, log: str) -> None:
    written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(written, 1)
    os.dup2(written, 2)
    try:
        command(["run", "--config", config])
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    os._exit(0)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(*line.split())
        os.write(1, b"%d\n" % child)
        os.write(1, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()
