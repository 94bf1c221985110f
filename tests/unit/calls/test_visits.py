"""All visits of one PBX: the end and outcome of each, and the message that decided it."""

import pytest

from cc_bridge.calls.direct_calls import Contexts
from cc_bridge.calls.events import (
    ChannelStarted,
    Connected,
    GaveUp,
    Joined,
    Left,
    QueueRun,
    StatusSet,
)
from cc_bridge.calls.open_calls import Calls
from cc_bridge.calls.visit import Visit, VisitEvent, VisitPhase
from cc_bridge.calls.visits import Visits
from cc_bridge.queue_names import QueueNames

CALLER, CALL = "1.2", "1.1"
CLEARED = StatusSet(0, "0.9", "", "", "VarSet QUEUESTATUS")  # shows that statuses are sent


def joined(at=0.0, queue="sales", position=1):
    return Joined(at, CALLER, CALL, queue, position, "0912", "سارا", "fa")


def gave_up(at, queue="sales"):
    return GaveUp(at, CALLER, CALL, queue, 5, 1, "0912", "سارا", "fa")


def connected(at, queue="sales"):
    who = ("0912", "سارا", "fa")
    return Connected(at, CALLER, CALL, queue, "PJSIP/101", "زهرا", "1.3", "PJSIP/101-1", 5, *who)


def runs_queue(at, queue="sales"):
    return QueueRun(at, CALLER, CALL, queue, "0912", "سارا", "fa")


def status(at, value, queue=""):
    return StatusSet(at, CALLER, queue, value, "UserEvent CCQueueExit" if queue else "VarSet QUEUESTATUS")


class Queues:
    """All visits of a PBX, with the records and departures that they reported."""

    def __init__(self):
        self.closed, self.gone = [], []
        self.calls = Calls("pbx", Contexts().of_first)
        self.visits = Visits(
            "pbx", QueueNames(["sales"]), self.calls, self.closed.append, lambda *what: self.gone.append(what)
        )

    def left(self, at, queue="sales", *, picked_up=False, ringing=False):
        self.visits.left(Left(at, CALLER, queue), picked_up=picked_up, ringing=ringing)

    def given_up_and_left(self, at):
        self.visits.gave_up(gave_up(at))
        self.left(at)

    def summary(self):
        return [(each.queue, str(each.outcome), each.left_at, each.decided_by) for each in self.closed]


@pytest.fixture
def queues():
    return Queues()


@pytest.fixture
def visits(queues):
    return queues.visits


def test_a_caller_who_joins_waits(queues, visits):
    assert visits.joined(joined(3, "support", position=2))
    visit = visits.of(CALLER)
    assert (visit.call_id, visit.queue, visit.entered_at, visit.position) == (CALL, "support", 3, 2)
    assert (visit.number, visit.name, visit.language) == ("0912", "سارا", "fa")
    assert (visit.phase, visit.approximate) == (VisitPhase.WAITING, False)
    assert (len(visits), list(visits.all()), queues.closed) == (1, [visit], [])
    assert set(visits.queues) == {"sales", "support"}
    assert visits.unexpected == 0


def test_the_visit_belongs_to_the_call_of_its_channel(queues, visits):
    queues.calls.started(ChannelStarted(1, CALLER, "0.5", "x", "600", "", "", ""))
    visits.joined(joined(3))
    assert visits.of(CALLER).call_id == "0.5"


def test_a_call_whose_begin_was_not_seen_begins_with_the_visit(queues, visits):
    visits.joined(joined(3))
    assert (queues.calls.by_id(CALL).started_at, queues.calls.of(CALLER).call_id) == (3, CALL)


def test_the_instant_of_joining_is_better_than_a_snapshots_whole_seconds(queues, visits):
    visits.joined_unseen(joined(2, position=5))
    assert visits.of(CALLER).approximate
    assert not visits.joined(joined(2.4, position=1))
    visit = visits.of(CALLER)
    assert (visit.entered_at, visit.position, visit.approximate) == (2.4, 1, False)
    assert queues.closed == []


def test_the_better_instant_comes_once_and_then_it_is_another_visit(queues, visits):
    visits.joined_unseen(joined(2))
    visits.joined(joined(2.4))
    assert visits.joined(joined(9))
    assert queues.summary() == [("sales", "unobserved", 9, "QueueCallerJoin")]
    assert visits.of(CALLER).entered_at == 9


@pytest.mark.parametrize("again", ["sales", "support"])
def test_a_caller_who_joins_again_has_left_unobserved(queues, visits, again):
    visits.joined(joined(0))
    assert visits.joined(joined(9, again))
    assert queues.summary() == [("sales", "unobserved", 9, "QueueCallerJoin")]
    assert visits.of(CALLER).queue == again


def test_a_caller_of_a_snapshot_who_joins_another_queue_has_left_the_first_one(queues, visits):
    visits.joined_unseen(joined(2))
    assert visits.joined(joined(9, "support"))
    assert queues.summary() == [("sales", "unobserved", 9, "QueueCallerJoin")]


def test_a_caller_who_left_and_joins_again_waits_on_whatever_time_passes(queues, visits):
    visits.joined(joined(0))
    queues.left(5)
    visits.joined(joined(5.5))
    assert not visits.is_leaving(CALLER)
    visits.sweep(60)
    assert queues.summary() == [("sales", "left_by_key", 5, "QueueCallerLeave")]
    assert visits.of(CALLER).left_at is None


def test_an_answer_or_a_giving_up_in_a_queue_that_the_caller_was_not_seen_in(queues, visits):
    visits.joined(joined(0))
    visits.gave_up(gave_up(9, "support"))
    assert queues.summary() == [("sales", "unobserved", 9, "GaveUp")]
    visit = visits.of(CALLER)
    assert (visit.queue, visit.entered_at, visit.approximate) == ("support", 4, True)
    assert "support" in visits.queues
    visits.open_for(connected(12, "billing"))
    assert queues.summary()[1:] == [("support", "unobserved", 12, "Connected")]
    assert (visits.of(CALLER).queue, visits.of(CALLER).position) == ("billing", 0)
    assert "billing" in visits.queues


def test_the_open_visit_is_the_one_that_is_answered(queues, visits):
    visits.joined(joined(0))
    assert visits.open_for(connected(9)) is visits.of(CALLER)
    assert queues.closed == []


@pytest.mark.parametrize("queue", ["sales", "support"])
def test_a_giving_up_is_old_news_when_a_snapshot_has_shown_the_next_queue(queues, visits, queue):
    visits.joined_unseen(joined(8, "support"))
    visits.gave_up(gave_up(9, queue))
    phase = VisitPhase.WITHDRAWN if queue == "support" else VisitPhase.WAITING
    assert (visits.of(CALLER).queue, visits.of(CALLER).phase) == ("support", phase)
    assert queues.closed == []


def test_a_caller_who_was_heard_in_the_next_queue_may_not_be_there_any_more(queues, visits):
    visits.joined(joined(8, "support"))
    visits.gave_up(gave_up(9))
    assert queues.summary() == [("support", "unobserved", 9, "GaveUp")]
    assert visits.of(CALLER).queue == "sales"


# Leaving


def test_each_leaving_of_an_unknown_caller_or_queue_is_unexpected(queues, visits):
    queues.left(5)
    visits.joined(joined(6))
    queues.left(7, "support")
    assert visits.unexpected == 2
    assert not visits.is_leaving(CALLER)


def test_each_signal_that_does_not_fit_is_unexpected(visits):
    visits.joined(joined(0))
    visits.handle_signal(visits.of(CALLER), VisitEvent.GRACE_OVER, 1, "")
    visits.handle_signal(visits.of(CALLER), VisitEvent.STAYED, 2, "")
    assert visits.unexpected == 2
    assert visits.of(CALLER).phase is VisitPhase.WAITING


@pytest.mark.parametrize(("picked_up", "phase"), [(False, VisitPhase.LEAVING), (True, VisitPhase.ANSWERING)])
@pytest.mark.parametrize("ringing", [False, True])
def test_what_follows_a_leaving_decides(queues, visits, picked_up, ringing, phase):
    visits.joined(joined(0))
    queues.left(5, picked_up=picked_up, ringing=ringing)
    visit = visits.of(CALLER)
    assert (visit.phase, visit.left_at, visit.ringing) == (phase, 5, ringing)
    assert visits.is_leaving(CALLER)
    assert (queues.closed, visits.unexpected) == ([], 0)


def test_a_leaving_settles_after_a_second_without_an_answer(queues, visits):
    visits.joined(joined(0))
    queues.left(5)
    visits.sweep(5.9)
    assert (queues.closed, visits.is_leaving(CALLER)) == ([], True)
    visits.sweep(6)
    assert queues.summary() == [("sales", "left_by_key", 5, "QueueCallerLeave")]
    assert not visits.is_leaving(CALLER)
    assert (len(visits), visits.of(CALLER)) == (0, None)


def test_who_was_given_up_without_a_reason_though_reasons_are_told_was_taken_away(queues, visits):
    visits.status_set(CLEARED)
    visits.joined(joined(0))
    queues.given_up_and_left(5)
    visits.sweep(6)
    assert queues.summary() == [("sales", "transferred_away", 5, "no QUEUESTATUS")]


def test_that_statuses_are_told_stays_known_after_a_userevent(queues, visits):
    visits.status_set(CLEARED)
    visits.status_set(StatusSet(1, "0.9", "support", "FULL", "UserEvent CCQueueExit"))
    visits.joined(joined(2))
    queues.given_up_and_left(5)
    visits.sweep(6)
    assert queues.summary() == [("sales", "transferred_away", 5, "no QUEUESTATUS")]


def test_who_was_given_up_where_no_reasons_are_told_is_unobserved_at_the_channels_end(queues, visits):
    visits.joined(joined(0))
    queues.given_up_and_left(5)
    visits.sweep(60)
    assert queues.closed == []
    visits.channel_ended(CALLER, 70)
    assert queues.summary() == [("sales", "unobserved", 5, "Hangup")]


@pytest.mark.parametrize(("ended_at", "outcome"), [(5.0, "unobserved"), (5.25, "transferred_away")])
def test_a_channel_that_lives_on_would_have_been_told_the_reason(queues, visits, ended_at, outcome):
    visits.status_set(CLEARED)
    visits.joined(joined(0))
    queues.given_up_and_left(5)
    visits.channel_ended(CALLER, ended_at)
    assert [each.outcome for each in queues.closed] == [outcome]


def test_a_caller_who_hung_up_abandoned(queues, visits):
    visits.joined(joined(0))
    visits.hung_up(CALLER, 5)
    assert visits.of(CALLER).phase is VisitPhase.HANGING_UP
    queues.left(5.5, ringing=True)
    assert queues.summary() == [("sales", "abandoned", 5.5, "HangupRequest")]
    assert queues.closed[0].ringing


def test_a_channel_that_ends_in_the_queue_ends_the_visit_then(queues, visits):
    visits.joined(joined(0))
    visits.channel_ended(CALLER, 7)
    assert queues.summary() == [("sales", "unobserved", 7, "Hangup")]


def test_all_that_is_open_closes_at_the_end_of_observation(queues, visits):
    visits.joined(joined(0))
    visits.close_all(7)
    assert queues.summary() == [("sales", "unobserved", 7, "end of observation")]


# QUEUESTATUS


@pytest.mark.parametrize("queue", ["", "sales"])
def test_a_status_closes_the_visit_of_its_queue(queues, visits, queue):
    visits.joined(joined(0))
    visits.status_set(status(8, "TIMEOUT", queue))
    told_by = "UserEvent CCQueueExit" if queue else "VarSet QUEUESTATUS"
    assert queues.summary() == [("sales", "timed_out", 8, told_by)]


@pytest.mark.parametrize(("value", "queue"), [("TIMEOUT", "support"), ("CONTINUE", ""), ("", "")])
def test_a_status_of_another_queue_or_without_an_outcome_closes_nothing(queues, visits, value, queue):
    visits.joined(joined(0))
    visits.status_set(status(8, value, queue))
    assert queues.closed == []


def test_a_status_is_old_news_for_a_visit_that_a_snapshot_has_shown(queues, visits):
    visits.joined_unseen(joined(0))
    visits.status_set(status(8, "TIMEOUT"))
    assert queues.closed == []


def test_a_refused_caller_has_a_visit_and_a_call(queues, visits):
    visits.queue_run(runs_queue(3, "billing"))
    visits.status_set(status(3.5, "JOINEMPTY"))
    assert queues.summary() == [("billing", "join_empty", 3.5, "VarSet QUEUESTATUS")]
    assert (queues.closed[0].entered_at, queues.closed[0].call_id) == (3, CALL)
    assert (queues.calls.of(CALLER).call_id, queues.calls.by_id(CALL).started_at) == (CALL, 3)
    assert "billing" in visits.queues


def test_a_refusal_belongs_to_the_call_that_the_channel_began_in(queues, visits):
    queues.calls.started(ChannelStarted(1, CALLER, "0.5", "x", "600", "", "", ""))
    visits.queue_run(runs_queue(3))
    visits.status_set(status(3.5, "FULL"))
    assert queues.closed[0].call_id == "0.5"


def test_who_was_let_in_is_not_refused_afterwards(queues, visits):
    visits.queue_run(runs_queue(3))
    visits.joined(joined(3))
    queues.left(5)
    visits.sweep(6)
    visits.status_set(status(9, "FULL"))
    assert [outcome for _, outcome, *_ in queues.summary()] == ["left_by_key"]


def test_a_channel_that_has_ended_is_not_refused_afterwards(queues, visits):
    visits.queue_run(runs_queue(3))
    visits.channel_ended(CALLER, 4)
    visits.status_set(status(9, "FULL"))
    assert queues.closed == []


# Snapshots


def test_a_caller_whom_a_snapshot_does_not_show_is_given_a_second(queues, visits):
    visits.joined(joined(0))
    visits.not_shown(visits.of(CALLER), 10, 20, vanished=False)
    assert (visits.of(CALLER).phase, visits.of(CALLER).left_at) == (VisitPhase.MISSED, 10)
    visits.sweep(20.9)
    assert queues.closed == []
    visits.sweep(21)
    assert queues.summary() == [("sales", "unobserved", 10, "QueueStatus")]
    assert queues.gone == []


def test_a_caller_who_was_given_up_and_is_not_shown_has_left(queues, visits):
    visits.joined(joined(0))
    visits.gave_up(gave_up(9))
    visits.not_shown(visits.of(CALLER), 10, 20, vanished=False)
    assert queues.summary() == [("sales", "unobserved", 10, "QueueStatus")]


def test_a_channel_that_is_not_shown_either_is_gone(queues, visits):
    visits.joined(joined(0))
    visits.not_shown(visits.of(CALLER), 10, 20, vanished=True)
    visits.sweep(21)
    assert queues.gone == [(CALLER, 10)]


def test_a_channel_whose_end_came_meanwhile_is_not_gone_again(queues, visits):
    visits.joined(joined(0))
    visits.not_shown(visits.of(CALLER), 10, 20, vanished=True)
    visits.channel_ended(CALLER, 20)
    assert queues.summary() == [("sales", "unobserved", 10, "Hangup")]
    visits.sweep(21)
    assert queues.gone == []


def test_a_caller_whom_a_snapshot_shows_in_another_queue_has_left_the_first_one(queues, visits):
    visits.joined(joined(0))
    queues.left(9.5)
    visits.joined_unseen(joined(9, "support"))
    assert queues.summary() == [("sales", "left_by_key", 9.5, "QueueCallerLeave")]
    assert not visits.is_leaving(CALLER)
    visits.sweep(60)
    assert len(queues.closed) == 1
    assert visits.of(CALLER).approximate


def test_a_caller_whom_a_snapshot_shows_again_was_not_seen_leaving(queues, visits):
    visits.joined(joined(0))
    visits.joined_unseen(joined(9, "support"))
    assert queues.summary() == [("sales", "unobserved", 9, "QueueStatus")]


# A lost link, and a new daemon


@pytest.mark.parametrize(
    ("after", "summary"),
    [
        (0.0625, ("sales", "unobserved", 5, "end of observation")),
        (0.125, ("sales", "left_by_key", 5, "QueueCallerLeave")),
    ],
)
def test_a_leaving_that_had_not_settled_when_the_link_was_lost(queues, visits, after, summary):
    visits.joined(joined(0))
    queues.left(5)
    visits.observation_lost(5 + after)
    assert queues.summary() == [summary]
    assert not visits.is_leaving(CALLER)


def test_a_reason_that_was_not_told_until_the_link_was_lost_will_not_be(queues, visits):
    visits.joined(joined(0))
    queues.given_up_and_left(5)
    visits.sweep(6)
    visits.observation_lost(7)
    assert queues.summary() == [("sales", "unobserved", 5, "end of observation")]
    assert visits.unexpected == 0


def test_a_caller_who_waits_when_the_link_is_lost_waits_on(queues, visits):
    visits.joined(joined(0))
    visits.observation_lost(7)
    assert (queues.closed, visits.unexpected) == ([], 0)
    assert visits.of(CALLER).left_at is None


def restored(phase, left_at=None):
    visit = Visit("pbx", CALL, CALLER, "support", 1.0, 1, "0912", "سارا", "fa", phase, left_at)
    queues = Queues()
    queues.visits.restore(visit)
    return queues


def test_a_restored_visit_goes_on():
    queues = restored(VisitPhase.WAITING)
    assert queues.visits.of(CALLER).entered_at == 1
    assert set(queues.visits.queues) == {"sales", "support"}
    assert not queues.visits.is_leaving(CALLER)


def test_a_restored_leaving_settles():
    queues = restored(VisitPhase.LEAVING, left_at=5.0)
    assert queues.visits.is_leaving(CALLER)
    queues.visits.sweep(6)
    assert queues.summary() == [("support", "left_by_key", 5, "QueueCallerLeave")]


@pytest.mark.parametrize("phase", [VisitPhase.HANGING_UP, VisitPhase.WITHDRAWN])
def test_who_is_known_to_be_on_the_way_out_has_not_left_yet(phase):
    assert not restored(phase, left_at=5.0).visits.is_leaving(CALLER)


# -- Queue() that an AGI script ran: no Newexten shows it


def started(queues):
    queues.calls.started(ChannelStarted(0, CALLER, CALLER, "in", "100", "0912", "سارا", "fa"))


def test_a_refusal_of_a_queue_that_a_script_ran_is_recorded_if_the_dialplan_names_it(queues):
    started(queues)
    queues.visits.status_set(status(1, "JOINEMPTY"))
    assert (queues.closed, queues.visits.unexpected) == ([], 1)
    queues.visits.status_set(status(1.1, "JOINEMPTY", "SALES"))
    (visit,) = queues.closed
    assert (visit.queue, visit.outcome, visit.number, visit.entered_at) == (
        "sales",
        "join_empty",
        "0912",
        1.1,
    )


def test_without_a_name_such_a_refusal_is_counted(queues):
    started(queues)
    queues.visits.status_set(status(1, "FULL"))
    queues.visits.status_set(status(2, ""))
    queues.visits.status_set(status(3, "FULL"))
    assert (queues.closed, queues.visits.unexpected) == ([], 2)


def test_a_refusal_that_two_messages_tell_is_one_visit(queues):
    started(queues)
    queues.visits.queue_run(runs_queue(0.5))
    queues.visits.status_set(status(1, "JOINEMPTY"))
    queues.visits.status_set(status(1.1, "JOINEMPTY", "sales"))
    queues.visits.status_set(status(1.2, "JOINEMPTY", "sales"))
    assert (len(queues.closed), queues.visits.unexpected) == (1, 0)
    queues.visits.status_set(status(2, ""))  # the next Queue()
    queues.visits.status_set(status(2.1, "FULL", "sales"))
    assert [visit.outcome for visit in queues.closed] == ["join_empty", "queue_full"]
