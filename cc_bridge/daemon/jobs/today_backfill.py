"""Reads the day so far from the database into the counts of today, after a start and at midnight.

`daemon/services/wallboard.py` starts one. The trap: a slow or absent database must never be waited for, and
with a server the records of an earlier daemon may still be in the journal when this one begins. So it is read
in a thread, and again until nothing older than this daemon waits; what has been counted already is not
counted twice.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Engine
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cc_bridge.storage.queries.today import VisitRow, rated_since, visited_since
from cc_bridge.wallboard.today import RatingToday, Today

__all__ = ["TodayBackfillJob"]

_log = Logger()

_RETRY_SECONDS = 5.0
# Between two readings while records of an earlier daemon wait.
_AGAIN_SECONDS = 30.0
_TOLERATED = 1  # failures in a row: at the very start the writer may still be making the tables
# Counted in one go: 2 to 5 ms on a busy machine. Calls wait meanwhile.
_AT_ONCE = 200


class _Found(NamedTuple):
    visits: list[VisitRow]
    answers: list[RatingToday]


class TodayBackfillJob:
    """Fills `today` for one PBX; `complete` tells whether all that is known of the day is in.

    `waits_since` tells for how many seconds the oldest record has been waiting for the database, 0 if none
    is. `in_thread` calls a function in a thread and fires in the reactor with what it returned.
    """

    def __init__(
        self,
        open_engine: Callable[[], Engine],
        pbx: str,
        today: Today,
        waits_since: Callable[[], float],
        in_thread: Callable[..., Deferred[Any]],
        clock: IReactorTime,
    ) -> None:
        self.complete = False
        self._open_engine = open_engine
        self._pbx = pbx
        self._today = today
        self._waits_since = waits_since
        self._in_thread = in_thread
        self._clock = clock
        self._began_at = clock.seconds()
        self._next = 0.0  # when to read again
        self._failures = 0  # in a row
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def start(self) -> None:
        self._looking.start(_RETRY_SECONDS)

    def again(self) -> None:
        """Read another day."""
        self.complete, self._next = False, 0.0

    def stop(self) -> None:
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> Deferred[None] | None:
        now = self._clock.seconds()
        if self.complete or not self._today.began_at or now < self._next:
            return None
        # Asked before the reading: what waits now could be missing in it.
        certain = self._waits_since() < now - self._began_at
        day = self._today.began_at
        return self._in_thread(self._read, day).addCallbacks(
            self._take_in, self._failed, callbackArgs=(day, certain)
        )

    def _read(self, since: float) -> _Found:
        engine = self._open_engine()
        try:
            with engine.connect() as connection:
                return _Found(
                    visited_since(connection, self._pbx, since), rated_since(connection, self._pbx, since)
                )
        finally:
            engine.dispose()

    def _take_in(self, found: _Found, day: float, certain: bool) -> None:
        """Count a part of what was found, and come back for the rest."""
        if day != self._today.began_at:  # midnight came meanwhile
            return
        visits, answers = found
        self._today.visited(visits[:_AT_ONCE])
        self._today.rated(answers[:_AT_ONCE])
        rest = _Found(visits[_AT_ONCE:], answers[_AT_ONCE:])
        if any(rest):
            self._clock.callLater(0, self._take_in, rest, day, certain)
            return
        self.complete, self._next = certain, self._clock.seconds() + _AGAIN_SECONDS
        if self._failures > _TOLERATED:
            _log.info("the database tells again how today went")
        self._failures = 0

    def _failed(self, failure: Failure) -> None:
        self._failures += 1
        if self._failures == _TOLERATED + 1:
            _log.warn("the database does not tell how today went: {why}", why=failure.getErrorMessage())
