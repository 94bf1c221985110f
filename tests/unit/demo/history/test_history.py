"""The made-up month of the demo: consistent records, the planted effects, follow-ups and spoken comments."""

import random
import wave
from collections import Counter
from datetime import date, timedelta
from io import BytesIO
from itertools import pairwise
from statistics import mean
from zoneinfo import ZoneInfo

import pytest

from cc_bridge.config import Config
from cc_bridge.demo.history.callers import callers
from cc_bridge.demo.history.centre import LINGERING, QUEUES, RUDE
from cc_bridge.demo.history.comment_sound import comment_sound
from cc_bridge.demo.history.follow_ups import past_follow_ups
from cc_bridge.demo.history.opinions import Opinions
from cc_bridge.demo.history.simulation import Simulation
from cc_bridge.follow_ups.follow_up import UNCLOSED, FollowUpState
from cc_bridge.records import (
    AgentInterval,
    AgentState,
    Answer,
    Call,
    Direction,
    Outcome,
    QueueVisit,
    Ring,
    SurveyAttempt,
    SurveyDecision,
    Talk,
)
from cc_bridge.reports.calendar import Days

DAYS = Days(ZoneInfo("Europe/Berlin"))  # a day of the span has 25 hours
FIRST = date(2026, 10, 12)
UNTIL = DAYS.began(FIRST + timedelta(21)) + 15.4 * 3600


def simulated(seed):
    chance = random.Random(seed)
    opinions = Opinions(chance, lambda attempt: (f"/comments/{attempt}.wav", 4))
    people = callers(chance)
    return list(Simulation("demo", people, str, opinions, chance).records(FIRST, UNTIL, DAYS))


@pytest.fixture(scope="module")
def records():
    return simulated(1)


def of(records, kind):
    return [record for record in records if isinstance(record, kind)]


def test_the_same_seed_makes_the_same_records(records):
    assert simulated(1) == records
    assert simulated(2) != records


def test_each_agent_is_in_one_state_at_every_instant(records):
    states = {}
    for interval in of(records, AgentInterval):
        states.setdefault(interval.agent, []).append(interval)
    assert len(states) == sum(len(queue.rosters) for queue in QUEUES.values()) == 18
    for its in states.values():
        assert its[0].started_at == DAYS.began(FIRST)
        assert its[-1].ended_at == UNTIL
        assert all(one.ended_at == next_one.started_at for one, next_one in pairwise(its))
        assert all(each.seconds > 0 for each in its)


def test_the_states_hold_the_talks_and_rings(records):
    talking = {(i.agent, i.ended_at) for i in of(records, AgentInterval) if i.state is AgentState.TALKING}
    ringing = {(i.agent, i.started_at) for i in of(records, AgentInterval) if i.state is AgentState.RINGING}
    assert {(talk.agent, talk.ended_at) for talk in of(records, Talk)} <= talking
    assert {(ring.agent, ring.started_at) for ring in of(records, Ring)} <= ringing


def test_keys_are_unique_and_nothing_ends_after_the_history(records):
    for kind, key in (
        (Call, lambda r: r.call_id),
        (QueueVisit, lambda r: (r.uniqueid, r.queue, r.entered_at)),
        (Ring, lambda r: (r.ring_uniqueid, r.started_at)),
        (Talk, lambda r: (r.uniqueid, r.agent_uniqueid, r.answered_at)),
        (AgentInterval, lambda r: (r.agent, r.started_at)),
        (SurveyAttempt, lambda r: r.attempt_id),
        (Answer, lambda r: (r.attempt_id, r.question)),
        (SurveyDecision, lambda r: (r.uniqueid, r.decided_at)),
    ):
        keys = [key(record) for record in of(records, kind)]
        assert len(set(keys)) == len(keys) > 100, kind
    ends = [getattr(record, "ended_at", None) or getattr(record, "left_at", 0) for record in records]
    assert max(ends) == UNTIL
    assert all(visit.wait_seconds > 0 for visit in of(records, QueueVisit))


def test_a_call_has_the_sums_of_its_visits_and_talks(records):
    calls = {call.call_id: call for call in of(records, Call)}
    visits, talks = Counter(), Counter()
    for visit in of(records, QueueVisit):
        visits[visit.call_id] += 1
    for talk in of(records, Talk):
        talks[talk.call_id] += talk.talk_seconds
        assert calls[talk.call_id].started_at < talk.answered_at
        assert talk.ended_at <= calls[talk.call_id].ended_at
    for call in calls.values():
        assert call.queues == visits[call.call_id]
        assert call.talk_seconds == pytest.approx(talks[call.call_id])
    assert max(visits.values()) == 2  # after a transfer
    assert {call.direction for call in calls.values()} == {Direction.IN, Direction.OUT}


def test_queues_are_of_different_quality(records):
    lost = {
        queue: mean(v.outcome is Outcome.ABANDONED for v in of(records, QueueVisit) if v.queue == queue)
        for queue in QUEUES
    }
    assert lost["billing"] < 0.1 < lost["tech"] < 0.4
    assert {v.outcome for v in of(records, QueueVisit) if v.queue == "closed"} == {Outcome.JOIN_EMPTY}
    assert Outcome.LEFT_BY_KEY in {v.outcome for v in of(records, QueueVisit)}


def test_ratings_fall_with_the_wait_and_depend_on_the_agent(records):
    waits = {call.call_id: call.wait_seconds for call in of(records, Call)}
    attempts = {attempt.attempt_id: attempt for attempt in of(records, SurveyAttempt)}
    short, long, rude = [], [], []
    for answer in of(records, Answer):
        if answer.kind == "csat":
            attempt = attempts[answer.attempt_id]
            waited = waits[attempt.call_id]
            where = rude if attempt.agent == RUDE else short if waited < 20 else long if waited > 90 else []
            where.append(answer.value)
    assert min(len(short), len(long), len(rude)) > 50
    assert mean(short) > mean(long) + 0.4
    assert mean(short) > mean(rude) + 0.7
    stages = Counter((d.agent == LINGERING, d.stage) for d in of(records, SurveyDecision))
    hangups = [
        stages[who, "caller_left_first"] / sum(n for (each, _), n in stages.items() if each == who)
        for who in (True, False)
    ]
    assert hangups[0] > 2 * hangups[1]


def test_callers_call_again_and_some_have_names():
    people = callers(random.Random(1))
    assert len({person.number for person in people}) == len(people)
    assert any(ord(sign) > 0x600 for sign in "".join(person.name for person in people))
    assert any(not person.name for person in people)
    assert all(bool(person.name) == bool(person.customer) for person in people)


def test_follow_ups_are_open_taken_and_closed(records):
    rules = Config(follow_ups={"enabled": True}).follow_ups.rules(frozenset())
    made = list(past_follow_ups(records, rules, lambda at: at + 8 * 3600, UNTIL, random.Random(1)))
    states = Counter(each.state for each in made)
    assert set(states) == set(FollowUpState)
    assert states[FollowUpState.DONE] > 10 * states[FollowUpState.OPEN] > 0
    unclosed = [(each.reason, each.caller_key) for each in made if each.state in UNCLOSED]
    assert len(set(unclosed)) == len(unclosed)
    assert {each.owner for each in made} == {"sara", "reza"}
    assert {each.reason for each in made} >= {"low_rating", "not_solved", "comment", "abandoned_twice"}
    for each in made:
        times = [at for at in (each.opened_at, each.taken_at, each.closed_at, UNTIL) if at is not None]
        assert times == sorted(times)
        assert each.number


def test_a_spoken_comment_is_a_sound_file_that_is_not_silent():
    content = comment_sound(random.Random(1), 3)
    with wave.open(BytesIO(content)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 8000)
        assert sound.getnframes() == 24_000
        frames = sound.readframes(24_000)
    samples = memoryview(frames).cast("h")
    assert 3000 < max(samples) < 32_000
