"""The job that counts the days that are over, every ten minutes, for views and reports.

`daemon/bridge.py` starts one; only PostgreSQL has something to count, after an upgrade years. It runs in a
thread, one day at a time with as long a pause after each, and stops after a day when the daemon does. What it
could not do for a database that is away, it does the next time.
"""

from collections.abc import Callable
from threading import Event
from typing import Any

from sqlalchemy import Engine
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cc_bridge.storage.rollups.refresh import settle

__all__ = ["RollupJob"]

_log = Logger()

_EVERY_SECONDS = 600.0
_MANY = 7  # days that are worth a line in the log; an ordinary night brings one, a holiday's end some


class RollupJob:
    """`open_engine` and `in_thread`: see today_backfill.py."""

    def __init__(
        self, open_engine: Callable[[], Engine], in_thread: Callable[..., Deferred[Any]], clock: IReactorTime
    ) -> None:
        self._open_engine = open_engine
        self._in_thread = in_thread
        self._stopping = Event()
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def start(self) -> None:
        self._looking.start(_EVERY_SECONDS, now=False)  # the tables may not be made yet

    def stop(self) -> None:
        self._stopping.set()
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> Deferred[None]:
        return self._in_thread(self._settle).addCallbacks(self._done, self._failed)

    def _settle(self) -> int:
        engine = self._open_engine()
        try:
            return settle(engine, pause=self._stopping.wait)
        finally:
            engine.dispose()

    def _done(self, days: int) -> None:
        if days > _MANY:
            _log.info("{days} days that are over are counted for views and reports", days=days)

    def _failed(self, failure: Failure) -> None:
        _log.warn(
            "days that are over were not counted, next try in ten minutes: {why}",
            why=failure.getErrorMessage(),
        )
