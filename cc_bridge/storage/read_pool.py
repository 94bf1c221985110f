"""A bounded pool of threads for reads: a hanging database takes these threads and no others."""

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
    """Up to `limit` reads at a time, each with a connection that is kept for the next one."""

    def __init__(self, engine: Engine, limit: int, name: str, reactor: Any) -> None:
        self.running = 0
        self._engine = engine
        self._limit = limit
        self._reactor = reactor
        self._open = False
        self._pool = ThreadPool(0, limit, name)
        self._pool.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]

    def start(self) -> None:
        self._open = True
        self._pool.start()

    def stop(self) -> None:
        """Let the threads end when they can; nothing waits for them."""
        if self._open:
            self._open = False
            self._pool.adjustPoolsize(0, 0)

    def read(self, what: Callable[[Connection], _Found]) -> Deferred[_Found]:
        """Fire in the reactor with what was found; fails with StorageError when too many wait already."""
        if not self._open or self.running >= self._limit:
            return fail(StorageError("the database is too slow"))
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
            if not self._open:  # stopped meanwhile: its connection is in a pool that nobody has
                pool.dispose()

    def _done(self, result: Any, found: Deferred[Any]) -> None:
        self.running -= 1
        if isinstance(result, Failure):
            found.errback(result)  # nothing happens when nobody could wait
        else:
            found.callback(result)
