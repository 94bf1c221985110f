"""One database as the daemon reads it: one engine, and a pool of threads with a limit for each purpose."""

from typing import Any

from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.read_pool import DatabaseReadPool

__all__ = ["Database"]

# Connections that are kept open. It must be at least the sum of all limits and the jobs, so that a hanging
# read of one purpose never makes another wait for a connection.
_CONNECTIONS = 20


class Database:
    """The engine connects when it is first used. Raises StorageError for a URL that can never work."""

    def __init__(self, url: str, reactor: Any) -> None:
        self.engine = make_engine(url, connections=_CONNECTIONS)
        self._reactor = reactor

    def read_pool(self, name: str, limit: int) -> DatabaseReadPool:
        """Return a pool of up to `limit` reads at a time."""
        return DatabaseReadPool(self.engine, limit, name, self._reactor)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self.engine.dispose()
