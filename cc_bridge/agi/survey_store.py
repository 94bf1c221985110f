"""The store of a survey's records: how long a caller waits for each record, and the result for the interview.

A caller may hang up at any moment. So the next prompt is sent only when the answer is on disk. If that takes
too long, the result is NOT_STORED; the answer is then stored later. For an attempt, the survey waits only
briefly and then continues.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from cc_bridge.records import Answer, OptOut, SurveyAttempt
from cc_bridge.surveys.steps import StepResult

__all__ = ["STORE_SECONDS", "StoreOutcome", "StoreRecord", "SurveyStore", "store_within"]

_log = Logger()
_Record = TypeVar("_Record")

STORE_SECONDS = 3.0  # timeout of a store, during which the caller hears silence; it takes milliseconds
_ATTEMPT_SECONDS = 0.5  # timeout of the store of an attempt; the survey continues after it
_LEAST_STORE_SECONDS = 0.5  # timeout of a store near the end of the survey's time

StoreRecord = Callable[[SurveyAttempt | Answer | OptOut], Deferred[Any]]
"""A function that stores a record; the Deferred fires when the record is on disk."""


class StoreOutcome(Enum):
    """The outcome of an attempt to store a record within a timeout."""

    ON_DISK = auto()
    LATE = auto()  # the record still waits to be stored
    FAILED = auto()


class SurveyStore:
    """The store of the records of one survey.

    `store` stores a record. `ids` identify the caller in the log: uniqueid, call_id, attempt_id.
    """

    def __init__(self, store: StoreRecord, clock: IReactorTime, ids: Mapping[str, str]) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def attempt(self, attempt: SurveyAttempt) -> StepResult:
        """Store an attempt that has not ended yet. Return NOT_STORED if that fails, otherwise DONE.

        The survey waits at most _ATTEMPT_SECONDS. If the attempt is not on disk by then, the result is DONE,
        and the attempt is stored later.
        """
        stored = await self._within(attempt, _ATTEMPT_SECONDS)
        return StepResult.NOT_STORED if stored is StoreOutcome.FAILED else StepResult.DONE

    async def step(self, record: Answer | OptOut, seconds_left: float) -> StepResult:
        """Store a record. Return DONE, or NOT_STORED if that fails or takes longer than the survey can wait.

        The survey can wait for STORE_SECONDS. `seconds_left` is the time that is left for the survey; if it
        is shorter, the survey waits only for this time.
        """
        seconds = min(STORE_SECONDS, max(seconds_left, _LEAST_STORE_SECONDS))
        stored = await self._within(record, seconds)
        return StepResult.DONE if stored is StoreOutcome.ON_DISK else StepResult.NOT_STORED

    async def ended(self, attempt: SurveyAttempt) -> None:
        """Store an attempt that has ended, without a wait."""
        await self._within(attempt, 0)

    async def _within(self, record: SurveyAttempt | Answer | OptOut, seconds: float) -> StoreOutcome:
        return await store_within(record, self._store, self._clock, seconds, self._ids)


async def store_within(
    record: _Record,
    store: Callable[[_Record], Deferred[Any]],
    clock: IReactorTime,
    seconds: float,
    ids: Mapping[str, str],
) -> StoreOutcome:
    """Store a record; return whether it is on disk within `seconds`, still waits to be stored, or failed.

    If `seconds` is 0, this function does not wait. A slow store continues and may still succeed. `ids`
    identify the caller in the log: uniqueid, call_id, attempt_id.
    """
    in_time: Deferred[StoreOutcome] = Deferred()

    def resolve(outcome: StoreOutcome) -> None:
        """Fire the Deferred `in_time` with the outcome, unless it has fired already."""
        if not in_time.called:
            in_time.callback(outcome)

    def failed(failure: Failure) -> None:
        """Log that the record was not stored, and fire the Deferred `in_time` with FAILED."""
        kind, level = type(record).__name__, LogLevel.critical
        consequence = "the survey ends" if seconds else "the survey has ended, and its result is not stored"
        _log.failure(
            "cannot store the {kind} of the survey on channel {uniqueid!r}; {consequence}",
            failure,
            level,
            kind=kind,
            consequence=consequence,
            **ids,
        )
        resolve(StoreOutcome.FAILED)

    maybeDeferred(store, record).addCallbacks(lambda _: resolve(StoreOutcome.ON_DISK), failed)
    if not seconds:
        resolve(StoreOutcome.LATE)
    timer = clock.callLater(seconds, resolve, StoreOutcome.LATE)
    try:
        return await in_time
    finally:
        if timer.active():
            timer.cancel()
