"""The job that reads the day so far from the database into the counts of today, at a start and at midnight.

With a server the records of an earlier daemon may still be in the journal when this one starts. So the day is
read again until nothing older than this daemon waits; what has been counted already is not counted twice.
"""

from collections.abc import Callable
from typing import NamedTuple

from cc_bridge.daemon.jobs.periodic import PeriodicJob
from cc_bridge.daemon.service import Context
from cc_bridge.storage.queries.today import VisitRow, rated_since, visited_since
from cc_bridge.wallboard.today import RatingToday, Today

__all__ = ["TodayBackfillJob"]

# Between two reads while records of an earlier daemon wait.
_READ_AGAIN_SECONDS = 30.0
# Counted in one go: 2 to 5 ms on a busy machine. Calls wait meanwhile.
_AT_ONCE = 200


class _Found(NamedTuple):
    visits: list[VisitRow]
    answers: list[RatingToday]


class TodayBackfillJob(PeriodicJob[_Found]):
    """Fills `today` for one PBX.

    `waits_since` returns for how many seconds the oldest record has been waiting for the database, 0 if there
    is none.
    """

    name = "today's figures"
    interval = retry = 5.0
    tolerated = 1  # at the very start the writer may still be making the tables

    def __init__(self, context: Context, today: Today, waits_since: Callable[[], float]) -> None:
        super().__init__(context)
        self._pbx = context.config.pbx.name
        self._database = context.database
        self._today = today
        self._waits_since = waits_since
        self._daemon_started_at = self._clock.seconds()
        self._read_again_at = 0.0
        self._day = 0.0  # the beginning of the day that is being read
        self._is_last = False  # nothing can be missing in the read under way

    def prepare(self) -> Callable[[], _Found] | None:
        now, day = self._clock.seconds(), self._today.began_at
        if self._today.complete or not day or (day == self._day and now < self._read_again_at):
            return None
        # Asked before the read: what waits now could be missing in it.
        self._is_last = self._waits_since() < now - self._daemon_started_at
        self._day = day
        return lambda: self._read(day)

    def _read(self, since: float) -> _Found:
        with self._database.engine.connect() as connection:
            return _Found(
                visited_since(connection, self._pbx, since), rated_since(connection, self._pbx, since)
            )

    def finish(self, found: _Found) -> None:
        self._read_again_at = self._clock.seconds() + _READ_AGAIN_SECONDS
        self._count(found, self._day, self._is_last)

    def _count(self, found: _Found, day: float, is_last: bool) -> None:
        """Count a part of what was found, and come back for the rest."""
        if day != self._today.began_at:  # midnight came meanwhile
            return
        visits, answers = found
        self._today.add_visits(visits[:_AT_ONCE])
        self._today.add_answers(answers[:_AT_ONCE])
        rest = _Found(visits[_AT_ONCE:], answers[_AT_ONCE:])
        if any(rest):
            self._clock.callLater(0, self._count, rest, day, is_last)
        else:
            self._today.complete = is_last
