"""Report pages of a year of 2 million visits on PostgreSQL, and surveys beside many readers and wallboards.

`python tests/bench/pages.py [--calls 2000000] [--url URL]`. README.md in this directory explains each figure.
"""

import asyncio
import math
import os
import random
import select
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from itertools import count, islice
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.parse import urlencode

import click
from contact_centre import end_of_talk, events_of_calls, queue_status
from machine import machine
from peers import Callers, daemon, free_ports, percentile
from sender import Sender
from wallboard import listen, received
from year import DAYS, FIRST_DAY
from year_database import year_database

from cc_bridge.reports.registry import REPORTS

_BOARDS, _QUEUES, _AGENTS, _READERS = 200, 50, 200, 20
_CALLERS = 8  # at the same time; with the seconds below, 30 to 40 calls a minute
_TALK = 2.0, 6.0  # seconds with the agent
_LISTEN = 1.0, 3.0  # seconds to a prompt
_DIALPLAN_SECONDS = 0.2  # from the end of the talk to the survey
_EVENTS_OF_TWO_CALLS = 13
_THINK = 1.0, 5.0  # seconds in which a reader reads a page
_REPEATS = 3  # of each page of a month; a page of the year is made once
_LAST_DAY = FIRST_DAY + timedelta(DAYS - 1)
_MONTH = {"from": FIRST_DAY, "to": FIRST_DAY + timedelta(29)}
_YEAR = {"from": FIRST_DAY, "to": _LAST_DAY}
_BARS = {"default_p95_s": 1.0, "any_p95_s": 2.0, "agi_p99_ms": 50.0}
_TOKEN = "token-of-the-bench"
_SETTINGS = {
    "CC_BRIDGE_HTTP__TOKEN": _TOKEN,
    "CC_BRIDGE_HTTP__MAX_CONNECTIONS": "1000",
    "CC_BRIDGE_WALLBOARD__SHOW_AGENT_NAMES": "true",
    "CC_BRIDGE_WALLBOARD__MAX_LISTENERS": "1000",
}
_HEAD = """\
agi_network: yes
agi_network_script: survey
agi_channel: PJSIP/trunk-{number:08x}
agi_language: en
agi_uniqueid: pbx-1790000000.{number}
agi_callerid: 0912{number:07}
agi_arg_1: queue
agi_arg_2: queue-{queue:03}
agi_arg_3: PJSIP/{phone}

"""


def addresses(span: dict[str, object]) -> tuple[list[str], list[str]]:
    """Return the report pages of a span: with the default grouping, and with each other grouping."""
    usual, others = [], []
    for name, kind in REPORTS.items():
        for by in kind.by:
            path = f"/reports/{name}?{urlencode({**span, 'by': by})}"
            (usual if by == kind.by[0] else others).append(path)
    return usual, others


def seconds(http: int, path: str) -> float:
    """Return the seconds until a page has come; infinite if the daemon gives up. Other errors are raised."""
    began = time.perf_counter()
    asked = urllib.request.Request(
        f"http://127.0.0.1:{http}{path}", headers={"Authorization": f"Bearer {_TOKEN}"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        return math.inf
    return time.perf_counter() - began


class Reader(threading.Thread):
    """A person who reads report pages of months and of the year, one after the other, until `ended`."""

    def __init__(self, http: int, seed: int, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self.took: list[float] = []
        self.refused = 0
        self._http = http
        self._chance = random.Random(seed)
        self._ended = ended

    def run(self) -> None:
        while not self._ended.wait(self._chance.uniform(*_THINK)):
            name = self._chance.choice(list(REPORTS))
            span = self._chance.choice((_MONTH, _MONTH, _MONTH, _YEAR))
            try:
                self.took.append(seconds(self._http, f"/reports/{name}?{urlencode(span)}"))
            except urllib.error.HTTPError:
                self.refused += 1


class ServedCallers(Callers):
    """Callers who have talked with an agent: the daemon receives the events of each call before its survey.

    events: the events that are still to be sent
    """

    def __init__(self, port: int) -> None:
        super().__init__(port, *_LISTEN, _CALLERS)
        self.events: SimpleQueue[bytes] = SimpleQueue()
        self._calls = events_of_calls(1_000_000, _QUEUES)
        self._numbers = count(0, 2)  # of the answered calls

    async def head(self) -> str:
        """Let an agent talk with a caller for some seconds; return the head of the caller's survey."""
        number = next(self._numbers)
        self.events.put(b"".join(islice(self._calls, _EVENTS_OF_TWO_CALLS)))
        await asyncio.sleep(random.uniform(*_TALK))
        self.events.put(end_of_talk(number))
        await asyncio.sleep(_DIALPLAN_SECONDS)
        return _HEAD.format(number=2 * number, queue=number % _QUEUES, phone=2000 + number)


def answer_and_send(sender: Sender, ended: threading.Event, events: SimpleQueue[bytes]) -> None:
    """Answer the daemon's actions as they come, and send the events, until `ended` is set."""
    while not ended.is_set():
        if select.select([sender], [], [], 0.005)[0]:
            sender.answer()
        with suppress(Empty):
            sender.send(events.get_nowait())


def beside(sender: Sender, agi: int, http: int, duration: float) -> tuple[Callers, list[Reader], int]:
    """Let callers answer surveys beside readers, wallboards and calls; return callers, readers and bytes."""
    ended, callers = threading.Event(), ServedCallers(agi)
    readers = [Reader(http, seed, ended) for seed in range(_READERS)]
    calls = threading.Thread(target=answer_and_send, args=(sender, ended, callers.events), daemon=True)
    boards = listen(http, "changes_gzip", _BOARDS, _TOKEN)
    size = 0

    def watch() -> None:
        nonlocal size
        while not ended.is_set():
            size += sum(received(boards, 1.0).values())

    threads = [calls, threading.Thread(target=watch, daemon=True), *readers]
    for each in threads:
        each.start()
    asyncio.run(callers.call(time.monotonic() + duration))
    ended.set()
    for each in threads:
        each.join(60)
    for board in boards:
        with suppress(OSError):
            board.close()
    return callers, readers, size


def alone(http: int, paths: list[str], repeats: int) -> list[float]:
    """Return the seconds of each page, made `repeats` times one after the other; print the slowest."""
    took = [(seconds(http, path), path) for path in paths for _ in range(repeats)]
    click.echo(f"slowest of {len(took)} pages:")
    for each, path in sorted(took, reverse=True)[:5]:
        click.echo(f"  {each:6.2f} s  {path}")
    return [each for each, _ in took]


def measured(url: str, duration: float) -> dict[str, float]:
    """Measure the pages alone and then the surveys beside them; print both, and return the figures."""
    agi, http = free_ports()
    lists = {"QueueStatus": queue_status(_QUEUES, _AGENTS)}
    with (
        tempfile.TemporaryDirectory() as folder,
        Sender(lists) as sender,
        daemon(Path(folder), agi, http, sender.port, CC_BRIDGE_STORAGE__URL=url, **_SETTINGS),
    ):
        sender.accept()
        waiting = threading.Event()
        answering = threading.Thread(
            target=answer_and_send, args=(sender, waiting, SimpleQueue()), daemon=True
        )
        answering.start()
        usual, others = (alone(http, paths, _REPEATS) for paths in addresses(_MONTH))
        of_year = [alone(http, paths, 1) for paths in addresses(_YEAR)]
        waiting.set()
        answering.join(10)
        callers, readers, size = beside(sender, agi, http, duration)
    took = [each for reader in readers for each in reader.took]
    click.echo(
        f"beside {_BOARDS} wallboards ({size / duration / 1e6:.3f} MB/s) and {_READERS} readers"
        f" ({len(took)} pages, p95 {percentile(took, 0.95):.2f} s,"
        f" {sum(reader.refused for reader in readers)} refused): {callers.finished} surveys,"
        f" {len(callers.latencies)} replies, p50 {percentile(callers.latencies, 0.5):.2f} ms,"
        f" p99 {percentile(callers.latencies, 0.99):.2f} ms, worst {max(callers.latencies):.1f} ms"
    )
    return {
        "default_p95_s": percentile(usual, 0.95),
        "any_p95_s": percentile(usual + others, 0.95),
        "year_default_p95_s": percentile(of_year[0], 0.95),
        "year_any_p95_s": percentile(of_year[0] + of_year[1], 0.95),
        "agi_p99_ms": percentile(callers.latencies, 0.99),
        "beside_p95_s": percentile(took, 0.95),
    }


@click.command(help=__doc__.partition("\n")[0])
@click.option("--calls", default=2_000_000, help="The number of calls in the year.", show_default=True)
@click.option("--url", default="", help="A database that is already filled, in place of a new one.")
@click.option("--seconds", "duration", default=60.0, help="Duration of the surveys.", show_default=True)
def main(*, calls: int, url: str, duration: float) -> None:
    with year_database(url, calls) as filled:
        click.echo(f"{machine()}; load average before {os.getloadavg()[0]:.1f}")
        figures = measured(filled, duration)
    missed = [f"{name} <= {most:g}" for name, most in _BARS.items() if figures[name] > most]
    click.echo(f"bars missed: {', '.join(missed) or 'none'}")
    click.echo(f"RESULT {' '.join(f'{name}={value:.3g}' for name, value in figures.items())}")


if __name__ == "__main__":
    main()
