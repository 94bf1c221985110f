"""The live figures of the wallboard: waiting callers with their wait over several queues."""

import pytest

from cc_bridge.calls.events import BridgeEntered, BridgeLeft, Called, Connected, DialEnded, Joined, Left
from cc_bridge.calls.tracker import Tracker
from cc_bridge.wallboard.board import BoardCaller
from cc_bridge.wallboard.live_figures import live_figures

CALLER, PHONE, BRIDGE = "1.1", "1.2", "b-1"


@pytest.fixture
def tracker():
    return Tracker("pbx")


def joins(tracker, at, queue, caller=CALLER):
    tracker.apply(Joined(at, caller, caller, queue, 1, "0912", "", "fa"))


def leaves(tracker, at, queue, caller=CALLER):
    tracker.apply(Left(at, caller, queue))


def test_the_wait_in_earlier_queues_of_the_call_counts(tracker):
    joins(tracker, 0, "sales")
    assert live_figures(tracker).waiting == [BoardCaller("sales", 0, 0)]
    leaves(tracker, 60, "sales")
    assert live_figures(tracker).waiting == []
    joins(tracker, 70, "tech")  # the announcement of 10 s between the queues is no wait in a queue
    joins(tracker, 75, "tech", "2.1")
    assert live_figures(tracker).waiting == [BoardCaller("tech", 70, 10), BoardCaller("tech", 75, 75)]
    leaves(tracker, 100, "tech")
    joins(tracker, 100, "night")
    assert BoardCaller("night", 100, 10) in live_figures(tracker).waiting


def test_a_wait_before_a_talk_is_over(tracker):
    joins(tracker, 0, "sales")
    tracker.apply(Called(1, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", PHONE, "PJSIP/alice-1"))
    tracker.apply(DialEnded(20, PHONE, "ANSWER", CALLER))
    leaves(tracker, 20, "sales")
    tracker.apply(
        Connected(
            20, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", PHONE, "PJSIP/alice-1", 20, "0912", "", "fa"
        )
    )  # fmt: skip
    for leg in (CALLER, PHONE):
        tracker.apply(BridgeEntered(20, BRIDGE, leg, "", False))
    for leg in (CALLER, PHONE):
        tracker.apply(BridgeLeft(80, BRIDGE, leg))
    joins(tracker, 80, "tech")
    assert live_figures(tracker).waiting == [BoardCaller("tech", 80, 80)]
    leaves(tracker, 90, "tech")
    joins(tracker, 90, "night")
    assert live_figures(tracker).waiting == [BoardCaller("night", 90, 80)]


def test_a_restored_call_keeps_its_earlier_waits(tracker):
    joins(tracker, 0, "sales")
    leaves(tracker, 60, "sales")
    joins(tracker, 60, "tech")
    later = Tracker("pbx")
    assert later.restore(tracker.changes(), 61) == []
    assert live_figures(later).waiting == [BoardCaller("tech", 60, 0)]
