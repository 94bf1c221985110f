"""A database server that accepts connections and then never answers, as a hung server or a middlebox does."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["silent_server"]

_SSL_REQUEST = (80877103).to_bytes(4, "big")


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


# PostgreSQL's answer to a startup message: no password needed, parameters, ready for a query.
_READY = b"".join(
    (
        _message(b"R", bytes(4)),
        _message(b"S", b"server_version\x0015.0\x00"),
        _message(b"S", b"client_encoding\x00UTF8\x00"),
        _message(b"K", bytes(8)),
        _message(b"Z", b"I"),
    )
)


def _exact(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


def _greet(connection: socket.socket) -> None:
    """Speak PostgreSQL's protocol up to the point at which the client may send a query."""
    with suppress(OSError):
        while True:
            size = int.from_bytes(_exact(connection, 4), "big")
            if _exact(connection, size - 4)[:4] != _SSL_REQUEST:
                break
            connection.sendall(b"N")
        connection.sendall(_READY)


@contextmanager
def silent_server(*, greets: bool) -> Iterator[int]:
    """Yield the port of a server that never answers.

    With `greets`, the server completes PostgreSQL's start of a session; it never answers the first query.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    connections = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                if greets:
                    threading.Thread(target=_greet, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            connection.close()
