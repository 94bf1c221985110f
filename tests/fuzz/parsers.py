"""Fuzzing of a parser: hostile inputs until the time is over.

CC_BRIDGE_FUZZ_SECONDS is the time of each target, 20 s by default. CC_BRIDGE_FUZZ_SEED is the first seed. The
seed is printed, so that a failed run can be repeated. Hypothesis draws the generated inputs and shrinks them.
It would draw only 200 mutations a second, so mutations come from Python's generator of random numbers.
"""

import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count

from hypothesis import HealthCheck, given, seed, settings, strategies as st

from fuzz.inputs import mutated

SECONDS = float(os.environ.get("CC_BRIDGE_FUZZ_SECONDS", "20"))
_EXAMPLES = 50  # of one seed of hypothesis
_MUTATIONS = 20  # of each example


def generated(tokens: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return the strategy of inputs that are made of a target's tokens and of other bytes."""
    return st.lists(st.sampled_from(tokens) | st.binary(max_size=8), max_size=40).map(b"".join)


def chunks(data: bytes, chance: random.Random) -> list[bytes]:
    """Return bytes in pieces of random lengths, as a network or a file may deliver them."""
    pieces, at = [], 0
    while at < len(data):
        size = chance.choice([1, 2, 3, chance.randint(1, 100), chance.randint(1, 100_000)])
        pieces.append(data[at : at + size])
        at += size
    return pieces


def fuzz(
    check: Callable[[bytes, random.Random], None],
    samples: Sequence[bytes],
    tokens: Sequence[bytes],
    seconds: float = SECONDS,
) -> int:
    """Call `check` with hostile inputs until the time is over; return the number of inputs.

    Most inputs are mutations of `samples`, the others are made of `tokens`. The second argument of `check` is
    a generator of random numbers for other choices of the test, such as chunks. A failed check has its input
    in a note.
    """
    first = int(os.environ.get("CC_BRIDGE_FUZZ_SEED") or random.SystemRandom().randrange(2**32))
    sys.stdout.write(f"CC_BRIDGE_FUZZ_SEED={first}\n")
    run = settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    inputs = 0

    def noted(data: bytes, chance: random.Random) -> None:
        nonlocal inputs
        inputs += 1
        try:
            check(data, chance)
        except BaseException as error:
            error.add_note(f"input: {data!r}")
            raise

    def example(data: bytes, number: int) -> None:
        chance = random.Random(number)
        noted(data, chance)
        for _ in range(_MUTATIONS):
            noted(mutated(chance, samples, tokens), chance)

    end = time.monotonic() + seconds
    for each in count(first):
        seed(each)(run(given(generated(tokens), st.integers(0, 2**64))(example)))()
        if time.monotonic() >= end:
            break
    sys.stdout.write(f"{inputs} inputs\n")
    return inputs
