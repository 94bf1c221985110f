"""A limited pool of threads for database reads: a hanging database blocks only these threads."""

from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from twisted.internet.defer import Deferred, fail
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from cc_bridge.errors import StorageError

__all__ = ["DatabaseReadPool"]


_Found = TypeVar("_Found")


class DatabaseReadPool:
    """A pool of threads for up to `limit` database reads at a time; connections are kept for later reads."""

    def __init__(self, engine: Engine, limit: int, name: str, reactor: Any) -> None:
        self.running = 0
        self._engine = engine
        self._limit = limit
        self._reactor = reactor
        self._open = False
        self._pool = ThreadPool(0, limit, name)
        self._pool.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]

    def start(self) -> None:
        """Start the pool, so that reads are accepted."""
        self._open = True
        self._pool.start()

    def stop(self) -> None:
        """Accept no more reads; the pool's threads end after the reads that are running.

        This method returns without waiting for the threads.
        """
        if self._open:
            self._open = False
            self._pool.adjustPoolsize(0, 0)

    def read(self, what: Callable[[Connection], _Found]) -> Deferred[_Found]:
        """Call `what` with a database connection in a thread of the pool.

        The Deferred fires in the reactor with the result of `what`. It fails with StorageError if the pool is
        stopped or `limit` reads are running already.
        """
        if not self._open or self.running >= self._limit:
            return fail(StorageError("the database is too slow: all reads of this kind are in use"))
        self.running += 1
        found: Deferred[_Found] = Deferred()
        reading = deferToThreadPool(self._reactor, self._pool, self._read, self._engine, what)
        reading.addBoth(self._done, found)
        return found

    def _read(self, engine: Engine, what: Callable[[Connection], _Found]) -> _Found:
        pool = engine.pool
        try:
            with engine.connect() as connection:
                return what(connection)
        finally:
            if not self._open:  # stopped meanwhile: no later read would close the pooled connections
                pool.dispose()

    def _done(self, result: Any, found: Deferred[Any]) -> None:
        self.running -= 1
        if isinstance(result, Failure):
            found.errback(result)  # no effect if a timeout has cancelled it
        else:
            found.callback(result)
