"""The test of write access to a database: an UPDATE that changes no row and is rolled back."""

import sqlite3

from sqlalchemy import Connection, Engine, update
from sqlalchemy.exc import DBAPIError

from cc_bridge.errors import StorageError
from cc_bridge.storage.schema.tables import observation_watermarks

__all__ = ["require_write_access", "try_write"]

_DENIED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_PRIMARY = 0xFF  # an extended error code of SQLite has the primary one in its lowest byte


def try_write(connection: Connection) -> None:
    """Test whether a database can be written to, and change nothing. Raises DBAPIError if it cannot.

    The database must have the newest schema.
    """
    connection.execute(
        update(observation_watermarks)
        .values(pbx=observation_watermarks.c.pbx)
        .where(observation_watermarks.c.pbx == "")
    )
    connection.rollback()


def require_write_access(engine: Engine) -> None:
    """Raise StorageError if this process has no right to write to an SQLite database.

    A database that is locked or whose disk is full raises nothing: the daemon keeps its records in memory
    until it can write.
    """
    try:
        with engine.connect() as connection:
            try_write(connection)
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorcode", 0) & _PRIMARY in _DENIED:
            raise StorageError(
                f"{engine.url.database}: this user cannot write to the database ({error.orig}): make the user"
                " of the daemon the owner of its files and of their directory"
            ) from error
