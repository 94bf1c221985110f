"""A hint for PostgreSQL's planner: join tables by hash, not row by row."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection

__all__ = ["hash_joins"]


@contextmanager
def hash_joins(connection: Connection) -> Generator[None]:
    """Let PostgreSQL join tables by hash, not row by row, while the `with` block executes statements.

    PostgreSQL has no statistics of the newest rows, and so expects nearly no rows of the last days. It would
    then compare each lost call with each contact of these days, which can take minutes. Other databases are
    not affected. The connection must have a transaction.
    """
    is_postgresql = connection.dialect.name == "postgresql"
    if is_postgresql:
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
    yield
    if is_postgresql:
        connection.exec_driver_sql("SET LOCAL enable_nestloop TO DEFAULT")
