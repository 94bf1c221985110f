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
    """At most `most` readings at a time, each with a connection that is kept for the next one."""

    def __init__(self, open_engine: Callable[[], Engine], most: int, name: str, reactor: Any) -> None:
        self.running = 0
        self._open_engine = open_engine
        self._engine: Engine | None = None
        self._most = most
        self._reactor = reactor
        self._pool = ThreadPool(0, most, name)
        self._pool.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]

    def start(self) -> None:
        self._engine = self._open_engine()
        self._pool.start()

    def stop(self) -> None:
        """Let the threads end when they can; nobody waits for them."""
        engine, self._engine = self._engine, None
        if engine is not None:
            self._pool.adjustPoolsize(0, 0)
            engine.dispose()

    def read(self, what: Callable[[Connection], _Found]) -> Deferred[_Found]:
        """Fire in the reactor with what was found; fails with StorageError when too many wait already."""
        if self._engine is None or self.running >= self._most:
            return fail(StorageError("the database is too slow"))
        self.running += 1
        found: Deferred[_Found] = Deferred()
        reading = deferToThreadPool(self._reactor, self._pool, self._read, self._engine, what)
        reading.addBoth(self._done, found)
        return found

    @staticmethod
    def _read(engine: Engine, what: Callable[[Connection], _Found]) -> _Found:
        with engine.connect() as connection:
            return what(connection)

    def _done(self, result: Any, found: Deferred[Any]) -> None:
        self.running -= 1
        if isinstance(result, Failure):
            found.errback(result)  # nothing happens when nobody could wait
        else:
            found.callback(result)
