"""Hostile input for twenty seconds: recorded traffic with changes, and generated input."""

import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from twisted.logger import globalLogPublisher

from fuzz.inputs import corpus_of, hostile_input
from fuzz.targets import TARGETS

_SECONDS = 10.0  # for each target and each of the two longer tests


@pytest.fixture(params=sorted(TARGETS))
def target(request):
    """Yield the name of a target and the target; an exception that it logs fails the test."""
    faults = []

    def observe(event):
        if "log_failure" in event:
            faults.append(event["log_failure"].getTraceback())

    globalLogPublisher.addObserver(observe)
    yield request.param, TARGETS[request.param]()
    globalLogPublisher.removeObserver(observe)
    assert faults == []


def test_recorded_input_is_no_error(target):
    name, fed = target
    for data in corpus_of(name):
        fed.feed(data, Random(1))


def test_input_of_a_fixed_seed(target):
    name, fed = target
    corpus, chance, end = corpus_of(name), Random(1), time.monotonic() + _SECONDS
    while time.monotonic() < end:
        fed.feed(hostile_input(fed, corpus, chance), chance)


def test_input_that_hypothesis_chooses(target):
    name, fed = target
    corpus, end = corpus_of(name), time.monotonic() + _SECONDS
    pieces = st.sampled_from([*fed.tokens, *corpus]) | st.binary(max_size=40)

    @settings(max_examples=2000, suppress_health_check=list(HealthCheck))
    @given(st.lists(pieces, max_size=12).map(b"".join), st.integers(0, 99))
    def feed(data, seed):
        if time.monotonic() < end:
            fed.feed(data, Random(seed))

    feed()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_run_by_hand_starts(name):
    command = [sys.executable, Path(__file__).with_name("run.py"), name, "--inputs", "20"]
    assert f"RESULT target={name} inputs=20 " in subprocess.check_output(command, text=True)
