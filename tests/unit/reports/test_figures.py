"""The figures of reports."""

import pytest

from cc_bridge.reports.figures import mean


def test_the_interval_of_a_mean_time_does_not_go_below_0():
    far_apart = mean(0.1 + 9.9, 0.1**2 + 9.9**2, 2)
    assert (far_apart.value, far_apart.low) == (5, 0)
    assert far_apart.high > 9.9
    near = mean(300, 3 * 100**2 + 2, 3)
    assert (near.low, near.high) == (pytest.approx(97.5, abs=0.1), pytest.approx(102.5, abs=0.1))
