"""The job that reads from the database who was asked, called back or has opted out, and what surveys asked.

The daemons of other PBXs and `cc-bridge opt-out` write there too, so each minute the last hour is read, and
each hour all days that count: records that waited in another daemon's journal come late. Those in our own
journal are read once, at the start, since the server may still be away. Until a read has succeeded, what is
in memory decides.
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
    attempts: list[PastAttempt]
    opt_outs: list[OptOut]
    called: dict[str, float]
    definitions: list[SurveyDefinition]


class SurveyHistoryJob(PeriodicJob[_Found]):
    """Keeps `history` up to date, and `called_at`: when callers were called back, by caller key.

    `compare` gets what the surveys of all PBXs asked. `now` is the PBX's clock.
    """

    name = "survey history"
    interval = retry = 5.0
    tolerated = 1  # at the very start the writer may still be making the tables
    read_again = 60.0  # seconds after a successful read

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
        self._all_read_at = 0.0  # when all days were read
        self._next_at = 0.0
        self._run_at = 0.0
        self._reads_all = False  # the run under way does

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
            else:  # an earlier version's may lack a column
                attempt = PastAttempt(
                    **{field.name: row.get(field.name, "") for field in fields(PastAttempt)}
                )
                self._history.add_attempt(attempt, now)

    def _journal_failed(self, failure: Failure) -> None:
        _log.warn("cannot read survey history in the journal: {why}", why=failure.getErrorMessage())
