"""Waits until a record is on disk, but not longer than a caller may wait in silence.

`agi/survey.py` stores every record through it.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

__all__ = ["stored"]

_log = Logger()
_Record = TypeVar("_Record")


async def stored(
    record: _Record,
    store: Callable[[_Record], Deferred[Any]],
    clock: IReactorTime,
    seconds: float,
    ids: Mapping[str, str],
) -> bool:
    """Tell whether the record is on disk in time. A slow store goes on and may still succeed.

    `ids` tell which caller it is, for the log: uniqueid, call_id, attempt_id.
    """
    settled: Deferred[bool] = Deferred()

    def settle(in_time: bool) -> None:
        if not settled.called:
            settled.callback(in_time)

    def failed(failure: Failure) -> None:
        kind, level = type(record).__name__, LogLevel.critical
        _log.failure("{kind} of channel {uniqueid!r} is not stored", failure, level, kind=kind, **ids)
        settle(False)

    timer = clock.callLater(seconds, settle, False)
    maybeDeferred(store, record).addCallbacks(lambda _: settle(True), failed)
    try:
        return await settled
    finally:
        if timer.active():
            timer.cancel()
