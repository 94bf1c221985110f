"""Hostile inputs by hand: `python tests/fuzz/run.py TARGET [--inputs 1000000] [--seed N]`.

Half of the inputs are recorded ones with changes, half are generated. The same seed gives the same inputs. An
input that raises an exception, or makes the target log one, is written to a file and ends the run with exit
code 1. So does a memory that is more than 5 MB larger at the end than after the first 10,000 inputs.
"""

import gc
import sys
import time
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import click
from twisted.logger import globalLogBeginner

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.inputs import corpus_of, hostile_input
from fuzz.targets import TARGETS

_WARM = 10_000  # inputs before the memory is measured for the first time
_MOST_GROWTH_MB = 5.0


def rss_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


@click.command()
@click.argument("name", type=click.Choice(sorted(TARGETS)))
@click.option("--inputs", default=1_000_000, help="Number of inputs.")
@click.option("--seed", type=int, help="Seed of the inputs; a random one without this option.")
def main(name: str, inputs: int, seed: int | None) -> None:
    """Feed hostile inputs to a target."""
    seed = SystemRandom().randrange(10**9) if seed is None else seed
    click.echo(f"{name}: {inputs} inputs, seed {seed}")
    faults: list[Any] = []
    globalLogBeginner.beginLoggingTo(
        [lambda event: faults.append(event["log_failure"]) if "log_failure" in event else None],
        redirectStandardIO=False,
    )
    target, corpus, chance = TARGETS[name](), corpus_of(name), Random(seed)
    began, warm = time.monotonic(), 0.0
    for number in range(inputs):
        data = hostile_input(target, corpus, chance)
        try:
            target.feed(data, chance)
            if faults:
                faults[0].raiseException()
        except Exception:
            file = Path(f"{name}-{seed}-{number}.input")
            file.write_bytes(data)
            click.echo(f"input {number} fails; it is in {file}")
            raise
        if number + 1 == min(_WARM, inputs):
            warm = rss_mb()
    grown, seconds = rss_mb() - warm, time.monotonic() - began
    click.echo(f"memory: {warm:.1f} MB after {min(_WARM, inputs)} inputs, {grown:+.1f} MB at the end")
    figures = f"per_second={inputs / seconds:.0f} rss_growth_mb={grown:.2f}"
    click.echo(f"RESULT target={name} inputs={inputs} seed={seed} {figures}")
    sys.exit(grown > _MOST_GROWTH_MB)


if __name__ == "__main__":
    main()
