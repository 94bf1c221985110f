"""The periodic job that reads past surveys, callbacks, opt-outs and survey definitions from the database.

The daemons of other PBXs and the command `cc-bridge opt-out` write to the same database. So this job reads
the records of the last hour each minute. A record may also reach the database late, because it waited in the
journal of another daemon. So once an hour the job reads all records that can still prevent a new survey or
callback.

At the start, the job also reads the records in this daemon's own journal once, because the database server
may be unreachable then. Until the first successful read of the database, survey decisions use only the
history in memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import NamedTuple

from twisted.logger import Logger
from twisted.python.failure import Failure

from cc_bridge.daemon.jobs.periodic import PeriodicJob
from cc_bridge.daemon.service import Context
from cc_bridge.records import OptOut, SurveyDefinition
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.pipeline.sql_sink import TableRow
from cc_bridge.storage.queries.survey_history import asked_since, called_since, definitions, opt_outs
from cc_bridge.storage.schema.tables import opt_outs as opt_outs_table
from cc_bridge.surveys.history import PastAttempt, SurveyHistory

__all__ = ["SurveyHistoryJob"]

_log = Logger()

_HOUR, _DAY = 3600.0, 86_400.0


class _Found(NamedTuple):
    """The survey attempts, opt-outs, callbacks and survey definitions that one read of the database found."""

    attempts: list[PastAttempt]
    opt_outs: list[OptOut]
    called: dict[str, float]  # by caller key, the time of the last callback in UTC seconds
    definitions: list[SurveyDefinition]


class SurveyHistoryJob(PeriodicJob[_Found]):
    """The job that updates `history` and `called_at` from the database.

    `history` holds the survey attempts and opt-outs of the callers. `called_at` maps each caller key to the
    time of the caller's last callback. `compare` receives the survey definitions of all PBXs, and warns if
    two definitions have the same survey version number but different questions. `now` returns the PBX's
    clock. All times are UTC seconds.
    """

    name = "survey history update"
    interval = retry = 5.0
    tolerated = 1  # right after the start, the writer may still be creating the tables
    read_again = 60.0  # seconds between two successful reads

    def __init__(
        self,
        context: Context,
        history: SurveyHistory,
        called_at: dict[str, float],
        compare: Callable[[list[SurveyDefinition]], None],
        now: Callable[[], float],
        journal: Journal | None = None,
    ) -> None:
        super().__init__(context)
        self._database = context.database
        self._history = history
        self._called_at = called_at
        self._compare = compare
        self._now = now
        self._journal = journal
        self._all_read_at = 0.0  # when all days were last read
        self._next_at = 0.0
        self._run_at = 0.0
        self._reads_all = False  # True: the run in progress reads all days

    def start(self) -> None:
        if self._journal is not None:
            self._in_thread(self._journal.recorded_decisions).addCallbacks(
                self._take_journal, self._journal_failed
            )
        super().start()

    def prepare(self) -> Callable[[], _Found] | None:
        now = self._now()
        if now < self._next_at:
            return None
        self._run_at = now
        self._reads_all = now - self._all_read_at >= _HOUR
        since = now - (self.config.days_to_remember * _DAY if self._reads_all else _HOUR)
        return lambda: self._read(since)

    def _read(self, since: float) -> _Found:
        with self._database.engine.connect() as connection:
            return _Found(
                asked_since(connection, since),
                opt_outs(connection),
                called_since(connection, since),
                definitions(connection),
            )

    def finish(self, found: _Found) -> None:
        now = self._run_at
        for attempt in found.attempts:
            self._history.add_attempt(attempt, now)
        for opt_out in found.opt_outs:
            self._history.record_opt_out(opt_out)
        for key, at in found.called.items():
            self._called_at[key] = max(at, self._called_at.get(key, 0.0))
        self._compare(found.definitions)
        if self._reads_all:
            self._all_read_at = now
            self._history.prune(now - self.config.days_to_remember * _DAY, now)
        self._next_at = now + self.read_again

    def _take_journal(self, rows: Sequence[TableRow]) -> None:
        now = self._now()
        for table, row in rows:
            if table is opt_outs_table:
                self._history.record_opt_out(OptOut(**row))
            else:  # an attempt; a row that an earlier version wrote may lack a column
                attempt = PastAttempt(
                    **{field.name: row.get(field.name, "") for field in fields(PastAttempt)}
                )
                self._history.add_attempt(attempt, now)

    def _journal_failed(self, failure: Failure) -> None:
        _log.warn(
            "cannot read past surveys from the journal: {why}; survey decisions ignore them until they "
            "are in the database",
            why=failure.getErrorMessage(),
        )
