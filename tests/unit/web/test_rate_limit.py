"""The rate limit of each peer."""

import pytest

from cc_bridge.web import rate_limit
from cc_bridge.web.rate_limit import RateLimiter


def test_a_rate_does_not_save_up():
    rate = RateLimiter(2, 1)
    assert [rate.take("a", at) for at in (5, 5, 5, 6, 6, 100, 100, 100)] == [0, 0, 1, 0, 1, 0, 0, 1]


def test_each_peer_has_its_own():
    rate = RateLimiter(1, 0.2)
    assert [rate.take(peer, 0) for peer in ("a", "a", "b", "b", "a")] == [0, 5, 0, 5, 5]


def test_the_wait_is_what_it_says():
    rate = RateLimiter(1, 0.2)
    rate.take("a", 0)
    assert rate.take("a", 2) == 3
    assert rate.take("a", 2 + 3) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("?", "unknown", False),
    ],
)
def test_a_peer_with_a_network_of_its_own_is_one_peer(one, other, same):
    rate = RateLimiter(1, 1)
    rate.take(one, 0)
    assert (rate.take(other, 0) > 0) is same


def test_the_memory_of_peers_is_limited(monkeypatch):
    monkeypatch.setattr(rate_limit, "_MOST_PEERS", 3)
    rate = RateLimiter(1, 0.001)
    for peer in "abcd":
        rate.take(peer, 0)
    assert rate.take("d", 0) > 0
    assert rate.take("a", 0) == 0  # the peer that asked longest ago is forgotten
