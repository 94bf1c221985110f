"""The cache of computed reports, so that several visitors of a report do not compute it again each time."""

from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import Any, TypeVar

__all__ = ["ReportCache"]

_MOST = 64  # results; a report of a year by quarter of an hour takes about 200 kB
_PAST_SECONDS, _PRESENT_SECONDS = 60.0, 5.0

_Result = TypeVar("_Result")


class ReportCache:
    """The results of the last reports, which threads share.

    A result about days that are over is kept for a minute, because late records are rare. Another one is kept
    for five seconds. All results are dropped when the configuration changes.
    """

    def __init__(self, seconds: Callable[[], float] = monotonic) -> None:
        """Create an empty cache; `seconds` is a clock in seconds that is never set back."""
        self._seconds = seconds
        self._lock = Lock()
        self._config: object = None
        self._results: dict[Hashable, tuple[float, Any]] = {}  # until when it is kept, and the result

    def result(self, config: object, key: Hashable, make: Callable[[], _Result], *, is_past: bool) -> _Result:
        """Return the kept result for `key`; if there is none, return the result of `make()` and keep it.

        `config` is the configuration with which `make` makes the result. `is_past` is True if all days of the
        report are over.
        """
        now = self._seconds()
        with self._lock:
            if config is not self._config:
                self._config = config
                self._results.clear()
            until, kept = self._results.get(key, (now, None))
        if until > now:
            result: _Result = kept
            return result
        made = make()
        with self._lock:
            if config is self._config:
                self._results.pop(key, None)
                self._results[key] = now + (_PAST_SECONDS if is_past else _PRESENT_SECONDS), made
                while len(self._results) > _MOST:
                    del self._results[next(iter(self._results))]
        return made
