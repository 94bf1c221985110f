"""Greedy peers of an HTTP server: they hold connections, pipeline requests, and post bodies.

`python attackers.py PORT`, for `peers.py`. They run until they are killed. A connection that the server
closes is opened again.
"""

import asyncio
import contextlib
import resource
import sys
from collections.abc import Awaitable, Callable

Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_HELD = 1000  # connections that send a part of a request, and no more
_PIPELINING = 4  # connections that ask again and again; half of them read the answers
_POSTING = 4  # connections that post forms of 20 MB
_PAUSE_SECONDS = 0.05  # before a connection is opened again

_GET = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50
_POST = (
    b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: %d\r\n\r\n" % (20 << 20)
)
_FIELDS = b"a=1&" * (1 << 14)


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a part of a request, and keep the connection open."""
    writer.write(b"GET /metrics HTTP/1.1\r\n")
    await reader.read()


async def pipeline(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send requests as fast as the server takes them, and read nothing."""
    while not reader.at_eof():
        writer.write(_GET)
        await writer.drain()


async def pipeline_and_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send requests as fast as the server takes them, and read the answers."""
    asking = asyncio.ensure_future(pipeline(reader, writer))
    try:
        while await reader.read(1 << 20):
            pass
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def post(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Post a body as fast as the server takes it."""
    writer.write(_POST)
    for _ in range(320):
        writer.write(_FIELDS)
        await writer.drain()


async def again_and_again(port: int, attack: Attack) -> None:
    """Attack the port on one connection after the other."""
    while True:
        writer: asyncio.StreamWriter | None = None
        with contextlib.suppress(OSError, asyncio.CancelledError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            await attack(reader, writer)
        if writer is not None:
            writer.transport.abort()
        await asyncio.sleep(_PAUSE_SECONDS)


async def main(port: int) -> None:
    half = _PIPELINING // 2
    attacks = [pipeline] * half + [pipeline_and_read] * half + [post] * _POSTING + [hold] * _HELD
    await asyncio.gather(*(again_and_again(port, attack) for attack in attacks))


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    asyncio.run(main(int(sys.argv[1])))
