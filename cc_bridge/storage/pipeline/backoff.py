"""An outage of a database or of a disk: told when it begins and when it ends, with growing pauses between.

The writer and the forwarder have one each, used in their own threads.
"""

from twisted.application.internet import backoffPolicy
from twisted.logger import Logger

__all__ = ["Backoff"]


class Backoff:
    """`failures` counts attempts, readable from any thread."""

    def __init__(self, log: Logger, what: str, first: float, longest: float) -> None:
        """Take what fails, in the log's words, and the first and the longest pause, in seconds."""
        self.failures = 0
        self._log = log
        self._what = what
        self._pause = backoffPolicy(first, longest, 2, jitter=float)  # one daemon, one database: no jitter
        self._attempts = 0  # in a row that failed

    def failed(self, error: Exception, waiting: int) -> float:
        """Note an attempt that failed with so many records waiting; return how long to pause, in seconds."""
        self.failures += 1
        if not self._attempts:
            self._log.error(
                "{what} failed, {waiting} records wait for it to come back: {cause!r}",
                what=self._what,
                waiting=waiting,
                cause=getattr(error, "orig", None) or error,
            )
        self._attempts += 1
        return self._pause(self._attempts - 1)

    def over(self, waiting: int) -> None:
        """Note an attempt that succeeded."""
        if self._attempts:
            self._attempts = 0
            self._log.info("{what} is back, {waiting} records to write", what=self._what, waiting=waiting)
