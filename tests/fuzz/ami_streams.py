"""Hostile streams for the AMI codec: changed pieces of recorded streams, and words of AMI."""

import random
from functools import cache
from pathlib import Path

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import AnyEvent, Message
from cc_bridge.calls.ami_events import WANTED, read
from cc_bridge.offline.replay import read_stream
from fuzz.inputs import mutated

__all__ = ["CORPUS", "WORDS", "changed", "feed", "number_of_a_caller", "recorded", "words"]

_FUZZ = Path(__file__).parent
_AMI = _FUZZ.parent / "fixtures" / "ami"

# Streams in which callers forge events, and pieces of recorded ones.
CORPUS = [path.read_bytes() for path in sorted((_FUZZ / "corpus" / "codec").iterdir())]
WORDS = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\r\n\n", b"\n\n", b": ", b":", b" ", b"\0", b"\xff", b"9",
    b"\xd8\xb3",
    *(f"Event: {name}\r\n".encode() for name in (*WANTED, "VarSet", "Newstate", "x")),
    b"Response: Success\r\n", b"Privilege: call,all\r\n", b"Privilege: \r\n",
    b"Timestamp: 1795000000.000001\r\n",
    b"Timestamp: x\r\n", b"ActionID: 1\r\n", b"Channel: PJSIP/a-1\r\n", b"DestChannel: PJSIP/b-1\r\n",
    b"ChannelState: 6\r\n", b"DestChannelState: 6\r\n", b"CallerIDNum: 9\r\n", b"CallerIDName: x\r\n",
    b"ConnectedLineName: x\r\n", b"Language: en\r\n", b"AccountCode: \r\n", b"Context: in\r\n",
    b"Exten: 100\r\n", b"SwapUniqueid: 2.2\r\n", b"Forward: x\r\n", b"Trigger: dial\r\n",
    b"Priority: 1\r\n", b"Uniqueid: 1.1\r\n", b"Linkedid: 1.1\r\n", b"DestUniqueid: 1.2\r\n",
    b"DestLinkedid: 1.1\r\n", b"Queue: sales\r\n", b"Queue: it\r\n", b"Position: 1\r\n", b"Count: 1\r\n",
    b"Interface: PJSIP/1\r\n", b"MemberName: x\r\n", b"Status: 1\r\n", b"Paused: 0\r\n", b"Cause: 16\r\n",
    b"ChanVariable: a=b\r\n", b"Variable: QUEUESTATUS\r\n", b"Value: FULL\r\n", b"AccountID: 1\r\n",
    b"Output: x\r\n", b"Asterisk Call Manager/11.0.0\r\n", b"x" * 300,
]  # fmt: skip


@cache
def recorded() -> list[bytes]:
    """Return the recorded streams, and the streams in which callers forge events."""
    return [b"".join(read_stream(path)) for path in sorted(_AMI.glob("*/*.ami.gz"))] + CORPUS


def words(chance: random.Random) -> bytes:
    """Return a stream that is made of words of AMI and of other bytes."""
    return b"".join(
        chance.choice(WORDS) if chance.random() < 0.9 else chance.randbytes(chance.randrange(40))
        for _ in range(chance.randrange(80))
    )


def changed(stream: bytes, chance: random.Random) -> bytes:
    """Return a stream with some changes, among them numbers of callers that may forge events."""
    return mutated(chance, [stream], [*WORDS, *(number_of_a_caller(chance) for _ in WORDS)])


def number_of_a_caller(chance: random.Random) -> bytes:
    """Return a caller's number that may forge events; Asterisk takes 79 bytes of a number."""
    return b"".join(chance.choices(WORDS[:-1], k=chance.randrange(1, 8)))[:79]


def feed(codec: Codec, stream: bytes, chance: random.Random) -> list[AnyEvent | Message]:
    """Return the messages of a stream that comes in up to five pieces, and check what is always true."""
    cuts = sorted(chance.randrange(len(stream) + 1) for _ in range(chance.randrange(5)))
    messages = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        messages += codec.feed(stream[start:end])
    counts = codec.counts
    assert all(isinstance(each, AnyEvent | Message) for each in messages)
    assert min(counts.filtered, counts.malformed, counts.oversized) >= 0
    assert len(codec._rest) <= codec._max_message
    for each in messages:
        if isinstance(each, AnyEvent):
            read(each, float)
    return messages
