"""The PBX's clock against a steady clock: steps of the clock, as opposed to delayed answers."""

import pytest

from cc_bridge.ami.pbx_clock import PbxClock

AHEAD = 1_795_000_000.0  # the steady clock starts at 0


def clock_at(now=100.0):
    clock = PbxClock()
    assert clock.answered(AHEAD + now, now - 0.01, now + 0.01) == 0
    return clock


@pytest.mark.parametrize("step", [-3600.0, -1.0, 1.0, 3600.0])
def test_an_answer_shows_a_step(step):
    clock = clock_at()
    assert clock.answered(AHEAD + 101.5 + step, 101.49, 101.51) == pytest.approx(step)
    assert clock.offset == pytest.approx(AHEAD + step)
    assert clock.answered(AHEAD + 103 + step, 102.99, 103.01) == 0


def test_an_answer_that_was_held_up_is_no_step_and_does_not_hide_one():
    clock = clock_at()
    # This process was halted for a minute, first after Asterisk's answer, then before Asterisk answered.
    assert clock.answered(AHEAD + 101, 101, 161) == 0
    assert clock.answered(AHEAD + 222, 162, 222) == 0
    assert clock.offset == pytest.approx(AHEAD, abs=0.3)
    assert clock.answered(AHEAD + 224 - 1, 223.99, 224.01) == pytest.approx(-1, abs=0.3)


def test_a_clock_that_is_slowly_corrected_makes_no_step():
    clock = clock_at()
    for n in range(2000):
        now = 101.5 + 1.5 * n
        assert clock.answered(AHEAD + now + 0.0005 * (now - 100), now - 0.01, now + 0.01) == 0
    assert clock.offset == pytest.approx(AHEAD + 0.0005 * (now - 100), abs=0.02)


@pytest.mark.parametrize(
    ("at", "earlier", "step"),
    [
        (100.5, 100.4, 0),
        (40, 30, 0),  # an old event, after this process was halted
        (100.4, 100.7, 0),  # another thread of Asterisk
        (3700.5, 100.4, 3600),
        (99.5, 100.4, -1),
        (-3499.5, 100.4, -3600),
    ],
)
def test_an_event_shows_a_step(at, earlier, step):
    clock = clock_at()
    assert clock.event_seen(AHEAD + at, AHEAD + earlier, 100.5) == pytest.approx(step)
    assert clock.offset == pytest.approx(AHEAD + step)
    assert clock.answered(AHEAD + 101.5 + step, 101.49, 101.51) == 0  # the step is not added twice


def test_without_an_answer_nothing_is_known():
    assert PbxClock().event_seen(5000, 9000, 1) == 0
