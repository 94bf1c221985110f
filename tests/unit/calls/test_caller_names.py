"""Caller names without the prefixes of queues: in every way in which a name comes to a record."""

import pytest

from cc_bridge.ami.messages import MessageCounts
from cc_bridge.calls.caller_names import CallerNames
from cc_bridge.calls.events import ChannelEnded, Connected, DialStarted, GaveUp, Joined, QueueRun, StatusSet
from cc_bridge.calls.tracker import Tracker
from cc_bridge.config import Config
from cc_bridge.config.observation import make_tracker
from cc_bridge.offline.replay import replay
from cc_bridge.queue_log.parse import LineCounts, read
from cc_bridge.queue_log.visits import QueueLogVisits
from cc_bridge.records import Call, QueueVisit
from support.recordings import recording

AT = 1_795_000_000.0
NAMES = CallerNames(["Sales:", "Sales: VIP ", "", "فروش:"])


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("Sales:Sara", "Sara"),
        ("Sales: Sara", "Sara"),
        ("Sales: VIP Sara", "Sara"),  # the longest prefix
        ("فروش:Sales:Sara", "Sara"),  # of two queues
        ("فروش:سارا", "سارا"),
        ("Sales:", ""),
        ("sales:Sara", "sales:Sara"),
        ("Sara Sales:", "Sara Sales:"),
        ("", ""),
    ],
)
def test_prefixes_are_removed_from_the_start_of_a_name(name, own):
    assert NAMES.without_prefix(name) == own


def test_without_a_prefix_every_name_stays():
    assert CallerNames().without_prefix("Sales:Sara") == CallerNames([""]).without_prefix("Sales:Sara")


def test_a_prefix_of_a_real_freepbx_is_removed():
    """Queue 602 of the recorded PBX has the CID prefix `OVF:`; the caller's name is Sara."""
    stream = recording("freepbx/dynamic_agent_cid_prefix")
    for queues, name in (({"602": {"caller_name_prefix": "OVF:"}}, "Sara"), ({}, "OVF:Sara")):
        tracker = make_tracker(Config(queues=queues))
        found = [
            record.caller_name
            for record in replay([stream], tracker, MessageCounts())
            if isinstance(record, QueueVisit | Call)
        ]
        assert found == [name, name]  # the visit, then its call


@pytest.mark.parametrize(
    "event",
    [
        Joined(AT, "1.1", "1.1", "600", 1, "0912", "Sales:Sara", "fa"),
        GaveUp(AT, "1.1", "1.1", "600", 5, 1, "0912", "Sales:Sara", "fa"),
        Connected(AT, "1.1", "1.1", "600", "P/1", "Ali", "1.2", "P/1-1", 5, "0912", "Sales:Sara", "fa"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_visit_has_the_name_alone(event):
    tracker = Tracker("pbx", names=NAMES)
    records = [*tracker.apply(event), *tracker.finish(AT + 60)]
    names = {record.caller_name for record in records if isinstance(record, QueueVisit | Call)}
    assert names == {"Sara"}


def test_a_caller_whom_the_queue_does_not_let_in_has_the_name_alone():
    tracker = Tracker("pbx", names=NAMES)
    tracker.apply(QueueRun(AT, "1.1", "1.1", "600", "0912", "Sales:Sara", "fa"))
    records = tracker.apply(StatusSet(AT, "1.1", "", "JOINEMPTY", "VarSet"))
    records += tracker.apply(ChannelEnded(AT + 1, "1.1", 16))
    assert [record.caller_name for record in records] == ["Sara", "Sara"]


def test_a_call_whose_start_was_not_observed_has_the_name_alone():
    tracker = Tracker("pbx", direct=True, names=NAMES)
    call = tracker.calls.get_or_begin("1.1", "1.1", AT)
    tracker.apply(
        DialStarted(AT, "1.1", "1.1", "P/trunk-1", "in", "600", "1.2", "P/1-1", "0912", "Sales:Sara", "fa")
    )
    assert (call.number, call.name) == ("0912", "Sara")


def test_the_import_of_queue_log_removes_prefixes_too():
    log = b"1795000000|1.1|600|NONE|ENTERQUEUE||0912|1|Sales:Sara\n1795000005|1.1|600|NONE|ABANDON|1|1|5\n"
    visits = QueueLogVisits(NAMES)
    (visit,) = [visit for line in read([log], LineCounts()) for visit in visits.feed(line)]
    assert visit.name == "Sara"
