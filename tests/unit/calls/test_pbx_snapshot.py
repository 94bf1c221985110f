"""The snapshot that is made from the items of QueueStatus and CoreShowChannels."""

import pytest

from cc_bridge.ami.codec import Codec
from cc_bridge.calls.ami_events import WANTED
from cc_bridge.calls.events import Joined, MemberSeen
from cc_bridge.calls.pbx_snapshot import PbxSnapshot, SeenTalk, read_item

CALLER, AGENT = "pbx-1.1", "pbx-1.2"
MEMBER = {
    "Queue": "sales", "Name": "Alice", "Location": "PJSIP/101", "Status": "2", "Paused": "1",
    "PausedReason": "tea", "Wrapuptime": "15",
}  # fmt: skip
ENTRY = {
    "Queue": "sales", "Position": "1", "Channel": "PJSIP/trunk-1", "Uniqueid": CALLER,
    "CallerIDNum": "0912", "CallerIDName": "unknown", "Wait": "30",
}  # fmt: skip
CHANNEL = {
    "Channel": "PJSIP/trunk-1", "Uniqueid": CALLER, "Linkedid": "pbx-1.0", "Language": "fa",
    "Application": "Queue", "ApplicationData": "sales,t,,,60", "BridgeId": "",
}  # fmt: skip


def item(name, *lines, **headers):
    """Return a list item as the codec returns it."""
    told = [f"Event: {name}", "ActionID: 1", *(f"{key}: {value}" for key, value in headers.items()), *lines]
    (event,) = Codec(WANTED).feed("\r\n".join([*told, "", ""]).encode())
    return event


def snapshot(*items):
    return PbxSnapshot.of([read_item(each, 1000.0) for each in items], 1000.0)


def test_queues_and_their_members():
    seen = snapshot(item("QueueParams", Queue="sales", Max="0"), item("QueueMember", **MEMBER))
    assert seen.queues == {"sales"}
    assert seen.members == (
        MemberSeen(1000.0, "sales", "PJSIP/101", "Alice", status=2, paused=True, reason="tea", wrap_up=15),
    )


def test_the_names_of_many_members_are_kept_once():
    many = [item("QueueMember", **MEMBER), item("QueueMember", **MEMBER)]
    one, other = (read_item(each, 1000.0) for each in many)
    assert one.queue is other.queue
    assert one.name is other.name
    assert one.interface is other.interface


def test_a_waiting_caller_is_completed_from_the_channel():
    seen = snapshot(item("QueueEntry", **ENTRY), item("CoreShowChannel", **CHANNEL))
    assert seen.waiting == (Joined(970.0, CALLER, "pbx-1.0", "sales", 1, "0912", "", "fa"),)
    assert seen.channels == {CALLER: ""}
    assert seen.talks == ()


def test_a_waiting_caller_whose_channel_is_not_shown():
    assert snapshot(item("QueueEntry", **ENTRY)).waiting == (
        Joined(970.0, CALLER, CALLER, "sales", 1, "0912", "", ""),
    )


def test_a_caller_and_who_was_called_in_one_bridge_talk():
    agent = {"Channel": "PJSIP/101-2", "Uniqueid": AGENT, "Application": "AppQueue", "BridgeId": "b"}
    seen = snapshot(item("CoreShowChannel", **CHANNEL | {"BridgeId": "b"}), item("CoreShowChannel", **agent))
    assert seen.talks == (SeenTalk(CALLER, "pbx-1.0", "sales", AGENT, "PJSIP/101-2"),)
    assert seen.channels == {CALLER: "b", AGENT: "b"}


def test_the_two_halves_of_a_local_channel():
    local, other = "Local/101@agents-0000000a", "Local/101@agents-0000000b"
    names = {"1": f"{local};2", "2": f"{local};1", "3": f"{other};2", "4": "PJSIP/101-1"}
    shown = [item("CoreShowChannel", Channel=name, Uniqueid=uniqueid) for uniqueid, name in names.items()]
    assert snapshot(*shown).halves == (("2", "1"),)


@pytest.mark.parametrize(
    "malformed",
    [
        item("QueueParams"),
        item("QueueParams", Queue=""),
        item("QueueMember", **MEMBER | {"Status": "busy"}),
        item("QueueEntry", **ENTRY | {"Wait": ""}),
        item("QueueEntry", "Queue: forged", **ENTRY),
        item("QueueMember", "Queue: forged", **MEMBER),
        item("QueueParams", "Queue: forged", Queue="sales"),
        item("CoreShowChannel", "Uniqueid: forged", **CHANNEL),
        item("CoreShowChannel", Channel="PJSIP/101-2"),
        item("QueueStatusComplete"),
    ],
)
def test_what_is_malformed_is_passed_over(malformed):
    assert read_item(malformed, 1000.0) is None
    assert snapshot(malformed) == snapshot()


def test_the_instant_of_a_snapshot_is_told():
    assert snapshot().taken_at == 1000.0


def test_a_withheld_number_is_empty():
    (waiting,) = snapshot(item("QueueEntry", **ENTRY | {"CallerIDNum": "unknown"})).waiting
    assert waiting.number == ""


def test_of_a_channel_only_its_uniqueid_is_needed():
    channel = read_item(item("CoreShowChannel", Uniqueid=CALLER), 1000.0)
    assert (channel.uniqueid, channel.linkedid) == (CALLER, CALLER)
    assert set(channel[2:]) == {""}
