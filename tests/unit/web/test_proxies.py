"""The peer behind a proxy."""

import pytest

from cc_bridge.web.proxies import TrustedProxies


@pytest.mark.parametrize(
    ("address", "forwarded_for", "peer"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("::ffff:127.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("::1", "2001:db8::5", "2001:db8::5"),
        ("203.0.113.5", "198.51.100.9", "203.0.113.5"),  # no proxy
        ("127.0.0.1", "10.9.9.9, 203.0.113.5", "203.0.113.5"),  # the peer forged the first one
        ("127.0.0.1", "203.0.113.5, 10.0.0.3", "203.0.113.5"),  # two proxies
        ("127.0.0.1", "10.0.0.2,10.0.0.3", "10.0.0.2"),
        ("127.0.0.1", "203.0.113.5, garbage", "127.0.0.1"),
        ("127.0.0.1", ",", "127.0.0.1"),
        ("?", "203.0.113.5", "?"),
    ],
)
def test_the_last_address_that_is_no_proxy_is_the_peer(address, forwarded_for, peer):
    proxies = TrustedProxies(["127.0.0.1", "::1", "10.0.0.0/8"])
    assert proxies.peer(address, forwarded_for) == peer


def test_no_proxy_may_be_trusted_at_all():
    assert TrustedProxies([]).peer("127.0.0.1", "203.0.113.5") == "127.0.0.1"


def test_a_text_that_is_no_network_is_refused():
    with pytest.raises(ValueError, match=r"nginx\.local"):
        TrustedProxies(["nginx.local"])
