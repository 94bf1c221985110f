"""Commands of `cc-bridge` for tests, each a fork of one process that has the daemon's modules loaded.

A start is shorter by the second that the imports take. The process is the fork server of `multiprocessing`.
The server starts with the first command, has one thread, and keeps the network of its start.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cc_bridge.cli import main

__all__ = ["Fork"]

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["alembic.command", "cc_bridge.daemon.bridge", "psycopg", "sqlalchemy.dialects.postgresql"]
)


class Fork:
    """A running command, with the methods of `subprocess.Popen` that tests need.

    words: the arguments of `cc-bridge`
    log: the file to which its output is appended
    environment: its variables
    prepare: a function of a module, called in the new process before the command
    """

    def __init__(
        self,
        words: Sequence[str],
        log: Path,
        environment: Mapping[str, str] = os.environ,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        arguments = (list(words), log, dict(environment), prepare)
        self._process = _FORKS.Process(target=_run, args=arguments, daemon=True)
        self._process.start()

    def poll(self) -> int | None:
        """Return the exit code, or None while the command runs. A signal is a negative number."""
        return self._process.exitcode

    def wait(self, seconds: float) -> int:
        """Wait for the end of the command and return its exit code. Raises TimeoutError."""
        self._process.join(seconds)
        code = self.poll()
        if code is None:
            raise TimeoutError(f"it still runs after {seconds} s")
        return code

    def send_signal(self, sign: signal.Signals) -> None:
        """Send a signal to the command if it still runs."""
        if self.poll() is None:
            os.kill(self._process.pid, sign)


def _run(
    words: list[str], log: Path, environment: dict[str, str], prepare: Callable[[], None] | None
) -> None:
    written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    if prepare is not None:
        prepare()
    main(words)
