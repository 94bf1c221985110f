"""AMI events in typed form: each as Asterisk writes it, and as the codec filters it."""

import pytest

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import MessageCounts
from cc_bridge.calls.ami_events import WANTED, WANTED_FOR_DIRECT_CALLS, read
from cc_bridge.calls.events import (
    AttendedTransferred,
    BlindTransferred,
    BridgeEntered,
    BridgeLeft,
    Called,
    ChannelEnded,
    ChannelStarted,
    Connected,
    DialEnded,
    DialStarted,
    Dumped,
    GaveUp,
    HangupRequested,
    Held,
    Joined,
    Left,
    LocalJoined,
    MemberGone,
    MemberSeen,
    PickedUp,
    QueueRun,
    StatusSet,
    Unheld,
)

AT = 1790000000.25
# The channel's headers of most events, in Asterisk's order (main/manager_channels.c).
CHANNEL = {
    "Channel": "PJSIP/trunk-00000001",
    "ChannelState": "6",
    "CallerIDNum": "09121234567",
    "CallerIDName": "سارا",
    "ConnectedLineNum": "<unknown>",
    "Language": "fa",
    "Context": "from-trunk",
    "Exten": "600",
    "Uniqueid": "pbx-1.2",
    "Linkedid": "pbx-1.1",
}
TRUNK, PLACE = "PJSIP/trunk-00000001", "from-trunk,600"
AGENT = {"DestChannel": "PJSIP/101-00000002", "DestUniqueid": "pbx-1.3"}
QUEUE = {"Queue": "sales"}
MEMBER = {"Interface": "PJSIP/101", "MemberName": "زهرا"}
WHO = ("09121234567", "سارا", "fa")
BRIDGE = {"BridgeUniqueid": "b-1", "BridgeType": "basic", "BridgeTechnology": "simple_bridge"}
TRANSFER = {
    "Result": "Success",
    "OrigTransfererUniqueid": "pbx-1.3",
    "SecondTransfererUniqueid": "pbx-1.5",
}
STATE = {"Status": "2", "Paused": "1", "PausedReason": "tea", "Wrapuptime": "15"}
SEEN = MemberSeen(AT, "sales", "PJSIP/101", "زهرا", 2, True, "tea", 15)

EVENTS = [
    ("Newchannel", CHANNEL, ChannelStarted(AT, "pbx-1.2", "pbx-1.1", "from-trunk", "600", *WHO, TRUNK)),
    ("Hangup", {**CHANNEL, "Cause": "16"}, ChannelEnded(AT, "pbx-1.2", 16, "pbx-1.1")),
    ("HangupRequest", CHANNEL, HangupRequested(AT, "pbx-1.2", by_pbx=False)),
    ("SoftHangupRequest", {**CHANNEL, "Cause": "32"}, HangupRequested(AT, "pbx-1.2", by_pbx=True)),
    (
        "Newexten",
        {**CHANNEL, "Application": "Queue", "AppData": " sales ,t,,,60"},
        QueueRun(AT, "pbx-1.2", "pbx-1.1", "sales", *WHO),
    ),
    (
        "QueueCallerJoin",
        {**CHANNEL, **QUEUE, "Position": "3"},
        Joined(AT, "pbx-1.2", "pbx-1.1", "sales", 3, *WHO),
    ),
    ("QueueCallerLeave", {**CHANNEL, **QUEUE, "Position": "1"}, Left(AT, "pbx-1.2", "sales")),
    (
        "QueueCallerAbandon",
        {**CHANNEL, **QUEUE, "Position": "1", "OriginalPosition": "4", "HoldTime": "31"},
        GaveUp(AT, "pbx-1.2", "pbx-1.1", "sales", 31, 4, *WHO),
    ),
    (
        "AgentCalled",
        {**CHANNEL, **AGENT, **QUEUE, **MEMBER},
        Called(AT, "pbx-1.2", "pbx-1.1", "sales", "PJSIP/101", "زهرا", "pbx-1.3"),
    ),
    (
        "AgentConnect",
        {**CHANNEL, **AGENT, **QUEUE, **MEMBER, "RingTime": "2", "HoldTime": "7"},
        Connected(
            AT,
            "pbx-1.2",
            "pbx-1.1",
            "sales",
            "PJSIP/101",
            "زهرا",
            "pbx-1.3",
            "PJSIP/101-00000002",
            7,
            *WHO,
        ),
    ),
    ("AgentDump", {**CHANNEL, **AGENT, **QUEUE, **MEMBER}, Dumped(AT, "pbx-1.2", "pbx-1.3")),
    (
        "DialEnd",
        {**CHANNEL, **AGENT, "DialStatus": "NOANSWER"},
        DialEnded(AT, "pbx-1.3", "NOANSWER", "pbx-1.2", dialed_channel="PJSIP/101-00000002"),
    ),
    (
        "DialEnd",
        {**CHANNEL, **AGENT, "DialStatus": "CANCEL", "Forward": "Local/102@agents"},
        DialEnded(AT, "pbx-1.3", "CANCEL", "pbx-1.2", forwarded=True, dialed_channel="PJSIP/101-00000002"),
    ),
    # A phone that picks the call up has a channel with another Linkedid.
    (
        "DialEnd",
        {**CHANNEL, **AGENT, "DestLinkedid": "pbx-1.3", "DialStatus": "ANSWER"},
        DialEnded(AT, "pbx-1.3", "ANSWER", "pbx-1.2", dialed_channel="PJSIP/101-00000002", picked_up=True),
    ),
    (
        "BridgeEnter",
        {**BRIDGE, **CHANNEL, "SwapUniqueid": "pbx-1.9"},
        BridgeEntered(AT, "b-1", "pbx-1.2", "pbx-1.9", holding=False, channel=TRUNK, place=PLACE),
    ),
    (
        "BridgeEnter",
        {**BRIDGE, **CHANNEL},
        BridgeEntered(AT, "b-1", "pbx-1.2", "", holding=False, channel=TRUNK, place=PLACE),
    ),
    # Holding bridges: the waiting room of app_agent_pool, and one that plays music.
    (
        "BridgeEnter",
        {**BRIDGE, **CHANNEL, "BridgeType": "agent_hold"},
        BridgeEntered(AT, "b-1", "pbx-1.2", "", holding=True, channel=TRUNK, place=PLACE),
    ),
    (
        "BridgeEnter",
        {**BRIDGE, **CHANNEL, "BridgeTechnology": "holding_bridge"},
        BridgeEntered(AT, "b-1", "pbx-1.2", "", holding=True, channel=TRUNK, place=PLACE),
    ),
    ("BridgeLeave", {**BRIDGE, **CHANNEL}, BridgeLeft(AT, "b-1", "pbx-1.2", PLACE)),
    ("Hold", CHANNEL, Held(AT, "pbx-1.2")),
    ("Unhold", CHANNEL, Unheld(AT, "pbx-1.2")),
    (
        "BlindTransfer",
        {
            "Result": "Success",
            "TransfererUniqueid": "pbx-1.3",
            "TransfereeUniqueid": "pbx-1.2",
            "Context": "x",
            "Extension": "700",
        },
        BlindTransferred(AT, "pbx-1.3", "700", "pbx-1.2"),
    ),
    (
        "AttendedTransfer",
        {
            **TRANSFER,
            "SecondTransfererConnectedLineNum": "102",
            "TransfereeUniqueid": "pbx-1.2",
            "TransferTargetUniqueid": "pbx-1.7",
            "DestType": "Bridge",
        },
        AttendedTransferred(AT, ("pbx-1.3", "pbx-1.5"), "102", "pbx-1.2", "pbx-1.7"),
    ),
    # Asterisk sends no number here; the tracker uses the extension that the consultation dialled.
    (
        "AttendedTransfer",
        {**TRANSFER, "SecondTransfererConnectedLineNum": "<unknown>", "DestType": "Bridge"},
        AttendedTransferred(AT, ("pbx-1.3", "pbx-1.5"), ""),
    ),
    (
        "AttendedTransfer",
        {**TRANSFER, "DestType": "App", "DestApp": "Queue"},
        AttendedTransferred(AT, ("pbx-1.3", "pbx-1.5"), "", into_application=True),
    ),
    (
        "LocalBridge",
        {"LocalOneUniqueid": "pbx-1.6", "LocalTwoUniqueid": "pbx-1.7"},
        LocalJoined(AT, "pbx-1.6", "pbx-1.7"),
    ),
    (
        "VarSet",
        {**CHANNEL, "Variable": "QUEUESTATUS", "Value": "TIMEOUT"},
        StatusSet(AT, "pbx-1.2", "", "TIMEOUT", "VarSet QUEUESTATUS"),
    ),
    (
        "UserEvent",
        {**CHANNEL, "UserEvent": "CCQueueExit", **QUEUE, "QueueStatus": "FULL"},
        StatusSet(AT, "pbx-1.2", "sales", "FULL", "UserEvent CCQueueExit"),
    ),
    *[
        (name, {**QUEUE, **MEMBER, **STATE}, SEEN)
        for name in ("QueueMemberStatus", "QueueMemberPause", "QueueMemberAdded")
    ],
    # Asterisk before 16.3 sends no Wrapuptime.
    (
        "QueueMemberStatus",
        {**QUEUE, **MEMBER, "Status": "1", "Paused": "0"},
        MemberSeen(AT, "sales", "PJSIP/101", "زهرا", 1, False, "", 0),
    ),
    ("QueueMemberRemoved", {**QUEUE, **MEMBER, **STATE}, MemberGone(AT, "sales", "PJSIP/101")),
    (
        "DialBegin",
        {**CHANNEL, **AGENT, "DialString": "101"},
        DialStarted(
            AT,
            "pbx-1.2",
            "pbx-1.1",
            "PJSIP/trunk-00000001",
            "from-trunk",
            "600",
            "pbx-1.3",
            "PJSIP/101-00000002",
            *WHO,
        ),
    ),
    (
        "Pickup",
        {**CHANNEL, "TargetChannel": "PJSIP/101-00000002", "TargetUniqueid": "pbx-1.3"},
        PickedUp(AT, "pbx-1.2", "PJSIP/trunk-00000001", "pbx-1.3"),
    ),
]

# Events of the same names without information on a call in a queue.
OF_NO_INTEREST = [
    ("SoftHangupRequest", {**CHANNEL, "Cause": "16"}),  # the dialplan has ended
    ("Newexten", {**CHANNEL, "Application": "Playback", "AppData": "welcome"}),
    ("VarSet", {**CHANNEL, "Variable": "QUEUEPOSITION", "Value": "1"}),
    ("UserEvent", {**CHANNEL, "UserEvent": "Other", **QUEUE, "QueueStatus": "FULL"}),
    ("RTCPSent", CHANNEL),
]
SAYS_NOTHING = [
    *OF_NO_INTEREST,
    ("Newexten", {**CHANNEL, "Application": "Queue", "AppData": ",t"}),  # Queue() without a queue
    ("BlindTransfer", {"Result": "Fail", "TransfererUniqueid": "pbx-1.3", "Extension": "700"}),
    ("AttendedTransfer", {**TRANSFER, "Result": "Invalid", "DestType": "Fail"}),
]


def messages(name, headers, wanted=None, stamp=AT):
    """Return the codec's messages for the bytes of an event."""
    told = {"Event": name, "Privilege": "call,all", **({"Timestamp": stamp} if stamp else {}), **headers}
    text = "".join(f"{key}: {value}\r\n" for key, value in told.items())
    return list(Codec(wanted, MessageCounts()).feed(f"{text}\r\n".encode()))


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e400", "-1790000000.0", "0.000000", "77.5", "1e10"])
def test_an_event_with_an_implausible_instant_is_dated_by_its_arrival(text):
    assert reading("Hold", CHANNEL, stamp=text) == Held(5.0, "pbx-1.2")


@pytest.mark.parametrize("text", ["nan", "inf", "-5", "1e300", "x", "0"])
def test_an_implausible_start_of_a_pause_is_not_known(text):
    seen = reading("QueueMemberPause", {**QUEUE, **MEMBER, **STATE, "LastPause": text})
    assert seen == SEEN._replace(paused_at=0.0)


@pytest.mark.parametrize("text", ["1" * 400, "99999999999", "nan", "1e3"])
def test_an_implausible_duration_or_count_makes_an_event_malformed(text):
    gave_up = {**CHANNEL, **QUEUE, "OriginalPosition": "1"}
    assert reading("QueueCallerAbandon", {**gave_up, "HoldTime": text}) is None
    assert reading("QueueCallerJoin", {**CHANNEL, **QUEUE, "Position": text}) is None


def reading(name, headers, wanted=None, stamp=AT):
    (message,) = messages(name, headers, wanted, stamp)
    return read(message, lambda: 5.0)


@pytest.mark.parametrize("wanted", [None, WANTED_FOR_DIRECT_CALLS], ids=["whole", "cut"])
@pytest.mark.parametrize(("name", "headers", "expected"), EVENTS)
def test_what_an_event_says(name, headers, expected, wanted):
    event = reading(name, headers, wanted)
    assert event == expected
    assert type(event) is type(expected)


@pytest.mark.parametrize(("name", "headers"), SAYS_NOTHING)
def test_what_says_nothing(name, headers):
    assert reading(name, headers) is None


@pytest.mark.parametrize(("name", "headers"), OF_NO_INTEREST)
def test_the_codec_passes_over_what_is_of_no_interest(name, headers):
    assert messages(name, headers, WANTED_FOR_DIRECT_CALLS) == []


@pytest.mark.parametrize("name", ["DialBegin"])
def test_what_only_direct_calls_need_is_passed_over_without_them(name):
    headers = {**CHANNEL, **AGENT, "TargetUniqueid": "pbx-1.3"}
    assert messages(name, headers, WANTED) == []
    assert len(messages(name, headers, WANTED_FOR_DIRECT_CALLS)) == 1


def test_an_item_of_queuestatus_has_other_names_for_the_same():
    member = {"Name": "زهرا", "Location": "PJSIP/101"}
    told = {"Event": "QueueMember", "ActionID": "1", **QUEUE, **member, **STATE}
    text = "".join(f"{key}: {value}\r\n" for key, value in told.items())
    (item,) = Codec(WANTED).feed(f"{text}\r\n".encode())
    assert read(item, lambda: AT) == SEEN


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("<unknown>", ""),
        ("unknown", ""),
        ('Sara \\"S\\" Karimi', 'Sara "S" Karimi'),
        ("a\\\\b", "a\\b"),
    ],
)
def test_a_callers_name_is_told_as_it_was_before_asterisk_escaped_it(written, meant):
    event = reading("QueueCallerJoin", {**CHANNEL, **QUEUE, "Position": "1", "CallerIDName": written})
    assert event.name == meant


def test_a_callers_number_is_not_escaped():
    event = reading("QueueCallerJoin", {**CHANNEL, **QUEUE, "Position": "1", "CallerIDNum": "09\\12"})
    assert event.number == "09\\12"


@pytest.mark.parametrize("unknown", ["<unknown>", "unknown"])
def test_a_withheld_number_is_empty(unknown):
    event = reading("QueueCallerJoin", {**CHANNEL, **QUEUE, "Position": "1", "CallerIDNum": unknown})
    assert event.number == ""


@pytest.mark.parametrize("name", ["Newchannel", "QueueCallerJoin"])
def test_a_channel_without_a_language_has_an_empty_one(name):
    headers = {**CHANNEL, **QUEUE, "Position": "1"}
    del headers["Language"]
    assert reading(name, headers).language == ""


def test_an_event_without_a_timestamp_is_of_its_arrival():
    assert reading("Hold", CHANNEL, stamp=None) == Held(5.0, "pbx-1.2")


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("QueueCallerJoin", {**CHANNEL, **QUEUE}),
        ("QueueCallerJoin", {**CHANNEL, **QUEUE, "Position": "first"}),
        ("Hold", {**CHANNEL, "Timestamp": "yesterday"}),
        ("DialBegin", AGENT),  # the PBX dials, without a caller
        ("AttendedTransfer", {"Result": "Success", "OrigTransfererUniqueid": "pbx-1.3", "DestType": "App"}),
    ],
)
def test_what_is_malformed_says_nothing(name, headers):
    assert reading(name, headers, stamp=None) is None
