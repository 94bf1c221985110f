"""Every night, at the hour that the configuration says, the daemon deletes what was kept for long enough.

`daemon/bridge.py` starts one. The trap: it may take long, and a database may be away. It runs in a thread,
waits for nobody, tries again after an hour, and stops within one batch when the daemon does.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cc_bridge.storage.personal_data.retention import PurgeResult

__all__ = ["RetentionJob", "next_at"]

_log = Logger()

_LOOK_SECONDS = 60.0
_RETRY_SECONDS = 3600.0


def next_at(now: float, hour: int) -> float:
    """Return the next time that this machine's clock shows a full hour; both in seconds since the epoch."""
    local = datetime.fromtimestamp(now).astimezone()
    day = local.date()
    while True:
        # Without a zone, so that the hour is right on days when the clock is changed.
        at = datetime(day.year, day.month, day.day, hour).timestamp()  # noqa: DTZ001
        if at > now:
            return at
        day += timedelta(days=1)


class RetentionJob:
    """`purge` runs in a thread and gets what sleeps for so many seconds and tells whether to stop.

    `hour` is asked each time, `now` gives seconds since the epoch, `in_thread` calls a function in a thread
    and fires in the reactor with what it returned.
    """

    def __init__(
        self,
        purge: Callable[[Callable[[float], bool]], PurgeResult],
        hour: Callable[[], int],
        now: Callable[[], float],
        in_thread: Callable[..., Deferred[Any]],
        clock: IReactorTime,
    ) -> None:
        self._purge = purge
        self._hour = hour
        self._now = now
        self._in_thread = in_thread
        self._stopping = Event()
        self._seen = 0.0
        self._retry_at: float | None = None
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def start(self) -> None:
        self._seen = self._now()
        self._looking.start(_LOOK_SECONDS, now=False)

    def stop(self) -> None:
        self._stopping.set()
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> Deferred[None] | None:
        seen, self._seen = self._seen, self._now()
        due = next_at(seen, self._hour()) if self._retry_at is None else self._retry_at
        if self._seen < due:
            return None
        self._retry_at = None
        return self._in_thread(self._purge, self._stopping.wait).addCallbacks(self._done, self._failed)

    def _done(self, purged: PurgeResult) -> None:
        if purged.rows:
            counts = ", ".join(f"{rows} {name}" for name, rows in purged.rows.items())
            _log.info("kept for long enough and deleted: {counts}", counts=counts)
        if purged.not_here:
            _log.warn(
                "{count} spoken comments are too old, but their files are not on this machine: "
                "delete them on the PBX, see `cc-bridge purge`",
                count=purged.not_here,
            )

    def _failed(self, failure: Failure) -> None:
        self._retry_at = self._now() + _RETRY_SECONDS
        _log.warn("what is old was not deleted, next try in an hour: {why}", why=failure.getErrorMessage())
