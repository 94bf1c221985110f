"""The database that the daemon reads: one engine, and a limited pool of threads for each purpose."""

from typing import Any

from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.read_pool import DatabaseReadPool

__all__ = ["Database"]

# Largest number of connections that are kept open. It must be at least the sum of all pools' limits plus the
# number of jobs, so that a hanging read of one purpose never blocks another one.
_CONNECTIONS = 20


class Database:
    """A database with one SQLAlchemy engine, which connects at its first use.

    The constructor gets the database's URL. A database server must answer each question within
    `answer_seconds`. The constructor raises StorageError for a URL that can never work, such as an invalid
    one or one of an unsupported database.
    """

    def __init__(self, url: str, reactor: Any, answer_seconds: float | None = None) -> None:
        self.engine = make_engine(url, _CONNECTIONS, answer_seconds)
        self._reactor = reactor

    def read_pool(self, name: str, limit: int) -> DatabaseReadPool:
        """Return a new pool of threads, named `name`, for up to `limit` database reads at a time."""
        return DatabaseReadPool(self.engine, limit, name, self._reactor)

    def close(self) -> None:
        """Close all connections that are not in use. A connection in use closes after its read has ended."""
        self.engine.dispose()
