"""A daemon under a constant load for a long time: its memory and its descriptors must not grow.

`python tests/bench/soak.py [--minutes 20]`. README.md in this directory explains each figure.
"""

import asyncio
import os
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path

import click
from machine import machine, rss_kib
from peers import Callers, daemon, free_ports, page
from recording import Recording
from sender import Sender

_RECORDING = Path(__file__).parent.parent / "fixtures" / "ami" / "load-22.ami.gz"
_EVENTS_PER_SECOND = 500.0
_LISTEN = 1.0, 3.0  # seconds to a prompt
_SCRAPE_SECONDS = 5.0
_SAMPLE_SECONDS = 30.0
_BARS = {"grown_mb": 10.0, "descriptors": 5.0}  # growth in the second half


class Load:
    """The work of a daemon: events of calls, scrapes of its metrics, a wallboard, and callers in surveys.

    Each part runs in a thread of its own until `end` is called.
    """

    def __init__(self, sender: Sender, agi: int, http: int, seconds: float) -> None:
        self.events = self.scrapes = self.board_bytes = 0
        self.callers = Callers(agi, *_LISTEN)
        self._sender = sender
        self._http = http
        self._seconds = seconds
        self._ended = threading.Event()
        parts = (self._send, self._scrape, self._watch, self._call)
        self._threads = [threading.Thread(target=part, daemon=True) for part in parts]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(30)

    def _send(self) -> None:
        recording = Recording(_RECORDING)
        self.events = self._sender.send_paced(_endless(recording), _EVENTS_PER_SECOND, self._seconds)

    def _scrape(self) -> None:
        while not self._ended.wait(_SCRAPE_SECONDS):
            page(self._http, "metrics")
            self.scrapes += 1

    def _watch(self) -> None:
        while not self._ended.is_set():
            with (
                suppress(OSError),
                urllib.request.urlopen(
                    f"http://127.0.0.1:{self._http}/api/live/events", timeout=30
                ) as stream,
            ):
                while not self._ended.is_set() and (read := stream.read1(65536)):
                    self.board_bytes += len(read)

    def _call(self) -> None:
        asyncio.run(self.callers.call(time.monotonic() + self._seconds))


def _endless(recording: Recording) -> Iterable[tuple[bytes, bytes]]:
    for number in count():
        yield from recording.one_by_one(number)


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _samples(pid: int, minutes: float) -> list[tuple[float, int]]:
    """Return RSS in MB and the number of descriptors, every half minute."""
    found = []
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        time.sleep(min(_SAMPLE_SECONDS, minutes * 3))
        found.append((rss_kib(pid) / 1024, _descriptors(pid)))
        click.echo(f"{len(found):4}  RSS {found[-1][0]:7.1f} MB  {found[-1][1]:3} descriptors")
    return found


@click.command()
@click.option("--minutes", default=20.0, show_default=True, help="Duration of the load.")
def main(minutes: float) -> None:
    """Load a daemon with 500 events a second, scrapes, a wallboard and twenty callers in surveys."""
    agi, http = free_ports()
    click.echo(f"{machine()}; load average before {os.getloadavg()[0]:.1f}")
    with (
        tempfile.TemporaryDirectory() as folder,
        Sender() as sender,
        daemon(Path(folder), agi, http, sender.port) as pid,
    ):
        sender.accept()
        load = Load(sender, agi, http, minutes * 60)
        load.start()
        samples = _samples(pid, minutes)
        load.end()
        log = (Path(folder) / "log").read_text(encoding="utf-8").splitlines()
    half = samples[len(samples) // 2 :]
    figures = {
        "grown_mb": half[-1][0] - half[0][0],
        "descriptors": half[-1][1] - half[0][1],
        "rss_mb": half[-1][0],
        "events": load.events,
        "surveys": load.callers.finished,
    }
    click.echo(
        f"{load.scrapes} scrapes, {load.board_bytes / 1e6:.1f} MB to the wallboard, {len(log)} log lines"
    )
    for line in log[-5:]:
        click.echo(f"  {line}")
    missed = [f"{name} <= {most:g}" for name, most in _BARS.items() if figures[name] > most]
    click.echo(f"bars missed: {', '.join(missed) or 'none'}")
    click.echo(f"RESULT {' '.join(f'{name}={value:.6g}' for name, value in figures.items())}")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
