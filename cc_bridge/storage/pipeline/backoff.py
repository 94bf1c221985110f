"""The backoff while a database or disk fails: growing pauses between the attempts to write.

The start and the end of an outage are logged. The writer and the forwarder are threads, and each uses a
separate Backoff.
"""

from twisted.application.internet import backoffPolicy
from twisted.logger import Logger

__all__ = ["Backoff"]


class Backoff:
    """A counter of failed attempts to write to a database or disk, which computes the pause after each one.

    `failures` is the number of failed attempts since the start of the daemon; any thread may read it.
    """

    def __init__(self, log: Logger, what: str, first: float, longest: float) -> None:
        """Set the log, and the shortest (`first`) and the longest pause between two attempts, in seconds.

        `what` is the name of the database or disk in log lines.
        """
        self.failures = 0
        self._log = log
        self._what = what
        self._pause = backoffPolicy(
            first, longest, 2, jitter=float
        )  # no jitter: one daemon uses one database
        self._attempts = 0  # failed attempts in a row

    def failed(self, error: Exception, waiting: int) -> float:
        """Count a failed attempt and return the pause before the next attempt, in seconds.

        The first failure of an outage is logged as an error, with `waiting`: the number of records that wait.
        """
        self.failures += 1
        if not self._attempts:
            self._log.error(
                "{what} failed: {cause!r}; {waiting} records wait, and writing is retried until it succeeds",
                what=self._what,
                waiting=waiting,
                cause=getattr(error, "orig", None) or error,
            )
        self._attempts += 1
        return self._pause(self._attempts - 1)

    def over(self, waiting: int) -> None:
        """End the outage after an attempt that succeeded; log that the database or disk is back.

        `waiting` is the number of records that remain to be written. Without an outage nothing happens.
        """
        if self._attempts:
            self._attempts = 0
            self._log.info(
                "{what} is back; {waiting} records remain to be written", what=self._what, waiting=waiting
            )
