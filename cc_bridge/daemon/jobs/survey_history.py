"""Reads from the database who was asked, called back or has opted out, and what surveys asked, into memory.

`daemon/bridge.py` starts one. The daemons of other PBXs and `cc-bridge optout` write there too, so each
minute it looks at the last hour, and each hour at all days that count: what another daemon's journal kept
back comes late. What is in our own is read once, at the start: the server may still be away.

The trap: a database that is slow or gone must never be waited for. It is read in a thread, and until that
comes back, what is in memory decides.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from sqlalchemy import Engine
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cc_bridge.records import OptOut, SurveyDefinition
from cc_bridge.storage.pipeline.sql_sink import TableRow
from cc_bridge.storage.queries.survey_history import asked_since, called_since, definitions, opt_outs
from cc_bridge.storage.schema.tables import opt_outs as opt_outs_table
from cc_bridge.surveys.history import PastAttempt, SurveyHistory

__all__ = ["SurveyHistoryJob"]

_log = Logger()

_AGAIN_SECONDS = 60.0
_RETRY_SECONDS = 5.0
_TOLERATED = 1  # failures in a row: at the very start the writer may still be making the tables
_HOUR, _DAY = 3600.0, 86_400.0


class _Found(NamedTuple):
    attempts: list[PastAttempt]
    said: list[OptOut]
    called: dict[str, float]
    defined: list[SurveyDefinition]


class SurveyHistoryJob:
    """Keeps `asked` up to date, and `called`: whom call-backs called when, by caller key.

    `defined` hears what the surveys of all PBXs asked, as the database knows it.
    `days` says for how long it matters when that was. `in_thread` calls a function in a thread
    and fires in the reactor with what it returned.
    """

    def __init__(
        self,
        open_engine: Callable[[], Engine],
        asked: SurveyHistory,
        called: dict[str, float],
        defined: Callable[[list[SurveyDefinition]], None],
        days: Callable[[], float],
        now: Callable[[], float],
        in_thread: Callable[..., Deferred[Any]],
        clock: IReactorTime,
        kept: Callable[[], Sequence[TableRow]] | None = None,
    ) -> None:
        """`kept` gives the rows of attempts and opt-outs that a journal holds, if there is one."""
        self._open_engine = open_engine
        self._engine: Engine | None = None  # the thread's
        self._asked = asked
        self._called = called
        self._defined = defined
        self._days = days
        self._now = now
        self._in_thread = in_thread
        self._kept = kept
        self._all_at = 0.0  # when all days were read
        self._next = 0.0  # when to look again
        self._failures = 0  # in a row
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def start(self) -> None:
        if self._kept is not None:
            self._in_thread(self._kept).addCallbacks(self._take, self._failed)
        self._looking.start(_RETRY_SECONDS)

    def stop(self) -> None:
        if self._looking.running:
            self._looking.stop()
        if self._engine is not None:
            self._engine.dispose()

    def _take(self, kept: Sequence[TableRow]) -> None:
        now = self._now()
        for table, row in kept:
            if table is opt_outs_table:
                self._asked.opt(OptOut(**row))
            else:  # an earlier version's may lack a column
                attempt = PastAttempt(
                    **{field.name: row.get(field.name, "") for field in fields(PastAttempt)}
                )
                self._asked.note(attempt, now)

    def _look(self) -> Deferred[None] | None:
        now = self._now()
        if now < self._next:
            return None
        everything = now - self._all_at >= _HOUR
        since = now - (self._days() * _DAY if everything else _HOUR)
        reading = self._in_thread(self._read, since)
        return reading.addCallbacks(self._remember, self._failed, callbackArgs=(now, everything))

    def _read(self, since: float) -> _Found:
        if self._engine is None:
            self._engine = self._open_engine()
        with self._engine.connect() as connection:
            return _Found(
                asked_since(connection, since),
                opt_outs(connection),
                called_since(connection, since),
                definitions(connection),
            )

    def _remember(self, found: _Found, now: float, everything: bool) -> None:
        for attempt in found.attempts:
            self._asked.note(attempt, now)
        for opted in found.said:
            self._asked.opt(opted)
        for key, at in found.called.items():
            self._called[key] = max(at, self._called.get(key, 0.0))
        self._defined(found.defined)
        if everything:
            self._all_at = now
            self._asked.forget(now - self._days() * _DAY, now)
        self._next = now + _AGAIN_SECONDS
        if self._failures > _TOLERATED:
            _log.info("the database tells again who was asked")
        self._failures = 0

    def _failed(self, failure: Failure) -> None:
        self._failures += 1
        if self._failures == _TOLERATED + 1:
            _log.warn("the database does not tell who was asked: {why}", why=failure.getErrorMessage())
