"""One ring: its outcome from DialEnd, the hangup cause of its channel, and another phone's talk."""

import pytest

from cc_bridge.calls.open_ring import OpenRing
from cc_bridge.records import Ring, RingOutcome


def new_ring():
    return OpenRing("pbx", "0.9", "1.1", "1.2", "sales", "Alice", "PJSIP/alice", 10.0)


def test_the_record_says_who_was_rung_for_which_call():
    ring = new_ring()
    ring.dial_ended("ANSWER", 14.0)
    assert ring.record(20.0) == Ring(
        pbx="pbx",
        call_id="0.9",
        uniqueid="1.1",
        ring_uniqueid="1.2",
        queue="sales",
        agent="Alice",
        interface="PJSIP/alice",
        started_at=10.0,
        ended_at=14.0,
        outcome=RingOutcome.ANSWERED,
    )


def test_a_ring_without_a_dial_end_ended_with_its_channel():
    ring = new_ring().record(20.0)
    assert (ring.ended_at, ring.outcome) == (20.0, RingOutcome.UNOBSERVED)


@pytest.mark.parametrize(
    ("status", "cause", "elsewhere", "outcome"),
    [
        (None, 0, False, RingOutcome.UNOBSERVED),
        (None, 0, True, RingOutcome.ANSWERED_ELSEWHERE),
        (None, 17, True, RingOutcome.BUSY),  # the hangup cause is more exact
        ("CANCEL", 0, False, RingOutcome.CALLER_GONE),
        ("CANCEL", 0, True, RingOutcome.ANSWERED_ELSEWHERE),
        ("CANCEL", 17, True, RingOutcome.ANSWERED_ELSEWHERE),
        ("NOANSWER", 0, True, RingOutcome.NO_ANSWER),
        ("NOANSWER", 21, False, RingOutcome.DECLINED),
        ("ANSWER", 17, False, RingOutcome.ANSWERED),
        ("SOMETHING NEW", 0, False, RingOutcome.NO_ANSWER),
    ],
)
def test_the_outcome(status, cause, elsewhere, outcome):
    ring = new_ring()
    if status is not None:
        ring.dial_ended(status, 14.0)
    assert ring.record(20.0, cause, answered_elsewhere=elsewhere).outcome is outcome


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("status", [None, "NOANSWER", "CANCEL", "BUSY", "CONGESTION", "ANSWER"])
def test_the_cause_answered_elsewhere_says_nothing(status, elsewhere):
    """With the option C of Queue() each phone that stops ringing has the hangup cause 26."""
    outcomes = []
    for cause in (0, 26):
        ring = new_ring()
        if status is not None:
            ring.dial_ended(status, 14.0)
        outcomes.append(ring.record(20.0, cause, answered_elsewhere=elsewhere).outcome)
    assert outcomes[0] is outcomes[1]


@pytest.mark.parametrize("status", ["CANCEL", "NOANSWER", "BUSY"])
@pytest.mark.parametrize("cause", [0, 16, 17, 21, 23, 26])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_phone_that_forwarded_the_call_did_so_whoever_answers_it(status, cause, elsewhere):
    ring = new_ring()
    ring.dial_ended(status, 14.0, forwarded=True)
    ring.dial_ended("NOANSWER", 15.0)
    record = ring.record(20.0, cause, answered_elsewhere=elsewhere)
    assert (record.ended_at, record.outcome) == (14.0, RingOutcome.FORWARDED)


@pytest.mark.parametrize("cause", [0, 26])
def test_a_call_that_another_phone_picked_up_was_answered_elsewhere(cause):
    ring = new_ring()
    ring.picked_up()
    ring.dial_ended("CANCEL", 14.0)
    record = ring.record(20.0, cause)
    assert (record.ended_at, record.outcome) == (14.0, RingOutcome.ANSWERED_ELSEWHERE)
