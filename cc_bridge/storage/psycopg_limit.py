"""A connection to PostgreSQL that never waits for an answer without an end.

A server that is stopped or swapped out, and a middlebox that has dropped the connection, accept a question
and never answer it. TCP does not notice this, and libpq waits for ever. PostgreSQL's own `statement_timeout`
does not help: the server would have to work.
"""

from collections.abc import Generator
from time import monotonic
from typing import Any

import psycopg

__all__ = ["limited_connection"]


def limited_connection(seconds: float) -> type[psycopg.Connection[Any]]:
    """Return a class of connections that wait for each answer of the server for up to `seconds`.

    If no answer arrives, the connection is closed, and psycopg.OperationalError is raised.
    """

    class LimitedConnection(psycopg.Connection[Any]):
        def wait(self, gen: Generator[Any, Any, Any], *args: Any, **options: Any) -> Any:
            return super().wait(self._until(gen, monotonic() + seconds), *args, **options)

        def _until(self, gen: Generator[Any, Any, Any], deadline: float) -> Generator[Any, Any, Any]:
            """Pass on what the generator `gen` and its caller exchange, until `deadline` (monotonic seconds).

            psycopg resumes the generator when data has arrived, and ten times a second.
            """
            ready = None
            while True:
                try:
                    awaited = gen.send(ready)
                except StopIteration as end:
                    return end.value
                ready = yield awaited
                if monotonic() >= deadline:
                    gen.close()
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server did not answer within {seconds:g} s")

    return LimitedConnection
