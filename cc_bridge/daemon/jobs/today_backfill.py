"""The periodic job that adds today's visits and survey answers in the database to the wallboard's counts.

The job works after the start of the daemon and after midnight, until the counts are complete. With a database
server, records of an earlier daemon may still be in the journal at the start. So the job reads the day again
until the journal has no record from before the start of this daemon. A record that is read twice is counted
once.
"""

from collections.abc import Callable
from typing import NamedTuple

from cc_bridge.daemon.jobs.periodic import PeriodicJob
from cc_bridge.daemon.service import Context
from cc_bridge.storage.queries.today import VisitRow, rated_between, visited_between
from cc_bridge.wallboard.today import RatingToday, Today

__all__ = ["TodayBackfillJob"]

# Between two reads while records of an earlier daemon wait in the journal.
_READ_AGAIN_SECONDS = 30.0
# Number of rows that are counted without a pause. Calls are delayed meanwhile, by 2 to 5 ms on a busy
# machine.
_ROWS_WITHOUT_PAUSE = 200


class _Found(NamedTuple):
    """The visits and survey answers of today that one read of the database found."""

    visits: list[VisitRow]
    answers: list[RatingToday]


class TodayBackfillJob(PeriodicJob[_Found]):
    """The job that adds today's rows of one PBX from the database to `today`, the wallboard's counts.

    `waits_since` returns for how many seconds the oldest record has been waiting for the database; 0 if no
    record waits.
    """

    name = "backfill of today's counts"
    interval = retry = 5.0
    tolerated = 1  # right after the start, the writer may still be creating the tables

    def __init__(self, context: Context, today: Today, waits_since: Callable[[], float]) -> None:
        super().__init__(context)
        self._pbx = context.config.pbx.name
        self._database = context.database
        self._today = today
        self._waits_since = waits_since
        self._daemon_started_at = self._clock.seconds()
        self._read_again_at = 0.0
        self._day = 0.0  # start of the day that is being read, UTC seconds
        self._is_last = False  # True: the read in progress is certain to find all records

    def prepare(self) -> Callable[[], _Found] | None:
        now, day, until = self._clock.seconds(), self._today.began_at, self._today.ends_at
        if self._today.complete or not day or (day == self._day and now < self._read_again_at):
            return None
        # Evaluated before the read, because a record that waits now may be missing in the read.
        self._is_last = self._waits_since() < now - self._daemon_started_at
        self._day = day
        return lambda: self._read(day, until)

    def _read(self, since: float, until: float) -> _Found:
        with self._database.engine.connect() as connection:
            span = self._pbx, since, until
            return _Found(visited_between(connection, *span), rated_between(connection, *span))

    def finish(self, found: _Found) -> None:
        self._read_again_at = self._clock.seconds() + _READ_AGAIN_SECONDS
        self._count(found, self._day, self._is_last)

    def _count(self, found: _Found, day: float, is_last: bool) -> None:
        """Count the first rows of a read now, and the remaining rows in later turns of the reactor.

        Calls are thus not delayed by many rows. `day` is the start of the day that was read, in UTC seconds;
        if that day is over, the rows are discarded. `is_last` is True if the counts are complete after these
        rows.
        """
        if day != self._today.began_at:  # midnight has passed since the read
            return
        visits, answers = found
        self._today.add_visits(visits[:_ROWS_WITHOUT_PAUSE])
        self._today.add_answers(answers[:_ROWS_WITHOUT_PAUSE])
        rest = _Found(visits[_ROWS_WITHOUT_PAUSE:], answers[_ROWS_WITHOUT_PAUSE:])
        if any(rest):
            self._clock.callLater(0, self._count, rest, day, is_last)
        else:
            self._today.complete = is_last
