"""Less usual calls, compared with expectations that were derived from bridges, holds and hang-ups.

`fixtures/ami/odd` and `fixtures/ami/freepbx` hold the recordings. README.md there explains `expected.json`.
"""

import json
from functools import cache, partial

import pytest

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import AnyEvent
from cc_bridge.calls.ami_events import WANTED, WANTED_FOR_DIRECT_CALLS, read
from cc_bridge.calls.channel_customers import call_rated_on
from cc_bridge.calls.direct_calls import Contexts
from cc_bridge.calls.events import StatusSet
from cc_bridge.calls.tracker import Tracker
from cc_bridge.offline.replay import queue_names
from cc_bridge.records import Call, QueueVisit, Ring, Talk
from support.recordings import RECORDINGS, recording

EXPECTED = {
    f"{folder}/{name}": each
    for folder in ("odd", "freepbx")
    for name, each in json.loads((RECORDINGS / folder / "expected.json").read_text()).items()
}
CONTEXTS = {
    "odd": Contexts(("incoming",), ("*outbound*",), ("agents",)),
    "freepbx": Contexts(("from-pstn*",), ("macro-dialout-trunk",), ("from-internal",)),
}


@cache
def replayed(name, direct):
    """Return the records of a recording, and the last agent at each survey request after a queue."""
    wanted = WANTED_FOR_DIRECT_CALLS if direct else WANTED
    stream = recording(name)
    contexts = CONTEXTS[name.partition("/")[0]]
    tracker = Tracker("pbx", queue_names(iter([stream])), contexts=contexts, direct=direct)
    records, rated, now = [], [], 0.0
    for message in Codec(wanted).feed(stream):
        event = read(message, partial(float, now)) if isinstance(message, AnyEvent) else None
        if event is None:
            continue
        now = max(now, event.at)
        records += tracker.apply(event)
        if (
            isinstance(event, StatusSet)
            and event.source.startswith("UserEvent")
            and event.status == "CONTINUE"
        ):
            call_id = call_rated_on(tracker.state.channels, tracker.talks, event.uniqueid, event.uniqueid)
            heard = tracker.talks.memory.heard(call_id) if call_id is not None else []
            rated.append(heard[-1].member if heard else None)
    return [*records, *tracker.finish(now)], rated


def of(kind, name, direct):
    return [record for record in replayed(name, direct)[0] if isinstance(record, kind)]


def with_key(key):
    return [name for name, expected in EXPECTED.items() if key in expected]


def alike(found, expected, tolerance=0.1):
    """Return whether two lists of talks agree. Seconds may differ by `tolerance`; expected None fits all."""

    def fits(value, want):
        return want is None or (
            abs(value - want) < tolerance if isinstance(want, int | float) else value == want
        )

    pairs = zip(sorted(found), sorted(expected, key=lambda each: each[:2]), strict=False)
    return len(found) == len(expected) and all(
        fits(value, want) for one, other in pairs for value, want in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("name", EXPECTED)
def test_visits(name, direct):
    visits = [[each.queue, str(each.outcome), each.agent] for each in of(QueueVisit, name, direct)]
    assert sorted(visits, key=str) == sorted(EXPECTED[name]["visits"], key=str)


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("name", EXPECTED)
def test_talks_of_queues(name, direct):
    talks = [
        [each.agent, each.talk_seconds, str(each.ended_by), each.transfer, each.hold_seconds]
        for each in of(Talk, name, direct)
        if each.queue
    ]
    assert alike(talks, EXPECTED[name]["talks"], EXPECTED[name].get("tolerance", 0.1)), talks


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("name", with_key("rings"))
def test_rings(name, direct):
    rings = [[each.agent, str(each.outcome)] for each in of(Ring, name, direct)]
    assert sorted(rings) == sorted(EXPECTED[name]["rings"])


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("name", with_key("rated"))
def test_the_agent_whom_the_caller_heard_last_is_rated(name, direct):
    assert replayed(name, direct)[1] == EXPECTED[name]["rated"]


@pytest.mark.parametrize("name", with_key("direct_talks"))
def test_talks_without_a_queue(name):
    talks = [
        [each.agent, each.talk_seconds, str(each.ended_by)] for each in of(Talk, name, True) if not each.queue
    ]
    assert alike(talks, EXPECTED[name]["direct_talks"]), talks


@pytest.mark.parametrize("name", with_key("other_talks"))
def test_talks_with_phones_outside_the_queue(name):
    talks = [
        [each.interface, each.talk_seconds, str(each.ended_by)]
        for each in of(Talk, name, True)
        if not each.queue
    ]
    assert alike(talks, EXPECTED[name]["other_talks"]), talks


@pytest.mark.parametrize("name", EXPECTED)
def test_no_talk_without_a_queue_is_recorded_unless_direct_calls_are_on(name):
    assert [each for each in of(Talk, name, False) if not each.queue] == []


@pytest.mark.parametrize("name", with_key("direct_calls"))
def test_calls_without_a_queue(name):
    calls = [[str(each.direction), each.answered, each.talks] for each in of(Call, name, True)]
    assert calls == EXPECTED[name]["direct_calls"]


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("name", with_key("calls"))
def test_the_number_of_calls(name, direct):
    assert len([call for call in of(Call, name, direct) if call.queue]) == EXPECTED[name]["calls"]


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("name", with_key("numbers"))
def test_the_number_of_the_caller(name, direct):
    numbers = {visit.queue: visit.caller_number for visit in of(QueueVisit, name, direct)}
    assert numbers == EXPECTED[name]["numbers"]


def test_the_target_of_a_transfer_is_the_dialled_number():
    (talk,) = of(Talk, "odd/consulted_into_a_queue_and_lost_there", False)
    assert talk.transfer_target == "601"
