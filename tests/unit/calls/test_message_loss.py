"""The tracker with missing events: a start during calls, and one message in a hundred lost.

No event may raise an error, and no state may stay behind. A wrong outcome of a visit is worse than
`unobserved`.
"""

import random
from functools import cache

import pytest

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import AnyEvent
from cc_bridge.calls.ami_events import WANTED, read
from cc_bridge.calls.tracker import Tracker
from cc_bridge.records import EndedBy, Outcome, QueueVisit, Talk
from support.recordings import all_recordings, recording

SEEDS = 100


@cache
def events_of(name):
    """Return the typed events of a recording."""
    messages = Codec(WANTED).feed(recording(name))
    typed = (read(message, float) for message in messages if isinstance(message, AnyEvent))
    return [event for event in typed if event is not None]


def records_of(events):
    tracker = Tracker("pbx")
    records = [record for event in events for record in tracker.apply(event)]
    records += tracker.finish(events[-1].at if events else 0.0)
    assert not tracker.visits
    assert not tracker.state.rings
    assert not tracker.talks.by_leg.all()
    assert not tracker.talks._parted
    return records


def visits(records):
    return {(r.uniqueid, r.queue): r for r in records if isinstance(r, QueueVisit)}


def is_same(one, other):
    """Return whether two talks have the same caller, queue and agent, and lengths within 0.1 s."""
    people = [(talk.uniqueid, talk.queue, talk.agent) for talk in (one, other)]
    return people[0] == people[1] and abs(one.talk_seconds - other.talk_seconds) < 0.1


def names():
    return [f"{path.parent.name}/{path.name.removesuffix('.ami.gz')}" for path in all_recordings()]


@pytest.mark.parametrize("name", names())
def test_joining_in_mid_call_raises_nothing_and_invents_nothing(name):
    events = events_of(name)
    true = visits(records_of(events))
    rng = random.Random(name)
    for start in sorted(rng.sample(range(len(events)), min(30, len(events)))):
        for key, visit in visits(records_of(events[start:])).items():
            assert visit.outcome in (true[key].outcome, Outcome.UNOBSERVED), (start, visit)


def test_one_message_in_a_hundred_lost_over_a_hundred_seeds():
    events = events_of("22/mix")
    complete = records_of(events)
    true = visits(complete)
    talks = [record for record in complete if isinstance(record, Talk)]
    wrong = seen = unobserved = talked = off = 0
    for seed in range(SEEDS):
        rng = random.Random(seed)
        heard = records_of([event for event in events if rng.random() >= 0.01])
        for key, visit in visits(heard).items():
            seen += 1
            unobserved += visit.outcome is Outcome.UNOBSERVED
            wrong += key not in true or visit.outcome not in (true[key].outcome, Outcome.UNOBSERVED)
        for talk in heard:
            if isinstance(talk, Talk) and talk.ended_by is not EndedBy.UNOBSERVED:
                talked += 1
                off += not any(is_same(talk, whole) for whole in talks)
    assert seen > 0.97 * SEEDS * len(true)
    assert unobserved < 0.02 * seen
    assert wrong <= seen / 200
    assert off <= talked / 200


@pytest.mark.parametrize(
    "name", ["22/mix", "22/local_member_n_blind_transfer_by_refer", "16/attended_transfer"]
)
def test_messages_in_a_wrong_order_raise_nothing(name):
    events = events_of(name)
    for seed in range(20):
        rng = random.Random(seed)
        shuffled = sorted(events, key=lambda event, rng=rng: event.at + rng.uniform(-0.5, 0.5))
        records_of(shuffled)
