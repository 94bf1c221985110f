"""Periodic tasks of the reactor's thread, which continue after an error and show if they no longer run.

Twisted's LoopingCall ends for good at the first exception of its function. A daemon whose tick has ended
looks alive, but measures nothing. So each periodic task of the daemon is a PeriodicTask, which logs an
exception and continues. `Health` asks each one for its fault.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

__all__ = ["PeriodicTask"]

_log = Logger()

# A task that has not started a run for this many intervals counts as ended.
_MISSED_RUNS = 3


class PeriodicTask:
    """A function that runs every `interval` seconds. An exception of the function does not stop it.

    `name` identifies the task in the log and in /healthz. The function may return a Deferred; the next run
    then starts after it has fired. A run in progress counts as no fault, however long it takes, because a
    slow database can delay it.
    """

    def __init__(self, name: str, interval: float, function: Callable[[], Any], clock: IReactorTime) -> None:
        self.name = name
        self.interval = interval
        self._function = function
        self._clock = clock
        self._started = self._in_progress = False
        self._ran_at = 0.0  # the clock's time at the end of the last run
        self._failures = 0  # failed runs in a row
        self._loop = LoopingCall(self._run)
        self._loop.clock = clock

    def start(self, *, now: bool = True) -> None:
        """Start the task. The first run is immediate; if `now` is False, it comes after one interval."""
        self._started, self._ran_at = True, self._clock.seconds()
        self._loop.start(self.interval, now)

    def stop(self) -> None:
        """Start no further run. A run in progress continues."""
        self._started = False
        if self._loop.running:
            self._loop.stop()

    @property
    def fault(self) -> str:
        """A text that says for how long the task has not run; empty if the task is well.

        The fault begins when three intervals have passed since the last run. A task with a run in progress,
        and a task that is not started, have no fault.
        """
        seconds = self._clock.seconds() - self._ran_at
        if not self._started or self._in_progress or seconds <= _MISSED_RUNS * self.interval:
            return ""
        return f"the periodic task {self.name!r} has not run for {seconds:.0f} s"

    def _run(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._run_once())

    async def _run_once(self) -> None:
        self._in_progress = True
        try:
            await maybeDeferred(self._function)
        except Exception:
            self._failures += 1
            if self._failures.bit_count() == 1:  # 1, 2, 4, 8, ...: a task of a second must not fill the log
                _log.failure(
                    "the periodic task {name!r} failed, {failures} times in a row now; it runs again in"
                    " {interval:g} s",
                    name=self.name,
                    failures=self._failures,
                    interval=self.interval,
                )
        else:
            if self._failures:
                _log.info("the periodic task {name!r} works again", name=self.name)
            self._failures = 0
        finally:
            self._in_progress = False
            self._ran_at = self._clock.seconds()
