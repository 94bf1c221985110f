"""The AMI codec with whole, split and hostile input."""

import random
import tracemalloc

import pytest
from asterisk.manager import Event, ManagerMsg
from hypothesis import given, settings, strategies as st

from cc_bridge.ami.codec import Codec, EventSpec, Message, encode
from cc_bridge.calls.ami_events import WANTED, read
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
    assert isinstance(event, Event)
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
        return [event for m in messages if isinstance(m, Event) if (event := read(m, float))]

    cut = Codec(WANTED)
    whole = Codec({name: EventSpec(line=wish.line) for name, wish in WANTED.items()})
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
    assert messages[-1]["Queue"] == "sales"


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
            assert isinstance(message, Event | Message)
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
