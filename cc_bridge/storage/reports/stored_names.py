"""Queries for the names that the database has, such as those of all queues."""

from collections.abc import Iterator

from sqlalchemy import Column, Connection, func, select

from cc_bridge.storage.schema.tables import queue_visits

__all__ = ["stored_names", "stored_pbxs", "stored_queues"]


def stored_queues(connection: Connection) -> Iterator[str]:
    """Yield the names of all queues that have a visit in the database, sorted by the database."""
    return stored_names(connection, queue_visits.c.queue)


def stored_pbxs(connection: Connection) -> Iterator[str]:
    """Yield the names of all PBXs that have a visit in the database, sorted by the database."""
    return stored_names(connection, queue_visits.c.pbx)


def stored_names(connection: Connection, column: Column[str]) -> Iterator[str]:
    """Yield each value of a column once, sorted by the database.

    An index must start with this column. Each value takes one look-up in the index. So the number of rows
    does not matter.
    """
    value = connection.scalar(select(func.min(column)))
    while value is not None:
        yield value
        value = connection.scalar(select(func.min(column)).where(column > value))
