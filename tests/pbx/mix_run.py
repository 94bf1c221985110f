"""Runs the mix beside a daemon; `test_mix.py` and `tests/bench/attribution.py` say how many calls."""

import random
from pathlib import Path

from pbx.daemon import Daemon
from pbx.mix import Conductor
from pbx.mix_check import Verdict, unexplained
from pbx.mix_kinds import kinds
from pbx.rig import Rig

__all__ = ["run_mix"]


def run_mix(rig: Rig, folder: Path, surveyed: int, *, direct: bool, at_once: int, seed: int) -> Verdict:
    """Make `surveyed` calls that end in a survey, and some others; return the daemon's errors about them."""
    daemon = Daemon(rig, folder)
    daemon.configure("direct_calls", enabled=direct, in_contexts=["incoming"], internal_contexts=["agents"])
    rig.survey_at(daemon.agi_port)
    rig.driver.action("QueuePause", Interface="PJSIP/dave", Paused="true")
    rig.driver.hear_only("call", "agent", "agi")
    rig.phones_driver.hear_only("off")
    rig.driver.forget()
    rng = random.Random(seed)
    conductor = Conductor(rig, rng, at_once)
    queue_log, began = folder / "queue_log", len(rig.pbx.queue_log())
    try:
        daemon.start()
        calls = conductor.run(kinds(surveyed, rng, direct=direct), first_number=seed * 10_000)
        verdict = Verdict(calls, conductor.hearing, daemon, direct=direct)
        daemon.stop()
        queue_log.write_bytes(rig.pbx.queue_log(began))
        verdict.faults += unexplained(calls, daemon, queue_log)
    finally:
        daemon.close()
        rig.driver.hear_only("on")
        rig.phones_driver.hear_only("on")
    return verdict
