"""All open calls of one PBX: the channels of each call, and the sums in its record."""

import pytest

from cc_bridge.calls.events import ChannelEnded, ChannelStarted
from cc_bridge.calls.open_calls import Calls, OpenCall
from cc_bridge.records import Direction, EndedBy, Outcome, QueueVisit, Talk

CALL, PHONE = "1.1", "1.2"


def started(at, uniqueid=CALL, linkedid=CALL):
    return ChannelStarted(at, uniqueid, linkedid, "from-trunk", "600", "0912", "سارا", "fa")


def ended(at, uniqueid=CALL, linkedid=CALL):
    return ChannelEnded(at, uniqueid, 16, linkedid)


def visit(outcome=Outcome.ANSWERED, call_id=CALL):
    return QueueVisit(
        "pbx", call_id, call_id, "sales", 1, 5, outcome, None, None, 1, "0912", "سارا", "fa", False, ""
    )  # fmt: skip


def talk(*, partial=False, call_id=CALL):
    return Talk(
        "pbx", call_id, call_id, PHONE, "", "زهرا", "PJSIP/101", 5, 15, 0, 0, EndedBy.AGENT, None, None,
        partial=partial,
    )  # fmt: skip


@pytest.fixture
def calls():
    return Calls("pbx", lambda context: Direction.IN if context == "from-trunk" else None, every=True)


def test_a_call_without_a_queue_has_no_record_unless_all_have(calls):
    queues_only = Calls("pbx", lambda _: Direction.IN)
    for each in (calls, queues_only):
        each.started(started(0))
    assert len(calls.ended(ended(9))) == 1
    assert queues_only.ended(ended(9)) == []


@pytest.mark.parametrize(("first", "partial"), [(CALL, False), (PHONE, True)])
def test_a_call_whose_first_channel_was_not_seen_is_partial(calls, first, partial):
    calls.started(started(0, first))
    (record,) = calls.ended(ended(9, first))
    assert (record.call_id, record.uniqueid, record.partial) == (CALL, first, partial)


def test_a_call_that_is_taken_over_is_partial_and_its_channels_are_its_own(calls):
    call = calls.get_or_begin(CALL, CALL, 3.0)
    assert (call.started_at, call.partial, call.channels) == (3, True, [CALL])
    assert calls.get_or_begin(CALL, PHONE, 4.0) is call
    assert calls.get_or_begin("9.9", PHONE, 5.0) is call  # a channel stays in its first call
    assert (call.channels, list(calls.ids())) == ([CALL, PHONE], [CALL])


@pytest.mark.parametrize(
    ("outcomes", "partial"),
    [
        ([Outcome.ABANDONED], False),
        ([Outcome.UNOBSERVED], True),
        ([Outcome.UNOBSERVED, Outcome.ANSWERED], True),
        ([Outcome.TIMED_OUT, Outcome.UNOBSERVED], True),
    ],
)
def test_a_call_is_partial_by_any_of_its_visits(calls, outcomes, partial):
    calls.started(started(0))
    for outcome in outcomes:
        calls.add_visit(visit(outcome))
    (record,) = calls.ended(ended(9))
    assert (record.queues, record.partial) == (len(outcomes), partial)


@pytest.mark.parametrize(
    ("talks", "partial", "seconds"), [([False, False], False, 20), ([True, False], True, 10)]
)
def test_a_call_is_partial_by_any_of_its_talks(calls, talks, partial, seconds):
    calls.started(started(0))
    for each in talks:
        calls.add_talk(talk(partial=each))
    (record,) = calls.ended(ended(20))
    assert (record.talks, record.partial, record.talk_seconds) == (2, partial, seconds)


@pytest.mark.parametrize("linkedids", [["0.5", CALL], [CALL, "0.5"], ["0.5", ""]])
def test_a_call_that_met_an_older_one_before_any_talk_was_a_part_of_it(calls, linkedids):
    for uniqueid in (CALL, PHONE):
        calls.started(started(0, uniqueid))
    records = [
        record
        for uniqueid, linkedid in zip((PHONE, CALL), linkedids, strict=True)
        for record in calls.ended(ended(9, uniqueid, linkedid))
    ]
    assert records == []


def test_all_that_is_open_at_the_end_has_a_record(calls):
    for call_id in ("1.1", "2.1"):
        calls.started(started(0, call_id, call_id))
    records = calls.finish(9)
    assert [(record.call_id, record.ended_at, record.partial) for record in records] == [
        ("1.1", 9, True),
        ("2.1", 9, True),
    ]
    assert (len(calls), calls.of("1.1")) == (0, None)


def test_restored_calls_are_known_by_each_of_their_channels(calls):
    restored = [OpenCall(call_id, call_id, 1.0, channels=[call_id, f"{call_id}1"]) for call_id in "12"]
    for call in restored:
        calls.restore(call)
    assert [calls.of(channel) for channel in ("1", "11", "2", "21")] == [
        restored[0], restored[0], restored[1], restored[1],
    ]  # fmt: skip
    assert sorted(calls.missing_from({"11"})) == ["1", "2", "21"]
