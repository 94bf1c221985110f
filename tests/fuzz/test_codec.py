"""The AMI codec with hostile streams, for 20 s; `CC_BRIDGE_FUZZ_SECONDS` sets another time."""

import os
import random
import re
import sys
import time

from hypothesis import given, seed, settings, strategies as st

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import AnyEvent, MessageCounts
from cc_bridge.calls.ami_events import WANTED
from cc_bridge.offline.replay import read_stream
from fuzz.ami_streams import CORPUS, WORDS, changed, feed
from support.recordings import all_recordings, recording

SECONDS = float(os.environ.get("CC_BRIDGE_FUZZ_SECONDS", "20")) / 2  # for each of two tests
SEED = int(os.environ.get("CC_BRIDGE_FUZZ_SEED", "0")) or random.SystemRandom().randrange(2**32)
RECORDED = [recording(f"22/{name}") for name in ("abandoned", "attended_transfer", "exit_with_key")] + CORPUS
NUMBERS = st.lists(st.sampled_from(WORDS[:-1]), max_size=8).map(lambda words: b"".join(words)[:79])


def for_some_time(test):
    """Run a test of hypothesis with new examples until the time is over."""
    end, number = time.monotonic() + SECONDS, SEED
    sys.stdout.write(f"CC_BRIDGE_FUZZ_SEED={SEED}\n")
    while time.monotonic() < end:
        seed(number)(test)()
        number += 1


@settings(max_examples=200, database=None)
@given(st.sampled_from(RECORDED), st.randoms(use_true_random=False), st.booleans())
def any_stream(stream, chance, change):
    codec = Codec(WANTED, MessageCounts(), max_message=8192)
    words = b"".join(chance.choice(WORDS) for _ in range(chance.randrange(80)))
    messages = feed(codec, changed(stream[:4000], chance) if change else words, chance)
    assert len(messages) + codec.counts.filtered + codec.counts.dropped == codec.counts.received


def events(messages):
    """Return the events among messages, each as a text without a caller's number.

    What has an ActionID is an answer. A caller cannot know the ids of actions.
    """
    events = (each.headers for each in messages if isinstance(each, AnyEvent))
    found = [headers for headers in events if "ActionID" not in headers]
    return {str({name: text for name, text in each.items() if name != "CallerIDNum"}) for each in found}


@settings(max_examples=200, database=None)
@given(st.sampled_from(sorted(all_recordings())), st.lists(NUMBERS, min_size=1, max_size=3), st.randoms())
def any_number(path, numbers, chance):
    stream = b"".join(read_stream(path))
    known = events(Codec(WANTED).feed(stream))
    for number in numbers:
        at = chance.choice([found.end() for found in re.finditer(rb"\nCallerIDNum: ", stream)])
        stream = stream[:at] + number + stream[stream.index(b"\r", at) :]
    assert events(feed(Codec(WANTED), stream, chance)) <= known


def test_any_stream_gives_messages_or_counts():
    for_some_time(any_stream)


def test_no_number_of_a_caller_gives_another_event():
    for_some_time(any_number)
