"""The contestants of the AMI bench, each a process: `python contestants.py NAME PORT`.

`ami.py` starts it. The process connects, logs in and prints `ready`. After the last byte it prints a line of
JSON: the CPU seconds since `ready` (user and system, all threads) and the number of events that it saw.

Each contestant imports its libraries inside its function, so that a missing library affects one contestant
only.

Note: a library's thread may die without an error. So a contestant that waits for a thread checks that it is
alive; `ami.py` has a deadline for all other cases.
"""

import asyncio
import gc
import json
import os
import resource
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

# The Accept header of Prometheus 2.42.
_ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


def ours(port: int) -> None:
    """Run the daemon from the AMI socket to counted records, without storage."""
    _run(_bridge(port), lambda bridge: {"records": bridge.records, "unexpected": bridge.tracker.unexpected})


def ours_unfiltered(port: int) -> None:
    """Run `ours`, but parse the events too that the daemon would skip."""
    bridge = _bridge(port)
    bridge.link._wanted = None
    _run(bridge, lambda _: {})


def lag(port: int) -> None:
    """Run the whole daemon with SQLite. Print the age, in ms, of each event that completed a record."""
    with tempfile.TemporaryDirectory() as folder:
        bridge = _bridge(port, folder)
        _run(bridge, lambda bridge: {"lags": bridge.lags})


def live(port: int, calls: str) -> None:
    """Run the whole daemon with SQLite. Print its RSS and scrape time once `calls` calls are in progress."""
    with tempfile.TemporaryDirectory() as folder:
        bridge = _bridge(port, folder)
        tracker = bridge.tracker

        from twisted.internet import reactor
        from twisted.internet.task import LoopingCall

        def look() -> None:
            waiting, talking = len(tracker.visits), len(tracker.talks.in_progress())
            if waiting + talking < int(calls):
                return
            looking.stop()
            times = []
            for _ in range(5):
                begun = time.perf_counter()
                page, _ = bridge.metrics.page(_ACCEPT)
                times.append((time.perf_counter() - begun) * 1000)
            bridge.found = {
                "rss_mb": _rss_mb(),
                "scrape_ms": statistics.median(times),
                "lines": page.count(b"\n"),
                "queues": len(tracker.queues),
                "members": len(tracker.members),
                "waiting": waiting,
                "talking": talking,
            }
            reactor.stop()

        looking = LoopingCall(look)
        looking.start(0.05)
        _run(bridge, lambda bridge: bridge.found)


def panoramisk(port: int) -> None:
    """Count every event in a `*` callback of panoramisk's Manager."""
    from panoramisk import Manager

    async def main() -> None:
        seen = 0
        gone = asyncio.Event()

        def count(_manager: Any, _event: Any) -> None:
            nonlocal seen
            seen += 1

        manager = Manager(
            host="127.0.0.1",
            port=port,
            username="bench",
            secret="bench",
            on_login=lambda _manager: begin.append(_ready()),
            on_disconnect=lambda _manager, _error: gone.set(),
        )
        begin: list[float] = []
        manager.register_event("*", count)
        await manager.connect()
        await gone.wait()
        _tell(begin[0], seen)

    asyncio.run(main())


def pyst2(port: int) -> None:
    """Count every event in a `*` callback of pyst2's Manager."""
    from asterisk.manager import Manager

    seen = 0

    def count(_event: Any, _manager: Any) -> None:
        nonlocal seen
        seen += 1

    manager = Manager()
    manager.register_event("*", count)
    manager.connect("127.0.0.1", port)
    manager.login("bench", "bench")
    begin = _ready()
    # At the end of the stream the message thread ends; its last message ends the dispatching thread.
    while manager.message_thread.is_alive():
        manager.message_thread.join(0.1)
    manager.event_dispatch_thread.join(5)
    _tell(begin, seen)


def floor(port: int) -> None:
    """Receive the stream and count empty lines: the least work of any AMI client."""
    seen = 0
    rest = b""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        begin = _ready()
        while data := connection.recv(65536):
            data = rest + data
            seen += data.count(b"\r\n\r\n")
            rest = data[-3:]
    _tell(begin, seen)


def floor_by_line(port: int) -> None:
    """Count empty lines as `floor` does, but line by line: the cost of splitting the stream into lines."""
    seen = 0
    with (
        socket.create_connection(("127.0.0.1", port)) as connection,
        connection.makefile("rb", buffering=65536) as lines,
    ):
        begin = _ready()
        for line in lines:
            seen += line == b"\r\n"
    _tell(begin, seen)


def _bridge(port: int, folder: str | None = None) -> Any:
    """Return the daemon's own `Bridge`, which counts records. Without a folder it stores nothing."""
    from cc_bridge.config import AgiConfig, AmiConfig, Config, HttpConfig, StorageConfig

    config = Config(
        ami=AmiConfig(port=port, secret="bench"),
        agi=AgiConfig(port=0),
        http=HttpConfig(port=0),
        storage=StorageConfig(url=f"sqlite:///{folder or tempfile.gettempdir()}/bench.sqlite"),
    )

    from twisted.internet import reactor

    from cc_bridge.daemon.bridge import Bridge

    class Measured(Bridge):
        def __init__(self) -> None:
            super().__init__(config, reactor)
            self.records = 0
            self.lags: list[float] = []
            self.found: dict[str, Any] = {}
            self.begin = 0.0
            observed = self.listener
            self._up, self._down, self._event = observed.ami_up, observed.ami_down, observed.ami_event
            observed.ami_up, observed.ami_down = self.ami_up, self.ami_down
            self._record, observed._record = observed._record, self._recorded
            if folder is None:
                self.pipeline.writer = _Nowhere()
                self.startService = self.link.start  # no HTTP, no surveys, no timers
            else:
                observed.ami_event = self._ami_event_timed

        def ami_up(self, *snapshot: Any) -> None:
            self._up(*snapshot)
            self.begin = _ready()

        def ami_down(self, why: str, at: float) -> None:
            self._down(why, at)
            reactor.stop()

        def _ami_event_timed(self, event: Any) -> None:
            before = self.records
            self._event(event)
            if self.records > before:
                self.lags.append((time.time() - float(event.headers["Timestamp"])) * 1000)

        def _recorded(self, records: Any) -> None:
            records = list(records)
            self._record(records)
            self.records += len(records)

    return Measured()


class _Nowhere:
    """A storage writer that discards all records."""

    has_room_for_checkpoints = True
    lost: dict[str, int] = {}  # noqa: RUF012

    def put(self, _record: Any, *, last: bool = True) -> None:
        pass

    def seal_batch(self) -> None:
        pass


def _run(bridge: Any, more: Any) -> None:
    from twisted.internet import reactor

    reactor.callWhenRunning(bridge.startService)
    gc.collect()  # as daemon/main.py does
    gc.freeze()
    reactor.run(installSignalHandlers=False)
    _tell(bridge.begin, bridge.link.counts.received, **more(bridge))


def _ready() -> float:
    click.echo("ready")
    return _cpu()


def _tell(begin: float, seen: int, **more: Any) -> None:
    click.echo(json.dumps({"cpu": _cpu() - begin, "seen": seen, **more}))


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


CONTESTANTS = (ours, ours_unfiltered, panoramisk, pyst2, floor, floor_by_line, lag, live)

if __name__ == "__main__":
    _, name, port, *more = sys.argv
    next(contestant for contestant in CONTESTANTS if contestant.__name__ == name)(int(port), *more)
    sys.stdout.flush()
    os._exit(0)  # a library's threads must not keep the process alive
