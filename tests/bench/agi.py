"""FastAGI callers served at the same time, and the cost of each, beside other FastAGI libraries.

`python tests/bench/agi.py [--quick]`. README.md in this directory explains each figure.
"""

import os
import resource
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from callers import COMMANDS, Pace, Played, play
from machine import cpu_seconds, machine, rss_kib, threads

_HERE = Path(__file__).parent
_DEADLINE = 30.0  # seconds for a contestant to listen
_FILES = 4096  # descriptors: each caller needs one in the bench and one in the contestant

_PEERS = ("pyst2", "panoramisk")
_BESIDE = ("ours_sqlite", "ours_channel")

_FULL = Pace(callers=1000, callers_per_second=250, least=1.0, most=3.0)
_QUICK = Pace(callers=500, callers_per_second=1000, least=0.2, most=0.6)
_ONE = Pace(callers=1, callers_per_second=1, least=0.0, most=0.0)

# Figure -> the largest allowed value of `ours`.
_MOST = {"threads": 1, "rss_kib_per_caller": 16.0, "p99_ms": 25.0}


class Failed(Exception):
    """A contestant could not be measured. The message is the reason."""


@dataclass(frozen=True)
class Figures:
    """The measurements of one contestant. `rss_kib` and `cpu_ms` are per caller."""

    finished: int
    threads: int
    rss_kib: float
    p99_ms: float
    burst_p99_ms: float
    cpu_ms: float
    said: str


def measure(name: str, pace: Pace) -> Figures:
    """Measure a contestant while all callers of the pace call it. A single caller warms it up first."""
    with contestant(name) as (pid, port):
        play(port, _ONE, lambda: None)
        none, idle = rss_kib(pid), cpu_seconds(pid)
        sizes, counts = [], []

        def look() -> None:
            sizes.append(rss_kib(pid))
            counts.append(threads(pid))

        played = play(port, pace, look)
        cpu = cpu_seconds(pid) - idle
    if not played.spread or not played.burst:
        raise Failed(f"no caller was served: {played.lost[:1]}")
    return Figures(
        finished=played.finished,
        threads=max(counts),
        rss_kib=(max(sizes) - none) / pace.callers,
        p99_ms=_percentile(played.spread, 0.99),
        burst_p99_ms=_percentile(played.burst, 0.99),
        cpu_ms=1000 * cpu / pace.callers,
        said=_said(played, none, max(sizes)),
    )


@contextmanager
def contestant(name: str) -> Iterator[tuple[int, int]]:
    """Run a contestant as a process. Yield its process ID and the port on which it listens."""
    command = [sys.executable, str(_HERE / "agi_contestants.py"), name]
    # A file and no pipe: a full pipe without a reader would block the process.
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        try:
            came, _, _ = select.select([process.stdout], [], [], _DEADLINE)
            line = process.stdout.readline() if came else b""
            if not line.strip().isdigit():
                errors.seek(0)
                last_words = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
                raise Failed(f"it does not listen: {last_words or 'silently'}")
            yield process.pid, int(line)
        finally:
            process.kill()


def _percentile(latencies: list[float], share: float) -> float:
    return sorted(latencies)[int(len(latencies) * share)]


def _said(played: Played, none: float, most: float) -> str:
    p50, worst = _percentile(played.spread, 0.5), max(played.spread)
    lost = f"; lost {len(played.lost)}: {played.lost[0]}" if played.lost else ""
    return (
        f"{len(played.spread)} replies in {played.seconds:.0f} s, p50 {p50:.2f} ms, worst {worst:.1f} ms;"
        f" RSS {none / 1024:.1f} to {most / 1024:.1f} MiB{lost}"
    )


@click.command(help=__doc__.partition("\n")[0])
@click.option("--quick", is_flag=True, help="Rougher figures in under 20 seconds.")
def main(*, quick: bool) -> None:
    pace = _QUICK if quick else _FULL
    _raise_files()
    click.echo(f"{machine()}; load average before {os.getloadavg()[0]:.1f}")
    click.echo(
        f"{pace.callers} callers at the same time, {COMMANDS} commands each,"
        f" prompts of {pace.least:g} to {pace.most:g} s:"
    )
    click.echo(f"  {'':14}finished  threads  RSS KiB/caller  p99 ms  burst p99 ms  CPU ms/caller")
    found: dict[str, Figures] = {}
    for name in ("ours", *_PEERS, *_BESIDE * (not quick)):
        try:
            found[name] = figures = measure(name, pace)
        except (Failed, OSError) as failure:
            click.echo(f"  {name} could not be measured: {failure}")
            continue
        click.echo(
            f"  {name:14}{figures.finished:>8}{figures.threads:>9}{figures.rss_kib:>16.1f}"
            f"{figures.p99_ms:>8.2f}{figures.burst_p99_ms:>14.1f}{figures.cpu_ms:>15.2f}   ({figures.said})"
        )
    result = _result(found)
    missed = [f"finished = {pace.callers}"] * (result["finished"] != pace.callers)
    missed += [f"{name} <= {bar:g}" for name, bar in _MOST.items() if not result[name] <= bar]
    click.echo(f"bars missed: {', '.join(missed) or 'none'}")
    click.echo("RESULT " + " ".join(f"{name}={_plain(value)}" for name, value in result.items()))


def _result(found: dict[str, Figures]) -> dict[str, float]:
    unknown = float("nan")
    ours = found.get("ours", Figures(0, 0, unknown, unknown, unknown, unknown, ""))
    return {
        "finished": ours.finished,
        "threads": ours.threads,
        "rss_kib_per_caller": ours.rss_kib,
        "p99_ms": ours.p99_ms,
        "cpu_ms_per_caller": ours.cpu_ms,
    } | {f"{name}_rss_kib": found[name].rss_kib if name in found else unknown for name in _PEERS}


def _plain(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def _raise_files() -> None:
    """Raise the soft limit of open files; the contestants inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    main()
