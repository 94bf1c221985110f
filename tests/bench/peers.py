"""A survey's replies while greedy peers attack the HTTP server of the same daemon.

`python tests/bench/peers.py [--quick]`. README.md in this directory explains each figure.
"""

import asyncio
import contextlib
import itertools
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from machine import machine, rss_kib

_HERE = Path(__file__).parent
_FILES = 4096  # descriptors of the bench: each held connection needs one in the attackers
_DEADLINE = 60.0  # seconds for the daemon to listen
_CALLERS = 20  # at the same time; each is followed by another one
_LEAST, _MOST = 0.05, 0.2  # seconds that a caller listens to a prompt
_BARS = {"attacked_p99_ms": 50.0, "rss_growth_mb": 50.0}

_CONFIG = """
ami = {{ port = {ami}, secret = "word" }}
agi = {{ port = {agi} }}
http = {{ port = {http} }}
storage = {{ url = "sqlite:///{folder}/calls.sqlite", journal_file = "{folder}/journal.sqlite" }}
log = {{ level = "warn" }}
queue_defaults = {{ min_talk_seconds = 0 }}
{queues}
"""
_HEAD = """\
agi_network: yes
agi_network_script: survey
agi_channel: PJSIP/trunk-{number:08x}
agi_language: en
agi_uniqueid: 1790000000.{number}
agi_callerid: 0912{number:07}
agi_arg_1: queue
agi_arg_2: q1
agi_arg_3: PJSIP/1001

"""
_NUMBERS = itertools.count()  # of the callers: each calls once
_LISTENED_TO = ("GET DATA", "STREAM FILE", "WAIT FOR DIGIT")


class Callers:
    """Callers of surveys, one after the other in each of several places.

    latencies: milliseconds from each reply to the next command
    finished: number of surveys that were finished
    """

    def __init__(self, port: int, least: float = _LEAST, most: float = _MOST, places: int = _CALLERS) -> None:
        """Callers of the AGI port `port` listen to a prompt for `least` to `most` seconds.

        `places` is the number of callers at the same time.
        """
        self.latencies: list[float] = []
        self.finished = 0
        self._port = port
        self._listen = least, most
        self._places = places
        self._chance = random.Random(1)

    async def call(self, until: float) -> None:
        """Let callers answer surveys until the instant `until`."""
        await asyncio.gather(*(self._place(until) for _ in range(self._places)))

    async def _place(self, until: float) -> None:
        while time.monotonic() < until:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._survey()

    async def head(self) -> str:
        """Return the head of the next caller's FastAGI request."""
        return _HEAD.format(number=next(_NUMBERS))

    async def _survey(self) -> None:
        head = await self.head()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        sent_at = time.perf_counter()
        writer.write(head.encode())
        commands = 0
        while line := (await reader.readline()).decode():
            self.latencies.append((time.perf_counter() - sent_at) * 1000)
            commands += 1
            if line.startswith(_LISTENED_TO):
                await asyncio.sleep(self._chance.uniform(*self._listen))
            sent_at = time.perf_counter()
            writer.write(_reply(line))
        self.finished += commands > len(_LISTENED_TO)
        writer.close()


def _reply(line: str) -> bytes:
    """Return Asterisk's reply to an AGI command; the caller presses 5."""
    if line.startswith("GET FULL VARIABLE"):
        expression = re.findall(r'"(.*)"', line)[0]
        return f"200 result=1 ({expression.replace('${CHANNEL(linkedid)}', '')})\n".encode()
    if line.startswith("GET DATA"):
        return b"200 result=5\n"
    return b"200 result=1\n" if line.startswith("SET VARIABLE") else b"200 result=0 endpos=8000\n"


@contextmanager
def daemon(folder: Path, agi: int, http: int, ami: int = 1, **settings: str) -> Iterator[int]:
    """Run a daemon with twenty queues, and yield its process ID.

    By default, its PBX is away, and its database is an SQLite file. `settings` has further settings as
    environment variables.
    """
    config = folder / "cc-bridge.toml"
    queues = "\n".join(f"[queues.q{number}]" for number in range(20))
    config.write_text(_CONFIG.format(ami=ami, agi=agi, http=http, folder=folder, queues=queues))
    program = Path(sys.executable).with_name("cc-bridge")
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(
            [program, "run", "--config", config], stdout=log, stderr=log, env={**os.environ, **settings}
        )
    try:
        end = time.monotonic() + _DEADLINE
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                page(http, "healthz")
                break
            if running.poll() is not None:
                raise click.ClickException((folder / "log").read_text(encoding="utf-8"))
            time.sleep(0.1)
        yield running.pid
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(_DEADLINE)


@contextmanager
def attackers(http: int) -> Iterator[None]:
    """Run the attackers of `attackers.py` in a process of its own."""

    def behind() -> None:
        """Give the attackers what is left of the processors, as if they ran on another machine."""
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.nice(5)

    command = [sys.executable, _HERE / "attackers.py", str(http)]
    with subprocess.Popen(command, preexec_fn=behind) as running:  # noqa: PLW1509 - this process has one thread
        time.sleep(2)  # until all connections are open
        yield
        running.kill()


def free_ports() -> tuple[int, int]:
    """Return two ports on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


def page(http: int, name: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{http}/{name}", timeout=30) as answer:
        text: str = answer.read().decode()
        return text


def percentile(latencies: list[float], share: float) -> float:
    return sorted(latencies)[int(share * (len(latencies) - 1))] if latencies else float("inf")


def measured(agi: int, seconds: float) -> Callers:
    callers = Callers(agi)
    asyncio.run(callers.call(time.monotonic() + seconds))
    return callers


@click.command()
@click.option("--quick", is_flag=True, help="Measure for 5 s instead of 30 s each.")
def main(quick: bool) -> None:
    """Measure surveys without and with attackers."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_FILES, hard), hard))
    seconds = 5.0 if quick else 30.0
    agi, http = free_ports()
    click.echo(f"{machine()}; load average before {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder, daemon(Path(folder), agi, http) as pid:
        measured(agi, 2.0)
        quiet, rss, size = measured(agi, seconds), rss_kib(pid), len(page(http, "metrics"))
        with attackers(http):
            attacked, grown = measured(agi, seconds), (rss_kib(pid) - rss) / 1024
        refused = dict(re.findall(r'http_refused_total\{.*reason="(\w+)".*\} (\S+)', page(http, "metrics")))
    for name, found in (("quiet", quiet), ("attacked", attacked)):
        latencies = found.latencies
        click.echo(
            f"{name:9}{found.finished:5} surveys, {len(latencies):6} replies: p50"
            f" {percentile(latencies, 0.5):6.2f} ms, p99 {percentile(latencies, 0.99):6.2f} ms,"
            f" worst {max(latencies, default=0):7.2f} ms"
        )
    click.echo(f"a page of /metrics has {size} bytes; RSS grew by {grown:.1f} MB; refused: {refused}")
    figures = {
        "quiet_p99_ms": percentile(quiet.latencies, 0.99),
        "attacked_p99_ms": percentile(attacked.latencies, 0.99),
        "rss_growth_mb": grown,
    }
    missed = [f"{name} <= {most:g}" for name, most in _BARS.items() if figures[name] > most]
    click.echo(f"bars missed: {', '.join(missed) or 'none'}")
    click.echo(f"RESULT {' '.join(f'{name}={value:.3g}' for name, value in figures.items())}")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
