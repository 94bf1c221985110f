"""The deadline of a shutdown: after it the process ends, whatever still hangs.

A thread that waits for a disk or a database cannot be stopped, and Twisted and Python wait for their threads
without an end. The process is then ended directly. The SQLite files stay whole, as after a kill: each
transaction is committed or not.
"""

import os
import sys
import threading
from collections.abc import Callable

from twisted.logger import Logger

__all__ = ["SHUTDOWN_MARGIN_SECONDS", "ShutdownDeadline"]

_log = Logger()

# Time after run.shutdown_timeout_seconds in which records are written and the process ends.
SHUTDOWN_MARGIN_SECONDS = 4.0
_THREADS_SECONDS = 1.0  # for the end of the threads, once all services have stopped


class ShutdownDeadline:
    """A timer in a thread of its own, which ends the process if its shutdown takes too long.

    `end_process` gets the exit code: 0 if all services had stopped, else 1.
    """

    def __init__(self, end_process: Callable[[int], object] = os._exit) -> None:
        self._end_process = end_process
        self._stopped = threading.Event()  # set when all services have stopped

    def start(self, seconds: float) -> None:
        """Start the timer; the process ends after `seconds` at the latest."""
        threading.Thread(target=self._wait, args=(seconds,), name="shutdown-deadline", daemon=True).start()

    def services_stopped(self) -> None:
        """Note that all services have stopped. Threads that still run have one second to end."""
        self._stopped.set()

    def _wait(self, seconds: float) -> None:
        stopped = self._stopped.wait(seconds)
        if stopped:
            threading.Event().wait(_THREADS_SECONDS)
        ours = threading.current_thread()
        hanging = [each.name for each in threading.enumerate() if each not in (ours, threading.main_thread())]
        text = "the shutdown did not end in time; the process ends now. Threads that still run: {threads}"
        (_log.warn if stopped else _log.error)(text, threads=", ".join(hanging))
        sys.stderr.flush()
        self._end_process(0 if stopped else 1)
