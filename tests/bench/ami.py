"""Speed, memory and lag from the AMI socket to a counted record, beside other AMI clients.

`python tests/bench/ami.py [FILE.gz] [--quick]`. README.md in this directory explains each figure.

Note: speed is events per CPU second of the measured process. Wall time would measure the sender, which runs
on the other core.
"""

import json
import os
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from contact_centre import events_of_calls, queue_status
from machine import machine
from recording import Recording
from sender import Sender

_HERE = Path(__file__).parent
_RECORDING = _HERE.parent / "fixtures" / "ami" / "load-22.ami.gz"
_DEADLINE = 60.0  # seconds for a measured process to start, or to end after the last byte

_SPEED = ("ours", "panoramisk", "pyst2", "floor")  # the contestants of RESULT, in this order
_BESIDE = ("ours_unfiltered", "floor_by_line")
_QUEUES, _AGENTS, _CALLS = 200, 2000, 1000
_EVENTS_PER_SECOND = 2000.0


@dataclass(frozen=True)
class Effort:
    """The amount of measuring: the number of runs, and their lengths."""

    runs: int = 9  # the median of them counts
    cpu_seconds: float = 1.1  # of each run
    passes: int = 40  # of the recording, for the growth of memory
    lag_seconds: float = 26.0
    beside: bool = True  # whether contestants without a bar run too


_QUICK = Effort(runs=1, cpu_seconds=0.3, passes=2, lag_seconds=1.5, beside=False)

# Figure -> its smallest allowed value; for `_MOST` the largest.
_LEAST = {"ratio_panoramisk": 5.0, "ratio_floor": 0.2}
_MOST = {"rss_growth_mb": 10.0, "lag_p99_ms": 10.0, "live_mb": 112.0, "scrape_ms": 150.0}


class Failed(Exception):
    """A measured process failed. The message is the reason."""


class Measured:
    """A contestant that runs as a process, and the `Sender` to which it is connected."""

    def __init__(self, process: subprocess.Popen[bytes], sender: Sender) -> None:
        self.sender = sender
        self._process = process

    def until_ready(self) -> None:
        waiting_for = [self.sender.listening, self._process.stdout]
        came, _, _ = select.select(waiting_for, [], [], _DEADLINE)
        if self.sender.listening not in came:
            raise Failed(f"it did not connect: {self._last_words()}" if came else "it did not connect")
        self.sender.accept()
        self._wait_for_line()

    def end(self) -> dict[str, Any]:
        """End the stream of events and return the figures that the process prints."""
        self.sender.end()
        return self.result()

    def result(self) -> dict[str, Any]:
        line = self._wait_for_line()
        try:
            found: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise Failed(f"it said {line!r}") from error
        return found

    @property
    def cpu(self) -> float:
        """CPU seconds that the process has used, to 10 ms. The figures use finer times from the process."""
        fields = self._read("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def rss_mb(self) -> float:
        return int(self._read("statm").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def settle(self) -> None:
        """Wait until the process is idle: it has processed all events that were sent."""
        idle = 0
        while idle < 5:
            before = self.cpu
            time.sleep(0.02)
            idle = 0 if self.cpu > before else idle + 1

    def _wait_for_line(self) -> bytes:
        deadline = time.monotonic() + _DEADLINE
        listen_to = [self._process.stdout, self.sender]
        while time.monotonic() < deadline:
            heard, _, _ = select.select(listen_to, [], [], 1.0)
            if self._process.stdout in heard:
                line = self._process.stdout.readline()
                if not line:
                    raise Failed(f"it ended: {self._last_words()}")
                return line
            if heard:
                try:
                    self.sender.answer()
                except OSError:
                    listen_to.remove(self.sender)
        raise Failed(f"nothing came within {_DEADLINE:.0f} s")

    def _last_words(self) -> str:
        return self._process.stderr.read().decode(errors="replace").strip().rpartition("\n")[2] or "silently"

    def _read(self, name: str) -> str:
        return Path(f"/proc/{self._process.pid}/{name}").read_text(encoding="ascii")


@contextmanager
def measured(name: str, *more: str, lists: dict[str, list[bytes]] | None = None) -> Iterator[Measured]:
    command = [sys.executable, str(_HERE / "contestants.py"), name]
    with (
        Sender(lists) as sender,
        subprocess.Popen(
            [*command, str(sender.port), *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process,
    ):
        try:
            contestant = Measured(process, sender)
            contestant.until_ready()
            yield contestant
        except OSError as error:
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
            raise Failed(f"the connection broke: {error}") from error
        finally:
            process.kill()


def speed(name: str, recording: Recording, cpu_seconds: float) -> float:
    """Return the events per CPU second that a contestant processes in one run."""
    with measured(name) as contestant:
        begin, sent = contestant.cpu, 0
        for piece, events in recording.for_ever():
            contestant.sender.send(piece)
            sent += events
            if contestant.cpu - begin >= cpu_seconds:
                break
        found = contestant.end()
    if found["seen"] < sent:
        raise Failed(f"it saw {found['seen']} of {sent} events")
    return sent / found["cpu"]


def growth(recording: Recording, passes: int) -> tuple[float, str]:
    """Return the growth of the RSS in MB after the first pass of the recording, and a line with details."""
    with measured("ours") as contestant:
        sizes = []
        for number in range(passes + 1):
            for piece, _ in recording.one_pass(number):
                contestant.sender.send(piece)
            if number % 10 == 0 or number == passes:
                contestant.settle()
                sizes.append(contestant.rss_mb)
        found = contestant.end()
    way = " ".join(f"{size:.1f}" for size in sizes)
    return sizes[-1] - sizes[0], f"RSS {way} MB; {found['records']} records, {found['unexpected']} unexpected"


def lag(recording: Recording, seconds: float) -> tuple[float, str]:
    """Return the 99th percentile, in ms, from sending an event to its record, and a line of other figures."""
    with measured("lag") as contestant:
        sent = contestant.sender.send_paced(_endless(recording), _EVENTS_PER_SECOND, seconds)
        lags = sorted(contestant.end()["lags"])
    if len(lags) < 10:
        raise Failed(f"{sent} events made only {len(lags)} records")
    p50, p99 = (lags[int(len(lags) * share)] for share in (0.5, 0.99))
    return p99, f"{sent} events, {len(lags)} of them made records; p50 {p50:.2f} ms, worst {lags[-1]:.2f} ms"


def _endless(recording: Recording) -> Iterable[tuple[bytes, bytes]]:
    number = 0
    while True:
        yield from recording.one_by_one(number)
        number += 1


def live() -> dict[str, Any]:
    """Return the RSS and the scrape time of a daemon that follows a large contact centre."""
    lists = {"QueueStatus": queue_status(_QUEUES, _AGENTS)}
    with measured("live", str(_CALLS), lists=lists) as contestant:
        contestant.sender.send(b"".join(events_of_calls(_CALLS, _QUEUES)))
        return contestant.result()


@click.command(help=__doc__.partition("\n")[0])
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=_RECORDING)
@click.option("--quick", is_flag=True, help="Rougher figures in under 20 seconds.")
def main(file: Path, *, quick: bool) -> None:
    effort = _QUICK if quick else Effort()
    recording = Recording(file)
    click.echo(machine())
    click.echo(f"{file.name}: {recording.events} events, {recording.bytes / 1e6:.1f} MB")
    figures = _speeds(recording, effort) | dict.fromkeys(_MOST, float("nan"))

    with _said("memory"):
        figures["rss_growth_mb"], how = growth(recording, effort.passes)
        click.echo(f"memory: {figures['rss_growth_mb']:+.1f} MB in {effort.passes} passes; {how}")
    with _said("lag"):
        figures["lag_p99_ms"], how = lag(recording, effort.lag_seconds)
        click.echo(f"lag at {_EVENTS_PER_SECOND:.0f} events/s: p99 {figures['lag_p99_ms']:.2f} ms; {how}")
    with _said("live state"):
        found = live()
        figures["live_mb"], figures["scrape_ms"] = found["rss_mb"], found["scrape_ms"]
        click.echo(
            "live state: {queues} queues, {members} members, {waiting} waiting, {talking} talking: "
            "RSS {rss_mb:.1f} MB, scrape {scrape_ms:.1f} ms ({lines} lines)".format_map(found)
        )
    missed = [f"{name} >= {bar:g}" for name, bar in _LEAST.items() if not figures[name] >= bar]
    missed += [f"{name} <= {bar:g}" for name, bar in _MOST.items() if not figures[name] <= bar]
    click.echo(f"bars missed: {', '.join(missed) or 'none'}")
    click.echo("RESULT " + " ".join(f"{name}={_plain(value)}" for name, value in figures.items()))


def _speeds(recording: Recording, effort: Effort) -> dict[str, float]:
    """Return the median speed of each contestant and the ratios between them.

    The contestants run in turn, so that a slow minute of the machine affects all of them.
    """
    runs: dict[str, list[float]] = {name: [] for name in _SPEED + _BESIDE * effort.beside}
    for _ in range(effort.runs):
        for name, run in runs.items():
            with _said(name):
                run.append(speed(name, recording, effort.cpu_seconds))
    medians = {name: statistics.median(run) if run else float("nan") for name, run in runs.items()}
    click.echo(f"events per CPU second, median of {effort.runs}:")
    for name, run in runs.items():
        click.echo(
            f"  {name:16}{medians[name]:>12,.0f}   ({', '.join(f'{one:,.0f}' for one in sorted(run))})"
        )
    ours = medians["ours"]
    return {
        **{name: medians[name] for name in _SPEED},
        "ratio_panoramisk": ours / medians["panoramisk"],
        "ratio_floor": ours / medians["floor"],
    }


def _plain(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


@contextmanager
def _said(name: str) -> Iterator[None]:
    try:
        yield
    except Failed as failure:
        click.echo(f"  {name} could not be measured: {failure}")


if __name__ == "__main__":
    main()
