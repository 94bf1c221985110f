"""Starts daemons repeatedly: a program for tests that kill them.

    fork_server.py

Each line that it reads has the paths of a configuration and of a log. For each it forks a `cc-bridge run`,
prints its process ID, waits for its end and prints its exit code. A signal is a negative number. Forking
saves each daemon the seconds of its imports.

These daemons read the survey history of other daemons from the database every half second, and not every
minute.
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
