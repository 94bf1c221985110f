"""The AMI codec with whole, split and hostile input."""

import random
import time
import tracemalloc

import pytest
from asterisk.manager import Event, ManagerMsg
from hypothesis import given, settings, strategies as st

from cc_bridge.ami.codec import Codec, EventSpec
from cc_bridge.ami.event_shape import is_cut
from cc_bridge.ami.messages import AnyEvent, ExtractedEvent, Message, encode
from cc_bridge.calls.ami_events import WANTED, WANTED_FOR_DIRECT_CALLS, read
from cc_bridge.offline.replay import read_stream
from support.recordings import all_recordings, recording

JOIN = (
    b"Event: QueueCallerJoin\r\nPrivilege: agent,all\r\nChannel: PJSIP/a-1\r\nCallerIDNum: 0912\r\n"
    b"CallerIDName: \xd8\xb3\xd8\xa7\xd8\xb1\xd8\xa7\r\n"
    b"Uniqueid: 1.1\r\nLinkedid: 1.1\r\nQueue: sales\r\nPosition: 1\r\n\r\n"
)
PONG = b"Response: Success\r\nActionID: 7\r\nPing: Pong\r\nTimestamp: 1.5\r\n\r\n"


def headers(messages):
    return [message.headers for message in messages]


def in_cuts(codec, stream, cuts):
    """Feed a stream in pieces that end at `cuts`. Return all messages."""
    messages, start = [], 0
    for cut in [*sorted(cuts), len(stream)]:
        messages += codec.feed(stream[start:cut])
        start = cut
    return messages


def test_messages_are_pyst2s():
    event, response = Codec().feed(JOIN + PONG)
    assert isinstance(event, Event)
    assert event.name == "QueueCallerJoin"
    assert event["Queue"] == "sales"
    assert isinstance(response, ManagerMsg)
    assert response["Ping"] == "Pong"


def test_banner_is_read_before_anything_else():
    codec = Codec()
    assert codec.feed(b"Asterisk Call Manager/11.0.0\r") == []
    assert codec.banner is None
    assert len(codec.feed(b"\n" + PONG)) == 1
    assert codec.banner == "11.0.0"


def test_whole_and_byte_by_byte_give_the_same():
    stream = recording("22/three_callers_two_agents_persian_names")
    whole = Codec(WANTED).feed(stream)
    codec = Codec(WANTED)
    single = [message for i in range(len(stream)) for message in codec.feed(stream[i : i + 1])]
    assert headers(single) == headers(whole)
    assert len(whole) == 69


@pytest.mark.parametrize("path", all_recordings(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_random_cuts_give_the_same(path):
    stream = b"".join(read_stream(path))
    whole = headers(Codec(WANTED).feed(stream))
    rng = random.Random(path.name)
    for _ in range(3):
        cuts = rng.sample(range(len(stream)), 400)
        assert headers(in_cuts(Codec(WANTED), stream, cuts)) == whole


def test_a_character_cut_between_two_packets_survives():
    cut = JOIN.index(b"\xd8\xb3") + 1
    (event,) = in_cuts(Codec(), JOIN, [cut])
    assert event["CallerIDName"] == "سارا"


def test_line_separators_inside_values_do_not_end_a_line():
    name = "A\u2028Uniqueid: 9\u0085B\x0bC".encode()
    (event,) = Codec().feed(JOIN.replace("سارا".encode(), name))
    assert event["CallerIDName"] == name.decode()
    assert event["Uniqueid"] == "1.1"


def test_bytes_that_are_not_utf8_become_replacement_characters():
    (event,) = Codec().feed(JOIN.replace("سارا".encode(), b"Ren\xe9"))
    assert event["CallerIDName"] == "Ren\ufffd"


def test_bare_line_feeds_of_asterisk_end_messages_too():
    assert len(Codec().feed(PONG.replace(b"\r\n", b"\n") + PONG[:-2] + b"\n" + PONG)) == 3


def test_chan_variables_are_kept_by_name():
    variables = b"ChanVariable: CCB_LANG=fa\r\nChanVariable: X=a=b\r\nDestChanVariable: Y=\r\n"
    (event,) = Codec().feed(JOIN.replace(b"Queue:", variables + b"Queue:"))
    assert event["ChanVariable"] == {"CCB_LANG": "fa", "X": "a=b"}
    assert event["DestChanVariable"] == {"Y": ""}


def test_repeated_headers_of_a_response_become_a_list():
    (message,) = Codec().feed(b"Response: Success\r\nOutput: a\r\nOutput: \r\nOutput: c\r\n\r\n")
    assert message["Output"] == ["a", "", "c"]


def test_filtered_events_are_counted_and_not_parsed():
    codec = Codec({"Hangup": EventSpec(), "VarSet": EventSpec(line="Variable: QUEUESTATUS")})
    varset = JOIN.replace(b"QueueCallerJoin", b"VarSet").replace(b"Queue: sales", b"Variable: X\r\nValue: 1")
    status = varset.replace(b"Variable: X", b"Variable: QUEUESTATUS")
    messages = codec.feed(JOIN + varset + status)
    assert [event["Variable"] for event in messages] == ["QUEUESTATUS"]
    assert codec.counts.filtered == 2


def test_of_a_line_that_is_wanted_the_last_one_counts():
    codec = Codec({"VarSet": EventSpec(line="Variable: QUEUESTATUS")})
    varset = b"Event: VarSet\r\nPrivilege: dialplan,all\r\nVariable: %s\r\nValue: %s\r\n\r\n"
    first, last = varset % (b"QUEUESTATUS\r\nVariable: X", b"1"), varset % (b"QUEUESTATUS", b"TIMEOUT")
    assert [event["Value"] for event in codec.feed(first + last)] == ["TIMEOUT"]
    assert (codec.counts.filtered, codec.counts.malformed) == (1, 0)


def test_events_behind_empty_lines_are_read_like_others():
    codec = Codec(
        {"QueueCallerJoin": EventSpec(("Queue",)), "Newexten": EventSpec(line="Application: Queue")}
    )
    messages = codec.feed(
        b"\r\n" + JOIN + b"\r\n" + JOIN.replace(b"QueueCallerJoin", b"Newexten") + b"\r\n" + PONG
    )
    assert headers(messages)[0] == {"Event": "QueueCallerJoin", "Queue": "sales"}
    assert headers(messages)[1:] == headers(Codec().feed(PONG))
    assert (codec.counts.received, codec.counts.filtered) == (3, 1)


def test_of_a_wanted_event_only_the_named_headers_are_cut_out():
    codec = Codec({"QueueCallerJoin": EventSpec(("Queue", "CallerIDName"), ("Linkedid", "Language"))})
    (event,) = codec.feed(JOIN)
    assert isinstance(event, ExtractedEvent)
    assert event.name == "QueueCallerJoin"
    assert event.headers == {
        "Event": "QueueCallerJoin",
        "Queue": "sales",
        "CallerIDName": "سارا",
        "Linkedid": "1.1",
    }


def test_an_event_without_a_header_that_it_always_has_is_not_asterisks():
    codec = Codec({"QueueCallerJoin": EventSpec(("Queue", "Count"))})
    assert codec.feed(JOIN) == []
    assert codec.counts.malformed == 1


@pytest.mark.parametrize("path", all_recordings(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_cut_and_whole_events_are_read_alike(path):
    def typed(codec):
        messages = (message for chunk in read_stream(path) for message in codec.feed(chunk))
        return [event for m in messages if isinstance(m, AnyEvent) if (event := read(m, float))]

    cut = Codec(WANTED_FOR_DIRECT_CALLS)
    whole = Codec({name: EventSpec(line=wish.line) for name, wish in WANTED_FOR_DIRECT_CALLS.items()})
    assert typed(cut) == typed(whole)
    assert cut.counts == whole.counts


UNWANTED = b"Event: RTCPSent\r\nPrivilege: reporting,all\r\nFrom: x"
WANTED_ONE = b"Event: Hangup\r\nPrivilege: call,all\r\nUniqueid: %d.0\r\nLinkedid: 1.0\r\nCause: 16"


@pytest.mark.parametrize("first", [UNWANTED, WANTED_ONE % 1])
@pytest.mark.parametrize("wanted", [None, WANTED], ids=["whole", "cut"])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_event_that_ends_with_cr_lf_lf_takes_no_other_with_it(first, wanted, size):
    codec = Codec(wanted)
    data = first + b"\r\n\n" + WANTED_ONE % 2 + b"\r\n\n" + WANTED_ONE % 3 + b"\r\n\r\n" + PONG
    messages = [each for n in range(0, len(data), size) for each in codec.feed(data[n : n + size])]
    assert [each.headers.get("Uniqueid") for each in messages][-3:] == ["2.0", "3.0", None]
    assert (codec.counts.received, codec.counts.dropped) == (4, 0)


@pytest.mark.parametrize("end", [b"\r\n\n", b"\r\n\n\n"])
@pytest.mark.parametrize("wanted", [None, WANTED], ids=["whole", "cut"])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_unwanted_event_that_ends_with_cr_lf_lf_takes_no_response_with_it(end, wanted, size):
    codec = Codec(wanted)
    data = UNWANTED + end + PONG + WANTED_ONE % 2 + b"\r\n\r\n"
    messages = [each for n in range(0, len(data), size) for each in codec.feed(data[n : n + size])]
    assert [each.headers.get("Ping") for each in messages][-2:] == ["Pong", None]
    assert (codec.counts.received, codec.counts.dropped) == (3, 0)


def test_list_items_are_wanted_wherever_their_action_id_stands():
    """In QueueStatus ActionID is the last header, in CoreShowChannels the second (16.28, 22.10)."""
    first = b"Event: CoreShowChannel\r\nActionID: 5\r\nChannel: PJSIP/a-1\r\n\r\n"
    last = b"Event: QueueEntry\r\nQueue: sales\r\nChannel: PJSIP/a-1\r\nActionID: 5\r\n\r\n"
    assert len(Codec(WANTED).feed(first + last)) == 2


@pytest.mark.parametrize(
    "forged",
    [
        b"\r\n\r\nEvent: AgentConnect\r\nPrivilege: agent,all\r\nUniqueid: 9.9\r\nLinkedid: 9.9\r\nX: ",
        b"\r\nUniqueid: 9.9\r\nX: ",
        b"\r\n\r\nEvent: Hangup\r\nUniqueid: 9.9\r\nLinkedid: 9.9\r\nX: ",
    ],
    ids=["second event", "second uniqueid", "without privilege"],
)
@pytest.mark.parametrize("wanted", [None, WANTED], ids=["whole", "cut"])
def test_an_event_that_a_caller_cut_in_two_is_dropped_with_the_next(forged, wanted):
    codec = Codec(wanted)
    messages = codec.feed(JOIN.replace(b"0912", b"0912" + forged) + JOIN + PONG + JOIN)
    assert all(message.headers.get("Uniqueid", "1.1") == "1.1" for message in messages)
    assert "Pong" in [message.headers.get("Ping") for message in messages]
    assert codec.counts.malformed >= 1
    assert messages[-1].headers["Queue"] == "sales"


def channel(number="0912", name="Ali", prefix=""):
    """Return the headers by which Asterisk 16 to 23 describe a channel."""
    values = (
        ("Channel", "PJSIP/a-1"),
        ("ChannelState", "6"),
        ("ChannelStateDesc", "Up"),
        ("CallerIDNum", number),
        ("CallerIDName", name),
        ("ConnectedLineNum", "<unknown>"),
        ("ConnectedLineName", "<unknown>"),
        ("Language", "en"),
        ("AccountCode", ""),
        ("Context", "in"),
        ("Exten", "100"),
        ("Priority", "1"),
        ("Uniqueid", "1.1"),
        ("Linkedid", "1.1"),
    )
    return "".join(f"{prefix}{key}: {value}\r\n" for key, value in values)


def event(name, *headers, stamp="Timestamp: 1795000000.000001\r\n"):
    return f"Event: {name}\r\nPrivilege: call,all\r\n{stamp}{''.join(headers)}\r\n".encode()


QUEUED = "Queue: sales\r\nPosition: 1\r\nCount: 1\r\n"
FORGED_JOIN = "\r\n\r\nEvent: QueueCallerJoin\r\nPrivilege: a\r\nQueue: it\r\nPosition: 1\r\nCallerIDNum: 9"
WHOLE_JOIN = event("QueueCallerJoin", channel(), "Queue: it\r\nPosition: 1\r\nCount: 1\r\n").decode()
REAL_JOIN = event("QueueCallerJoin", channel(), QUEUED)


def queues(codec, stream, size=1_000_000):
    """Return the queues of the messages, which come in pieces of `size` bytes."""
    return [
        message.headers.get("Queue") for message in in_cuts(codec, stream, range(size, len(stream), size))
    ]


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
@pytest.mark.parametrize(
    "number",
    [
        FORGED_JOIN,
        FORGED_JOIN.replace("Privilege", "Timestamp: 1795000000.1\r\nPrivilege"),
        f"\r\n\r\n{WHOLE_JOIN}X: ",
        f"\r\n\r\nEvent: A\r\n\r\n{WHOLE_JOIN}X: ",
        f"\r\n\r\n{WHOLE_JOIN}{WHOLE_JOIN}X: ",
        f"9\r\nX: 1\r\n\r\n{WHOLE_JOIN}X: ",
        f"9\r\nUniqueid: 1\r\nLinkedid: 1\r\n\r\n{WHOLE_JOIN}X: ",
        f"\r\n\nEvent: A\r\n\n{WHOLE_JOIN}X: ",
    ],
    ids=["79 bytes", "stamped", "whole", "third", "two", "more headers", "false end", "line feeds"],
)
@pytest.mark.parametrize(
    "name",
    ["Newstate", "Newchannel", "DialState", "HangupRequest", "AgentCalled", "AttendedTransfer"],
)
def test_no_forged_event_follows_an_event_that_a_caller_cut(name, number, size):
    both = {"DialState": "Dest", "AgentCalled": "Dest", "AttendedTransfer": "Transferee"}.get(name)
    headers = (channel(), channel(number, prefix=both)) if both else (channel(number),)
    codec = Codec(WANTED)
    cut = event(name, "Result: Success\r\nOrigTransfererUniqueid: 1.1\r\n", *headers)
    assert queues(codec, REAL_JOIN + cut + REAL_JOIN + REAL_JOIN, size) == ["sales"] * 3
    assert codec.counts.malformed >= 2


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_a_number_that_stands_twice_in_an_event_forges_nothing(size):
    codec = Codec(WANTED)
    cut = event("DialBegin", channel(FORGED_JOIN), channel(FORGED_JOIN, prefix="Dest"))
    assert queues(codec, REAL_JOIN + cut + REAL_JOIN, size) == ["sales"] * 2


@pytest.mark.parametrize(
    "number",
    [
        "9\r\nSwapUniqueid: 2.2",
        "9\nSwapUniqueid: 2.2",
        "9\r\nLinkedid: 9.9\r\nSwapUniqueid: 2.2",
        "9\r\nChannelStateDesc: Up\r\nSwapUniqueid: 2.2",
        "9\r\nDestChannelStateDesc: Up\r\nSwapUniqueid: 2.2",
        "9\r\nBridgeUniqueid: 2.2",
    ],
)
def test_a_header_that_asterisk_writes_before_the_channel_is_not_taken_from_a_number(number):
    codec = Codec({"BridgeEnter": EventSpec(("Uniqueid",), ("SwapUniqueid", "BridgeUniqueid"))})
    whole = event("BridgeEnter", "SwapUniqueid: 1.3\r\n", channel())
    assert [message.headers["SwapUniqueid"] for message in codec.feed(whole)] == ["1.3"]
    assert codec.feed(event("BridgeEnter", channel(number))) == []
    assert codec.counts.malformed == 1


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("CEL", "CallerIDnum: {}\r\nUniqueID: 1.1\r\nLinkedID: 1.1\r\n"),
        ("Cdr", "Source: {}\r\nUniqueID: 1.1\r\n"),
        ("InvalidAccountID", "AccountID: {}\r\nSessionID: 1\r\nRemoteAddress: 1\r\n"),
    ],
)
def test_events_without_a_channel_are_cut_too(name, headers):
    codec = Codec(WANTED)
    cut = event(name, headers.format(f"\r\n\r\n{WHOLE_JOIN}X: "))
    assert queues(codec, REAL_JOIN + cut + REAL_JOIN) == ["sales"] * 2
    assert codec.counts.malformed == 3


def test_unwanted_events_between_do_not_hide_a_cut_event():
    codec = Codec(WANTED)
    number = f"\r\n\r\n{event('DeviceStateChange').decode()}{WHOLE_JOIN}X: "
    assert queues(codec, event("Newstate", channel(number)) + REAL_JOIN) == ["sales"]


@pytest.mark.parametrize("privilege", ["Privilege: ", "Privilege:", "X: 1"])
@pytest.mark.parametrize("wanted", [None, WANTED], ids=["whole", "cut"])
def test_an_event_without_a_privilege_is_malformed(wanted, privilege):
    codec = Codec(wanted)
    assert codec.feed(REAL_JOIN.replace(b"Privilege: call,all", privilege.encode())) == []
    assert codec.counts.malformed == 1
    assert len(codec.feed(REAL_JOIN)) == 1


@pytest.mark.parametrize("wanted", [None, WANTED], ids=["whole", "cut"])
def test_once_events_have_a_timestamp_an_event_without_one_is_malformed(wanted):
    codec = Codec(wanted)
    unstamped = event("QueueCallerJoin", channel(), QUEUED, stamp="")
    assert len(codec.feed(unstamped)) == 1
    assert len(codec.feed(REAL_JOIN + unstamped)) == 1
    assert codec.counts.malformed == 1
    assert len(codec.feed(REAL_JOIN)) == 1
    assert codec.feed(unstamped * 99) == []
    assert len(codec.feed(unstamped * 2)) == 2  # timestampevents was switched off


@pytest.mark.parametrize("wanted", [None, WANTED], ids=["whole", "cut"])
@pytest.mark.parametrize("missing", ["Uniqueid: 1.1", "Linkedid: 1.1"])
def test_a_channel_without_its_ids_is_malformed(wanted, missing):
    codec = Codec(wanted)
    stream = event("HangupRequest", channel().replace(f"\n{missing}\r\n", "\n"), "Cause: 16\r\n")
    assert codec.feed(stream) == []
    assert codec.counts.malformed == 1


ENTRY = (
    "Event: QueueEntry\r\nQueue: sales\r\nPosition: 1\r\nChannel: PJSIP/a-1\r\nUniqueid: 1.1\r\n"
    "CallerIDNum: {}\r\nCallerIDName: x\r\nConnectedLineNum: x\r\nConnectedLineName: x\r\n"
    "Wait: 1\r\nPriority: 0\r\nActionID: 5\r\n\r\n"
)
SHOWN = (
    "Event: CoreShowChannel\r\nActionID: 5\r\n{}BridgeId: \r\nApplication: Queue\r\n"
    "ApplicationData: it\r\n\r\n"
)


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        (
            ENTRY.format(
                "\r\n\r\nEvent: QueueEntry\r\nQueue: it\r\nPosition: 1\r\nUniqueid: 1\r\nCallerIDNum: 9"
            ),
            ENTRY.format("9"),
        ),
        (SHOWN.format(channel(FORGED_JOIN)), SHOWN.format(channel())),
        (SHOWN.format(channel(f"\r\n\r\n{WHOLE_JOIN}X: ")), SHOWN.format(channel())),
    ],
    ids=["waiting caller", "channel", "channel and whole event"],
)
def test_a_caller_forges_no_item_of_a_list_and_no_event_after_one(cut, whole):
    codec = Codec(WANTED)
    stream = (whole + cut + whole + whole).encode() + REAL_JOIN
    assert headers(codec.feed(stream)) == headers(Codec(WANTED).feed((whole * 3).encode() + REAL_JOIN))
    assert codec.counts.malformed >= 2


@pytest.mark.parametrize("path", all_recordings(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_event_of_a_recording_is_cut(path):
    events = b"".join(read_stream(path)).split(b"\r\n\r\n")
    assert not [each for each in events if is_cut(each)]


def test_a_value_with_many_names_of_headers_takes_no_long_time():
    stream = event("Newexten", channel(), "AppData: ", "ChannelState: " * 15_000, "\r\n") + REAL_JOIN
    begun = time.process_time()
    assert queues(Codec(WANTED), stream) == ["sales"]
    assert time.process_time() - begun < 1


def test_oversized_messages_are_skipped_to_their_end():
    codec = Codec(max_message=1000)
    junk = b"Event: X\r\n" + b"A" * 5000
    messages = in_cuts(codec, junk + b"\r\n\r\n" + PONG, range(100, 4000, 100))
    assert headers(messages) == headers(Codec().feed(PONG))
    assert codec.counts.oversized == 1


@given(st.lists(st.binary(max_size=200), max_size=30))
@settings(max_examples=300)
def test_any_bytes_give_messages_or_counts_never_an_exception(chunks):
    codec = Codec(WANTED, max_message=500)
    for chunk in chunks:
        for message in codec.feed(chunk):
            assert isinstance(message, AnyEvent | Message)
    assert len(codec._rest) <= 500


def test_a_thousand_random_streams_leave_no_exception_and_no_memory():
    rng = random.Random(1)
    words = [
        b"Event: ",
        b"Response: ",
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b"ActionID: ",
        b"Privilege: ",
        b"QueueCallerJoin",
    ]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1000):
        codec = Codec(WANTED, max_message=2000)
        for _ in range(20):
            noise = b"".join(
                rng.choice(words) if rng.random() < 0.5 else rng.randbytes(rng.randrange(60))
                for _ in range(20)
            )
            codec.feed(noise)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 256 * 1024


def test_a_thousand_damaged_recordings_leave_no_exception_and_no_memory():
    rng = random.Random(2)
    streams = [recording(name) for name in ("22/abandoned", "16/answered_caller_hangup", "22/exit_with_key")]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for i in range(1000):
        damaged = bytearray(streams[i % 3])
        for _ in range(rng.randrange(1, 40)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        codec = Codec(WANTED)
        whole = codec.feed(bytes(damaged))
        assert len(whole) + codec.counts.filtered + codec.counts.dropped == codec.counts.received
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 512 * 1024


def test_actions_are_encoded():
    assert encode([("Action", "Ping"), ("ActionID", "1")]) == b"Action: Ping\r\nActionID: 1\r\n\r\n"


@pytest.mark.parametrize("value", ["a\r\nAction: Originate", "a\nb", "\x00", "x" * 1100])
def test_values_that_could_forge_an_action_are_refused(value):
    with pytest.raises(ValueError, match="AMI header 'Queue'"):
        encode([("Action", "QueueStatus"), ("Queue", value)])


@pytest.mark.parametrize("times", [1, 2], ids=["first", "layout learned"])
def test_an_empty_header_is_not_a_missing_one(times):
    codec = Codec({"UserEvent": EventSpec(("UserEvent",), ("Identity", "Trigger"))})
    event = "Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: CCBDoctor\r\nIdentity: \r\n\r\n"
    found = codec.feed(event.encode() * times)[-1].headers
    assert found == {"Event": "UserEvent", "UserEvent": "CCBDoctor", "Identity": ""}
