"""Proof with a chosen number of calls that ratings and talks are about the right person.

    python tests/bench/attribution.py --calls 300 --version 22 --direct

A third of the calls are transfers, pickups, parkings, consultations and conferences; each caller rates by
key. The output has the numbers of ratings about another person than the witness heard and of ratings about
no person, and the faults of visits and talks. The exit code is 1 if there is a fault.
"""

import sys
import tempfile
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from pbx.mix_run import run_mix
from pbx.rig import Rig


@click.command()
@click.option("--calls", default=300, help="Calls that end in a survey.")
@click.option("--version", default="22", type=click.Choice(["16", "22"]), help="Version of Asterisk.")
@click.option("--direct/--queues-only", default=True, help="Record calls without a queue too.")
@click.option("--at-once", default=10, help="Calls at a time.")
@click.option("--seed", default=1, help="Another seed gives other calls.")
def prove(calls: int, version: str, direct: bool, at_once: int, seed: int) -> None:
    rig = Rig(version)
    try:
        rig.start()
        with tempfile.TemporaryDirectory() as folder:
            verdict = run_mix(rig, Path(folder), calls, direct=direct, at_once=at_once, seed=seed)
    finally:
        rig.stop()
    click.echo(f"Asterisk {version}, direct calls {'on' if direct else 'off'}: {verdict}")
    sys.exit(not verdict.is_right)


if __name__ == "__main__":
    prove()
