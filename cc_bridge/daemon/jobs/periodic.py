"""The base class of jobs that run periodically in a thread.

A slow or unreachable database must never delay a call. So the work of a job runs in a thread, one run at a
time, and a failed run is retried later. The log has one line for the start of an outage and one for its end.
"""

from abc import abstractmethod
from collections.abc import Callable
from threading import Event
from typing import ClassVar, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cc_bridge.config import Config
from cc_bridge.daemon.service import Context, DaemonService

__all__ = ["PeriodicJob"]

_log = Logger()

_Result = TypeVar("_Result")


class PeriodicJob(DaemonService, Generic[_Result]):
    """A job that calls `prepare` every `interval` seconds and runs the returned function in a thread.

    While a run is in progress, no other run of the job starts. `name` identifies the job in the log.

    succeeded_at: end of the last successful run, by this machine's clock in UTC seconds; 0 before the first
    """

    name = ""
    interval: ClassVar[float]  # seconds
    retry: ClassVar[float] = 0.0  # seconds without a run after a failure
    tolerated: ClassVar[int] = 0  # number of consecutive failures without a log line or a longer wait
    at_start: ClassVar[bool] = True  # True: the first run is at the start; False: after the first interval

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.stopping = Event()
        self._in_thread = context.in_thread
        self._clock = context.reactor
        self._wall_clock = context.now
        self.succeeded_at = 0.0
        self._failures = 0  # consecutive
        self._retry_at = 0.0
        self._task = context.periodic_task(self.name, self.interval, self.poll)

    def reconfigure(self, config: Config) -> None:
        super().reconfigure(config)
        self._retry_at = 0.0  # a new configuration may end an outage

    def start(self) -> None:
        self._task.start(now=self.at_start)

    def stop(self) -> None:
        """Start no further run, and set `stopping`, so that a run in progress ends early.

        The method does not wait for the end of that run.
        """
        self.stopping.set()
        self._task.stop()

    @abstractmethod
    def prepare(self) -> Callable[[], _Result] | None:
        """Return the function to run in a thread, or None if nothing is due.

        This method itself is called in the reactor's thread.
        """

    def finish(self, result: _Result) -> None:
        """Process the result of a successful run, in the reactor's thread; does nothing unless overridden."""

    def fail(self) -> None:
        """React to a failed run, in the reactor's thread; does nothing unless overridden."""

    def poll(self) -> Deferred[None]:
        """Run the job once if work is due.

        The Deferred fires after the run. An error of the run is logged. The Deferred fails only if `fail`
        raises.
        """
        return Deferred.fromCoroutine(self._poll())

    async def _poll(self) -> None:
        try:
            run = None if self._clock.seconds() < self._retry_at else self.prepare()
            if run is None:
                return
            result = await self._in_thread(run)
            self.finish(result)
        except Exception as error:
            self._failed(error)
        else:
            if self._failures > self.tolerated:
                _log.info("the {name} works again", name=self.name)
            self._failures = 0
            self.succeeded_at = self._wall_clock()

    @property
    def is_failing(self) -> bool:
        """Whether more than `tolerated` runs in a row have failed, up to the latest run."""
        return self._failures > self.tolerated

    def _failed(self, error: Exception) -> None:
        if self.stopping.is_set():
            return  # the run was interrupted
        self._failures += 1
        if self._failures > self.tolerated:
            self._retry_at = self._clock.seconds() + self.retry
        if self._failures == self.tolerated + 1:
            wait = max(self.retry, self.interval)
            _log.warn("{name} failed: {why}; retrying in {wait:g} s", name=self.name, wait=wait, why=error)
        self.fail()
