"""The queries of the pages about persons on real databases: lost calls, one call, customers, comments."""

from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest
from sqlalchemy import event

from cc_bridge.customers.lost_calls import LostCallStatus
from cc_bridge.errors import FollowUpError
from cc_bridge.follow_ups.follow_up import Action, FollowUpReason, FollowUpState
from cc_bridge.records import Answer, Outcome, QueueVisit, Ring, SurveyAttempt, Talk
from cc_bridge.reports.call_filter import CallFilter, ListKind
from cc_bridge.reports.query import ReportQuery
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.call_journey import call_journey
from cc_bridge.storage.queries.call_list import read_calls
from cc_bridge.storage.queries.customer_search import customers_like
from cc_bridge.storage.queries.follow_ups import listed, moved, opened
from cc_bridge.storage.queries.lost_callers import lost_caller, lost_callers, take_lost_call
from cc_bridge.storage.queries.spoken_comments import (
    comment_of_agent,
    comment_of_attempt,
    comments_about,
    comments_of_calls,
)
from cc_bridge.storage.schema.tables import customers
from support.people_site import MARYAM, NOW, REZA, SHARED, answered, lost, records
from support.survey_caller import write

FOLDER = "/var/spool/comments"
HOUR, DAY = 3600.0, 86_400.0
ALL = (NOW - 7 * DAY, NOW + DAY, NOW, {SHARED})
TERMS = (lambda queue: f"owner of {queue}", lambda at: at + 8 * HOUR)


@pytest.fixture
def engine(database_url):
    engine = open_database(database_url)
    write(engine, *records(FOLDER))
    yield engine
    engine.dispose()


@pytest.fixture
def ask(engine):
    """Return a function that calls a query function with a new connection."""

    def ask(function, *arguments, **options):
        with engine.connect() as connection:
            return function(connection, *arguments, **options)

    return ask


# -- lost calls


def test_lost_calls_with_their_callers(ask):
    found = ask(lost_callers, *ALL)
    assert [(each.call.call_id, each.known, each.number, each.name[:6]) for each in found] == [
        ("1.4", False, f"+{SHARED}", ""),
        ("1.3", False, "", ""),
        ("1.2", True, f"+{REZA}", "رضا کر"),
        ("1.1", True, f"+{MARYAM}", "Maryam"),
    ]
    assert [each.wait_seconds for each in found] == pytest.approx([95, 7, 30, 95])
    assert {each.call.managed for each in found} == {LostCallStatus.OPEN}
    assert [each.is_open for each in found] == [False, False, True, True]
    of_sales = ask(lost_callers, *ALL, lambda call: call.queue == "sales")
    assert [each.call.call_id for each in of_sales] == ["1.4", "1.3", "1.1"]


def test_a_later_answer_is_the_result_of_a_lost_call(engine, ask):
    write(engine, *answered("3.1", REZA, NOW - HOUR, FOLDER))
    found = {each.call.call_id: each for each in ask(lost_callers, *ALL)}
    assert found["1.2"].call.managed is LostCallStatus.SELF_SERVED
    assert found["1.2"].call.agent == "Sara A"
    assert not found["1.2"].is_open


def test_a_withheld_number_that_was_answered_later_in_the_call_is_not_lost(engine, ask):
    first, call = lost("5.1", "", NOW - HOUR)
    answer = replace(
        first, queue="support", entered_at=NOW - 3000, left_at=NOW - 2990, outcome=Outcome.ANSWERED,
        agent="Reza R", interface="PJSIP/2",
    )  # fmt: skip
    direct, _ = lost("5.2", "", NOW - HOUR)
    talk = Talk("main", "5.2", "5.2", "5.2t", "", "Sara A", "PJSIP/1", NOW - 3000, NOW - 2900, 0.0, 0,
                "agent", None, None)  # fmt: skip
    write(engine, first, call, answer, direct, talk)
    assert {"5.1", "5.2"}.isdisjoint(each.call.call_id for each in ask(lost_callers, *ALL))


def test_the_wait_of_several_queues_is_added(engine, ask):
    first, _ = lost("6.1", "98913", NOW - HOUR, wait=20.0)
    second, _ = lost("6.1", "98913", NOW - HOUR + 60, "support", 30.0)
    write(engine, first, second)
    (found,) = ask(lost_callers, *ALL, lambda call: call.call_id == "6.1")
    assert found.wait_seconds == pytest.approx(50)
    assert found.call.queue == "support"
    assert ask(lost_caller, "main", "6.1", NOW, {SHARED}) == found


@pytest.mark.parametrize("call", [("main", "2.1"), ("other", "1.1"), ("main", "0.0"), ("' OR 1=1 --", "%")])
def test_what_is_no_lost_call(ask, call):
    assert ask(lost_caller, *call, NOW, {SHARED}) is None


# -- taking one


def test_a_lost_call_is_taken_once(engine, ask):
    there = ask(lost_caller, "main", "1.1", NOW, {SHARED})
    taken, is_new = take_lost_call(engine, there, "Sara", NOW, TERMS, {SHARED})
    assert is_new
    assert (taken.reason, taken.state, taken.taken_by) == ("lost_call", FollowUpState.TAKEN, "Sara")
    assert (taken.owner, taken.detail) == ("owner of sales", "waited 95 s")
    assert taken.due_at == pytest.approx(there.call.lost_at + 8 * HOUR)
    with pytest.raises(FollowUpError, match="already taken, by Sara"):
        take_lost_call(engine, there, "Ali", NOW, TERMS, {SHARED})
    assert ask(lost_caller, "main", "1.1", NOW, {SHARED}).follow_up == taken
    assert [each.follow_up_id for each in ask(listed)] == [taken.follow_up_id]
    with engine.begin() as connection:
        moved(connection, taken.follow_up_id, Action.DONE, "Sara", "reached", NOW)
    with pytest.raises(FollowUpError, match="already done, by Sara"):
        take_lost_call(engine, there, "Ali", NOW, TERMS, {SHARED})
    assert not ask(lost_caller, "main", "1.1", NOW, {SHARED}).is_open


def test_a_follow_up_about_the_wait_is_taken_instead_of_a_second_one(engine, ask):
    there = ask(lost_caller, "main", "1.1", NOW, {SHARED})
    taken, _ = take_lost_call(engine, there, "Sara", NOW, TERMS, {SHARED})
    other = replace(
        taken, follow_up_id="f" * 16, reason=FollowUpReason.ABANDONED_TWICE, state=FollowUpState.OPEN,
        taken_by="", taken_at=None, caller_key=REZA, call_id="0.9",
    )  # fmt: skip
    assert opened(engine, other, REZA, [REZA])
    there = ask(lost_caller, "main", "1.2", NOW, {SHARED})
    assert there.follow_up == other
    taken, is_new = take_lost_call(engine, there, "Ali", NOW, TERMS, {SHARED})
    assert (taken.follow_up_id, taken.taken_by, is_new) == ("f" * 16, "Ali", False)


def test_a_shared_number_cannot_be_taken(engine, ask):
    there = ask(lost_caller, "main", "1.4", NOW, {SHARED})
    with pytest.raises(FollowUpError, match="shared number"):
        take_lost_call(engine, there, "Sara", NOW, TERMS, {SHARED})


def test_of_two_people_at_once_one_takes_the_call(engine, ask):
    there = ask(lost_caller, "main", "1.1", NOW, {SHARED})
    results, start = [], Barrier(4)

    def take(name):
        start.wait()
        try:
            results.append(take_lost_call(engine, there, name, NOW, TERMS, {SHARED})[0].taken_by)
        except FollowUpError as error:
            results.append(error)

    people = [Thread(target=take, args=(f"person {number}",)) for number in range(4)]
    for each in people:
        each.start()
    for each in people:
        each.join()
    (winner,) = (each for each in results if isinstance(each, str))
    late = [str(each) for each in results if not isinstance(each, str)]
    assert len(late) == 3
    assert all(text.endswith(f"is already taken, by {winner}") for text in late)
    assert len(ask(listed)) == 1


# -- one call


def test_the_journey_of_a_call(ask):
    found = ask(call_journey, "main", "2.1", {SHARED})
    assert found.call.talks == 2
    assert [each.queue for each in found.visits] == ["sales", "support"]
    assert [(each.agent, each.outcome) for each in found.rings] == [
        ("Idle Ida", "no_answer"),
        ("Sara A", "answered"),
    ]
    assert [each.agent for each in found.talks] == ["Sara A", "Reza R"]
    assert [each.stage for each in found.decisions] == ["invited"]
    assert [each.reason for each in found.attempts] == ["hung_up"]
    assert sorted(each.kind for each in found.answers) == ["comment", "csat"]
    assert (found.customer.customer_id, found.caller_key, found.number) == ("C-17", MARYAM, f"+{MARYAM}")


def test_a_call_in_progress_has_the_number_of_its_visit_or_survey(engine, ask):
    """The record of a whole call is written when the call ends."""
    kept = {"9.1": {QueueVisit, Ring, Talk}, "9.2": {Ring, SurveyAttempt, Answer}, "9.3": {Ring}}
    for (call_id, kinds), caller in zip(kept.items(), (MARYAM, REZA, REZA), strict=True):
        parts = answered(call_id, caller, NOW - HOUR, FOLDER)
        write(engine, *(each for each in parts if type(each) in kinds))
    day = datetime.fromtimestamp(NOW, UTC).date()
    rings = ask(read_calls, ReportQuery(day, day), CallFilter(day, day, ListKind.RINGS), NOW).rows
    numbers = {each.call_id: (each.number, each.caller_key) for each in rings}
    assert numbers == {"9.1": (f"+{MARYAM}", MARYAM), "9.2": (REZA, REZA), "9.3": (None, "")}
    for call_id, (number, key) in numbers.items():
        journey = ask(call_journey, "main", call_id)
        assert (journey.call, journey.number, journey.caller_key) == (None, number, key)
        assert NOW - HOUR <= journey.started_at < NOW


def test_a_follow_up_is_part_of_the_call_that_opened_it(engine, ask):
    there = ask(lost_caller, "main", "1.1", NOW, {SHARED})
    taken, _ = take_lost_call(engine, there, "Sara", NOW, TERMS, {SHARED})
    assert ask(call_journey, "main", "1.1", {SHARED}).follow_ups == (taken,)
    assert ask(call_journey, "main", "2.1", {SHARED}).follow_ups == ()


def test_a_call_of_a_shared_number_names_no_customer(ask):
    assert ask(call_journey, "main", "1.4", {SHARED}).shared


@pytest.mark.parametrize("call", [("other", "2.1"), ("main", "2"), ("main", "%"), ("main", "2.1' --")])
def test_what_is_no_call(ask, call):
    assert ask(call_journey, *call, {SHARED}) is None


# -- customers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("maryam", ["C-17"]),
        ("MARY", ["C-17"]),
        ("c-1", ["C-17", "C-18"]),
        ("کریمی", ["C-18"]),
        ("%", []),
        ("_-17", []),
        ("\\", []),
        ("'; DROP TABLE customers; --", []),
        ("x" * 200, []),
    ],
)
def test_a_search_by_a_part_of_name_or_id(ask, text, expected):
    assert [each.customer_id for each in ask(customers_like, text)] == expected


@pytest.mark.parametrize(
    ("queues", "expected"),
    [({"sales"}, ["C-17"]), ({"support"}, ["C-17", "C-18"]), ({"other"}, []), (set(), [])],
)
def test_a_lead_finds_customers_of_the_own_queues(ask, queues, expected):
    assert [each.customer_id for each in ask(customers_like, "C-1", queues.__contains__)] == expected
    assert len(ask(customers_like, "C-1", queues.__contains__, 1)) == min(1, len(expected))


def test_a_name_is_found_as_it_is_stored(ask):
    def search(connection, text):
        connection.execute(
            customers.insert().values(caller_key="k-e", customer_id="E-1", name="Élise", updated_at=NOW)
        )
        found = customers_like(connection, text)
        connection.rollback()
        return found

    assert [each.customer_id for each in ask(search, "Élise")] == ["E-1"]


# -- comments


def test_a_comment_is_found_by_its_attempt_and_by_its_agent(ask):
    found = ask(comment_of_attempt, "main", "2.1-a", "comment")
    assert (found.queue, found.agent, found.seconds) == ("support", "Reza R", 14)
    assert found.recording == f"{FOLDER}/2.1-a-comment.wav"
    assert ask(comment_of_agent, "main", "Reza R", found.at) == found
    assert ask(comments_about, "Reza R", NOW - 2 * DAY, NOW, 10) == [found]
    assert ask(comments_of_calls, {("main", "2.1"), ("main", "1.1"), ("other", "2.1")}) == {
        ("main", "2.1"): found
    }


def test_what_is_no_comment(ask):
    found = ask(comment_of_attempt, "main", "2.1-a", "comment")
    assert ask(comment_of_attempt, "main", "2.1-a", "agent") is None
    assert ask(comment_of_attempt, "other", "2.1-a", "comment") is None
    assert ask(comment_of_agent, "main", "Sara A", found.at) is None
    assert ask(comment_of_agent, "main", "Reza R", found.at + 1) is None
    assert ask(comments_about, "Reza R", NOW - DAY / 2, NOW, 10) == []


# -- plans


@pytest.mark.parametrize(
    ("read", "whole"),
    [
        (lambda connection: call_journey(connection, "main", "2.1", {SHARED}), []),
        (lambda connection: lost_callers(connection, *ALL), []),
        (lambda connection: comment_of_attempt(connection, "main", "2.1-a", "comment"), []),
        (lambda connection: comment_of_agent(connection, "main", "Reza R", NOW), []),
        (lambda connection: comments_about(connection, "Reza R", NOW - DAY, NOW, 10), []),
        (lambda connection: comments_of_calls(connection, {("main", "2.1")}), []),
        (
            lambda connection: customers_like(connection, "x", lambda queue: queue == "sales"),
            ["SCAN customers"],
        ),
    ],
)
def test_no_query_reads_a_whole_table_of_calls(tmp_path, read, whole):
    """SQLite has no statistics, so it prefers a wrong index where a statement offers it two.

    No index finds a part of a name, so that search reads all customers.
    """
    engine = open_database(f"sqlite:///{tmp_path / 'plans.sqlite3'}")
    write(engine, *records(FOLDER))
    sent = []
    event.listen(engine, "before_cursor_execute", lambda *given: sent.append(given[2:4]))
    with engine.connect() as connection:
        read(connection)
        driver = connection.connection.dbapi_connection
        statements = list(sent)
        plans = [
            row[3]
            for statement, values in statements
            for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    engine.dispose()
    assert plans
    assert [plan for plan in plans if plan.startswith("SCAN") and plan != "SCAN anon_1"] == whole
    # All direct talks have the same queue, so its index alone is no help.
    assert [plan for plan in plans if plan.endswith("ix_talks_queue_answered_at (queue=?)")] == []
