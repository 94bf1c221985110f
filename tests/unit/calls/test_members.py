"""The queue members: names by interface and by the extension of a phone."""

import pytest

from cc_bridge.calls.events import MemberSeen
from cc_bridge.calls.members import Members


def seen(queue, interface, name):
    return MemberSeen(0.0, queue, interface, name, 1, False, "", 0)


@pytest.fixture
def members():
    members = Members()
    for each in (
        seen("sales", "PJSIP/100", "Alice"),
        seen("help", "PJSIP/100", "Alice"),
        seen("sales", "Local/200@from-queue/n", "Bob"),
        seen("sales", "PJSIP/300", ""),
    ):
        members[each.queue, each.interface] = each
    return members


@pytest.mark.parametrize(
    ("phone", "name"),
    [
        ("PJSIP/100", "Alice"),
        ("SIP/100", "SIP/100"),  # another phone than the member's
        ("PJSIP/200", "Bob"),  # the extension behind the Local channel
        ("Local/200@from-queue/n", "Bob"),
        ("PJSIP/300", "PJSIP/300"),  # a member without a name
        ("PJSIP/999", "PJSIP/999"),
        ("", ""),
    ],
)
def test_the_name_at_a_phone(members, phone, name):
    assert members.name_at(phone) == name


def test_a_name_is_known_as_long_as_one_queue_has_the_member(members):
    del members["sales", "PJSIP/100"]
    assert members.name_of("PJSIP/100") == "Alice"
    assert members.pop(("help", "PJSIP/100")).name == "Alice"
    assert members.name_of("PJSIP/100") is None
    del members["sales", "Local/200@from-queue/n"]
    assert members.name_at("PJSIP/200") == "PJSIP/200"


def test_the_last_name_counts_after_a_reload_of_the_queues(members):
    members["help", "PJSIP/100"] = seen("help", "PJSIP/100", "Alicia")
    assert members.name_of("PJSIP/100") == "Alicia"


def test_nothing_is_left_of_cleared_members(members):
    members.clear()
    members.update({("sales", "PJSIP/1"): seen("sales", "PJSIP/1", "Zahra")})
    assert (members.name_at("PJSIP/100"), members.name_at("PJSIP/1")) == ("PJSIP/100", "Zahra")
