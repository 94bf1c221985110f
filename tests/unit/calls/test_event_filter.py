"""The shipped event filter keeps back nothing that changes a record: on each recording, direct calls too."""

import pytest

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import AnyEvent, MessageCounts
from cc_bridge.calls.ami_events import WANTED_FOR_DIRECT_CALLS, read
from cc_bridge.calls.direct_calls import Contexts
from cc_bridge.calls.events import Called, DialStarted
from cc_bridge.calls.tracker import Tracker
from cc_bridge.offline.replay import queue_names, replay
from support.event_filter import SHIPPED
from support.recordings import RECORDINGS, all_recordings, recording

NAMES = [str(path.relative_to(RECORDINGS)).removesuffix(".ami.gz") for path in all_recordings()]
IN = ("incoming", "from-pstn*", "from-trunk*")
CONTEXTS = Contexts(IN, ("*outbound*", "macro-dialout-trunk"), ("agents", "from-internal"))


def sent(stream):
    """Return a recorded stream with only the events that Asterisk sends through the shipped filter.

    Responses and the items of lists have no header Privilege, and are never filtered.
    """
    messages = [each.lstrip(b"\r\n") for each in stream.split(b"\r\n\r\n")]
    return b"".join(
        each + b"\r\n\r\n"
        for each in messages
        if each and (b"\r\nPrivilege: " not in each or SHIPPED.passes(each.decode(errors="replace")))
    )


def records(stream, direct):
    tracker = Tracker("pbx", queue_names(iter([stream])), contexts=CONTEXTS, direct=direct)
    return list(replay([stream], tracker, MessageCounts()))


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_records_of_a_call_are_the_same_behind_the_filter(name, direct):
    stream = recording(name)
    filtered = sent(stream)
    assert len(filtered) < len(stream)
    assert records(filtered, direct) == records(stream, direct)


def test_agent_called_has_the_dial_whose_event_the_filter_excludes():
    """AgentCalled comes first, and both have the same headers of the two channels."""
    seen = 0
    for name in NAMES:
        dials, excluded = {}, {}
        for message in Codec(WANTED_FOR_DIRECT_CALLS).feed(recording(name)):
            event = read(message, float) if isinstance(message, AnyEvent) else None
            if isinstance(event, Called) and event.dial is not None:
                dials[event.ring_uniqueid] = event.dial._replace(at=0)
            elif isinstance(event, DialStarted) and event.dialed_uniqueid in dials:
                excluded[event.dialed_uniqueid] = event._replace(at=0)
        assert excluded == dials
        seen += len(dials)
    assert seen
