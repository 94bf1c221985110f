"""A job that runs periodically in a thread.

A slow or absent database must never hold up a call: the work runs in a thread, one run at a time, and a
failed run is repeated later. An outage is logged once, and so is its end.
"""

from abc import abstractmethod
from collections.abc import Callable
from threading import Event
from typing import ClassVar, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cc_bridge.config import Config
from cc_bridge.daemon.service import Context, DaemonService

__all__ = ["PeriodicJob"]

_log = Logger()

_Result = TypeVar("_Result")


class PeriodicJob(DaemonService, Generic[_Result]):
    """Every `interval` seconds `prepare` is asked for work, unless a run is under way.

    `name` is the job's in the log.
    """

    name = ""
    interval: ClassVar[float]
    retry: ClassVar[float] = 0.0  # seconds without a run after a failure
    tolerated: ClassVar[int] = 0  # failures in a row that are neither logged nor waited for
    at_start: ClassVar[bool] = True  # the first run is at the start, not after the first interval

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.stopping = Event()
        self._in_thread = context.in_thread
        self._clock = context.reactor
        self._failures = 0  # in a row
        self._retry_at = 0.0
        self._loop = LoopingCall(self.poll)
        self._loop.clock = context.reactor

    def reconfigure(self, config: Config) -> None:
        super().reconfigure(config)
        self._retry_at = 0.0  # a new configuration may end an outage

    def start(self) -> None:
        self._loop.start(self.interval, now=self.at_start)

    def stop(self) -> None:
        """Start no further run. `stopping` tells a run under way to end soon; nothing waits for it."""
        self.stopping.set()
        if self._loop.running:
            self._loop.stop()

    @abstractmethod
    def prepare(self) -> Callable[[], _Result] | None:
        """Return what is to run in a thread, in the reactor; None: nothing is due."""

    def finish(self, result: _Result) -> None:
        """Take the result of a run, in the reactor."""

    def fail(self) -> None:
        """Note a failed run, in the reactor."""

    def poll(self) -> Deferred[None]:
        """Run once, if something is due; never fails."""
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
                _log.info("{name} recovered", name=self.name)
            self._failures = 0

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures > self.tolerated:
            self._retry_at = self._clock.seconds() + self.retry
        if self._failures == self.tolerated + 1:
            wait = max(self.retry, self.interval)
            _log.warn("{name} failed, next try in {wait:g} s: {why}", name=self.name, wait=wait, why=error)
        self.fail()
