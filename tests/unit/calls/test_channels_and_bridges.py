"""Channels and bridges: which channels hear each other, also through Local channels."""

import pytest

from cc_bridge.calls.channels_and_bridges import Channels


@pytest.fixture
def channels():
    return Channels()


def chain(channels, hops):
    """Connect a caller with a phone through a row of `hops` Local channels."""
    channels.entered_bridge("caller", "b-0")
    for hop in range(hops):
        channels.pair(f"{hop};1", f"{hop};2")
        channels.entered_bridge(f"{hop};1", f"b-{hop}")
        channels.entered_bridge(f"{hop};2", f"b-{hop + 1}")
    channels.entered_bridge("phone", f"b-{hops}")


def test_a_channel_is_known_once_it_was_heard_of(channels):
    assert (len(channels), "1.1" in channels, channels.find("1.1")) == (0, False, None)
    channel = channels.get("1.1")
    assert (channel.uniqueid, channel.bridge) == ("1.1", None)
    assert channels.get("1.1") is channels.find("1.1") is channel
    assert (len(channels), "1.1" in channels) == (1, True)


def test_a_channel_is_in_one_bridge_at_a_time(channels):
    channels.entered_bridge("1.1", "b-1")
    channels.entered_bridge("1.2", "b-1")
    channels.entered_bridge("1.1", "b-2")
    assert (channels.bridge_of("1.1"), channels.bridge_of("1.2")) == ("b-2", "b-1")
    assert (set(channels.in_bridge("b-1")), set(channels.in_bridge("b-2"))) == ({"1.2"}, {"1.1"})


def test_who_leaves_a_bridge_is_in_none(channels):
    channels.entered_bridge("1.1", "b-1")
    channels.entered_bridge("1.2", "b-1")
    channels.left_bridge("1.1")
    channels.left_bridge("1.1")
    assert (channels.bridge_of("1.1"), set(channels.in_bridge("b-1"))) == (None, {"1.2"})
    channels.left_bridge("1.2")
    assert list(channels.in_bridge("b-1")) == []


@pytest.mark.parametrize("unknown", ["left_bridge", "ended"])
def test_an_unknown_channel_may_leave_or_end(channels, unknown):
    getattr(channels, unknown)("1.1")
    assert (len(channels), channels.bridge_of("1.1")) == (0, None)


def test_a_channel_that_ends_leaves_its_bridge(channels):
    channels.entered_bridge("1.1", "b-1")
    channels.entered_bridge("1.2", "b-1")
    channels.ended("1.1")
    assert (len(channels), channels.find("1.1"), set(channels.in_bridge("b-1"))) == (1, None, {"1.2"})
    assert channels.audible_channels("1.2") == set()


def test_two_in_a_bridge_hear_each_other(channels):
    for uniqueid in ("1.1", "1.2", "1.3"):
        channels.entered_bridge(uniqueid, "b-1")
    channels.entered_bridge("1.4", "b-2")
    assert channels.audible_channels("1.1") == {"1.2", "1.3"}
    assert channels.audible_channels("1.4") == set()


@pytest.mark.parametrize("nobody", ["unknown", "alone"])
def test_who_is_in_no_bridge_hears_nobody(channels, nobody):
    channels.get("alone")
    channels.entered_bridge("1.1", "b-1")
    assert channels.audible_channels(nobody) == set()


@pytest.mark.parametrize("hops", range(6))
def test_the_phone_behind_local_channels_is_heard_and_the_halves_are_not(channels, hops):
    chain(channels, hops)
    assert channels.audible_channels("caller") == {"phone"}
    assert channels.audible_channels("phone") == {"caller"}


def test_more_local_channels_in_a_row_than_six_bridges_have_are_not_followed(channels):
    chain(channels, 6)
    assert channels.audible_channels("caller") == set()


def test_everybody_is_heard_where_one_bridge_has_a_local_channel_and_phones(channels):
    """A conference with a member behind a Local channel."""
    chain(channels, 1)
    channels.entered_bridge("colleague", "b-0")
    channels.entered_bridge("supervisor", "b-1")
    assert channels.audible_channels("caller") == {"colleague", "supervisor", "phone"}


def test_two_local_channels_of_one_bridge_are_both_followed(channels):
    chain(channels, 1)
    channels.pair("x;1", "x;2")
    channels.entered_bridge("x;1", "b-0")
    channels.entered_bridge("x;2", "b-9")
    channels.entered_bridge("second phone", "b-9")
    assert channels.audible_channels("caller") == {"phone", "second phone"}


def test_a_local_channel_whose_far_half_is_in_no_bridge_leads_to_nobody(channels):
    channels.pair("0;1", "0;2")
    channels.entered_bridge("caller", "b-0")
    channels.entered_bridge("0;1", "b-0")
    assert channels.audible_channels("caller") == set()


def test_bridges_in_a_ring_end_the_search(channels):
    for hop in range(3):
        channels.pair(f"{hop};1", f"{hop};2")
        channels.entered_bridge(f"{hop};1", f"b-{hop}")
        channels.entered_bridge(f"{hop};2", f"b-{(hop + 1) % 3}")
    channels.entered_bridge("caller", "b-0")
    channels.entered_bridge("phone", "b-1")
    assert channels.audible_channels("caller") == {"phone"}


def test_the_halves_know_each_other_until_both_have_ended(channels):
    channels.pair("0;1", "0;2")
    channels.get("0;1")
    channels.get("0;2")
    assert (channels.other_half("0;1"), channels.other_half("0;2")) == ("0;2", "0;1")
    channels.ended("0;1")
    assert channels.other_half("0;2") == "0;1"  # the far half still exists, so the pair is known
    channels.ended("0;2")
    assert (channels.other_half("0;1"), channels.other_half("0;2")) == (None, None)


def test_a_pair_whose_other_half_was_never_heard_goes_with_the_one(channels):
    channels.pair("0;1", "0;2")
    channels.get("0;1")
    channels.ended("0;1")
    assert (channels.other_half("0;1"), channels.other_half("0;2")) == (None, None)


def test_what_asterisk_tells_of_bridges_is_taken_over(channels):
    channels.pair("0;1", "0;2")
    for uniqueid in ("moved", "stayed", "left"):
        channels.entered_bridge(uniqueid, "b-1")
    channels.resync({"moved": "b-2", "stayed": "b-1", "left": "", "new": "b-2", "alone": ""})
    assert {each: channels.bridge_of(each) for each in ("moved", "stayed", "left", "new", "alone")} == {
        "moved": "b-2",
        "stayed": "b-1",
        "left": None,
        "new": "b-2",
        "alone": None,
    }
    assert (set(channels.in_bridge("b-1")), set(channels.in_bridge("b-2"))) == ({"stayed"}, {"moved", "new"})
    assert len(channels) == 5
    assert channels.other_half("0;1") == "0;2"


def test_what_asterisk_does_not_know_any_more(channels):
    channels.get("1.1")
    channels.get("1.2")
    assert channels.missing_from({"1.2", "1.3"}) == ["1.1"]
