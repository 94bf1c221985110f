"""A connection to PostgreSQL that waits for an answer only for a limited time.

Some servers and networks accept a question and never answer it: a server that is stopped or swapped out, or a
middlebox that has dropped the connection. TCP does not notice this, and libpq waits for ever. PostgreSQL's
own `statement_timeout` does not help, because the server itself must act on it.
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
            """Run psycopg's generator `gen` to its end and return its result, but only until `deadline`.

            `deadline` is in monotonic seconds. After it, the connection is closed and OperationalError is
            raised. The deadline is noticed in time, because psycopg resumes this generator at least ten times
            a second.
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
