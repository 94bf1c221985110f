"""A mix of calls of which a third are transferred, picked up, parked, consulted about or in a conference.

Each caller rates by key. The witness (hearing.py) knows the person that each caller heard last, and all talks
with their start and end. `tests/bench/attribution.py` makes as many calls as one likes.
"""

import pytest

from pbx.mix_run import run_mix

CALLS = 40
# The seeds without and with direct calls.
SEEDS = (1, 2)


@pytest.mark.parametrize("direct", [True, False], ids=["direct calls", "queues only"])
def test_each_rating_is_about_the_one_who_was_heard_last(rig, tmp_path, direct):
    verdict = run_mix(rig, tmp_path, CALLS, direct=direct, at_once=10, seed=SEEDS[direct])
    assert verdict.is_right, str(verdict)
    assert verdict.rated == CALLS
