"""Hostile input for the AMI codec; by hand: `python tests/fuzz/hostile_ami.py [--inputs 1000000] [--seed N]`.

Half of the inputs are pieces of recorded streams with changes, and half are made of words of AMI. The same
seed gives the same inputs. By hand, an input that raises an exception ends the run, and so does a memory that
grows by more than 5 MB after the first 10,000 inputs.
"""

import gc
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import AnyEvent, Message
from cc_bridge.calls.ami_events import WANTED, read
from cc_bridge.offline.replay import read_stream

__all__ = ["CORPUS", "WORDS", "feed", "hostile_inputs", "number_of_a_caller"]

_FUZZ = Path(__file__).parent
_AMI = _FUZZ.parent / "fixtures" / "ami"
_MAX_MESSAGE = 8192  # bytes
_WARM_UP, _MOST_GROWN_MB = 10_000, 5.0

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


def hostile_inputs(chance: random.Random) -> Iterator[bytes]:
    """Yield hostile streams for ever: a changed piece of a stream, then a stream of words."""
    recorded = [b"".join(read_stream(path)) for path in sorted(_AMI.glob("*/*.ami.gz"))] + CORPUS
    while True:
        stream = chance.choice(recorded)
        start = chance.randrange(len(stream))
        yield changed(stream[start : start + chance.randrange(4000)], chance)
        yield b"".join(
            chance.choice(WORDS) if chance.random() < 0.9 else chance.randbytes(chance.randrange(40))
            for _ in range(chance.randrange(80))
        )


def changed(stream: bytes, chance: random.Random) -> bytes:
    """Return a stream with some bytes changed, removed, repeated and inserted."""
    data = bytearray(stream)
    for _ in range(chance.randrange(1, 12)):
        at = chance.randrange(len(data) + 1)
        end = at + chance.randrange(60)
        match chance.randrange(5):
            case 0:
                data[at : at + 1] = chance.randbytes(1)
            case 1:
                del data[at:end]
            case 2:
                data[at:at] = data[at:end]
            case 3:
                data[at:at] = chance.choice(WORDS)
            case 4:
                data[at:at] = number_of_a_caller(chance)
    return bytes(data)


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


def _rss_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@click.command(help=__doc__.partition("\n")[0])
@click.option("--inputs", default=1_000_000, help="Number of inputs.")
@click.option("--seed", default=None, type=int, help="Seed of the inputs; printed.")
def main(inputs: int, seed: int | None) -> None:
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    click.echo(f"{inputs} inputs, seed {seed}")
    chance = random.Random(seed)
    codec, warm, messages = Codec(WANTED, max_message=_MAX_MESSAGE), 0.0, 0
    for number, stream in enumerate(hostile_inputs(chance)):
        if number == inputs:
            break
        if number == _WARM_UP:
            warm = _rss_mb()
        if chance.random() < 0.5:
            codec = Codec(WANTED, max_message=_MAX_MESSAGE)  # half of the sessions have one input
        try:
            messages += len(feed(codec, stream, chance))
        except Exception:
            click.echo(f"input {number}: {stream!r}")
            raise
    grown = _rss_mb() - warm
    click.echo(
        f"RESULT inputs={inputs} seed={seed} messages={messages} rss_mb={warm:.1f} grown_mb={grown:.2f}"
    )
    sys.exit(grown > _MOST_GROWN_MB)


if __name__ == "__main__":
    main()
